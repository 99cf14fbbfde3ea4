"""The keys of a home: who may do what, on which collections, until when, and how much of it.

A key is 256 random bits. Only its SHA-256 is kept: with that much randomness there is nothing to guess, so a slow hash
would protect nothing. They are rows of the home's service store; a running server sees at its next request what the
command line changed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable, Hashable, Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, get_args

from ..errors import ConflictError, InputError, KeyNotFoundError, ScopeError, StoreDamagedError
from .store import Row, Rows, open_store

Scope = Literal["read", "write", "admin"]

_COOKIES = "cookies"  # the row of the secret that signs them
_PREFIX = "lk"  # so that people and secret scanners know one when they see it
_MOST_NAME_CHARS = 128
MOST_COLLECTIONS = 1000  # of one key


@dataclass(frozen=True)
class Quotas:
    """How much a key may have; None is not a limit.

    Attributes:
        collections: Collections that it made and that still exist.
        images: Records in the collections that are its own: those it is bound to, else those it made.
        bytes: What these collections keep.
        requests_per_s: Requests in the long run; as many may come at once.
    """

    collections: int | None = None
    images: int | None = None
    bytes: int | None = None
    requests_per_s: float | None = None


@dataclass(frozen=True)
class Key:
    """A key, without its secret.

    Attributes:
        name: What people call it; unique among the keys that its maker sees and that are not revoked.
        scope: "read" asks; "write" also adds, changes and removes, records and collections; "admin" also keys.
        collections: The collections it is for; empty for all.
        digest: SHA-256 of the secret, in hex.
        expires_at: UTC, ISO 8601; None for never. So are `created_at` and `revoked_at`.
        made: Names of the collections that it made.
    """

    id: str
    name: str
    scope: Scope
    digest: str
    created_at: str
    collections: tuple[str, ...] = ()
    expires_at: str | None = None
    revoked_at: str | None = None
    quotas: Quotas = field(default_factory=Quotas)
    made: tuple[str, ...] = ()

    def is_valid(self, now: datetime) -> bool:
        """Return whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < datetime.fromisoformat(self.expires_at))

    def may(self, scope: Scope) -> bool:
        """Return whether its scope covers another."""
        scopes = get_args(Scope)
        return bool(scopes.index(self.scope) >= scopes.index(scope))

    def sees(self, collection: str) -> bool:
        """Return whether it is for a collection, which need not exist."""
        return not self.collections or collection in self.collections

    def is_seen_by(self, other: Key | None) -> bool:
        """Return whether another key may see and revoke it: all do that are for all collections, or nobody's."""
        if other is None or not other.collections:
            return True
        return bool(self.collections) and set(self.collections) <= set(other.collections)

    def check_no_more_than(self, other: Key | None) -> None:
        """Refuse a key that may more than another one, which is bound to collections, as when that one makes it.

        Raises:
            ScopeError: naming what passes the other's.
        """
        if other is None or not other.collections:
            return
        own = f'key "{other.name}" may give'
        if not self.is_seen_by(other):
            raise ScopeError(f"{own} only its collections: name some of {', '.join(other.collections)}.")
        if not other.may(self.scope):
            raise ScopeError(f'{own} the scope "{other.scope}" at most.')
        ends = [None if one is None else datetime.fromisoformat(one) for one in (self.expires_at, other.expires_at)]
        if ends[1] is not None and (ends[0] is None or ends[0] > ends[1]):
            raise ScopeError(f"{own} what expires by {other.expires_at}, as it does itself. Pass expires_days.")
        given = asdict(self.quotas)
        for quota, most in asdict(other.quotas).items():
            if most is not None and (given[quota] is None or given[quota] > most):
                raise ScopeError(f"{own} a quota of {most:,} {quota} at most, which it has itself. Pass {quota}.")


