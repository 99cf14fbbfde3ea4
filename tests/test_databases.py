"""SQLite's errors are named in one place, for the collections and for what servers keep."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from lookalike.databases import error_of
from lookalike.errors import StoreDamagedError, StoreError

FILE = "lookalike.db"


def named(code: int, path: Path) -> StoreError:
    exc = sqlite3.OperationalError("what SQLite says")
    exc.sqlite_errorcode = code
    return error_of(exc, path, lambda path, why: StoreDamagedError(why, place=str(path)))


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (sqlite3.SQLITE_BUSY, "store_busy"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "store_busy"),
        (sqlite3.SQLITE_LOCKED, "store_busy"),
        (sqlite3.SQLITE_FULL, "store_full"),
        (sqlite3.SQLITE_READONLY, "store_read_only"),
        (sqlite3.SQLITE_PERM, "store_read_only"),
        (sqlite3.SQLITE_CORRUPT, "store_damaged"),
        (sqlite3.SQLITE_NOTADB, "store_damaged"),
        (sqlite3.SQLITE_IOERR_READ, "store_failed"),
        (sqlite3.SQLITE_CANTOPEN, "store_failed"),  # as where no file handle is left
        (0, "store_failed"),
    ],
)
@pytest.mark.parametrize("place", [".", FILE, f"not/there/{FILE}"])
def test_an_error_of_sqlite_has_one_name_at_every_place(tmp_path: Path, code: int, name: str, place: str) -> None:
    (tmp_path / FILE).touch()
    assert named(code, tmp_path / place).code == name


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is refused to root")
@pytest.mark.parametrize("closed", [".", FILE])
def test_what_rights_refuse_is_not_called_a_failure(tmp_path: Path, closed: str) -> None:
    (tmp_path / FILE).touch()
    before = (tmp_path / closed).stat().st_mode
    (tmp_path / closed).chmod(0o400 if closed == FILE else 0o500)
    try:
        assert named(sqlite3.SQLITE_CANTOPEN, tmp_path / FILE).code == "store_read_only"
        assert named(sqlite3.SQLITE_IOERR, tmp_path / FILE).code == "store_failed"
    finally:
        (tmp_path / closed).chmod(before)
