"""Encoders: images to embeddings. `open_encoder` is the way in; the seam is `Encoder`, an encoder's name its card."""

from __future__ import annotations

from typing import Literal, TypeAlias

from lookalike.encoders.base import Encoder, ModelCard
from lookalike.encoders.hashes import HASH_BITS, difference_hash
from lookalike.encoders.hues import HUES, hue_histogram
from lookalike.errors import EncoderError

__all__ = [
    "HASH_BITS",
    "HUES",
    "Encoder",
    "ModelCard",
    "Variant",
    "difference_hash",
    "hue_histogram",
    "open_encoder",
]

Variant: TypeAlias = Literal["auto", "int8", "fp32"]


def open_encoder(name: str = "builtin", *, variant: Variant = "auto", accurate: bool = False) -> Encoder:
    """Open an encoder by name.

    Args:
        name: "builtin" is the one there is; it comes with the package and needs no network.
        variant: "int8" or "fp32"; "auto" takes int8 where its numbers are right on this processor.
        accurate: Encode two views of each picture: better for photos and clothes, at twice the cost.

    Raises:
        EncoderError: if there is no encoder of that name, or its files are damaged.

    Cost: about a quarter of a second, once; keep the encoder open.
    """
    if name != "builtin":
        raise EncoderError(f'no encoder "{name[:80]}". There is: builtin. Check the spelling.', name=name)
    from lookalike.encoders.builtin import open_builtin

    return open_builtin(variant=variant, accurate=accurate)
