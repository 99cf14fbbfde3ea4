"""The seam of the encoders: what every one of them promises, and the card it carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from lookalike.arrays import F32
    from lookalike.pictures import Image


@dataclass(frozen=True)
class ModelCard:
    """Who an encoder is. Two encoders with the same digest give vectors that may be compared; others never meet.

    Attributes:
        name: What it is called in settings and messages.
        variant: Which of its forms runs ("int8", "fp32", "int8-accurate" ...), a fall-back included.
        digest: SHA-256 in hex of everything that decides the vectors: model file, preprocessing, views.
        spaces: Space name to dim, such as {"semantic": 512, "copy": 256}. "semantic" says what is shown, and every
            encoder has it; "copy" tells a picture from all others, where an encoder has a descriptor for that.
        side_px: Width and height of the network's input.
        min_source_side_px: What the intake should leave of a larger picture's shorter side, where that is more than
            448 px: so much is left for hashes, thumbnails and geometry.
        licence: SPDX name of the licence of the weights.
        source: Where the weights come from.
        batches_pay: Whether several images at once are cheaper than one after another.
    """

    name: str
    variant: str
    digest: str
    spaces: Mapping[str, int]
    side_px: int
    min_source_side_px: int
    licence: str
    source: str
    batches_pay: bool = False


class Encoder(Protocol):
    """Turns images into embeddings. One encoder may be used by many threads at once; none waits for another."""

    @property
    def card(self) -> ModelCard:
        """Return the card; it does not change while the encoder is open."""
        ...

    def encode(self, image: Image) -> Mapping[str, F32]:
        """Encode one image: for each space of the card a (dim,) float32 of unit length.

        The same pixels give the same bits, whatever the thread and whatever else is being encoded.

        Raises:
            EncoderError: if the encoder is closed, or the runtime fails.
        """
        ...

    def close(self) -> None:
        """Release the model. Closing twice is allowed; encoding afterwards is not."""
        ...


@runtime_checkable
class TextEncoder(Encoder, Protocol):
    """An encoder that reads text, too: text and pictures lie in one space."""

    def encode_text(self, text: str) -> Mapping[str, F32]:
        """Encode a text: for each space that holds text a (dim,) float32 of unit length, near the pictures it names.

        Raises:
            EncoderError: if the encoder is closed, or the runtime fails.
        """
        ...
