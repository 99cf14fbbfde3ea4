"""Search contexts of the Aspose dialect, and the images and features in them."""

from __future__ import annotations

import base64
import struct
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from ....pictures import Url
from ....service.webpage import image_addresses
from ...http.paths import Name
from ...http.state import light, on_pictures, principal_of, state_of
from ..wire import refused, store, store_all
from . import replies
from .requests import check_storage, content_of, context, file_in, files_for, id_in, image_id_in, source_for, text_in
from .tags import delete_earlier

if TYPE_CHECKING:
    from ....core.collection import Collection
    from ....service.files import Files

_MOST_PAGE_BYTES = 10_000_000
_PAGE_TIMEOUT_S = 20.0
_AT_ONCE, _AT_ONCE_BYTES = 32, 64_000_000  # files of a folder that are held in memory together

router = APIRouter(prefix="/ai/imageSearch")


@router.post("/create")
async def create(request: Request) -> Response:
    """Make a search context; detector and algorithm select nothing here."""
    context_id = str(uuid.uuid4())
    check_storage(request, "storage")
    principal = principal_of(request)
    principal.check("write", context_id)
    server = state_of(request)
    await light(request, lambda: server.create_collection(principal, context_id, type="matching", keep="original"))
    return replies.answer(request, _status(context_id))


@router.get("/{context_id}/status")
async def get_status(request: Request, context_id: Name) -> Response:
    """Describe a context, which is always idle: requests are done when they are answered."""
    await light(request, lambda: context(request, context_id, "read"))
    return replies.answer(request, _status(context_id))


@router.delete("/{context_id}")
async def delete(request: Request, context_id: Name) -> Response:
    """Delete a context with its images and tags; files of the storage stay."""

    def work() -> None:
        context(request, context_id, "write")
        state_of(request).library.delete_collection(context_id)
        delete_earlier(request, context_id)

    await light(request, work)
    return replies.answer(request)


@router.post("/{context_id}/features")
async def create_features(request: Request, context_id: Name) -> Response:
    """Index an image that is sent, a file of the storage, or all files of a folder."""
    content, folder = await content_of(request), text_in(request, "imagesFolder")
    image_id = text_in(request, "imageId")

    def work() -> None:
        collection = context(request, context_id, "write")
        if content is not None:
            _index(request, collection, image_id or uuid.uuid4().hex, content)
        elif folder is not None:
            _index_folder(request, collection, files_for(request, "read"), folder)
        elif image_id is not None:
            _index(request, collection, image_id, file_in(request, image_id))
        else:
            raise refused("nothing to index: send an image, or name one by imageId, or a folder by imagesFolder.")

    limiters = state_of(request).limiters
    await (limiters.long if content is None and folder is not None else limiters.pictures).run(work)
    return replies.answer(request)


@router.post("/{context_id}/features/web")
async def create_web_features(request: Request, context_id: Name) -> Response:
    """Index the images that a web page shows, each under its address."""
    address = image_id_in(request, "imagesSource")

    def work() -> None:
        collection, server = context(request, context_id, "write"), state_of(request)
        page = server.library.fetch(address, most_bytes=_MOST_PAGE_BYTES, timeout_s=_PAGE_TIMEOUT_S)
        found = image_addresses(page, address)[: server.settings.limits.max_images_per_request]
        store_all(request, collection, [{"_id": one, "_url": one} for one in found], replace=True)

    await on_pictures(request, [Url(address)], work)
    return replies.answer(request)


@router.get("/{context_id}/features")
async def get_features(request: Request, context_id: Name) -> Response:
    """Return the features of an image: its embedding."""
    image_id = image_id_in(request)

    def work() -> list[float]:
        collection = context(request, context_id, "read")
        return collection.embedding(f"id:{collection.get(id_in(collection, image_id)).id}")

    return replies.answer(request, _features(image_id, await light(request, work)))


@router.put("/{context_id}/features")
async def update_features(request: Request, context_id: Name) -> Response:
    """Index an image of the context anew, from what is sent or from the storage."""
    content, image_id = await content_of(request), image_id_in(request)

    def work() -> None:
        collection = context(request, context_id, "write")
        collection.get(id_in(collection, image_id))
        _index(request, collection, image_id, _content_or_file(request, content, image_id))

    await on_pictures(request, [b""], work)
    return replies.answer(request)


