"""The names of the vector spaces that every record has a place in, beside those of its encoder."""

from __future__ import annotations

HASH_SPACE = "dhash"  # difference hashes, 64 bits
HUE_SPACE = "hues"  # histograms of hues
