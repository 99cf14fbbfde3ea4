"""The describer turns a source into an image, its vectors and an entry."""

from __future__ import annotations

import hashlib
import sys
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from ... import intake
from ...encoders import (
    HASH_BITS,
    HUES,
    PALETTE_COLORS,
    TextEncoder,
    difference_hash,
    hue_histogram,
    open_encoder,
    palette,
    tiny_pixels,
)
from ...errors import InputError
from ...geometry import SIDE_PX, table_quality, traces_of
from ...pictures import Bytes, Facts, File, Image, Url
from ...records import Entry, Record, Space
from ..ingest.items import UPLOAD, check_record_id
from .spaces import COPY_SPACE, HASH_SPACE, HUE_SPACE, PALETTE_SPACE, SEMANTIC_SPACE

if TYPE_CHECKING:
    from ...arrays import F32, U8, Vectors
    from ...encoders import Encoder, ModelCard
    from ...geometry import Traces
    from ...records import CollectionType, Keep
    from ...settings import Settings
    from ..ingest.pipeline import Item

    Crop = tuple[int, int, int, int]
    Traced = tuple[Traces, int | None]  # with the quality of a JPEG

THUMBNAIL_SIDE_PX = 320  # enough to show a match, and to verify a copy by its local features
_LEAST_SIDE_PX = 448  # that hashes, palettes, thumbnails and geometry were measured with, whatever the encoder takes
DESCRIPTOR_VERSION = "2"  # of what is computed beside the encoder: part of a collection's identity


@dataclass(frozen=True, eq=False)
class Description:
    """What one look at a picture gives: all that is stored of it or asked with.

    Attributes:
        content_hash, format, size_px, byte_size, facts: As in Image.
        vectors: One in each space where the picture has one.
        thumbnail: JPEG bytes to show and to look at again, where it was wanted.
        pixels: The small version that relations are found on, where it was wanted: (h, w, 3) uint8.
    """

    content_hash: str
    format: str
    size_px: tuple[int, int]
    byte_size: int
    vectors: Vectors
    thumbnail: bytes | None
    pixels: U8 | None = None
    facts: Facts = field(default_factory=Facts)


class Workers(Protocol):
    """What describes encoded bytes in other processes, so that bytes of strangers cannot take this one down."""

    def card(self, encoder_name: str) -> ModelCard:
        """Return the card of the encoder that runs there."""
        ...

    def describe(
        self, encoder_name: str, data: bytes, *, crop: Crop | None, thumbnail: bool, small: bool
    ) -> Description:
        """Describe a picture as `Describer.describe` does.

        Raises:
            SourceError: when the bytes give no picture, or took their process down.
        """
        ...

    def pixel_hash(self, encoder_name: str, data: bytes) -> str:
        """Hash the pixels of a picture as `Describer.pixel_hash` does; it raises as `describe` does."""
        ...

    def traces(self, encoder_name: str, data: bytes) -> Traced:
        """Measure a picture as `Describer.traces` does; it raises as `describe` does."""
        ...

    def embed(self, encoder_name: str, pixels: U8) -> F32:
        """Encode pixels as `Describer.embed` does."""
        ...

    def thumbnail(self, data: bytes, *, side_px: int, fine: bool = False) -> bytes:
        """Make a small JPEG of a picture as `Describer.thumbnail` or `small` does; it raises as `describe` does."""
        ...


