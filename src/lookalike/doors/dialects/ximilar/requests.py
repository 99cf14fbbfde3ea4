"""What a request of the Ximilar dialect asks for: its body, its collection, its records; and the answer to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from ....errors import CollectionExistsError, CollectionNotFoundError, LookalikeError, shown
from ....pictures import Bytes, Source, Url
from ...http.state import principal_of, request_id_of, state_of
from ..wire import holds_vendor_limits, read_object_body, refused
from . import replies

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ....core.collection import Collection
    from ....records import CollectionType, Record

T = TypeVar("T")

TYPES: dict[str, CollectionType] = {
    "/similarity/photos/v2": "photos",
    "/photo/search/v2": "photos",
    "/similarity/custom/v2": "photos",
    "/similarity/products-new/v2": "products",
    "/similarity/products/v2": "products",
    "/similarity/fashion-new/v2": "products",
    "/similarity/fashion/v2": "products",
    "/similarity/homedecor-new/v2": "products",
    "/similarity/homedecor/v2": "products",
    "/similarity/colors/v2": "colors",
    "/image_matching/v2": "matching",
}
_MOST_NUMBER = 1_000_000_000
_MOST_NAMED = 10_000  # records that are only named
_MOST_RECORDS = 10  # with --limits vendor, of those that bring images


async def read_asked(request: Request, then: Callable[[dict[str, Any]], T]) -> tuple[dict[str, Any], T]:
    """Read the body, and what is made of it; none at all asks for nothing in particular."""

    def both(asked: dict[str, Any]) -> tuple[dict[str, Any], T]:
        replies.check_fields(asked.get("fields_to_return"))
        return asked, then(asked)

    return await read_object_body(request, both, mended=lambda body: body or b"{}")


async def read_query(request: Request) -> tuple[dict[str, Any], Source]:
    """Read a body that asks for one record, and the picture of that."""
    return await read_asked(request, lambda asked: replies.source_of(asked.get("query_record")))


async def read_records(request: Request, made_of: Callable[[Any], T]) -> tuple[dict[str, Any], list[Any], list[T]]:
    """Read a body with records that bring images, these records, and what is made of each."""

    def each(asked: dict[str, Any]) -> tuple[list[Any], list[T]]:
        given = records_in(request, asked, bring_images=True)
        return given, [made_of(record) for record in given]

    asked, (given, made) = await read_asked(request, each)
    return asked, given, made


def collection_id(request: Request) -> str:
    """Return the collection that a request names; old clients call the header `collection`.

    Clients send the bytes of a header as UTF-8 or as Latin-1; what is not the one is the other.
    """
    name = request.headers.get("collection-id") or request.headers.get("collection")
    if not name:
        raise refused('the header "collection-id" is missing: send the id of a collection.')
    with suppress(UnicodeDecodeError):
        return name.encode("latin-1").decode()
    return name


def type_of(request: Request) -> CollectionType:
    """Return the type of the collections at the prefix of a request."""
    return TYPES[request.scope["path"].rpartition("/")[0]]


def open_collection(request: Request, scope: Any) -> Collection:
    """Open the collection of a request.

    Raises:
        Refusal: when its type is that of another prefix.
    """
    collection = state_of(request).collection(request, collection_id(request), scope)
    if collection.spec.type != type_of(request):
        raise refused(
            f'collection "{collection.name[:80]}" is of type {collection.spec.type}, and this address is for '
            f"{type_of(request)}. Use the address of its type."
        )
    return collection


def open_or_make(request: Request) -> Collection:
    """Open the collection of an insert; a first one makes it, unless that is turned off."""
    try:
        return open_collection(request, "write")
    except CollectionNotFoundError:
        if state_of(request).settings.serving.only_known_collections:
            raise
    with suppress(CollectionExistsError):  # another first insert was faster
        made = {"type": type_of(request), "keep": "none"}
        state_of(request).create_collection(principal_of(request), collection_id(request), **made)
    return open_collection(request, "write")


def records_in(request: Request, asked: Mapping[str, Any], *, bring_images: bool = False) -> list[Any]:
    """Return the records that a body holds, of which no more may bring images than one request may have.

    Raises:
        Refusal: when there are none, or too many.
    """
    given = asked.get("records")
    if not isinstance(given, list) or not given:
        raise refused('"records" is missing: send a list of at least one record.')
    most = _MOST_NAMED
    if bring_images:
        limits = state_of(request).settings.limits
        most = _MOST_RECORDS if holds_vendor_limits(request) else limits.max_images_per_request
    if len(given) > most:
        raise refused(f"{len(given):,} records in one request; {most} may be. Send fewer at once.")
    return given


def whole_number(given: Any, name: str, *, least: int) -> int | None:
    """Read a whole number, from a body or a query; None when it was not sent."""
    if isinstance(given, str) and given.isascii() and given.isdigit():
        given = int(given)
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= _MOST_NUMBER:
        raise refused(f"{name}={shown(given)!r} is not a number of records: pass {least} to {_MOST_NUMBER:,}.")
    return given


def condition_of(asked: Mapping[str, Any]) -> Any:
    """Return the filter of a body; an empty one is none."""
    given = asked.get("filter")
    return None if given == {} else given


def answer(request: Request, asked: Mapping[str, Any], records: Iterable[Record], **members: Any) -> Response:
    """Answer with records, each with the fields that the body asks for."""
    shown = replies.record_forms(records, asked.get("fields_to_return"))
    return replies.answer(request_id_of(request), shown, **members)


def source_or_error(record: Any, *, stored: bool = True) -> Any:
    """Return the picture of a record, or the error that it fails with alone."""
    try:
        return replies.source_of(record, stored=stored)
    except LookalikeError as error:
        return error


def url_or_bytes(record: Any) -> Url | Bytes:
    """Return what the work on a record begins with: a URL to be fetched, or bytes to be decoded."""
    url = record.get("_url") if isinstance(record, Mapping) else None
    return Url(url) if isinstance(url, str) else Bytes(b"")
