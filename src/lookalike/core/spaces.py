"""The names of vector spaces: those that every record has a place in, and the encoder's that tells copies."""

from __future__ import annotations

COPY_SPACE = "copy"  # of the encoder
HASH_SPACE = "dhash"  # difference hashes, 64 bits
HUE_SPACE = "hues"  # histograms of hues
PALETTE_SPACE = "palette"  # dominant colors; only in collections that rank by them
