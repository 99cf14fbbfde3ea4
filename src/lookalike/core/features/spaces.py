"""Vector spaces: their names, and which encoder makes the vectors of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...records import CollectionSpec, Space

COPY_SPACE, SEMANTIC_SPACE = "copy", "semantic"  # of the encoder
HASH_SPACE = "dhash"  # difference hashes, 64 bits
HUE_SPACE = "hues"  # histograms of hues
PALETTE_SPACE = "palette"  # dominant colors; only in collections that rank by them


def copy_space_of(names: Sequence[str]) -> str:
    """Return the space that tells copies, of those that a collection holds: the ranking one where there is no other."""
    return COPY_SPACE if COPY_SPACE in names else names[0]


def spaces_of(spec: CollectionSpec) -> tuple[Space, ...]:
    """Return the spaces of a collection, each with its encoder: those of an earlier lookalike had one for all."""
    return tuple(space if space.digest else _as_made_by(spec, space) for space in spec.spaces)


def _as_made_by(spec: CollectionSpec, space: Space) -> Space:
    of_encoder, _, beside = spec.encoder_digest.partition("+")
    if space.name in (COPY_SPACE, SEMANTIC_SPACE):
        return replace(space, encoder=spec.encoder, digest=of_encoder)
    return replace(space, digest=beside)
