"""The tags of an Aspose context: a reference image each, attached to the context's collection, and gone with it.

In 0.1 they were records of a second collection, `ID.tags`, whose name anybody's collection may have. What is there is
found where it is known to be of the context, and nothing is ever written to it.
"""

from __future__ import annotations

import uuid
from itertools import islice
from typing import TYPE_CHECKING

from ....core.ingest.items import UPLOAD
from ....errors import CollectionNotFoundError, NotFoundError
from ...http.state import principal_of, room, state_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from ....core.collection import Collection

_NAME = "aspose tag "
_MOST_EARLIER = 10_000  # tags of one context; nobody has so many


def add(request: Request, collection: Collection, tag: str, content: bytes) -> None:
    """Keep a reference image under the name of a tag, in place of what the name had.

    Raises:
        SourceError: when it is not an image that can be read.
        QuotaError: when the caller has no room for it.
    """
    collection.embedding(content)  # what cannot be searched with is refused
    with room(request, stored_bytes=len(content)):
        collection.attach(_NAME + tag, content)


def reference(request: Request, collection: Collection, tag: str) -> bytes:
    """Return the reference image of a tag.

    Raises:
        NotFoundError: when there is none.
    """
    kept = collection.attachment(_NAME + tag)
    if kept is None:
        earlier = _earlier(request, collection.name)
        kept = earlier.original(tag) if earlier is not None and tag in earlier else None
    if kept is None:
        raise NotFoundError(f'there is no tag "{tag[:80]}". Add it first.')
    return kept


def delete_earlier(request: Request, context_id: str) -> None:
    """Delete the collection in which 0.1 kept the tags of a context, where nobody else can have made it.

    Nobody else makes one beside a context's random name; beside another name a key made it that could make no other.
    """
    earlier = _earlier(request, context_id)
    if earlier is None or not _holds_tags(earlier):
        return
    key = principal_of(request).key
    is_ours = key is not None and not key.sees(earlier.name) and earlier.name in key.made
    if is_ours or _is_random(context_id):
        state_of(request).library.delete_collection(earlier.name)


def _earlier(request: Request, context_id: str) -> Collection | None:
    """Return the collection in which 0.1 kept the tags of a context; None where another one has its name.

    The caller may see it by its own right, or it holds what nothing but tags looks like.
    """
    name = f"{context_id}.tags"
    try:
        found = state_of(request).library.collection(name)
    except CollectionNotFoundError:
        return None
    return found if principal_of(request).sees(name) or _holds_tags(found) else None


def _holds_tags(collection: Collection) -> bool:
    """Return whether a collection is as 0.1 made those of tags: what comes by other doors has no name of its sender."""
    spec = collection.spec
    if (spec.type, spec.keep, spec.title, spec.fields) != ("matching", "original", "", ()):
        return False
    records = list(islice(collection, _MOST_EARLIER + 1))
    return len(records) <= _MOST_EARLIER and all(
        record.source == UPLOAD + record.id and not record.metadata and not record.tags for record in records
    )


def _is_random(context_id: str) -> bool:
    try:
        return str(uuid.UUID(context_id)) == context_id
    except ValueError:
        return False
