"""Records, answers and failures in the forms of the Ximilar dialect."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ....core.ingest.items import UPLOAD
from ....errors import InputError, LookalikeError, shown
from ....pictures import Bytes, Stored, Url
from ....service.outside import outside_picture
from ...http.replies import Refusal, json_bytes, refusal_of, reply
from ..wire import in_hundredths, score_reaching

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Scope

    from ....records import Record

_ALREADY_THERE = 211  # the code that the client's loader counts as harmless
_MOST_WANTED = 1000  # fields to return, each looked for in each record
_BAD_TOKEN = {"detail": "Invalid token."}
_STATUSES = {409: 400, 415: 400, 422: 400}  # the service knew these as 400


def answer(
    request_id: str, records: Sequence[Mapping[str, Any]], skipped: Sequence[Mapping[str, Any]] = (), **members: Any
) -> Response:
    """Return an answer: records and their number, those that were left out, if any, other members, and the status."""
    left_out = {"skipped_records": skipped} if skipped else {}
    status = {"code": 200, "text": "OK", "request_id": request_id}
    return reply({"answer_records": records, "answer_count": len(records), **members, **left_out, "status": status})


def answer_of_any_length(
    request_id: str, records: Iterable[Mapping[str, Any]], members: Callable[[], Mapping[str, Any]] = dict
) -> Iterator[bytes]:
    """Return an answer a record at a time; `members` gives the others once all records are there."""
    count = 0
    for record in records:
        yield (b"," if count else b'{"answer_records":[') + json_bytes(record)
        count += 1
    status = {"code": 200, "text": "OK", "request_id": request_id}
    rest = json_bytes({"answer_count": count, **members(), "status": status})
    yield (b"]," if count else b'{"answer_records":[],') + rest[1:]


def failure_form(refusal: Refusal, scope: Scope) -> Response:
    """Write a failure as a status object; a refused token in the words of the service."""
    if refusal.status == 401:
        return reply(_BAD_TOKEN, 401)
    code = _STATUSES.get(refusal.status, refusal.status)
    status = {"code": code, "text": refusal.message, "request_id": scope["state"]["request_id"]}
    return reply({"status": status}, code, refusal.headers)


def skipped(record: Any, code: int, text: str) -> dict[str, Any]:
    """Describe a record that was left out."""
    given = record.get("_id") if isinstance(record, Mapping) else None
    return {"_id": given, "_reason": {"status": {"code": code, "text": text}}}


def skipped_for(record: Any, error: LookalikeError) -> dict[str, Any]:
    """Describe a record that was left out for an error."""
    refusal = refusal_of(error)
    return skipped(record, _STATUSES.get(refusal.status, refusal.status), refusal.message)


def already_there(record: Any) -> dict[str, Any]:
    """Describe a record whose id is stored already, which is left as it is."""
    return skipped(record, _ALREADY_THERE, "a record with this _id is stored already. To change its image, delete it.")


def distance_of(score: float) -> float:
    """Return the distance of a score: what of it is missing, in hundredths; 0 for equal bytes, 10 ends the copies."""
    return in_hundredths(1 - score)


def score_at(radius: Any) -> float:
    """Return the score that a record has to reach within a radius."""
    if isinstance(radius, bool) or not isinstance(radius, int | float) or not 0 <= radius <= 100:
        raise InputError(f"radius={shown(radius)!r} is not a distance: pass a number from 0 to 100.")
    return score_reaching(100 - radius)


def id_of(record: Any) -> str:
    """Return the id of a record, which programs also send as a number.

    Raises:
        InputError: when there is none.
    """
    given = record.get("_id") if isinstance(record, Mapping) else None
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    if not isinstance(given, str) or not given:
        raise InputError('a record needs an "_id", a text.')
    return given


def source_of(record: Any, *, stored: bool = True) -> Stored | Url | Bytes:
    """Return the picture of a record: the one that it brings, else the stored one of its id.

    Raises:
        InputError: when there is neither.
    """
    if not isinstance(record, Mapping):
        raise InputError(f"a record is an object, not {shown(record)!r}.")
    if record.get("_base64") is not None:
        return outside_picture(record["_base64"])
    if record.get("_url") is not None:
        return outside_picture(record["_url"])
    if stored and "_id" in record:
        return Stored(id_of(record))
    also = ', or the "_id" of a stored one' if stored else ""
    raise InputError(f'a record needs an image, as "_url" or "_base64"{also}.')


def new_record(record: Any) -> Mapping[str, Any] | LookalikeError:
    """Return a record to insert in the form that `Collection.add` reads, or the error that it fails with."""
    try:
        source = source_of(record, stored=False)
        fields, tags = fields_of(record)
        given = {"_id": id_of(record)} if "_id" in record else {}
    except LookalikeError as error:
        return error
    fields |= {**given, "tags": tags or ()}
    if isinstance(source, Url):
        return {**fields, "_url": source.url}
    assert isinstance(source, Bytes)  # for it is not to be a stored one
    address = record.get("_url")
    return {**fields, "_bytes": source.data, "_name": address if isinstance(address, str) else None}


def fields_of(record: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """Return the metadata of a record and its tags (None: not given). Other names with _ are hints of the client's."""
    fields = {name: value for name, value in record.items() if not name.startswith("_") and name != "tags"}
    fields.pop("noresize", None)
    return fields, record.get("tags")


def check_fields(wanted: Any) -> None:
    """Refuse fields to return that are not a list of names, or too many.

    Raises:
        InputError: naming what is expected.
    """
    if wanted is not None and not (isinstance(wanted, list) and all(isinstance(name, str) for name in wanted)):
        raise InputError('fields_to_return is a list of names, such as ["_id", "price"], or ["*"].')
    if wanted is not None and len(wanted) > _MOST_WANTED:
        raise InputError(f'fields_to_return has {len(wanted):,} names; {_MOST_WANTED:,} may be. Pass ["*"] for all.')


def record_forms(records: Iterable[Record], wanted: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return records with the fields that were asked for; the id is always there, and alone when nothing was said."""
    names = frozenset(wanted or ())
    return [record_form(record, names) for record in records]


def record_form(record: Record, wanted: Collection[str]) -> dict[str, Any]:
    """Return a record with the fields that were asked for."""
    address = (record.source or "").removeprefix(UPLOAD)
    form = {
        "_id": record.id,
        **({"_url": address} if address.startswith(("http://", "https://")) else {}),
        **record.metadata,
        **({"tags": list(record.tags)} if record.tags else {}),
    }
    return form if "*" in wanted else {name: value for name, value in form.items() if name == "_id" or name in wanted}
