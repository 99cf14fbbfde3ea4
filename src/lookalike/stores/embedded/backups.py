"""Backups: the digest that a copy of a collection carries, and what is looked at before one is brought back.

<folder>/
├── records.sqlite, name.txt, attachments/    as in a collection's own folder; the index is derived and stays behind
└── digest.json                               SHA-256 of all of them; backups of lookalike 0.1 have none
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from ...disk import replace_text
from ...errors import InputError, StoreDamagedError
from . import attachments, damage_checks, entry_rows, schema
from .damage import damaged_rows, ids_of

DIGEST_FILE = "digest.json"
_FORMAT = 1
_SHOWN = 20  # ids in a message

log = logging.getLogger(__name__)


def write_digest(folder: Path) -> None:
    """Write the digest of a copy that is finished."""
    names = (schema.FILE, schema.NAME_FILE, *attachments.names(folder))
    digests = {name: _sha256(folder / name) for name in names}
    replace_text(folder / DIGEST_FILE, json.dumps({"format": _FORMAT, "sha256": digests}, indent=1) + "\n")


def check_place(source: Path) -> None:
    """Refuse a folder that holds no backup, before anything is opened there.

    Raises:
        InputError: saying what is there instead.
        StoreDamagedError: when it is a backup whose database is missing.
    """
    wanted = f"Name a folder that `lookalike backup` has made; it holds {schema.FILE}."
    if not source.exists():
        raise InputError(f'there is no folder "{source}". {wanted}')
    if not source.is_dir():
        raise InputError(f'"{source}" is not a folder. {wanted}')
    if (source / schema.FILE).exists():
        return
    inside = sorted(entry.name for entry in source.iterdir() if (entry / schema.FILE).exists())
    if inside:
        raise InputError(f'"{source}" is not a backup, but holds some: {", ".join(inside[:_SHOWN])}. {wanted}')
    if (source / DIGEST_FILE).exists():
        raise _unreadable(source, f"its {schema.FILE} is missing")
    holds = "holds no backup" if any(source.iterdir()) else "is empty"
    raise InputError(f'"{source}" {holds}. {wanted}')


def check_digest(source: Path) -> str | None:
    """Compare a backup with its digest; give what is wrong in plain words."""
    try:
        stored = json.loads((source / DIGEST_FILE).read_text(encoding="utf-8"))
        digests = {str(name): str(digest) for name, digest in stored["sha256"].items()}
    except FileNotFoundError:
        told = 'the backup "%s" has no %s, as those of lookalike 0.1 or cut short: its rows alone were looked at.'
        log.warning(told, source, DIGEST_FILE)
        return None
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return f"its {DIGEST_FILE} cannot be read"
    for name, digest in digests.items():
        if not (source / name).is_file():
            return f"its {name} is missing"
        if _sha256(source / name) != digest:
            return f"its {name} is not what was written"
    return None


def damaged_in(folder: Path, origin: Path) -> Mapping[str, Sequence[str]]:
    """Look at every row of a copy that nobody else has open; give the damaged records, and what of each it is.

    Args:
        origin: The folder that it is a copy of.

    Raises:
        StoreDamagedError: when more than rows is damaged.
    """
    try:
        with closing(sqlite3.connect(folder / schema.FILE, isolation_level=None)) as conn:
            answers = damage_checks.integrity(conn)
            if answers:  # the index of a field, which is made anew, holds another value of a damaged record
                schema.drop_field_indexes(conn)
                answers = damage_checks.integrity(conn)
            if not answers:
                return damage_checks.damaged_records(conn, schema.read_places(conn))
    except sqlite3.DatabaseError as exc:
        answers = [str(exc)]
    raise StoreDamagedError(
        f'"{origin / schema.FILE}" is damaged: {answers[0]}. Nothing was copied. Use another backup, or index the '
        "pictures again.",
        place=str(origin),
    )


def leave_out(folder: Path, name: str, damaged: Mapping[str, Sequence[str]]) -> None:
    """Remove the records whose row is damaged from a copy that nobody else has open; say which, and which stay.

    A record of which a vector or a kept picture alone is damaged stays with what was said of it: `doctor --repair`
    may make that anew, and answers go without it until then.

    Args:
        damaged: As `damaged_in` found them.
    """
    with closing(sqlite3.connect(folder / schema.FILE, isolation_level=None)) as conn:
        gone = damaged_rows(conn)
        ids = sorted(ids_of(conn, gone).values())
        conn.execute("BEGIN IMMEDIATE")
        entry_rows.remove(conn, sorted(gone))
        conn.execute("COMMIT")
    if ids:
        log.warning('left out of "%s", for their rows are damaged: %s.', name, _listed(ids))
    kept = [f"{id} ({' and '.join(what)})" for id, what in damaged.items() if id not in set(ids)]
    if kept:
        told = '"%s" holds records of which something is damaged, which `lookalike doctor --repair` may mend: %s.'
        log.warning(told, name, _listed(kept))


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(ids[:_SHOWN]) + (f" and {len(ids) - _SHOWN:,} more" if len(ids) > _SHOWN else "")


@contextmanager
def reading(source: Path) -> Iterator[None]:
    """Raise damage inside as damage to a backup: the way on is another backup, not this one."""
    try:
        yield
    except StoreDamagedError as exc:
        if "why" not in exc.details:
            raise
        raise _unreadable(source, str(exc.details["why"])) from exc


def _unreadable(source: Path, why: str) -> StoreDamagedError:
    return StoreDamagedError(
        f'the backup "{source}" cannot be read: {why}. It may have been cut short, or damaged since. Use another '
        "backup, or index the pictures again; nothing was changed.",
        place=str(source),
    )


def refusal(source: Path, wrong: str | None, damaged: Mapping[str, Sequence[str]]) -> StoreDamagedError | None:
    """Make the error that says what of a backup is damaged; None where nothing is."""
    if wrong is None and not damaged:
        return None
    parts = [] if wrong is None else [wrong]
    if damaged:
        parts.append(f"damaged records: {_listed(list(damaged))}")
    return StoreDamagedError(
        f'the backup "{source}" is damaged: {"; ".join(parts)}. Use another one, or bring it back all the same '
        "with `despite_damage=True`: records whose rows are damaged are then left out, and named.",
        place=str(source),
        damaged=list(damaged),
    )


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
