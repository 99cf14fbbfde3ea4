"""The checks of what comes into a store, with the messages that name what is wrong."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ...limits import Limits, checked_fields
from ...records import CollectionSpec, Record, Space
from .refusals import not_unicode

if TYPE_CHECKING:
    from ...arrays import F32, U8

_UNIT_TOLERANCE = 1e-2  # an encoder's rounding; anything farther was never normalised
_MOST_NESTED = 100  # SQLite reads no JSON that is nested deeper than 1000
_EXACT_TOLERANCE = 1e-3  # within this a vector is stored as it is, so that a stored one comes back unchanged


def check_name(name: str, limits: Limits) -> None:
    """Refuse a collection name that is empty, too long, blank or holds control characters."""
    allowed = f"pass 1 to {limits.max_name_chars} characters, not only blanks, and no control characters"
    if not isinstance(name, str) or not name.strip() or len(name) > limits.max_name_chars:
        raise InputError(f"{str(name)[:80]!r} cannot name a collection: {allowed}.")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in name):
        raise InputError(f"{name[:80]!a} cannot name a collection: {allowed}.")


def check_space(space: Space) -> None:
    """Refuse a space without a name, a dim or a metric that is known."""
    if not isinstance(space.name, str) or not space.name.strip():
        raise InputError(f"{space.name!r} cannot name a space: pass a text that is not only blanks.")
    if space.dim < 1 or space.metric not in ("cosine", "hamming"):
        raise InputError(f'the space "{space.name}" needs a dim of 1 or more, and the metric "cosine" or "hamming".')


def check_spaces(spec: CollectionSpec) -> None:
    """Refuse a collection without spaces, or with two of one name."""
    checked_recall(spec.recall_target)
    names = [space.name for space in spec.spaces]
    if not names or len(set(names)) < len(names) or any(space.dim < 1 for space in spec.spaces):
        raise InputError(f'the collection "{spec.name}" needs spaces with different names and a dim of 1 or more.')


def check_id(record_id: str, limits: Limits) -> None:
    """Refuse an id that is not text, empty or too long."""
    if not isinstance(record_id, str) or not record_id:
        raise InputError(f"{record_id!r} is not a record id: pass a text of 1 to {limits.max_id_chars} characters.")
    if len(record_id) > limits.max_id_chars or "\0" in record_id:
        raise InputError(
            f"the record id {record_id[:80]!r}... has {len(record_id)} characters; "
            f"1 to {limits.max_id_chars} are allowed, and none may be NUL."
        )
    check_text(record_id)


def check_texts(record: Record) -> None:
    """Refuse a record of which a text has half a surrogate pair."""
    for text in (record.id, record.source, record.content_hash, record.format, record.stamp):
        check_text(text or "")


def check_text(text: str) -> None:
    """Refuse a text that UTF-8 has no form for."""
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise not_unicode(text) from exc


def metadata_text(metadata: Mapping[str, Any], limits: Limits) -> str:
    """Write metadata as JSON; refuse what JSON has no form for, and too much."""
    try:
        text = json_text(dict(metadata))
    except (TypeError, ValueError, RecursionError) as exc:
        raise InputError(f"metadata must be plain JSON values: {exc}.") from exc
    if (size := len(text.encode())) > limits.max_metadata_bytes:
        raise InputError(f"metadata of {size} bytes is too large; the limit is {limits.max_metadata_bytes}.")
    if _is_deeper(metadata, _MOST_NESTED):
        raise InputError(f"metadata is nested deeper than {_MOST_NESTED} lists and objects. Flatten it.")
    return text


def json_text(value: Any) -> str:
    """Write JSON without escapes wherever it can do without: SQL can judge such rows."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return json.dumps(value, allow_nan=False)
    return text