@router.delete("/{context_id}/features")
async def delete_features(request: Request, context_id: Name) -> Response:
    """Take an image out of the context; a file of the storage stays."""
    image_id = image_id_in(request)

    def work() -> None:
        collection = context(request, context_id, "write")
        collection.delete(collection.get(id_in(collection, image_id)).id)

    await light(request, work)
    return replies.answer(request)


@router.get("/{context_id}/image2features")
async def extract_features(request: Request, context_id: Name) -> Response:
    """Return the features of an image that is sent, or of the context or storage; nothing is stored."""
    content, image_id = await content_of(request), text_in(request, "imageId")
    if content is None and image_id is None:
        raise refused("no image: send one, or name one by imageId.")

    def work() -> list[float]:
        collection = context(request, context_id, "read")
        return collection.embedding(content or source_for(request, collection, image_id or ""))

    return replies.answer(request, _features(image_id or "", await on_pictures(request, [b""], work)))


@router.post("/{context_id}/image")
@router.put("/{context_id}/image")
async def put_image(request: Request, context_id: Name) -> Response:
    """Store an image in the storage and index it, in place of one of its id; without content that of the storage."""
    content, image_id = await content_of(request), image_id_in(request)

    def work() -> None:
        collection = context(request, context_id, "write")
        files = files_for(request, "write")
        _index(request, collection, image_id, _content_or_file(request, content, image_id))
        if content is not None:
            files.write(image_id, content)

    await on_pictures(request, [b""], work)
    return replies.answer(request)


@router.get("/{context_id}/image")
async def get_image(request: Request, context_id: Name) -> Response:
    """Return the bytes of an image, of the context or the storage."""
    image_id = image_id_in(request)

    def work() -> bytes:
        collection = context(request, context_id, "read")
        held = id_in(collection, image_id)
        kept = collection.original(held) if held in collection else None
        return file_in(request, image_id) if kept is None else kept

    return Response(await light(request, work), media_type="application/octet-stream")


@router.delete("/{context_id}/image")
async def delete_image(request: Request, context_id: Name) -> Response:
    """Delete an image from the context and from the storage; one that is in neither is gone already."""
    image_id = image_id_in(request)

    def work() -> None:
        collection, files = context(request, context_id, "write"), files_for(request, "write")
        collection.delete(id_in(collection, image_id))
        if files.kind(image_id) == "file":
            files.remove(image_id)

    await light(request, work)
    return replies.answer(request)


def _status(context_id: str) -> dict[str, Any]:
    return {"id": context_id, "searchStatus": "Idle"}


def _features(image_id: str, embedding: list[float]) -> dict[str, Any]:
    packed = struct.pack(f"<{len(embedding)}f", *embedding)
    features = base64.b64encode(packed).decode()
    return {"imageId": image_id, "featuresCount": 1, "featureLengthInBits": 8 * len(packed), "features": features}


def _content_or_file(request: Request, content: bytes | None, image_id: str) -> bytes:
    return file_in(request, image_id) if content is None else content


def _index(request: Request, collection: Collection, image_id: str, content: bytes) -> None:
    image_id = id_in(collection, image_id)
    store(request, collection, {"_id": image_id, "_bytes": content, "_name": image_id}, replace=True)


def _index_folder(request: Request, collection: Collection, files: Files, folder: str) -> None:
    """Index all files of a folder, under their paths in the storage; what is not a picture is left out."""
    for paths in _batches(files, folder, state_of(request).settings.limits.max_image_bytes):
        records = [{"_id": path, "_bytes": files.read(path), "_name": path} for path in paths]
        store_all(request, collection, records, replace=True)


def _batches(files: Files, folder: str, most_bytes: int) -> Iterator[list[str]]:
    """Return the paths of the files that may be pictures, as many at once as fit in memory."""
    batch: list[str] = []
    left = _AT_ONCE_BYTES
    for path in files.walk(folder):
        size = files.entry(path).byte_size
        if size > most_bytes:
            continue
        if batch and (len(batch) >= _AT_ONCE or size > left):
            yield batch
            batch, left = [], _AT_ONCE_BYTES
        batch.append(path)
        left -= size
    if batch:
        yield batch
