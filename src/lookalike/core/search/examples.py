"""What a question starts from: a stored record by its id, or a picture; read, and made ready to ask with."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ...errors import EncoderMismatchError, InputError, RecordNotFoundError, StoreDamagedError
from ...pictures import Stored
from ..features.describer import THUMBNAIL_SIDE_PX
from ..ingest.spellings import as_stored
from ..relations.comparison import ComparedPicture, compared_picture
from ..relations.verification import features_of
from .query_vectors import QueryVector, mix, query_vector_of

if TYPE_CHECKING:
    from ...pictures import Source
    from ...records import CollectionSpec
    from ...stores import Records
    from ..features.describer import Crop, Describer
    from ..relations.verdicts import Judge
    from ..relations.verification import Verifier
    from .query_vectors import Examples


class ExampleReader:
    """Reads the examples of questions to one collection. May be used from many threads.

    Args:
        made: What the collection is.
        space: The space that ranks.
    """

    def __init__(
        self, store: Records, describer: Describer, verifier: Verifier, *, made: CollectionSpec, space: str
    ) -> None:
        self._store, self._describer, self._verifier = store, describer, verifier
        self._made, self._space = made, space

    def start(
        self, like: Examples, unlike: Examples, crop: Crop | None, *, related: bool
    ) -> tuple[QueryVector, Judge | None]:
        """Read examples and counter-examples into one thing to ask with; the crop is that of the first example.

        Args:
            related: Whether to give what judges stored records against the example, too. None for several examples.
        """
        if related and len(like) == 1 and not unlike:
            return self.read(like[0][0], crop, related=True)
        return self._mixed(like, unlike, crop), None

    def read(
        self, source: Source, crop: Crop | None = None, *, related: bool = False
    ) -> tuple[QueryVector, Judge | None]:
        """Read one example: what to ask with and, where it is wanted, what judges stored records against it.

        Raises:
            SourceError: when a picture cannot be read.
            RecordNotFoundError: for an id that is not there, or has no vector to ask with.
            EncoderMismatchError: when the collection was made with another encoder.
        """
        if not isinstance(source, Stored):
            self.check_encoder()
            source = self._describer.hold(source) if related else source
            seen = self._describer.describe(source, crop=crop, small=related)
            look = features_of(self._describer, seen, source) if related else None
            judge = None if look is None else partial(self._verifier.verdicts, look)
            return query_vector_of(seen.vectors, self._space, seen.content_hash), judge
        if crop is not None:
            raise InputError("`crop` needs the picture itself: pass its file in place of its id.")
        record_id, found = source.id, self._store.entry(source.id)
        if found is None and not record_id.isascii():
            record_id = as_stored(self._store, record_id)
            found = self._store.entry(record_id)
        if found is None:
            raise self.no_record(record_id)
        key, entry = found
        if self._space not in entry.vectors:
            raise RecordNotFoundError(f'record "{record_id}" has no vector to search with.', id=record_id)
        judge = partial(self._verifier.verdicts_of, key) if related else None  # it looks only when it is asked
        return query_vector_of(entry.vectors, self._space, entry.record.content_hash), judge

    def side(self, source: Source) -> ComparedPicture:
        """Read one of two pictures that are compared; raises as `read`."""
        if not isinstance(source, Stored):
            self.check_encoder()
            return compared_picture(self._describer, source)
        record_id = as_stored(self._store, source.id)
        key = self._store.keys([record_id]).get(record_id)
        look = None if key is None else self._verifier.look(key)
        if look is None:
            raise self.no_record(record_id)
        return ComparedPicture(look, record_id, lambda: self._verifier.thumbnail(record_id))

    def picture(self, source: Source) -> bytes | None:
        """Return a small JPEG of an example; None of a record whose picture was not kept."""
        if isinstance(source, Stored):
            return self._verifier.thumbnail(as_stored(self._store, source.id))
        return self._describer.thumbnail(source, THUMBNAIL_SIDE_PX)

    def check_encoder(self) -> None:
        """Refuse to encode for a collection that another encoder made.

        Raises:
            EncoderMismatchError
        """
        if self._made.encoder_digest != self._describer.digest:
            card = self._describer.card
            raise EncoderMismatchError(
                f'collection "{self._made.name}" holds vectors of encoder "{self._made.encoder}" '
                f"({self._made.encoder_digest[:8]}); here runs {card.name}-{card.variant} "
                f"({self._describer.digest[:8]}), whose vectors differ. Make a new collection and index the pictures "
                f"again, or use the lookalike version that made it."
            )

    def no_record(self, record_id: str) -> RecordNotFoundError | StoreDamagedError:
        """Make the error that says that there is no record of this id, or that it cannot be read."""
        if record_id in self._store.damaged():
            return StoreDamagedError(
                f'record "{str(record_id)[:80]}" in collection "{self._made.name}" is damaged and cannot be read. '
                "Restore a backup, or remove the record and index its picture again; `lookalike doctor` looks at all.",
                id=record_id,
            )
        return RecordNotFoundError(
            f'no record "{str(record_id)[:80]}" in collection "{self._made.name}". Check the spelling, or list the '
            f"ids with `lookalike export`.",
            id=record_id,
        )

    def _mixed(self, like: Examples, unlike: Examples, crop: Crop | None) -> QueryVector:
        vectors = [(self.read(one, crop if place == 0 else None)[0], w) for place, (one, w) in enumerate(like)]
        if len(vectors) == 1 and not unlike:
            return vectors[0][0]
        against = [(self.read(one)[0].vector, weight) for one, weight in unlike]
        return mix([(query_vector.vector, weight) for query_vector, weight in vectors], against)
