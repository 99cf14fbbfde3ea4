"""Bodies of requests: read within the limits, and taken apart to pictures and fields."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from pydantic import BaseModel, ValidationError

from ...errors import InputError, LookalikeError
from ...service.outside import outside_record
from ..json_lines import parse_line
from . import misfits
from .json_budget import JsonBudget, too_many_elements
from .multipart import Part, boundary_of, parts_of
from .replies import Refusal, malformed
from .state import held_of, state_of

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
_LARGE_BYTES = 16_384  # takes a millisecond
_BLOCK_BYTES = 65_536
_VALUE_BYTES = 64  # of memory for a value of JSON
_OTHER_PARTS = 16  # of a multipart body, beside pictures and their fields
_MOST_MISTAKES = 1000  # that are looked at: each is an object of its own
_SOMETHING = re.compile(rb"\S")
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
    """Return the media type of a body, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def chunks_of(request: Request, most_bytes: int) -> AsyncIterator[bytes]:
    """Return a body as it comes.

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


async def read_as(
    request: Request,
    parse: Callable[[bytes], T],
    *,
    budget: JsonBudget | None = None,
    most_bytes: int | None = None,
) -> T:
    """Read a body and parse it: a large one on a thread, and not in memory before its turn has come.

    Args:
        budget: Of the JSON in it; the request holds its values from then on.
        most_bytes: Narrows the server's own limit.
    """
    server = state_of(request)
    limit = server.settings.limits.max_body_bytes
    with server.reception.begin() as received:
        async for chunk in chunks_of(request, limit if most_bytes is None else min(limit, most_bytes)):
            received.add(chunk)
        held_of(request).take(received.size)
        return await apart(request, lambda: parse(received.whole()), received.size, budget)


async def read_json(request: Request, parse: Callable[[bytes], T], budget: JsonBudget) -> T:
    """Read a JSON body and parse it, on a thread where it is large.

    Raises:
        Refusal: for another media type, and what `parse` refuses.
    """
    if media_type(request) not in (JSON, ""):
        raise unsupported(media_type(request), JSON)
    return await read_as(request, parse, budget=budget)


async def read_model(request: Request, kind: type[Model]) -> Model:
    """Read a JSON body as a model.

    Raises:
        Refusal: for another media type, what is not JSON, and too much of it.
        InputError: for values that do not fit, and for unknown names.
    """
    budget = budget_of(request)
    return await read_json(request, lambda body: as_model(body, kind, budget), budget)


def as_model(data: bytes, kind: type[Model], budget: JsonBudget) -> Model:
    """Read JSON as a model; see `read_model`."""
    budget.spend(data)
    try:
        return kind.model_validate_json(data or b"{}", strict=True)
    except ValidationError as exc:
        wrong = _misfit(exc, kind)
    raise wrong  # out here, since the other error holds what does not fit


def _misfit(error: ValidationError, kind: type[BaseModel]) -> Refusal | InputError:
    if error.error_count() > _MOST_MISTAKES:
        return InputError(f"the body has {error.error_count():,} values that do not fit.")
    found = error.errors(include_url=False)
    if found[0]["type"] == "json_invalid":
        return malformed(f"the body is not JSON: {found[0]['msg'].removeprefix('Invalid JSON: ')}")
    return InputError(misfits.sentence(found, kind))


def unsupported(given: str, taken: str) -> Refusal:
    """Return the error that says that a media type is not read here."""
    return Refusal(415, "media_type_unsupported", f'a body of type "{given[:80]}" is not read here: send {taken}.')


async def read_pictures(request: Request) -> Sent:
    """Read pictures in any of the forms that are taken: multipart, raw, JSON, JSON lines.

    Raises:
        Refusal: for another media type, a body that is broken, and more pictures than one request may bring.
    """
    limits = state_of(request).settings.limits
    kind = media_type(request)
    if kind != MULTIPART and kind != JSON and kind not in JSON_LINES and not kind.startswith(RAW):
        raise unsupported(kind, _TAKEN)
    content_type = request.headers.get("content-type", "")
    budget = budget_of(request)
    sent = await read_as(request, lambda body: _sent(body, kind, content_type, limits, budget), budget=budget)
    if not sent.records:
        raise InputError('the body holds no picture: send a part "file", an image, or records.')
    if len(sent.records) > limits.max_images_per_request:
        raise too_many_elements(limits.max_images_per_request)
    return sent


async def read_parts(request: Request, parse: Callable[[list[Part]], T], budget: JsonBudget | None = None) -> T:
    """Read a multipart body into memory, and parse its parts, on a thread where it is large."""
    boundary, limits = boundary_of(request.headers.get("content-type", "")), state_of(request).settings.limits
    return await read_as(request, lambda body: parse(parts_in(body, boundary, limits)), budget=budget)


async def apart(request: Request, work: Callable[[], T], size: int, budget: JsonBudget | None = None) -> T:
    """Take a body apart: what is large on a thread, since everybody else would wait for it.

    Args:
        budget: Of the JSON in it; the request holds its values from then on.
    """
    made = work() if size < _LARGE_BYTES else await state_of(request).limiters.bodies.run(work)
    if budget is not None:
        held_of(request).take(_VALUE_BYTES * budget.spent)
    return made


def budget_of(request: Request) -> JsonBudget:
    """Return the values that the JSON of one request may have."""
    return JsonBudget(state_of(request).settings.limits)


def _sent(body: bytes, kind: str, content_type: str, limits: Limits, budget: JsonBudget) -> Sent:
    if kind.startswith(RAW):
        return Sent([{"_bytes": body}], is_list=False)
    if kind == MULTIPART:
        parts = _record_first(parts_in(body, boundary_of(content_type), limits))
        records = list(records_of(parts, budget))
        return Sent(records, is_list=len(records) > 1)
    most = limits.max_images_per_request
    if kind == JSON:
        return _from_json(body, budget, most)
    lines = islice(lines_in(body), most + 1)
    records = [outside_record(_parsed(line, f"line {place}", budget)) for place, line in enumerate(lines, start=1)]
    return Sent(records, is_list=True)


def parts_in(body: bytes, boundary: str, limits: Limits) -> list[Part]:
    """Split a multipart body that is in memory; a part may have as many bytes as an image."""
    most_parts = 2 * limits.max_images_per_request + _OTHER_PARTS  # fields and file of each
    return list(parts_of([body], boundary, most_part_bytes=limits.max_image_bytes, most_parts=most_parts))


def lines_in(body: bytes) -> Iterator[bytes]:
    """Return the lines of a body that hold something, one after the other."""
    position = 0
    while (found := _SOMETHING.search(body, position)) is not None:
        start = found.start()
        end = body.find(b"\n", start)
        end = len(body) if end < 0 else end
        bare = body.find(b"\r", start, end)
        position = end if bare < 0 else bare
        yield body[start:position]


def records_in(lines: Iterable[bytes | None], limits: Limits) -> Iterator[Any]:
    """Return the records of the JSON lines of a job; one that cannot be read is an error that fails alone.

    Args:
        lines: None for a line that is too long to be held.
    """
    for number, line in enumerate((line for line in lines if line is None or line.strip()), start=1):
        place = f"line {number}"
        if line is None:
            yield InputError(f"{place} has more than {most_line_bytes(limits):,} bytes.", source=place)
            continue
        try:
            yield outside_record(_parsed(line, place, JsonBudget(limits)))
        except Refusal as exc:
            yield InputError(f"{place}: {exc.message}", source=place)


def bounded_lines(stream: BinaryIO, limits: Limits) -> Iterator[bytes | None]:
    """Return the lines of a file; None for one that is too long, of which no more than a block is ever held."""
    most = most_line_bytes(limits)
    while line := stream.readline(most + 1):
        if len(line) <= most or line.endswith(b"\n"):
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(_BLOCK_BYTES)
        yield None


def most_line_bytes(limits: Limits) -> int:
    """Return the bytes of the longest line that a record needs: its picture in base64, and its fields."""
    return limits.max_image_bytes * 4 // 3 + 2 * limits.max_metadata_bytes + _BLOCK_BYTES


def is_file(part: Part) -> bool:
    """Return whether a part of a multipart body is a picture."""
    return part.name == "file" or (part.filename is not None and part.name != "record")


def records_of(parts: Iterable[Part], budget: JsonBudget) -> Iterator[Any]:
    """Return a record for each file of a multipart body. A part `record` says more of the file behind it.

    A file's id is its `_id`, else its name, else its content hash.
    """
    fields = b""
    for part in parts:
        if is_file(part):
            yield _described(part, fields, budget)
            fields = b""
        elif part.name == "record":
            fields = part.data


def files_of(parts: list[Part], *names: str) -> list[bytes]:
    """Return the files among parts; those of the names where names are given."""
    return [part.data for part in parts if (part.name in names if names else part.filename is not None)]


def _record_first(parts: list[Part]) -> list[Part]:
    """Let a part `record` stand before the only file, wherever it came."""
    records = [part for part in parts if part.name == "record"]
    files = [part for part in parts if is_file(part)]
    return [*records, *files] if len(files) == 1 else parts


def _described(part: Part, fields: bytes, budget: JsonBudget) -> Any:
    """Join a file with its fields, in the form that `Collection.add` reads."""
    name = (part.filename or "").replace("\\", "/").rsplit("/", 1)[-1]
    told = _parsed(fields, 'the part "record"', budget) if fields else {}
    if isinstance(told, LookalikeError):
        return told
    if any(key in told for key in ("_url", "_base64", "_file")):
        return InputError('a part "record" beside a file names no other picture.')
    called = {"_id": name, "_called": name} if name else {}
    return {**called, **told, "_bytes": part.data}


def _parsed(line: bytes, place: str, budget: JsonBudget) -> Any:
    """Parse an object within the budget; what is none is returned as an error, which fails alone."""
    budget.spend(line)
    return parse_line(line, place)


def _from_json(body: bytes, budget: JsonBudget, most: int) -> Sent:
    given = budget.parse(body, most_elements=most)
    if isinstance(given, list):
        return Sent([outside_record(one) for one in given], is_list=True)
    record = outside_record(given)
    if isinstance(record, LookalikeError):
        raise record
    return Sent([record], is_list=False)
