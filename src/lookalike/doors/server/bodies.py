"""Bodies of requests: read within the limits, and taken apart to pictures and fields."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool

from ...core.outside import outside_record
from ...errors import InputError, LookalikeError
from ..lines import parse_line
from .desk import desk_of, held_of
from .multipart import Part, boundary_of, malformed, parts_of
from .replies import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from starlette.requests import Request

    from ...limits import Limits

Model = TypeVar("Model", bound=BaseModel)
T = TypeVar("T")

JSON = "application/json"
JSON_LINES = ("application/x-ndjson", "application/jsonl", "application/x-jsonlines")
MULTIPART = "multipart/form-data"
RAW = ("image/", "application/octet-stream")
_LARGE_BYTES = 1 << 20  # takes some milliseconds
_TAKEN = f"{MULTIPART}, an image itself (image/*), {JSON} or {JSON_LINES[0]}"


@dataclass(frozen=True)
class Sent:
    """The pictures that one request brought.

    Attributes:
        records: What `Collection.add` reads: records, and errors that fail alone.
        is_list: Whether it came as a list: then each picture has an outcome of its own, even a single one.
    """

    records: list[Any]
    is_list: bool


def media_type(request: Request) -> str:
    """Give the media type of a body, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def chunks_of(request: Request, most_bytes: int) -> AsyncIterator[bytes]:
    """Give a body as it comes.

    Raises:
        Refusal: as soon as it is known to be larger than it may be.
    """
    too_large = Refusal(413, "body_too_large", f"the body has more than {most_bytes:,} bytes. Send less at once.")
    declared = request.headers.get("content-length", "0")
    if declared.isascii() and declared.isdigit() and int(declared) > most_bytes:
        raise too_large
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most_bytes:
            raise too_large
        yield chunk


async def read(request: Request, most_bytes: int | None = None) -> bytes:
    """Read a body into memory, which all requests share; `most_bytes` may narrow the server's own limit."""
    desk = desk_of(request)
    limit = desk.settings.limits.max_body_bytes
    with desk.reception.begin() as received:
        async for chunk in chunks_of(request, limit if most_bytes is None else min(limit, most_bytes)):
            received.add(chunk)
        held_of(request).take(received.size)
        return await run_in_threadpool(received.whole) if received.is_on_disk else received.whole()


async def read_model(request: Request, kind: type[Model]) -> Model:
    """Read a JSON body as a model.

    Raises:
        Refusal: for another media type, and what is no JSON.
        InputError: for values that do not fit, and for unknown names.
    """
    if media_type(request) not in (JSON, ""):
        raise unsupported(media_type(request), JSON)
    body = await read(request)
    return await apart(lambda: as_model(body, kind), len(body))


def as_model(data: bytes, kind: type[Model]) -> Model:
    """Read JSON as a model; see `read_model`."""
    try:
        return kind.model_validate_json(data or b"{}", strict=True)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_context=False)[0]
        if first["type"] == "json_invalid":
            raise malformed(f"the body is no JSON: {first['msg']}") from exc
        place = ".".join(str(part) for part in first["loc"]) or "the body"
        raise InputError(f"{place}: {first['msg'][:200]}, not {str(first['input'])[:80]!r}.") from exc


def unsupported(given: str, taken: str) -> Refusal:
    """Say that a media type is not read here."""
    return Refusal(415, "media_type_unsupported", f'a body of type "{given[:80]}" is not read here: send {taken}.')


