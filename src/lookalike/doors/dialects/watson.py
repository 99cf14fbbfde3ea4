"""The dialect of IBM Watson Visual Recognition v3 (beta), similarity search; docs/watson.md says how ours differs."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response

from ...errors import InputError, SourceError
from ..http.multipart import Part
from ..http.paths import Name, RecordId
from ..http.replies import Refusal, message_of, reply
from ..http.state import light, on_pictures, principal_of, room, state_of
from .wire import (
    Dialect,
    basic_of,
    below,
    file_name_of,
    holds_vendor_limits,
    part_named,
    read_object,
    read_parts,
    refused,
    store,
)

if TYPE_CHECKING:
    from starlette.types import Scope

    from ...answers import Match
    from ...core.collection import Collection
    from ...records import Metadata, Record

_BASES = ("/visual-recognition/api/v3", "/v3")
_MOST_NAME_CHARS = 128
_RANDOM_BYTES = 3  # behind a collection's name, and as the id of an image: six hexadecimal digits
_LISTED = 100
_LIMIT = 10
_CAPACITY = "1000000"  # a text, while `images` is a number: the one choice that every known client reads
_OURS = "metadata:"  # begins, natively, the names of metadata fields that could not be fields of a record
_BAD_KEY = {"status": "ERROR", "statusInfo": "invalid-api-key"}
_STATUSES = {409: 400, 415: 400, 422: 400}  # the service knew these as 400

# With --limits vendor
_MOST_COLLECTIONS = 5
_MOST_IMAGE_BYTES = 2 * 1024 * 1024
_MOST_METADATA_BYTES = 2 * 1024
_MOST_LIMIT = 100
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")

_UNREADABLE_ADDED = "Invalid input image"  # the words of the service; ours stand behind them
_UNREADABLE_QUERY = "Invalid image file"  # one client compares these words as a whole

operations = APIRouter()


@operations.post("/collections")
async def create_collection(request: Request) -> Response:
    """Make a collection; its id is its name and something random."""
    part = part_named(await read_parts(request), "name")
    name = _checked_name(part, request.query_params.get("name"))
    random = secrets.token_hex(_RANDOM_BYTES)
    collection_id = f"{name[: _MOST_NAME_CHARS - len(random) - 1]}_{random}"
    principal_of(request).check("write", collection_id)

    def work() -> dict[str, Any]:
        server, principal = state_of(request), principal_of(request)
        if holds_vendor_limits(request) and len(_seen(request)) >= _MOST_COLLECTIONS:
            raise refused(f"there are {_MOST_COLLECTIONS} collections, which is the maximum. Delete one first.")
        return _collection_form(server.create_collection(principal, collection_id, keep="thumbnail", title=name))

    return reply(await light(request, work))


@operations.get("/collections")
async def list_collections(request: Request) -> Response:
    """List the collections that the caller may see."""
    principal_of(request).check("read")
    library = state_of(request).library
    forms = await light(request, lambda: [_collection_form(library.collection(name)) for name in _seen(request)])
    return reply({"collections": forms})


@operations.get("/collections/{collection_id}")
@operations.post("/collections/{collection_id}")
async def get_collection(request: Request, collection_id: Name) -> Response:
    """Describe a collection; one of the clients asks with POST."""
    return reply(await light(request, lambda: _collection_form(_open(request, collection_id, "read"))))


@operations.delete("/collections/{collection_id}")
async def delete_collection(request: Request, collection_id: Name) -> Response:
    """Delete a collection with all its images."""

    def work() -> None:
        _open(request, collection_id, "write")
        state_of(request).library.delete_collection(collection_id)

    await light(request, work)
    return reply({})


@operations.post("/collections/{collection_id}/images")
async def add_image(request: Request, collection_id: Name) -> Response:
    """Add an image, with metadata or without."""
    parts = await read_parts(request)
    image = _image_part(request, parts, _UNREADABLE_ADDED)
    metadata = await _metadata(request, part_named(parts, "metadata"))

    def work() -> Record:
        collection = _open(request, collection_id, "write")
        image_id = _fresh_id(collection)
        fields = {**(metadata or {}), "_id": image_id, "_bytes": image.data, "_name": image.filename}
        try:
            record = store(request, collection, fields)
        except SourceError as error:
            why = "" if holds_vendor_limits(request) else f": {message_of(error)}"
            raise refused(f"{_UNREADABLE_ADDED}{why}", code=error.code) from error
        # A record that was touched since it was made tells that metadata was sent, though there is none in it.
        return collection.update(image_id, {}) if metadata == {} else record

    form = _image_form(await on_pictures(request, [b""], work)) | {"images_processed": 1}
    return reply({"images": [form], "images_processed": 1})


@operations.get("/collections/{collection_id}/images")
async def list_images(request: Request, collection_id: Name) -> Response:
    """List a hundred images, those with the lowest of their random ids."""

    def work() -> list[dict[str, Any]]:
        return [_image_form(record) for record in islice(_open(request, collection_id, "read").scan(), _LISTED)]

    return reply({"images": await light(request, work)})


@operations.get("/collections/{collection_id}/images/{image_id}")
async def get_image(request: Request, collection_id: Name, image_id: RecordId) -> Response:
    """Describe an image."""
    record = await light(request, lambda: _open(request, collection_id, "read").get(image_id))
    return reply(_image_form(record))


@operations.delete("/collections/{collection_id}/images/{image_id}")
async def delete_image(request: Request, collection_id: Name, image_id: RecordId) -> Response:
    """Delete an image."""

    def work() -> None:
        collection = _open(request, collection_id, "write")
        collection.get(image_id)
        collection.delete(image_id)

    await light(request, work)
    return reply({})


@operations.put("/collections/{collection_id}/images/{image_id}/metadata")
async def put_metadata(request: Request, collection_id: Name, image_id: RecordId) -> Response:
    """Return an image other metadata in place of all it has."""
    metadata = await _metadata(request, part_named(await read_parts(request), "metadata"))
    if metadata is None:
        raise refused('Missing multipart/form-data: send the metadata as a part "metadata".')
    return reply(_metadata_of(await light(request, lambda: _replace(request, collection_id, image_id, metadata))))


@operations.get("/collections/{collection_id}/images/{image_id}/metadata")
async def get_metadata(request: Request, collection_id: Name, image_id: RecordId) -> Response:
    """Return the metadata of an image."""
    return reply(_metadata_of(await light(request, lambda: _open(request, collection_id, "read").get(image_id))))


@operations.delete("/collections/{collection_id}/images/{image_id}/metadata")
async def delete_metadata(request: Request, collection_id: Name, image_id: RecordId) -> Response:
    """Take all metadata of an image away."""
    await light(request, lambda: _replace(request, collection_id, image_id, {}))
    return reply({})


@operations.post("/collections/{collection_id}/find_similar")
async def find_similar(request: Request, collection_id: Name) -> Response:
    """Find the images that look most like one that is sent."""
    limit = _limit(request)
    image = _image_part(request, await read_parts(request), _UNREADABLE_QUERY)

    def work() -> list[dict[str, Any]]:
        collection = _open(request, collection_id, "read")
        try:
            found = collection.search(image.data, limit=limit)
        except SourceError as error:
            raise refused(_UNREADABLE_QUERY, code=error.code) from error
        return _similar_forms(found)

    similar = await on_pictures(request, [image.data], work)
    return reply({"image_file": image.filename or "", "similar_images": similar, "images_processed": 1})


def _open(request: Request, collection_id: str, scope: Any) -> Collection:
    return state_of(request).collection(request, collection_id, scope)


def _seen(request: Request) -> list[str]:
    principal = principal_of(request)
    return [name for name in state_of(request).library.collections() if principal.sees(name)]


def _checked_name(part: Part | None, in_query: str | None) -> str:
    """Return the name that was sent, as a part or (by one of the clients) in the query."""
    try:
        name = part.data.decode() if part is not None else in_query or ""
    except UnicodeDecodeError as exc:
        raise refused("the name is not UTF-8 text.") from exc
    if not name:
        raise refused('Missing multipart/form-data: send the name of the collection as a part "name".')
    if len(name) > _MOST_NAME_CHARS or not name.isprintable() or any(char.isspace() for char in name):
        raise refused(f"{name[:80]!r} cannot name a collection: up to {_MOST_NAME_CHARS} characters, without spaces.")
    return name


def _image_part(request: Request, parts: list[Part], unreadable: str) -> Part:
    part = part_named(parts, "image_file")
    if part is None:
        raise refused('Missing multipart/form-data: send the image as a part "image_file".')
    if holds_vendor_limits(request):
        if len(part.data) > _MOST_IMAGE_BYTES:
            raise refused(f"the image has more than {_MOST_IMAGE_BYTES:,} bytes.", 413, "image_too_large")
        if not part.data.startswith(_SIGNATURES):
            raise refused(unreadable, code="image_unsupported")
    return part


async def _metadata(request: Request, part: Part | None) -> dict[str, Any] | None:
    """Read metadata, with the names of its fields as they are natively; None when none was sent."""
    if part is None:
        return None
    metadata = await read_object(request, part.data, "metadata", _native_names)
    if holds_vendor_limits(request) and len(part.data) > _MOST_METADATA_BYTES:
        raise refused(f"metadata of {len(part.data):,} bytes is over the limit of {_MOST_METADATA_BYTES:,}.")
    return metadata


def _native_names(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {_native_name(name, value): value for name, value in metadata.items()}


def _native_name(name: str, value: Any) -> str:
    """Return the native name of a metadata field: its own, where a record can have it.

    A list of texts called `tags` natively is the tags of the record.
    """
    is_tags = isinstance(value, list) and bool(value) and all(isinstance(tag, str) and tag for tag in value)
    is_ours = name.startswith(("_", "$", _OURS)) or (name == "tags" and not is_tags)
    return f"{_OURS}{name}" if is_ours else name


def _replace(request: Request, collection_id: str, image_id: str, metadata: Mapping[str, Any]) -> Record:
    """Put metadata in place of all there is."""
    fields = {name: value for name, value in metadata.items() if name != "tags"}
    collection = _open(request, collection_id, "write")
    with room(request):
        return collection.update(image_id, fields, tags=metadata.get("tags", ()), replace=True)


def _limit(request: Request) -> int:
    given = request.query_params.get("limit") or str(_LIMIT)
    if not (given.isascii() and given.isdigit() and int(given) > 0):
        raise refused(f"limit={given[:20]!r} is not a number of images: pass 1 to {_MOST_LIMIT}.")
    if holds_vendor_limits(request) and int(given) > _MOST_LIMIT:
        raise refused(f"limit={given[:20]} is over the maximum of {_MOST_LIMIT}.")
    return int(given)


def _fresh_id(collection: Collection) -> str:
    """Return an image id that is not in use; a longer one where the short ones become rare."""
    for size in range(_RANDOM_BYTES, 16):
        image_id = secrets.token_hex(size)
        if image_id not in collection:
            return image_id
    raise InputError("no image id is left.")


def _collection_form(collection: Collection) -> dict[str, Any]:
    spec = collection.spec
    return {
        "collection_id": spec.name,
        "name": spec.title or spec.name,
        "created": _time(spec.created_at),
        "images": len(collection),
        "status": "available",
        "capacity": _CAPACITY,
    }


def _image_form(record: Record) -> dict[str, Any]:
    form = {
        "image_id": record.id,
        "image_file": file_name_of(record.source, record.id),
        "created": _time(record.created_at),
    }
    metadata = _metadata_of(record)
    was_sent = bool(metadata) or record.updated_at != record.created_at
    return form | ({"metadata": metadata} if was_sent else {})


def _similar_forms(matches: Iterable[Match]) -> list[dict[str, Any]]:
    return [{**_image_form(one.record), "score": one.score} for one in matches]


def _metadata_of(record: Record) -> Metadata:
    metadata = {name.removeprefix(_OURS): value for name, value in record.metadata.items()}
    return {**metadata, **({"tags": list(record.tags)} if record.tags else {})}


def _time(created_at: str) -> str:
    moment = datetime.fromisoformat(created_at).astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _secret(scope: Scope, headers: Mapping[str, str]) -> str:
    """Find the key: `api_key` in the query, or Basic, where it is the password."""
    sent = parse_qs(scope["query_string"].decode("latin-1")).get("api_key", [""])
    return sent[0] or basic_of(headers)


def _failure_form(refusal: Refusal, scope: Scope) -> Response:
    """Write a failure in the flat form, and a refused key as the gateway of the service did."""
    if refusal.status == 401:
        return reply(_BAD_KEY, 401)
    status = _STATUSES.get(refusal.status, refusal.status)
    return reply({"code": status, "error": refusal.message}, status, refusal.headers)


def _router() -> APIRouter:
    router = APIRouter()
    for base in _BASES:
        router.include_router(operations, prefix=base)
    return router


DIALECT: Dialect = Dialect("watson", below("/visual-recognition", "/v3"), _router(), _secret, _failure_form)
