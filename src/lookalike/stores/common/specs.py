"""Changes of what a collection is: what `configure` sets, and which spaces may be added and dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Unpack

from ...errors import InputError
from ...limits import Limits
from ...records import CollectionSpec, Space
from ..base import SpecChanges
from .checks import changed_fields, checked_recall
from .refusals import no_space


def configured(spec: CollectionSpec, limits: Limits, **changes: Unpack[SpecChanges]) -> CollectionSpec:
    """Return a spec with what `Upkeep.configure` changes of it, each where given."""
    if (fields := changes.get("fields")) is not None:
        spec = replace(spec, fields=tuple(fields))
    more, fewer = changes.get("more_fields", ()), changes.get("fewer_fields", ())
    if more or fewer:
        spec = replace(spec, fields=changed_fields(spec.fields, more, fewer, limits))
    if (product_id_field := changes.get("product_id_field")) is not None:
        spec = replace(spec, product_id_field=product_id_field or None)
    if (target := changes.get("recall_target")) is not None:
        spec = replace(spec, recall_target=checked_recall(target))
    if (calibration := changes.get("calibration")) is not None:
        spec = replace(spec, calibration=calibration if calibration.points else None)
    if (title := changes.get("title")) is not None:
        spec = replace(spec, title=title)
    return spec


def check_added(space: Space, held: Sequence[Space]) -> None:
    """Refuse a space whose name is in use."""
    if any(one.name == space.name for one in held):
        raise InputError(f'there is a space "{space.name}" already. Drop it first, or choose another name.')


def check_dropped(name: str, held: Sequence[Space]) -> None:
    """Refuse to drop a space that is not there, or is the first, which ranks."""
    if name not in [space.name for space in held]:
        raise no_space(name, held)
    if held[0].name == name:
        raise InputError(f'"{name}" is the space that ranks; it cannot be dropped.')
