"""Routes of the review: duplicate groups a page at a time, and what people decide on them. No file is touched here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from ...answers import RelationKind
from ...core.decisions.ledger import NOTES
from ...errors import InputError, LookalikeError, NotFoundError
from ..json_lines import parse_line
from ..serialization import best_form, decision_form, record_form
from . import openapi, schema
from .bodies import JSON, JSON_LINES, budget_of, lines_in, media_type, read_as, read_model
from .paths import Name
from .replies import reply
from .state import held_of, light, principal_of, room, state_of
from .streams import streamed

if TYPE_CHECKING:
    from ...core.review.review import BestOf, Reviewed, ReviewPage
    from .json_budget import JsonBudget

router = APIRouter(prefix="/api/v1/collections/{name}", tags=["review"])

_PAGE, _LONGEST_PAGE = 100, 1000
_Threshold = Annotated[float | None, Query(description=schema.THRESHOLD)]
_Relation = Annotated[RelationKind | None, Query(description=schema.RELATION)]
_Folder = Annotated[str | None, Query(description=schema.FOLDER, max_length=4096)]


@router.get("/review", responses={200: {"model": schema.ReviewPage}, **openapi.errors(404, 422)})
async def get_review(
    request: Request,
    name: Name,
    threshold: _Threshold = None,
    show: Annotated[Literal["open", "later"], Query(description="Open groups, or those that were put off.")] = "open",
    sort: Annotated[
        Literal["size", "gain", "likeness"],
        Query(description="First the groups with the most pictures, the most bytes to gain, or the most alike."),
    ] = "size",
    relation: _Relation = None,
    folder: _Folder = None,
    limit: Annotated[int, Query(description="Groups on a page.", ge=1, le=_LONGEST_PAGE)] = _PAGE,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
) -> Response:
    """List the duplicate groups that are to be decided on, with what was decided so far.

    The groups stand while people decide; asking for the first page finds them anew.
    """

    def work() -> dict[str, Any]:
        review = state_of(request).collection(request, name, "read").review
        page = review.page(
            threshold=threshold, show=show, sort=sort, relation=relation, folder=folder, limit=limit, cursor=cursor
        )
        return _page_form(page)

    return reply(await state_of(request).limiters.long.run(work))


@router.get("/review/progress", responses={200: {"model": schema.ReviewProgress}, **openapi.errors(404, 422)})
async def get_progress(request: Request, name: Name) -> Response:
    """Return how far the work has come that another request waits for: groups are sought, or files are moved."""

    def work() -> dict[str, Any]:
        review = state_of(request).collection(request, name, "read").review
        progress = review.progress
        return {
            "work": None if progress is None else review.work,
            "done": None if progress is None else progress.done,
            "total": None if progress is None else progress.total,
        }

    return reply(await light(request, work))


@router.get("/review/best", responses={200: {"model": schema.BestOfGroups}, **openapi.errors(404, 422)})
async def preview_best(
    request: Request,
    name: Name,
    threshold: _Threshold = None,
    limit: Annotated[int, Query(description="Groups in the answer; the sums are over all.", ge=1, le=10_000)] = _PAGE,
    all_kinds: Annotated[bool, Query(description=schema.ALL_KINDS)] = False,
    relation: _Relation = None,
    folder: _Folder = None,
) -> Response:
    """Return what keeping the best of each open group would mean; nothing is decided."""

    def work() -> dict[str, Any]:
        review = state_of(request).collection(request, name, "read").review
        found = review.best_of_each(threshold=threshold, all_kinds=all_kinds, relation=relation, folder=folder)
        return _best_form(found, limit, None)

    return reply(await state_of(request).limiters.long.run(work))


@router.post(
    "/review/best",
    responses={200: {"model": schema.BestOfGroups}, **openapi.errors(404, 413, 415, 422)},
    openapi_extra=openapi.body({JSON: schema.ReviewQuery}),
)
async def keep_best(request: Request, name: Name) -> Response:
    """Keep the best of each open group, and delete the others that are certainly the same, in one batch."""
    principal_of(request).check("write", name)
    asked = await read_model(request, schema.ReviewQuery)

    def work() -> dict[str, Any]:
        collection = state_of(request).collection(request, name, "write")
        with room(request):
            found, events = collection.review.keep_best(**asked.model_dump(), within=principal_of(request).reach)
        return _best_form(found, _PAGE, events[0].batch if events else None)

    return reply(await state_of(request).limiters.long.run(work))


@router.get("/decisions", responses={200: {"model": schema.DecisionList}, **openapi.errors(404, 422)})
async def list_decisions(
    request: Request,
    name: Name,
    limit: Annotated[int, Query(description="Decisions on a page.", ge=1, le=_LONGEST_PAGE)] = _PAGE,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
) -> Response:
    """List what is decided in a collection, the newest first."""

    def work() -> dict[str, Any]:
        events = state_of(request).collection(request, name, "read").decisions.events()
        newest = [event for event in reversed(events) if event.kind not in NOTES]
        ids = [event.id for event in newest]
        if cursor is not None and cursor not in ids:
            raise InputError("the decision that the cursor names was taken back meanwhile. Begin with the first page.")
        start = 0 if cursor is None else ids.index(cursor) + 1
        page = newest[start : start + limit]
        more = start + limit < len(newest)
        told = [decision_form(event) for event in page]
        return {"decisions": told, "count": len(newest), "next": page[-1].id if more else None}

    return reply(await light(request, work))


@router.post(
    "/decisions",
    status_code=201,
    responses={201: {"model": schema.DecisionForm}, **openapi.errors(404, 413, 415, 422)},
    openapi_extra=openapi.body({JSON: schema.NewDecision}),
)
async def decide(request: Request, name: Name) -> Response:
    """Keep a decision about records; it holds for their pictures, wherever these are found again."""
    principal_of(request).check("write", name)
    told = await read_model(request, schema.NewDecision)

    def work() -> dict[str, Any]:
        decisions = state_of(request).collection(request, name, "write").decisions
        with room(request):
            return decision_form(decisions.decide(told.decision, told.ids, beside=told.beside, batch=told.batch))

    return reply(await light(request, work), 201)


@router.delete("/decisions/{decision}", responses={200: {"model": schema.Undone}, **openapi.errors(404, 409, 422)})
async def undo(request: Request, name: Name, decision: str) -> Response:
    """Take a decision back, by its own id or by that of its batch."""

    def work() -> dict[str, Any]:
        undone = state_of(request).collection(request, name, "write").decisions.undo([decision])
        if not undone:
            raise NotFoundError(f'decision "{decision[:80]}" was taken back already.')
        return {"undone": [decision_form(event) for event in undone]}

    return reply(await light(request, work))


@router.get("/ledger", responses={200: {"content": {"application/x-ndjson": {}}}, **openapi.errors(404, 422)})
async def export_ledger(request: Request, name: Name) -> Response:
    """Return all events of a collection's decisions as JSON lines, for another home to merge."""

    def work() -> Iterator[bytes]:
        state_of(request).collection(request, name, "read")
        lines = state_of(request).library.ledger.lines(name)
        return (json.dumps(line).encode() + b"\n" for line in lines)

    return await streamed(state_of(request).limiters.scan, work, JSON_LINES[0])


