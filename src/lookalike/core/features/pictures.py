"""Pictures that their callers keep themselves: read, checked and encoded, many at a time and in their order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from ... import intake
from ...errors import LookalikeError
from .threads import in_order

if TYPE_CHECKING:
    from ...arrays import F32, U8
    from ...pictures import Image
    from .describer import Describer

Made = TypeVar("Made")

_CHECK_SIDE_PX = 64  # as small as decoding is cheapest: nobody looks at these pixels


class Pictures:
    """Reads and encodes pictures with one describer, by the recipe of `ingest` but without a store."""

    def __init__(self, describer: Describer) -> None:
        self.workers = describer.settings.workers
        self._describer = describer
        self._limits = describer.settings.limits

    @property
    def digest(self) -> str:
        """What tells the embeddings of one encoder from those of another; opens the encoder."""
        return self._describer.encoder.card.digest

    def read(self, source: Any) -> tuple[bytes, Image]:
        """Return the encoded bytes of a source, and a small version that shows that they are a whole picture.

        Raises:
            SourceError: or one of its kinds, when they are none.
        """
        data, name = intake.read_bytes(source, limits=self._limits, fetch=self._describer.fetcher)
        try:
            return data, intake.read(data, limits=self._limits, min_side_px=_CHECK_SIDE_PX)
        except LookalikeError as error:
            message = error.message.replace(intake.bytes_name(data), name)
            raise type(error)(message, **error.details) from error

    def pixels(self, source: Any) -> U8:
        """Return the pixels of a source in full size: (h, w, 3) uint8, upright, transparent parts over white.

        Raises:
            SourceError: or one of its kinds, when it gives no picture.
        """
        return intake.read(source, limits=self._limits, min_side_px=sys.maxsize).pixels

    def read_many(self, sources: Iterable[Any]) -> Iterator[tuple[bytes, Image] | LookalikeError]:
        """Do what `read` does for each source, on many threads; an error takes the place of its result."""
        return self._outcomes(self.read, sources)

    def embeddings(self, sources: Iterable[Any]) -> Iterator[F32 | LookalikeError]:
        """Return the semantic embedding of each source, (d,) float32 of unit length, or the error instead of it."""
        return self._outcomes(self._embedding, sources)

    def _embedding(self, source: Any) -> F32:
        return self._describer.encoder.encode(self._describer.read(source))["semantic"]

    def _outcomes(self, work: Callable[[Any], Made], sources: Iterable[Any]) -> Iterator[Made | LookalikeError]:
        def outcome(source: Any) -> Made | LookalikeError:
            try:
                return work(source)
            except LookalikeError as error:
                return error

        return in_order(outcome, sources, workers=self.workers)
