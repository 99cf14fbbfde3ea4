"""Encoders: images to embeddings. `open_encoder` is the way in; the seam is `Encoder`, an encoder's name its card."""

from __future__ import annotations

from typing import Literal, TypeAlias

from lookalike.encoders.base import Encoder, ModelCard
from lookalike.encoders.hashes import HASH_BITS, difference_hash
from lookalike.encoders.hues import HUES, hue_histogram
from lookalike.encoders.palette import PALETTE_COLORS, palette
from lookalike.encoders.tiny import tiny_pixels
from lookalike.errors import EncoderError

__all__ = [
    "ENCODERS",
    "HASH_BITS",
    "HUES",
    "PALETTE_COLORS",
    "Encoder",
    "ModelCard",
    "Variant",
    "difference_hash",
    "hue_histogram",
    "open_encoder",
    "palette",
    "tiny_pixels",
]

Variant: TypeAlias = Literal["auto", "int8", "fp32"]


ENCODERS = ("builtin", "builtin-accurate")


def open_encoder(name: str = "builtin", *, variant: Variant = "auto") -> Encoder:
    """Open an encoder by name; both come with the package and need no network.

    Args:
        name: "builtin", or "builtin-accurate", which looks at two views of each picture: better for photos and
            clothes, at twice the cost.
        variant: "int8" or "fp32"; "auto" takes int8 where its numbers are right on this processor.

    Raises:
        EncoderError: if there is no encoder of that name, or its files are damaged.

    Cost: about a quarter of a second, once; keep the encoder open.
    """
    if name not in ENCODERS:
        raise EncoderError(
            f'no encoder "{name[:80]}". There are: {", ".join(ENCODERS)}. Check the spelling.', name=name
        )
    from lookalike.encoders.builtin import open_builtin

    return open_builtin(variant=variant, accurate=name == "builtin-accurate")
