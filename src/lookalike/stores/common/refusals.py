"""The errors of what is not there, is there already, or changed meanwhile, alike from every store."""

from __future__ import annotations

from collections.abc import Iterable

from ...errors import (
    ChangedMeanwhileError,
    CollectionExistsError,
    CollectionNotFoundError,
    InputError,
    RecordNotFoundError,
    StoreError,
)
from ...records import Record, Space


def no_collection(name: str, names: Iterable[str]) -> CollectionNotFoundError:
    """Make the error that says which collections there are."""
    listed = ", ".join(names)
    there = f"There are: {listed}. Check the spelling." if listed else "There are none yet."
    return CollectionNotFoundError(f'no collection "{name}". {there}', name=name)


def collection_exists(name: str) -> CollectionExistsError:
    """Make the error that says that a name is in use."""
    return CollectionExistsError(f'there is a collection "{name}" already. Open it, or choose another name.')


def no_space(name: str, spaces: Iterable[Space]) -> InputError:
    """Make the error that says which spaces there are."""
    return InputError(f'no space "{name}". There are: {", ".join(space.name for space in spaces)}.')


def not_unicode(text: str) -> InputError:
    """Make the error that says that UTF-8 has no form for a text."""
    return InputError(f"{text[:80]!a} is not a valid Unicode text: write it without lone surrogates.")


def closed(place: object) -> StoreError:
    """Make the error that says that a store was closed."""
    return StoreError(f'the store at "{place}" is closed. Open it again.')


def checked_held(held: Record | None, record_id: str, seen: Record | None) -> Record:
    """Return a record that is to be changed, when it is there and as it was seen.

    Args:
        seen: As the caller has seen it; None where that does not matter.

    Raises:
        RecordNotFoundError, ChangedMeanwhileError: when it is not.
    """
    if held is None:
        raise RecordNotFoundError(f'no record "{record_id[:80]}". Add it first, or check the spelling.')
    if seen is not None and held != seen:
        raise ChangedMeanwhileError(f'record "{record_id[:80]}" is not as it was. Read it again, then change it.')
    return held
