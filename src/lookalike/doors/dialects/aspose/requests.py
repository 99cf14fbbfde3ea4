"""What a request of the Aspose dialect brings: image content in its many forms, ids, numbers, contexts and files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ....errors import NotFoundError, ScopeError
from ....pictures import Bytes, Stored
from ....service.files import RIGHT, Files
from ...http.bodies import MULTIPART, media_type, parts_in, read_as
from ...http.multipart import Part, boundary_of
from ...http.state import principal_of, state_of
from ..wire import refused

if TYPE_CHECKING:
    from starlette.requests import Request

    from ....core.collection import Collection

STORAGES = ("", "default", "First Storage")  # there is one; what a client leaves out, and what the vendor called it
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")


async def content_of(request: Request) -> bytes | None:
    """Return the image that a request brings, whatever its content type says; None when it brings none."""
    part = await first_file(request, "imageData")
    return None if part is None or not part.data else part.data


async def first_file(request: Request, name: str) -> Part | None:
    """Return the part of a name, else the first file; of a body that is not multipart all of it."""
    parts = await parts_of_body(request)
    named = next((part for part in parts if part.name.lower() == name.lower()), None)
    return named or next((part for part in parts if part.filename is not None), None)


async def parts_of_body(request: Request) -> list[Part]:
    """Split a body; one that is not multipart is a single nameless file. A client sends multipart without any body."""
    kind, limits = media_type(request), state_of(request).settings.limits

    def split(body: bytes) -> list[Part]:
        if kind != MULTIPART or not body:
            return [Part("", "", body)] if body else []
        return parts_in(body, boundary_of(request.headers["content-type"]), limits)

    return await read_as(request, split)


def text_in(request: Request, name: str) -> str | None:
    """Return a parameter of the query. Some clients encode ids once more than needed."""
    given = request.query_params.get(name)
    if given and _ENCODED.search(given):
        given = unquote(given)
    return given or None


def image_id_in(request: Request, name: str = "imageId") -> str:
    """Return the id of an image that has to be there."""
    image_id = text_in(request, name)
    if image_id is None:
        raise refused(f'the parameter "{name}" is missing: name an image.')
    return image_id


def number_in(request: Request, name: str, default: float, *, least: float, most: float) -> float:
    """Return a number of the query within its range."""
    given = request.query_params.get(name) or str(default)
    try:
        number = float(given)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        raise refused(f"{name}={given[:40]!r} is out of range: pass a number from {least:g} to {most:g}.")
    return number


def context(request: Request, context_id: str, scope: Any) -> Collection:
    """Open the collection of a search context."""
    check_storage(request, "storage")
    return state_of(request).collection(request, context_id, scope)


def files_for(request: Request, scope: Any) -> Files:
    """Return the files of the storage, for the caller: what is written counts against its quota.

    Raises:
        ScopeError: when the caller may not. Where a collection has the name that stands for the storage in keys, a key
            that is bound to it is for that collection.
    """
    server, principal = state_of(request), principal_of(request)
    principal.check(scope, RIGHT)
    if principal.reach and RIGHT in server.library.collections():
        raise ScopeError(f'the storage is not for this key: here "{RIGHT}" is a collection. Use a key for all of them.')
    return server.files_for(principal)


def check_storage(request: Request, *names: str) -> None:
    """Refuse a storage that is not there.

    Raises:
        NotFoundError: naming it.
    """
    for name in names:
        given = request.query_params.get(name) or ""
        if given not in STORAGES:
            raise NotFoundError(f'there is no storage "{given[:80]}". Leave the parameter out.')


def source_for(request: Request, collection: Collection, image_id: str) -> Stored | Bytes:
    """Return the picture that an id stands for: one of the context, else a file of the storage.

    Raises:
        NotFoundError: when it is neither.
    """
    held = id_in(collection, image_id)
    return Stored(held) if held in collection else Bytes(file_in(request, image_id))


def file_in(request: Request, image_id: str) -> bytes:
    """Return the image that is a file of the storage.

    Raises:
        NotFoundError: when there is none.
        ImageTooLargeError: when it has more bytes than an image may have.
    """
    return files_for(request, "read").read(image_id, most_bytes=state_of(request).settings.limits.max_image_bytes)


def id_in(collection: Collection, image_id: str) -> str:
    """Return the id of a context's image for what a client calls it: \\ parts a path as / does, as in the storage.

    An image that is called by the very text, as before that was so, is found by it.
    """
    return image_id if "\\" not in image_id or image_id in collection else image_id.replace("\\", "/")
