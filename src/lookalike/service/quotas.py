"""The quotas of keys, enforced before work starts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import CollectionNotFoundError, QuotaError

if TYPE_CHECKING:
    from ..core.library import Library
    from .keys import Key

_STORAGE_RETRY_S = 3600  # what is stored changes when people remove something, not by waiting
_UNDER_WAY_RETRY_S = 1  # what is under way is settled soon
_COUNT_AGE_S = 1.0  # how old a count may be: counting costs more than a small request


@dataclass
class _Usage:
    """What a key has: as counted, what was let in since, and what is under way now."""

    counted_at: float = float("-inf")
    images: int = 0
    bytes: int = 0
    images_since: int = 0  # let in and ended since the count: they may have been added
    bytes_since: int = 0
    images_under_way: int = 0
    bytes_under_way: int = 0

    def end(self, images: int, sent_bytes: int) -> None:
        """Take what is no longer under way for added, until the next count tells."""
        self.images_under_way -= images
        self.bytes_under_way -= sent_bytes
        self.images_since += images
        self.bytes_since += sent_bytes


class Meter:
    """What the keys of a library use. May be used from many threads.

    Args:
        elsewhere: The bytes that a key has on disk outside of collections and decisions.
    """

    def __init__(
        self,
        library: Library,
        clock: Callable[[], float] = time.monotonic,
        elsewhere: Callable[[Key], int] = lambda _: 0,
    ) -> None:
        self._library = library
        self._clock = clock
        self._elsewhere = elsewhere
        self._pacing = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}  # name -> requests left, when
        self._counting = threading.Lock()
        self._usages: dict[str, _Usage] = {}  # by key id

    def count_request(self, key: Key) -> None:
        """Take one request from a key's pace: a bucket that holds a second's worth and fills as time goes.

        Raises:
            QuotaError: when it is empty; `retry_after_s` says when it is not.
        """
        pace = key.quotas.requests_per_s
        if pace is not None:
            self.keep_pace(key.id, pace, f'key "{key.name}"')

    def keep_pace(self, name: str, pace: float, who: str = "this caller") -> None:
        """Take one request from the pace of a name.

        Args:
            pace: Requests a second; the same for each call of one name.
            who: Whose pace it is, for the message.

        Raises:
            QuotaError: when there is none left; `retry_after_s` says when there is.
        """
        most = max(1.0, pace)
        with self._pacing:
            now = self._clock()
            left, before = self._buckets.get(name, (most, now))
            left = min(most, left + (now - before) * pace)
            if left >= 1.0:
                self._buckets[name] = (left - 1.0, now)
                return
            self._buckets[name] = (left, now)
        wait = (1.0 - left) / pace if pace > 0 else float(_STORAGE_RETRY_S)
        raise QuotaError(f"{who} may make {pace:g} requests a second. Slow down.", retry_after_s=wait)

    def check_collections(self, key: Key) -> None:
        """Refuse one more collection over the quota.

        Raises:
            QuotaError: naming the number.
        """
        most = key.quotas.collections
        if most is not None and len(self._made(key)) >= most:
            raise _storage_error(f'key "{key.name}" may have {most:,} collections. Delete one first.')

    def count_anew(self, key: Key) -> None:
        """Count what a key has at the next question: it has something that nobody knew the size of."""
        with self._counting:
            if key.id in self._usages:
                self._usages[key.id].counted_at = float("-inf")

    @contextmanager
    def room_for(self, key: Key | None, images: int, *, sent_bytes: int = 0, stored_bytes: int = 0) -> Iterator[None]:
        """Hold room for images while they are added, so that simultaneous requests pass no quota together.

        Args:
            key: Whose they are; nobody in particular has no quota.
            sent_bytes: What was sent. What the images take on disk is known only when they are there: the last
                request under a quota on bytes may pass it, by what it brings alone.
            stored_bytes: What is known to be taken on disk: it passes no quota.

        Raises:
            QuotaError: naming the number; `retry_after_s` is short where others of the same key are under way.
        """
        if key is None or (key.quotas.images is None and key.quotas.bytes is None):
            yield
            return
        with self._counting:
            usage = self._usages.setdefault(key.id, _Usage())
            self._let_in(key, usage, images, stored_bytes)
            usage.images_under_way += images
            usage.bytes_under_way += sent_bytes + stored_bytes
        try:
            yield
        finally:
            with self._counting:
                usage.end(images, sent_bytes + stored_bytes)

    @contextmanager
    def growing_room(self, key: Key | None) -> Iterator[Callable[[int], None]]:
        """Hold room for bytes that come piece by piece; what is lent takes so many more, or refuses them.

        Raises:
            QuotaError: by what is lent, naming the number.
        """
        if key is None or key.quotas.bytes is None:
            yield lambda _: None
            return
        taken = 0
        with self._counting:
            usage = self._usages.setdefault(key.id, _Usage())

        def take(count: int) -> None:
            nonlocal taken
            with self._counting:
                self._let_in(key, usage, 0, count)
                usage.bytes_under_way += count
                taken += count

        try:
            yield take
        finally:
            with self._counting:
                usage.end(0, taken)

    def _let_in(self, key: Key, usage: _Usage, images: int, stored_bytes: int) -> None:
        """Refuse what passes a quota. A refusal stands on a count that nothing was let in after."""
        if self._clock() - usage.counted_at > _COUNT_AGE_S:
            self._count(key, usage)
        try:
            self._check(key, usage, images, stored_bytes)
        except QuotaError:
            if not usage.images_since and not usage.bytes_since:
                raise
            self._count(key, usage)
            self._check(key, usage, images, stored_bytes)

    def _check(self, key: Key, usage: _Usage, images: int, stored_bytes: int) -> None:
        """Refuse images over the quotas on images and bytes.

        Raises:
            QuotaError: naming the number.
        """
        most, held = key.quotas.images, usage.images + usage.images_since
        if most is not None and held + usage.images_under_way + images > most:
            raise _storage_error(
                f'key "{key.name}" may have {most:,} images; it has {held:,}, {usage.images_under_way:,} are under '
                f"way, and {images:,} more were sent. Remove some first.",
                is_settled=held + images > most,
            )
        most, held = key.quotas.bytes, usage.bytes + usage.bytes_since + self._elsewhere(key)
        least = stored_bytes or 1  # of what is not known, at least something has to fit
        if most is not None and held + usage.bytes_under_way + least > most:
            more = f", and {stored_bytes:,} more were sent" if stored_bytes else ""
            raise _storage_error(
                f'what key "{key.name}" keeps may take {most:,} bytes; it takes {held:,}, '
                f"{usage.bytes_under_way:,} are under way{more}. Remove something first.",
                is_settled=held + least > most,
            )

    def _count(self, key: Key, usage: _Usage) -> None:
        """Count what the key's own collections hold."""
        usage.counted_at = self._clock()
        usage.images = usage.images_since = usage.bytes_since = 0
        own = list(key.collections) or self._made(key)
        usage.bytes = self._library.ledger.byte_size(own)
        for name in own:
            try:
                found = self._library.info(name)
            except CollectionNotFoundError:
                continue
            usage.images += found["records"]
            usage.bytes += found["bytes_kept"]

    def _made(self, key: Key) -> list[str]:
        return [name for name in self._library.collections() if name in key.made]


def _storage_error(message: str, *, is_settled: bool = True) -> QuotaError:
    return QuotaError(message, retry_after_s=_STORAGE_RETRY_S if is_settled else _UNDER_WAY_RETRY_S)