@router.post(
    "/ledger",
    responses={200: {"model": schema.Merged}, **openapi.errors(404, 413, 415, 422)},
    openapi_extra=openapi.body(
        {JSON: schema.Events, JSON_LINES[0]: {"type": "string", "description": "An event a line."}}
    ),
)
async def merge_ledger(request: Request, name: Name) -> Response:
    """Add the events that another home exported for a collection of this name; all of them or none."""
    principal_of(request).check("write", name)
    if media_type(request) in JSON_LINES:
        budget = budget_of(request)
        events = await read_as(request, lambda body: _events_in(body, budget), budget=budget)
    else:
        events = (await read_model(request, schema.Events)).events

    def work() -> dict[str, Any]:
        state_of(request).collection(request, name, "write")
        for event in events:
            _check_event(event, name)
        server, reach = state_of(request), principal_of(request).reach
        with room(request, stored_bytes=held_of(request).bytes):
            added = server.library.ledger.merge(events, within=reach, limits=server.settings.limits)
        return {"added": added, "read": len(events)}

    return reply(await light(request, work))


def _events_in(body: bytes, budget: JsonBudget) -> list[Any]:
    """Parse events of JSON lines."""
    budget.spend(body)
    return [parse_line(line, f"line {place}") for place, line in enumerate(lines_in(body), start=1)]


def _check_event(event: Any, name: str) -> None:
    if isinstance(event, LookalikeError):
        raise event
    if event.get("collection") != name:
        raise InputError(f'there is a decision of another collection. Only those of "{name}" are merged here.')


def _page_form(page: ReviewPage) -> dict[str, Any]:
    return {
        "groups": [
            {"members": [_member_form(member) for member in group.members], "gain_bytes": group.gain_bytes}
            for group in page.groups
        ],
        "open": page.open_count,
        "later": page.later_count,
        "matching": page.matching_count,
        "decided": page.decided_count,
        "gain_bytes": page.gain_bytes,
        "relations": dict(page.relations),
        "folders": dict(page.folders),
        "next": page.next,
    }


def _member_form(member: Reviewed) -> dict[str, Any]:
    return {
        **record_form(member.record),
        "score": member.score,
        "relation": member.relation,
        "confidence": member.confidence,
        "decision": member.decision,
        "taken": member.record.facts.taken,
        "changed_at": member.changed_at,
    }


def _best_form(found: tuple[BestOf, ...], limit: int, batch: str | None) -> dict[str, Any]:
    return {**best_form(found), "groups": best_form(found[:limit])["groups"], "batch": batch}
