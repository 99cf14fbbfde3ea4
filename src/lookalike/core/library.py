"""The library: a home with many collections, each opened with its encoder."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, get_args

from .. import intake
from ..arguments import checked, checked_methods
from ..encoders import ENCODERS
from ..errors import CollectionExistsError, CollectionNotFoundError, ConflictError, InputError
from ..limits import check_field, checked_fields
from ..query import NEAR_DUPLICATE_SCORE
from ..records import CollectionSpec, CollectionType, Keep
from ..settings import Settings, load_settings
from ..stores import open_stores
from .collection import Collection
from .decisions.ledger import Ledger
from .features.describer import Describer, Workers
from .features.spaces import COPY_SPACE
from .relations.comparison import Comparison, compare, compared_picture
from .search.candidates import Candidates, distinct, rank_copies
from .search.query_vectors import query_vector_of
from .upkeep import check_new_name, check_title, info_of

if TYPE_CHECKING:
    from ..stores import Harm, Store
    from .features.picture_features import PictureFeatures
    from .search.query_vectors import QueryVector


@checked_methods
class Library:
    """A home with many collections. Use it in a `with` block, or close it. May be used from many threads.

    Args:
        workers: Where pictures are decoded and encoded; None for this very process.
    """

    def __init__(self, settings: Settings, workers: Workers | None = None) -> None:
        self.settings = settings
        self.ledger = Ledger(settings.home)
        self._workers = workers
        self._stores = open_stores(settings.home, store=settings.store, limits=settings.limits)
        self._describers: dict[str, Describer] = {}  # by encoder, each opened at first use
        self._open: OrderedDict[str, Collection] = OrderedDict()  # those used last
        self._opening = threading.Lock()

    def collections(self) -> list[str]:
        """Return the names of all collections, sorted."""
        return self._stores.names()

    def info(self, name: str) -> dict[str, Any]:
        """Return what `Collection.info` gives, at little cost: the collection is not opened for more.

        Raises:
            CollectionNotFoundError: when it is not there.
        """
        return info_of(*self._stores.figures(name))

    def collection(
        self,
        name: str = "default",
        *,
        create: bool = False,
        type: CollectionType | None = None,
        keep: Keep | None = None,
        encoder: str | None = None,
        fields: Iterable[str] = (),
        product_id_field: str | None = None,
    ) -> Collection:
        """Open a collection.

        Args:
            create: Make it when it is not there; the other arguments say how. An existing one stays as it is, and one
                whose type, keep or encoder is another than was given is refused.
            type: What ranks its answers: "photos" and "products" by what is shown, "matching" by being a copy,
                "colors" by the dominant colors. "photos" when not given.
            keep: Which pictures it keeps: "auto" (a thumbnail of what is not a file on disk), "none", "thumbnail"
                or "original"; "auto" when not given.
            encoder: "builtin" (when not given), or "builtin-accurate": better for clothes, at twice the cost.
            fields: Metadata fields that are often filtered by.
            product_id_field: Metadata field that says which records show one product.

        Raises:
            CollectionNotFoundError: when it is not there and `create` is False.
            StoreDamagedError: when it cannot be read, or its database is missing.
            InputError: for a type or a keep that is unknown.
            ConflictError: when it is there, and of another type, keep or encoder than was given with `create`.
        """
        wanted = {"type": type, "keep": keep, "encoder": encoder} if create else {}
        opened = self._used(name)
        if opened is not None:
            return _as_wanted(opened, wanted)
        try:
            store = self._stores.open(name)
        except CollectionNotFoundError:
            if not create:
                raise
            try:
                return self.create(
                    name,
                    type=type or "photos",
                    keep=keep or "auto",
                    encoder=encoder or "builtin",
                    fields=fields,
                    product_id_field=product_id_field,
                )
            except CollectionExistsError:
                store = self._stores.open(name)  # another process made it meanwhile
        return _as_wanted(self._opened(store), wanted)

    def create(
        self,
        name: str,
        *,
        type: CollectionType = "photos",
        keep: Keep = "auto",
        encoder: str = "builtin",
        fields: Iterable[str] = (),
        product_id_field: str | None = None,
        title: str = "",
    ) -> Collection:
        """Make a collection; the other arguments are those of `collection`.

        Args:
            title: What people call it, where that is not its name.

        Raises:
            CollectionExistsError: when the name is in use.
            InputError: for a type, a keep or an encoder that is unknown, too many fields, a title that is too long, and
                a name that is too long, blank, or has a part "." or ".." between slashes.
        """
        check_new_name(name)
        check_title(title, limits=self.settings.limits)
        fields = checked_fields(fields, self.settings.limits)
        check_field(product_id_field or "", self.settings.limits)
        for word, value, known in (
            ("type", type, get_args(CollectionType)),
            ("keep", keep, get_args(Keep)),
            ("encoder", encoder, ENCODERS),
        ):
            if value not in known:
                raise InputError(f"{word}={value!r} is unknown: pass {' or '.join(known)}.")
        describer = self.describer(encoder)
        spec = CollectionSpec(
            name=name,
            type=type,
            keep=keep,
            encoder=encoder,
            encoder_digest=describer.digest,
            spaces=describer.spaces(type),
            fields=fields,
            product_id_field=product_id_field,
            created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            title=title,
        )
        return self._opened(self._stores.create(spec))

    def delete_collection(self, name: str) -> None:
        """Delete a collection for good.

        Raises:
            CollectionNotFoundError: naming those that exist.
        """
        if os.name == "nt":
            self.forget(name)  # what is open cannot be moved there
        self._stores.delete(name)  # who still works on it is told that it is gone, not that it is closed
        self.forget(name)

    def forget(self, name: str) -> None:
        """Close a collection if it is open; the next call opens it anew, as after another process replaced it."""
        with self._opening:
            opened = self._open.pop(name, None)
        if opened is not None:
            opened.close()

    def restore(
        self, source: str | os.PathLike[str], name: str | None = None, *, despite_damage: bool = False
    ) -> Collection:
        """Bring a backup back as a collection, under its own name or another.

        Args:
            despite_damage: Bring a damaged one back, too, without records whose row is damaged; a warning names them.

        Raises:
            InputError: when there is no backup, and for a new name that `create` would refuse.
            StoreDamagedError: when it is damaged; naming the records.
            CollectionExistsError: when the name is in use.
        """
        if name is not None:
            check_new_name(name)
        return self._opened(self._stores.restore(Path(source), name, despite_damage=despite_damage))

    def decisions_about_gone(self) -> list[str]:
        """Return the ids of the decisions about pictures that no record of any collection shows."""
        left = [event for event in self.ledger.events() if event.pictures]
        for name in self.collections():
            gone = set(self.collection(name).decisions.about_gone(left))
            left = [event for event in left if event.id in gone]
        return [event.id for event in left]

    def check(self) -> list[str]:
        """Look for what is wrong with the home itself, and give it in plain words; empty when all is well."""
        return self._stores.check()

    def repair(self) -> list[str]:
        """Mend what can be mended of that without losing anything, and say what was done."""
        return self._stores.repair()

    def damaged(self) -> dict[str, Mapping[str, Harm]]:
        """Return the damaged records that were met in the collections that are open, by their name."""
        with self._opening:
            opened = list(self._open.items())
        return {name: damaged for name, one in opened if (damaged := one.damaged())}

    def compare(self, a: Any, b: Any) -> Comparison:
        """Compute how alike two pictures are; each is what `Collection.add` reads."""
        describer = self.describer()
        return compare(describer, partial(compared_picture, describer), intake.source_of(a), intake.source_of(b))

    def rank(self, source: Any, others: Sequence[Any]) -> Candidates:
        """Rank pictures that are stored nowhere by how much each is a copy of one.

        Raises:
            SourceError: when the first cannot be read. Of the others each fails alone.
        """
        return rank_copies(source, others, self._look)

    def distinct(self, sources: Sequence[Any], *, threshold: float = NEAR_DUPLICATE_SCORE) -> Candidates:
        """Return the pictures that are not a copy of one before them, as `compare` tells it."""
        return distinct(sources, self._look, threshold=threshold)

    def difference_hash(self, source: Any) -> str:
        """Return the 64 bits of the difference hash of a picture, in hex; "" for a flat one, which has none."""
        found = self._query_vector(source).hash
        return "" if found is None else found.tobytes().hex()

    def fetch(self, url: str, *, most_bytes: int, timeout_s: float) -> bytes:
        """Return the bytes behind a URL, within limits of the caller's where these are narrower than ours.

        Raises:
            SourceError: when it is not opened, does not answer in time, or has too many bytes.
        """
        limits = self.settings.limits
        narrowed = replace(
            limits,
            max_image_bytes=min(most_bytes, limits.max_image_bytes),
            fetch_timeout_s=min(timeout_s, limits.fetch_timeout_s),
        )
        with intake.Fetcher(narrowed, allow_private=self.settings.allow_private_urls) as fetcher:
            return fetcher.fetch(url)

    def describer(self, encoder: str = "builtin") -> Describer:
        """What reads and encodes here, by encoder; all collections of one encoder share it."""
        if encoder not in self._describers:
            self._describers.setdefault(encoder, Describer(self.settings, encoder, workers=self._workers))
        return self._describers[encoder]

    def close(self) -> None:
        """Close all collections and encoders."""
        with self._opening:
            opened = list(self._open.values())
            self._open.clear()
        for collection in opened:
            collection.close()
        for describer in self._describers.values():
            describer.close()
        self._describers.clear()

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<lookalike library {str(self.settings.home)!r}: {', '.join(self.collections()) or 'empty'}>"

    def _look(self, source: Any) -> PictureFeatures:
        return compared_picture(self.describer(), source).look

    def _query_vector(self, source: Any) -> QueryVector:
        seen = self.describer().describe(source)
        return query_vector_of(seen.vectors, COPY_SPACE, seen.content_hash)

    def _opened(self, store: Store) -> Collection:
        spec = store.spec
        fresh = Collection(store, self.describer(spec.encoder), self.ledger)
        with self._opening:
            opened = self._open.setdefault(spec.name, fresh)
            if len(self._open) > self.settings.limits.max_open_collections:
                self._open.popitem(last=False)  # who still has it goes on with it; its store rests when unused
        if opened is not fresh:  # another thread was first
            fresh.close()
        return opened

    def _used(self, name: str) -> Collection | None:
        with self._opening:
            opened = self._open.get(name)
            if opened is None or opened.is_there:
                if opened is not None:
                    self._open.move_to_end(name)
                return opened
        self.forget(name)  # its folder was removed, or another one put in its place
        return None


def encoder_names() -> tuple[str, ...]:
    """Return the names of all encoders, the default first."""
    return ENCODERS


def _as_wanted(collection: Collection, wanted: Mapping[str, str | None]) -> Collection:
    """Return a collection back where it is what was asked for.

    Raises:
        ConflictError: naming what it is.
    """
    spec = collection.spec
    differing = {name: value for name, value in wanted.items() if value not in (None, getattr(spec, name))}
    if differing:
        asked = ", ".join(f"{name} {value}" for name, value in differing.items())
        raise ConflictError(
            f'the collection "{spec.name}" is there, of type {spec.type}, keep {spec.keep} and encoder {spec.encoder}; '
            f"{asked} was asked for, and what a collection is stays. Leave it out, or make another collection.",
            name=spec.name,
        )
    return collection


@checked
def open_library(home: str | os.PathLike[str] | None = None) -> Library:
    """Open the library in a folder; without one, the default home (LOOKALIKE_HOME, or the platform's)."""
    return Library(load_settings(home=home))