async def read_pictures(request: Request) -> Sent:
    """Read pictures in any of the forms that are taken: multipart, raw, JSON, JSON lines.

    Raises:
        Refusal: for another media type, a body that is broken, and more pictures than one request may bring.
    """
    limits = desk_of(request).settings.limits
    kind = media_type(request)
    if kind != MULTIPART and kind != JSON and kind not in JSON_LINES and not kind.startswith(RAW):
        raise unsupported(kind, _TAKEN)
    content_type = request.headers.get("content-type", "")
    body = await read(request)
    sent = await apart(lambda: _sent(body, kind, content_type, limits), len(body))
    if not sent.records:
        raise InputError('the body holds no picture: send a part "file", an image, or records.')
    if len(sent.records) > limits.max_images_per_request:
        raise Refusal(
            413,
            "too_many_images",
            f"{len(sent.records):,} pictures in one request; {limits.max_images_per_request:,} may be. "
            f"Send fewer at once, or add ?job=true.",
        )
    return sent


async def read_parts(request: Request) -> list[Part]:
    """Read a multipart body into memory, and give its parts."""
    boundary, limits = boundary_of(request.headers["content-type"]), desk_of(request).settings.limits
    body = await read(request)
    return await apart(lambda: parts_in(body, boundary, limits), len(body))


async def apart(work: Callable[[], T], size: int) -> T:
    """Take a body apart: a large one on a thread, since everybody else would wait for it."""
    return work() if size < _LARGE_BYTES else await run_in_threadpool(work)


def _sent(body: bytes, kind: str, content_type: str, limits: Limits) -> Sent:
    if kind == MULTIPART:
        records = list(records_of(_record_first(parts_in(body, boundary_of(content_type), limits))))
        return Sent(records, is_list=len(records) > 1)
    if kind == JSON:
        return _from_json(body)
    if kind in JSON_LINES:
        return Sent(list(records_in(body.splitlines())), is_list=True)
    return Sent([{"_bytes": body}], is_list=False)


def parts_in(body: bytes, boundary: str, limits: Limits) -> list[Part]:
    """Split a multipart body that is in memory; a part may have as many bytes as an image."""
    return list(parts_of([body], boundary, most_part_bytes=limits.max_image_bytes))


def records_in(lines: Iterable[bytes]) -> Iterator[Any]:
    """Give the records of JSON lines; a broken line is an error that fails alone."""
    for number, line in enumerate((line for line in lines if line.strip()), start=1):
        yield outside_record(parse_line(line, f"line {number}"))


def is_file(part: Part) -> bool:
    """Say whether a part of a multipart body is a picture."""
    return part.name == "file" or (part.filename is not None and part.name != "record")


def records_of(parts: Iterable[Part]) -> Iterator[Any]:
    """Give a record for each file of a multipart body. A part `record` says more of the file behind it.

    A file's id is its `_id`, else its name, else its content hash.
    """
    fields = b""
    for part in parts:
        if is_file(part):
            yield _described(part, fields)
            fields = b""
        elif part.name == "record":
            fields = part.data


def files_of(parts: list[Part], *names: str) -> list[bytes]:
    """Give the files among parts; those of the names where names are given."""
    return [part.data for part in parts if (part.name in names if names else part.filename is not None)]


def _record_first(parts: list[Part]) -> list[Part]:
    """Let a part `record` stand before the only file, wherever it came."""
    records = [part for part in parts if part.name == "record"]
    files = [part for part in parts if is_file(part)]
    return [*records, *files] if len(files) == 1 else parts


def _described(part: Part, fields: bytes) -> Any:
    """Join a file with its fields, in the form that `Collection.add` reads."""
    name = (part.filename or "").replace("\\", "/").rsplit("/", 1)[-1]
    told = parse_line(fields, 'the part "record"') if fields else {}
    if isinstance(told, LookalikeError):
        return told
    if any(key in told for key in ("_url", "_base64", "_file")):
        return InputError('a part "record" beside a file names no other picture.')
    called = {"_id": name, "_called": name} if name else {}
    return {**called, **told, "_bytes": part.data}


def _from_json(body: bytes) -> Sent:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise malformed(f"the body is no JSON: {exc}") from exc
    if isinstance(given, list):
        return Sent([outside_record(one) for one in given], is_list=True)
    record = outside_record(given)
    if isinstance(record, LookalikeError):
        raise record
    return Sent([record], is_list=False)
