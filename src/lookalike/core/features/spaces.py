"""The names of vector spaces: the encoder's two, and those beside it."""

from __future__ import annotations

COPY_SPACE, SEMANTIC_SPACE = "copy", "semantic"  # of the encoder
HASH_SPACE = "dhash"  # difference hashes, 64 bits
HUE_SPACE = "hues"  # histograms of hues
PALETTE_SPACE = "palette"  # dominant colors; only in collections that rank by them
