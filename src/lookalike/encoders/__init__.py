"""Encoders: images to embeddings. `open_encoder` is the way in; the seam is `Encoder`, an encoder's name its card."""

from __future__ import annotations

from lookalike.encoders.base import Encoder, ModelCard, TextEncoder
from lookalike.encoders.hashes import HASH_BITS, difference_hash
from lookalike.encoders.hues import HUES, hue_histogram
from lookalike.encoders.palette import PALETTE_COLORS, palette
from lookalike.encoders.registry import (
    ENCODERS,
    REGISTERED,
    Registered,
    Variant,
    curves_of,
    open_encoder,
    reliability_of,
)
from lookalike.encoders.tiny import tiny_pixels

__all__ = [
    "ENCODERS",
    "HASH_BITS",
    "HUES",
    "PALETTE_COLORS",
    "REGISTERED",
    "Encoder",
    "ModelCard",
    "Registered",
    "TextEncoder",
    "Variant",
    "curves_of",
    "difference_hash",
    "hue_histogram",
    "open_encoder",
    "palette",
    "reliability_of",
    "tiny_pixels",
]