class Describer:
    """What reads and encodes for a library, with one encoder. May be used from many threads.

    Args:
        workers: Where encoded bytes are decoded and encoded; None for this very process.
        encoder: One that is loaded already; None to load it at first use.
    """

    def __init__(
        self,
        settings: Settings,
        encoder_name: str,
        *,
        workers: Workers | None = None,
        encoder: Encoder | None = None,
    ) -> None:
        self.settings = settings
        self.encoder_name = encoder_name
        self._workers = workers
        self._card: ModelCard | None = None
        self._encoder = encoder
        self._loading = threading.Lock()
        self.fetcher = intake.Fetcher(settings.limits, allow_private=settings.allow_private_urls)

    @property
    def encoder(self) -> Encoder:
        """The encoder; loading it takes about a quarter of a second, once."""
        with self._loading:
            if self._encoder is None:
                self._encoder = open_encoder(self.encoder_name)
            return self._encoder

    @property
    def card(self) -> ModelCard:
        """The card of the encoder, wherever it runs."""
        if self._card is None:
            self._card = self._workers.card(self.encoder_name) if self._workers else self.encoder.card
        return self._card

    @property
    def digest(self) -> str:
        """What binds a collection to this encoder and to the hash beside it."""
        return f"{self.card.digest}+{DESCRIPTOR_VERSION}"

    def spaces(self, type: CollectionType) -> tuple[Space, ...]:
        """Return the spaces of a collection of a type whose pictures are described here, the one that ranks first."""
        card = self.card
        ranking = COPY_SPACE if type == "matching" and COPY_SPACE in card.spaces else SEMANTIC_SPACE
        names = sorted(card.spaces, key=lambda name: name != ranking)
        palettes = Space(PALETTE_SPACE, PALETTE_COLORS, "cosine", digest=DESCRIPTOR_VERSION)
        return (
            *([palettes] if type == "colors" else []),
            *(Space(name, card.spaces[name], "cosine", self.encoder_name, card.digest) for name in names),
            Space(HASH_SPACE, HASH_BITS, "hamming", digest=DESCRIPTOR_VERSION),
            Space(HUE_SPACE, HUES, "cosine", digest=DESCRIPTOR_VERSION),
        )

    def describe(
        self, source: Any, *, crop: Crop | None = None, thumbnail: bool = False, small: bool = False
    ) -> Description:
        """Read and encode a source.

        Args:
            small: Whether the small version is wanted, too.

        Raises:
            SourceError: when it gives no picture.
        """
        if self._workers is not None:
            data = self._bytes(source)
            return self._workers.describe(self.encoder_name, data, crop=crop, thumbnail=thumbnail, small=small)
        image = self.read(source, crop=crop)
        shown = intake.thumbnail(image, SIDE_PX, fine=True) if thumbnail or small else b""
        return Description(
            content_hash=image.content_hash,
            format=image.format,
            size_px=image.size_px,
            byte_size=image.byte_size,
            vectors=self.vectors(image),
            thumbnail=shown if thumbnail else None,
            pixels=self.decoded(shown) if small else None,
            facts=image.facts,
        )

    def small(self, source: Any) -> bytes:
        """Make the small version of a source that pictures are compared by, as `describe` does: `decoded` reads it.

        Raises:
            SourceError: when it gives no picture.
        """
        if self._workers is not None:
            return self._workers.thumbnail(self._bytes(source), side_px=SIDE_PX, fine=True)
        return intake.thumbnail(self.read(source), SIDE_PX, fine=True)

    def traces(self, source: Any) -> Traced:
        """Measure what handling left in a picture, and tell the quality of its encoding, where it is a JPEG.

        Raises:
            SourceError: when the source gives no picture.

        Cost: decoding without any reduction, and 25 ms.
        """
        data = self._bytes(source)
        if self._workers is not None:
            return self._workers.traces(self.encoder_name, data)
        table = intake.jpeg_table(data)
        quality = None if table is None else table_quality(table)
        pixels = intake.read(data, limits=self.settings.limits, min_side_px=sys.maxsize).pixels
        found = traces_of(pixels, quality)
        return (found if table is None else replace(found, unsettled=intake.unsettled_share(data, pixels))), quality

    def decoded(self, small: bytes) -> U8:
        """Read a small JPEG of our own making, (h, w, 3)."""
        return intake.read(small, limits=self.settings.limits).pixels

    def pixel_hash(self, source: Any) -> str:
        """Hash all pixels of a picture in full size, alpha included: SHA-256 in hex, equal for a PNG and a BMP of one.

        Raises:
            SourceError: when the source gives no picture.

        Cost: decoding without any reduction.
        """
        if self._workers is not None:
            return self._workers.pixel_hash(self.encoder_name, self._bytes(source))
        limits = self.settings.limits
        pixels = intake.read(source, limits=limits, min_side_px=sys.maxsize, fetch=self.fetcher, flat=False).pixels
        digest = hashlib.sha256(str(pixels.shape).encode())
        digest.update(pixels.tobytes())
        return digest.hexdigest()

    def content_hash(self, source: Any) -> str:
        """Hash the bytes of a source: SHA-256 in hex, as records have it; nothing is decoded.

        Raises:
            SourceError: when there are no bytes to be had.
        """
        return hashlib.sha256(self._bytes(source)).hexdigest()

    def embed(self, pixels: U8) -> F32:
        """Encode pixels (h, w, 3) that are decoded already: the semantic embedding alone."""
        if self._workers is not None:
            return self._workers.embed(self.encoder_name, pixels)
        height, width = pixels.shape[:2]
        return self.encoder.encode(Image(pixels, (width, height), "", "pixels"))[SEMANTIC_SPACE]

    def embed_text(self, text: str) -> Vectors:
        """Encode a text in the spaces where the encoder reads text.

        Raises:
            InputError: when it reads none.
        """
        encoder = self.encoder
        if not isinstance(encoder, TextEncoder):
            raise InputError(f'encoder "{self.encoder_name}" reads no text. Ask with a picture.')
        return dict(encoder.encode_text(text))

    def thumbnail(self, source: Any, side_px: int) -> bytes:
        """Return a JPEG of a source whose longer side is at most `side_px`.

        Raises:
            SourceError: when it gives no picture.
        """
        if self._workers is not None:
            return self._workers.thumbnail(self._bytes(source), side_px=side_px)
        limits = self.settings.limits
        return intake.thumbnail(intake.read(source, limits=limits, min_side_px=side_px, fetch=self.fetcher), side_px)

    def close_pixels(self, source: Any, side_px: int) -> U8:
        """Return a source as (h, w, 3) with a longer side of at most `side_px`, for a closer look at its details.

        Raises:
            SourceError: when it gives no picture.

        Cost: 20 to 60 ms for a photo of some megapixels.
        """
        close = self.thumbnail(source, side_px)
        return intake.read(close, limits=self.settings.limits, min_side_px=side_px).pixels

    def hold(self, source: Any) -> Any:
        """Read a source that is looked at more than once: a URL is fetched a single time, a file may change meanwhile.

        Raises:
            SourceError: when it cannot be read.
        """
        return intake.hold(source, limits=self.settings.limits, fetch=self.fetcher)

    def _bytes(self, source: Any) -> bytes:
        return intake.read_bytes(source, limits=self.settings.limits, fetch=self.fetcher)[0]

    def read(self, source: Any, *, crop: Crop | None = None) -> Image:
        """Read a source to an image, as large as the encoder and all that is computed beside it need it."""
        side = max(self.card.min_source_side_px, _LEAST_SIDE_PX)
        return intake.read(source, limits=self.settings.limits, min_side_px=side, fetch=self.fetcher, crop=crop)

    def vectors(self, image: Image) -> Vectors:
        """Encode an image in every space: the encoder's, palette, and difference hash and hues where it has them.

        Embeddings are rounded to half precision, as they are kept: a picture and its record are at distance 0, and
        a query by picture answers as one by id.
        """
        import numpy as np

        tiny = tiny_pixels(image)
        vectors: dict[str, Any] = {**self.encoder.encode(image), PALETTE_SPACE: palette(tiny)}
        hues = hue_histogram(tiny)
        if hues is not None:
            vectors[HUE_SPACE] = hues
        vectors = {name: vector.astype(np.float16).astype(np.float32) for name, vector in vectors.items()}
        hashed = difference_hash(tiny)
        if hashed is not None:
            vectors[HASH_SPACE] = hashed
        return vectors

    def entry(self, item: Item, keep: Keep) -> Entry:
        """Read and encode one item to what is stored for it.

        Raises:
            SourceError: when it gives no picture.
            InputError: for an id that names no record.
        """
        source, original = item.source, None
        if keep == "original":
            original = self._bytes(source)
            source = Bytes(original)
        keeps = keep in ("thumbnail", "original") or (keep == "auto" and not item.stamp)
        seen = self.describe(source, thumbnail=keeps)
        is_named = isinstance(item.source, Url | File) or item.name.startswith(UPLOAD)
        record = Record(
            id=check_record_id(item.id or seen.content_hash[:32], limits=self.settings.limits),
            source=item.name if is_named else f"bytes:{seen.content_hash[:16]}",
            content_hash=seen.content_hash,
            format=seen.format,
            size_px=seen.size_px,
            byte_size=seen.byte_size,
            stamp=item.stamp,
            metadata=dict(item.metadata or {}),
            tags=item.tags or (),
            facts=replace(seen.facts, name=item.called or None),
        )
        return Entry(record, seen.vectors, seen.thumbnail, original)

    def close(self) -> None:
        """Let go of the encoder and of open connections."""
        self.fetcher.close()
        if self._encoder is not None:
            self._encoder.close()
