"""What may be remembered of pictures: named by content hash, or by two of them with a colon in between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

TOO_LITTLE_BYTES = 64  # nothing can be drawn from so few


def contents_of(names: Iterable[str]) -> set[str]:
    """Return the content hashes that some names are made of."""
    return {hash for name in names for hash in name.split(":")}


def rememberable(items: Mapping[str, bytes], *, drawable: bool) -> Mapping[str, bytes]:
    """Return what of some items may be kept.

    Args:
        drawable: Whether a picture may be drawn from it; in a collection that keeps no pictures it may not.
    """
    return items if drawable else {name: data for name, data in items.items() if len(data) <= TOO_LITTLE_BYTES}
