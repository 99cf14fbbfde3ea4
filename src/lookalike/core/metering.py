"""The meter: holds keys to their quotas, before the work that they would pay for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import CollectionNotFoundError, QuotaError

if TYPE_CHECKING:
    from .keys import Key
    from .library import Library

_STORAGE_RETRY_S = 3600  # what is stored changes when people remove something, not by waiting
_SIZES_AGE_S = 1.0  # how old the sizes of collections may be: counting them costs more than a small request


class Meter:
    """What the keys of a library use. May be used from many threads."""

    def __init__(self, library: Library, clock: Callable[[], float] = time.monotonic) -> None:
        self._library = library
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}  # name -> requests left, when
        self._sizes: dict[str, tuple[float, int, int]] = {}  # key id -> when, images, bytes

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
        with self._lock:
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

    def check_images(self, key: Key, images: int) -> None:
        """Refuse more images over the quotas on images and bytes.

        Raises:
            QuotaError: naming the number.
        """
        quotas = key.quotas
        if quotas.images is None and quotas.bytes is None:
            return
        held, held_bytes = self._size(key, images)
        if quotas.images is not None and held + images > quotas.images:
            raise _storage_error(
                f'key "{key.name}" may have {quotas.images:,} images; it has {held:,}, and {images:,} more were sent. '
                f"Remove some first."
            )
        if quotas.bytes is not None and held_bytes >= quotas.bytes:
            raise _storage_error(
                f'the collections of key "{key.name}" may take {quotas.bytes:,} bytes; they take {held_bytes:,}. '
                f"Remove some images first."
            )

    def _size(self, key: Key, images: int) -> tuple[int, int]:
        """Give images and bytes of a key's own collections; what was let in since they were counted is included."""
        with self._lock:
            counted_at, held, held_bytes = self._sizes.get(key.id, (0.0, 0, 0))
            now = self._clock()
            if not counted_at or now - counted_at > _SIZES_AGE_S:
                counted_at, held, held_bytes = now, *self._count(key)
            fits = key.quotas.images is None or held + images <= key.quotas.images
            self._sizes[key.id] = (counted_at, held + images if fits else held, held_bytes)
            return held, held_bytes

    def _count(self, key: Key) -> tuple[int, int]:
        images = held_bytes = 0
        for name in key.collections or self._made(key):
            try:
                found = self._library.collection(name).info()
            except CollectionNotFoundError:
                continue
            images += found["records"]
            held_bytes += found["bytes_on_disk"]
        return images, held_bytes

    def _made(self, key: Key) -> list[str]:
        return [name for name in self._library.collections() if name in key.made]


def _storage_error(message: str) -> QuotaError:
    return QuotaError(message, retry_after_s=_STORAGE_RETRY_S)
