"""The library: a home with many collections, and the one encoder that they share."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, get_args

from ..encoders import HASH_BITS, HUES, open_encoder
from ..errors import CollectionNotFoundError, InputError
from ..settings import Settings, load_settings
from ..stores import open_stores
from ..values import CollectionSpec, CollectionType, Keep, Space
from .collection import Collection
from .comparison import compare
from .describer import Describer
from .results import Comparison
from .search import HASH_SPACE, HUE_SPACE


class Library:
    """A home with many collections. Use it in a `with` block, or close it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._stores = open_stores(settings.home, limits=settings.limits)
        self._describer = Describer(settings, open_encoder)
        self._open: dict[str, Collection] = {}

    def collections(self) -> list[str]:
        """Give the names of all collections, sorted."""
        return self._stores.names()

    def collection(
        self,
        name: str = "default",
        *,
        create: bool = False,
        type: CollectionType = "photos",
        keep: Keep = "auto",
        fields: Iterable[str] = (),
        product_id_field: str | None = None,
    ) -> Collection:
        """Open a collection.

        Args:
            create: Make it when it is not there; the other arguments say how. An existing one stays as it is.
            type: What ranks its answers: "photos" and "products" by what is shown, "matching" by being a copy.
            keep: Which pictures it keeps: "auto" (a thumbnail of what is no file on disk), "none", "thumbnail"
                or "original".
            fields: Metadata fields that are often filtered by.
            product_id_field: Metadata field that says which records show one product.

        Raises:
            CollectionNotFoundError: when it is not there and `create` is False.
            InputError: for a type or a keep that is unknown.
        """
        if name in self._open:
            return self._open[name]
        try:
            store = self._stores.open(name)
        except CollectionNotFoundError:
            if not create:
                raise
            spec = self._spec(name, type, keep, tuple(fields), product_id_field)
            store = self._stores.create(spec)
        return self._open.setdefault(name, Collection(store, self._describer))

    def create(self, name: str, **options: Any) -> Collection:
        """Make a collection; the options are those of `collection`.

        Raises:
            CollectionExistsError: when the name is in use.
        """
        type, keep = options.get("type", "photos"), options.get("keep", "auto")
        fields, product_id_field = tuple(options.get("fields", ())), options.get("product_id_field")
        store = self._stores.create(self._spec(name, type, keep, fields, product_id_field))
        return self._open.setdefault(name, Collection(store, self._describer))

    def delete_collection(self, name: str) -> None:
        """Delete a collection for good.

        Raises:
            CollectionNotFoundError: naming those that exist.
        """
        opened = self._open.pop(name, None)
        if opened is not None:
            opened.close()
        self._stores.delete(name)

    def restore(self, source: str | os.PathLike[str], name: str | None = None) -> Collection:
        """Bring a backup back as a collection, under its own name or another.

        Raises:
            CollectionExistsError: when the name is in use.
        """
        store = self._stores.restore(Path(source), name)
        return self._open.setdefault(store.spec.name, Collection(store, self._describer))

    def compare(self, a: Any, b: Any) -> Comparison:
        """Say how alike two pictures are; each is what `Collection.add` reads."""
        return compare(self._describer, a, b)

    @property
    def describer(self) -> Describer:
        """What reads and encodes for this library."""
        return self._describer

    def close(self) -> None:
        """Close all collections and the encoder."""
        for collection in self._open.values():
            collection.close()
        self._open.clear()
        self._describer.close()

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<lookalike library {str(self.settings.home)!r}: {', '.join(self.collections()) or 'empty'}>"

    def _spec(
        self, name: str, type: CollectionType, keep: Keep, fields: tuple[str, ...], product_id_field: str | None
    ) -> CollectionSpec:
        if type not in get_args(CollectionType):
            raise InputError(f"type={type!r} is unknown: pass {' or '.join(get_args(CollectionType))}.")
        if keep not in get_args(Keep):
            raise InputError(f"keep={keep!r} is unknown: pass {' or '.join(get_args(Keep))}.")
        card = self._describer.encoder.card
        ranking = "copy" if type == "matching" else "semantic"
        names = sorted(card.spaces, key=lambda space: space != ranking)
        return CollectionSpec(
            name=name,
            type=type,
            keep=keep,
            encoder=f"{card.name}-{card.variant}",
            encoder_digest=self._describer.digest,
            spaces=(
                *(Space(space, card.spaces[space], "cosine") for space in names),
                Space(HASH_SPACE, HASH_BITS, "hamming"),
                Space(HUE_SPACE, HUES, "cosine"),
            ),
            fields=fields,
            product_id_field=product_id_field,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )


def open_library(home: str | os.PathLike[str] | None = None) -> Library:
    """Open the library in a folder; without one, the default home (LOOKALIKE_HOME, or the platform's)."""
    return Library(load_settings(home=home))