def check_backup_target(target: Path) -> None:
    """Refuse a place where no backup can be made: one that holds something, or a disk of its own."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        what = "is not empty" if target.is_dir() else "is not a folder"
        raise InputError(f'"{target}" {what}: a backup is a folder; name one that is not there yet.')
    if os.path.ismount(target):  # nothing can take its place
        raise InputError(f'"{target}" is a disk of its own: name a folder on it that is not there yet.')


def _is_deeper(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        inner = [each.values() if isinstance(each, Mapping) else each for each in level if _is_nest(each)]
        if not inner:
            return False
        level = [each for one in inner for each in one]
    return any(map(_is_nest, level))


def _is_nest(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple)


def checked_vectors(rows: Sequence[Any], space: Space, ids: Sequence[str]) -> Any:
    """Refuse vectors that cannot be stored in a space; return the others as one table, nearly unit ones at length 1.

    Args:
        rows: Of each record its vector, (d,) float32 of unit length, or (bytes,) uint8 for a Hamming space.
        ids: Of the records, for the message.

    Returns:
        (n, d) float32, or (n, bytes) uint8.

    Raises:
        InputError: for a wrong shape or dtype, another length than 1, NaN or infinity.
    """
    shape, dtype = _form_of(space)
    for row, name in zip(rows, ids, strict=True):
        if not isinstance(row, np.ndarray) or row.shape != shape or row.dtype != dtype:
            seen = f"{row.dtype} {row.shape}" if isinstance(row, np.ndarray) else type(row).__name__
            raise InputError(
                f'the vector "{space.name}" of "{name}" is {seen}; this collection holds {np.dtype(dtype)} {shape}. '
                "Encode it with the collection's own encoder."
            )
    table = np.stack(rows) if len(rows) else np.empty((0, *shape), dtype)
    if space.metric == "hamming":
        return table
    lengths = np.sqrt(np.einsum("ij,ij->i", table, table, dtype=np.float64))  # NaN and infinity show here too
    for wrong in np.flatnonzero(~(np.abs(lengths - 1.0) <= _UNIT_TOLERANCE))[:1]:
        raise InputError(
            f'the vector "{space.name}" of "{ids[wrong]}" has length {lengths[wrong]:.4g}; unit length is expected. '
            "Divide it by its length; a vector of zeros or NaN says nothing and cannot be stored."
        )
    loose = np.abs(lengths - 1.0) > _EXACT_TOLERANCE
    table[loose] /= lengths[loose, None].astype(np.float32)
    return table


def check_queries(space: Space, vectors: F32 | U8, k: int, max_distance: float | None) -> None:
    """Refuse queries that nothing can be found with.

    Raises:
        InputError: for a wrong shape or dtype, a query without direction, and a k or a ceiling out of range.
    """
    (width,), dtype = _form_of(space)
    if vectors.ndim != 2 or vectors.shape[1] != width or vectors.dtype != dtype:
        raise InputError(
            f'queries for "{space.name}" are {np.dtype(dtype)} (q, {width}); these are '
            f"{vectors.dtype} {vectors.shape}. Encode them with the collection's own encoder."
        )
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InputError(f"k={k!r} is out of range: pass a whole number of 1 or more.")
    if max_distance is not None:
        check_ceiling(max_distance)
    if space.metric != "hamming":
        lengths = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise InputError("a query holds NaN, infinity or only zeros: it has no direction to search in.")


def check_ceiling(max_distance: float) -> None:
    """Refuse a ceiling on the distance below 0, or NaN."""
    if not max_distance >= 0:
        raise InputError(f"max_distance={max_distance!r} is out of range: pass a distance of 0 or more.")


def _form_of(space: Space) -> tuple[tuple[int], type]:
    """Return shape and dtype of one vector of a space."""
    return (((space.dim + 7) // 8,), np.uint8) if space.metric == "hamming" else ((space.dim,), np.float32)


def changed_fields(
    declared: Sequence[str], more: Sequence[str], fewer: Collection[str], limits: Limits
) -> tuple[str, ...]:
    """Return the declared fields with some more and without others.

    Raises:
        InputError: when a field to drop is not declared, and when more are added than may be.
    """
    for field in fewer:
        if field not in declared:
            names = ", ".join(declared) or "none"
            raise InputError(f'"{field[:80]}" is not a declared field. There are: {names}. Check the spelling.')
    changed = tuple(dict.fromkeys([*(field for field in declared if field not in fewer), *more]))
    return checked_fields(changed, limits) if more else changed  # those that an earlier lookalike let in may go


def checked_recall(target: float) -> float:
    """Return a recall target that is one.

    Raises:
        InputError: when it is out of range.
    """
    if isinstance(target, bool) or not isinstance(target, int | float) or not 0 < target <= 1:
        raise InputError(f"recall_target={target!r} is out of range: pass a share over 0 up to 1, such as 0.99.")
    return float(target)
