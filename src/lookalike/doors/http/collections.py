"""Routes of collections: list, make, look at, change, delete."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from ...errors import CollectionNotFoundError
from ..serialization import compacted_form
from . import openapi, schema
from .bodies import JSON, read_model
from .paths import Name
from .replies import reply
from .state import light, principal_of, room, state_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...core.collection import Collection
    from ...core.library import Library

router = APIRouter(prefix="/api/v1/collections", tags=["collections"])


@router.get("", responses={200: {"model": schema.CollectionList}, **openapi.errors()})
async def list_collections(request: Request) -> Response:
    """List the collections that the caller may see."""
    server, principal = state_of(request), principal_of(request)
    principal.check("read")

    def work() -> list[dict[str, Any]]:
        names = [name for name in server.library.collections() if principal.sees(name)]
        return list(_infos(server.library, names))

    return reply({"collections": await light(request, work)})


@router.post(
    "",
    status_code=201,
    responses={201: {"model": schema.CollectionInfo}, **openapi.errors(409, 413, 415, 422)},
    openapi_extra=openapi.body({JSON: schema.NewCollection}),
)
async def create_collection(request: Request) -> Response:
    """Make a collection."""
    server, principal = state_of(request), principal_of(request)
    principal.check("write")
    wanted = await read_model(request, schema.NewCollection)
    principal.check("write", wanted.name)

    def work() -> dict[str, Any]:
        made = server.create_collection(
            principal,
            wanted.name,
            type=wanted.type,
            keep=wanted.keep,
            encoder=wanted.encoder,
            fields=wanted.fields,
            product_id_field=wanted.product_id_field,
            title=wanted.title,
        )
        return _form(made)

    return reply(await light(request, work), 201)


@router.get("/{name}", responses={200: {"model": schema.CollectionInfo}, **openapi.errors(404, 422)})
async def get_collection(request: Request, name: Name) -> Response:
    """Return what a collection is and holds."""
    return reply(await light(request, lambda: _form(state_of(request).collection(request, name, "read"))))


@router.patch(
    "/{name}",
    responses={200: {"model": schema.CollectionInfo}, **openapi.errors(404, 413, 415, 422)},
    openapi_extra=openapi.body({JSON: schema.CollectionChange}),
)
async def change_collection(request: Request, name: Name) -> Response:
    """Change the title, the declared fields, the product-id field, the recall target."""
    principal_of(request).check("write", name)
    change = await read_model(request, schema.CollectionChange)

    def work() -> dict[str, Any]:
        collection = state_of(request).collection(request, name, "write")
        with room(request):
            collection.configure(**change.model_dump())
        return _form(collection)

    return reply(await light(request, work))


@router.post("/{name}/compact", responses={200: {"model": schema.Compacted}, **openapi.errors(404, 409, 422)})
async def compact_collection(request: Request, name: Name) -> Response:
    """Rewrite a collection, so that no trace of deleted records is left on disk; searches go on meanwhile."""

    def work() -> dict[str, Any]:
        return compacted_form(state_of(request).collection(request, name, "write").compact())

    principal_of(request).check("write", name)
    return reply(await state_of(request).limiters.long.run(work))


@router.delete("/{name}", status_code=204, responses={**openapi.errors(404, 422)})
async def delete_collection(request: Request, name: Name) -> Response:
    """Delete a collection with all its records, for good."""

    def work() -> None:
        state_of(request).collection(request, name, "write")
        state_of(request).library.delete_collection(name)

    await light(request, work)
    return Response(status_code=204)


def _infos(library: Library, names: Iterable[str]) -> Iterator[dict[str, Any]]:
    for name in names:
        with suppress(CollectionNotFoundError):  # deleted meanwhile
            yield library.info(name)


def _form(collection: Collection) -> dict[str, Any]:
    return collection.info()