class Keys:
    """The keys of one home. May be used from many threads and processes."""

    def __init__(self, home: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = open_store(home)
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: Hashable = None
        self._held: tuple[Key, ...] = ()
        self._cookie_secret = b""

    def all(self) -> tuple[Key, ...]:
        """Return all keys there ever were, oldest first."""
        self._refresh()
        return self._held

    def get(self, key_id: str) -> Key | None:
        """Return a key as it is now, by its id; None where there never was one."""
        return next((key for key in self.all() if key.id == key_id), None)

    def is_needed(self) -> bool:
        """Return whether callers need a key: as soon as one was made. Revoking the last does not open the server."""
        return bool(self.all())

    def create(
        self,
        name: str,
        *,
        scope: Scope = "write",
        collections: Iterable[str] = (),
        expires_days: float | None = None,
        quotas: Quotas | None = None,
        by: Key | None = None,
    ) -> tuple[Key, str]:
        """Make a key and give it with its secret, which nobody can show again.

        Args:
            by: The key that makes it: one that is bound to collections gives no more than it has.

        Raises:
            InputError: for a name, scope, time or quota that cannot be.
            ScopeError: when it may more than the key that makes it.
            ConflictError: when the name is in use by a key that `by` may see.
        """
        quotas, collections = quotas or Quotas(), tuple(dict.fromkeys(collections))
        _check(name, scope, expires_days, quotas)
        _check_collections(collections)
        now = self._clock()
        with self._store.writing() as rows:
            if any(_is_named(key, name, by) or name == key.id for _, key in _held(rows)):
                raise ConflictError(f'there is a key "{name}" already. Choose another name, or revoke or rotate it.')
            key_id = secrets.token_hex(6)
            secret, digest = _secret(key_id)
            expires_at = None if expires_days is None else _text(now + timedelta(days=expires_days))
            key = Key(key_id, name, scope, digest, _text(now), tuple(collections), expires_at, quotas=quotas)
            key.check_no_more_than(by)
            rows.append("key", key.id, asdict(key))
            if rows.get("session", _COOKIES) is None:
                rows.append("session", _COOKIES, {"secret": secrets.token_hex(32)})
        return key, secret

    def rotate(self, name: str, *, by: Key | None = None) -> tuple[Key, str]:
        """Replace the secret of a key; the old one is void at once. Name, id, rights and quotas stay.

        Args:
            by: The key that asks for it, and gets the secret: see `create`.

        Raises:
            KeyNotFoundError: when there is no key of this name or id that is not revoked, and none that `by` may see.
            ScopeError: when it may more than `by`.
            ConflictError: when several keys that `by` may see have this name; an id always tells which.
        """
        with self._store.writing() as rows:
            row, key = _meant(_held(rows), name, by)
            key.check_no_more_than(by)
            secret, digest = _secret(key.id)
            key = replace(key, digest=digest)
            rows.replace(row, asdict(key))
        return key, secret

    def revoke(self, name: str, *, by: Key | None = None) -> Key:
        """Revoke a key, by name or id, for good.

        Raises:
            KeyNotFoundError: when there is no key of this name or id that is not revoked, and none that `by` may see.
            ConflictError: when several keys that `by` may see have this name; an id always tells which.
        """
        with self._store.writing() as rows:
            row, key = _meant(_held(rows), name, by)
            key = replace(key, revoked_at=_text(self._clock()))
            rows.replace(row, asdict(key))
        return key

    def authenticate(self, secret: str) -> Key | None:
        """Return the valid key of a secret, or None. Takes as long for a wrong secret as for a right one."""
        digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
        found = None
        for key in self.all():
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found if found is not None and found.is_valid(self._clock()) else None

    def ticket(self, key: Key, *, lasts: timedelta) -> str:
        """Return a text that stands for a key for a while, and from which the key cannot be had."""
        self._refresh()
        ends = int((self._clock() + lasts).timestamp())
        return f"{key.id}.{ends}.{self._sign(key, ends)}"

    def redeem(self, ticket: str) -> Key | None:
        """Return the valid key that a ticket stands for, or None. A key's rotation voids its tickets."""
        key_id, _, rest = ticket.partition(".")
        ends, _, signature = rest.partition(".")
        key = self.get(key_id)
        if key is None or not (ends.isascii() and ends.isdigit() and len(ends) < 15) or not signature.isascii():
            return None
        now = self._clock()
        is_right = hmac.compare_digest(self._sign(key, int(ends)), signature)
        return key if is_right and now.timestamp() < int(ends) and key.is_valid(now) else None

    def note_made(self, key: Key, collection: str, there: Iterable[str] | None = None) -> None:
        """Note that a key made a collection.

        Args:
            there: All that exist: what was made and is gone is forgotten.
        """
        known = None if there is None else {*there, collection}
        with self._store.writing() as rows:
            row = rows.get("key", key.id)
            if row is not None:
                held = _key(row)
                made = [name for name in held.made if known is None or name in known]
                rows.replace(row, asdict(replace(held, made=tuple(dict.fromkeys([*made, collection])))))

    def _sign(self, key: Key, ends: int) -> str:
        signed = f"{key.id}.{ends}.{key.digest}".encode()
        return hmac.new(self._cookie_secret, signed, hashlib.sha256).hexdigest()

    def _refresh(self) -> None:
        """Read the keys again when they are others than before."""
        version = self._store.version("key")
        if version != self._seen:
            with self._lock, self._store.reading() as rows:
                secret = rows.get("session", _COOKIES)
                self._held = tuple(key for _, key in _held(rows))
                self._cookie_secret = b"" if secret is None else bytes.fromhex(secret.value["secret"])
                self._seen = version


def _check(name: str, scope: str, expires_days: float | None, quotas: Quotas) -> None:
    if not isinstance(name, str) or not 0 < len(name.strip()) <= _MOST_NAME_CHARS or not name.isprintable():
        raise InputError(f"{str(name)[:80]!r} cannot name a key: pass 1 to {_MOST_NAME_CHARS} printable characters.")
    if scope not in get_args(Scope):
        raise InputError(f"scope={scope!r} is unknown: pass {' or '.join(get_args(Scope))}.")
    if expires_days is not None and not 0 < expires_days <= 36500:
        raise InputError(f"expires_days={expires_days:g} is out of range: pass days, more than 0 and at most 36,500.")
    for quota, most in asdict(quotas).items():
        if most is not None and not 0 <= most < float("inf"):
            raise InputError(f"a quota of {most} {quota} is out of range: pass a number of 0 or more.")


def _check_collections(names: tuple[str, ...]) -> None:
    if len(names) > MOST_COLLECTIONS:
        raise InputError(f"{len(names):,} collections are too many for one key: name {MOST_COLLECTIONS:,} at most.")
    wrong = next((one for one in names if not isinstance(one, str) or not 0 < len(one) <= _MOST_NAME_CHARS), None)
    if wrong is not None:
        raise InputError(f"{str(wrong)[:80]!r} cannot be a collection: it has 1 to {_MOST_NAME_CHARS} characters.")


def _is_named(key: Key, name: str, by: Key | None) -> bool:
    return key.revoked_at is None and name in (key.id, key.name) and key.is_seen_by(by)


def _held(rows: Rows) -> list[tuple[Row, Key]]:
    return [(row, _key(row)) for row in rows.all("key")]


def _meant(held: list[tuple[Row, Key]], name: str, by: Key | None) -> tuple[Row, Key]:
    """Return the key that a caller means by a name or id."""
    found = [(row, key) for row, key in held if _is_named(key, name, by)]
    by_id = [(row, key) for row, key in found if key.id == name]
    if len(by_id or found) == 1:
        return (by_id or found)[0]
    if found:
        ids = ", ".join(key.id for _, key in found)
        raise ConflictError(f'{len(found)} keys are called "{name[:80]}". Name the one that is meant by its id: {ids}.')
    raise KeyNotFoundError(f'no key "{name[:80]}" that is not revoked. `lookalike keys list` shows all.')


def _secret(key_id: str) -> tuple[str, str]:
    """Make a secret of 256 random bits; give it with its digest. The id in front tells people which key it is."""
    secret = f"{_PREFIX}_{key_id}_{secrets.token_hex(32)}"
    return secret, hashlib.sha256(secret.encode()).hexdigest()


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _key(row: Row) -> Key:
    try:
        held = row.value
        made, quotas = tuple(held["made"]), Quotas(**held["quotas"])
        return Key(**{**held, "collections": tuple(held["collections"]), "made": made, "quotas": quotas})
    except (TypeError, KeyError) as exc:
        raise StoreDamagedError(f'cannot read the key "{row.name}": {exc}. Bring it back from a backup.') from exc
