"""The names of vector spaces: the encoder's two, and those beside it."""

from __future__ import annotations

from collections.abc import Sequence

COPY_SPACE, SEMANTIC_SPACE = "copy", "semantic"  # of the encoder
HASH_SPACE = "dhash"  # difference hashes, 64 bits
HUE_SPACE = "hues"  # histograms of hues
PALETTE_SPACE = "palette"  # dominant colors; only in collections that rank by them


def copy_space_of(names: Sequence[str]) -> str:
    """Return the space that tells copies, of those that a collection holds: the ranking one where there is no other."""
    return COPY_SPACE if COPY_SPACE in names else names[0]
