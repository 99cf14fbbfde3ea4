"""Record ids in both Unicode forms (NFC and NFD).

Ids are stored as they came. A caller who asks by the other form means the same record; where both forms are stored,
each is reached by its own.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from itertools import islice, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...stores import Records

_MOST = 64  # forms of one id that are looked for: those of each part of a path


def all_as_stored(store: Records, record_ids: Iterable[str]) -> list[str]:
    """Return each id as it is stored, in the order asked; one that is stored in no form comes back as it is.

    Cost: a look-up, and a second one where an id outside ASCII is not stored as it was asked.
    """
    asked = list(record_ids)
    if all(one.isascii() for one in asked):
        return asked
    held = store.keys(asked)
    forms = {one: _forms(one) for one in asked if not one.isascii() and one not in held}
    found = store.keys([form for others in forms.values() for form in others]) if forms else {}
    return [next((form for form in forms.get(one, ()) if form in found), one) for one in asked]


def as_stored(store: Records, record_id: str) -> str:
    """Return an id as it is stored; see `all_as_stored`."""
    [found] = all_as_stored(store, [record_id])
    return found


def _forms(record_id: str) -> list[str]:
    parts = [
        dict.fromkeys(unicodedata.normalize(form, part) for form in ("NFC", "NFD")) for part in record_id.split("/")
    ]
    whole = [unicodedata.normalize(form, record_id) for form in ("NFC", "NFD")]
    return list(dict.fromkeys([*whole, *("/".join(one) for one in islice(product(*parts), _MOST))]))
