"""Routes that move marked files to the trash and restore them.

This is all that ever touches a file that is not of the home. It is for the page of a server that only this machine
reaches, for files below folders that were named when it was started, and for callers that speak for the whole home.
"""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ...core.removal.plan import freed_by, removals
from ...core.removal.script import script
from ...core.review.review import changed_at
from ...errors import MoveRefusedError
from ..serialization import applied_form, decision_form, record_form
from . import openapi, schema
from .bodies import JSON, read_model
from .middleware import home_for, is_loopback, is_near, is_of_own_page, speaks_for_all
from .paths import Name
from .replies import reply
from .state import ServerState, light, principal_of, room, state_of

if TYPE_CHECKING:
    from ...core.collection import Collection
    from ...core.removal.applying import Applied
    from ...core.removal.plan import Removal
    from ...core.removal.trash import Run

router = APIRouter(prefix="/api/v1/collections/{name}/review", tags=["review"])

_PAGE, _LONGEST_PAGE = 100, 1000
_SCRIPT = "application/x-sh"


@router.get("/marked", responses={200: {"model": schema.Marked}, **openapi.errors(404, 422)})
async def get_marked(
    request: Request,
    name: Name,
    limit: Annotated[int, Query(description="Pictures on a page.", ge=1, le=_LONGEST_PAGE)] = _PAGE,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
) -> Response:
    """List the pictures that are marked to go, by id, and where their files may go."""

    def work() -> dict[str, Any]:
        server = state_of(request)
        collection = server.collection(request, name, "read")
        refusal = _refusal(request)
        others = server.others(request, name)
        found = removals(collection, others) if refusal else server.trash.removals(collection, others=others)
        ready = [one for one in found if one.obstacle is None]
        behind = [one for one in found if cursor is None or one.record.id > cursor]
        page = behind[:limit]
        return {
            "marked": [_marked_form(one) for one in page],
            "count": len(found),
            "ready": len(ready),
            "bytes": freed_by(ready),
            "next": page[-1].record.id if len(behind) > limit else None,
            "may_move": refusal is None,
            "reason": refusal,
            "folder": None if refusal else str(server.trash.folder),
            "command": _command(request, name),
            "runs": [_run_form(one) for one in server.trash.runs(collection)] if speaks_for_all(request) else [],
        }

    return reply(await state_of(request).limiters.scan.run(work))


@router.get("/script", responses={200: {"content": {_SCRIPT: {}}}, **openapi.errors(404, 422)})
async def get_script(request: Request, name: Name) -> Response:
    """Return a shell script that moves the marked files into a folder, for people to read and run."""

    def work() -> bytes:
        server = state_of(request)
        found = removals(server.collection(request, name, "read"), server.others(request, name))
        return script([one for one in found if one.obstacle is None]).encode(errors="surrogateescape")

    told = await state_of(request).limiters.scan.run(work)
    return Response(told, 200, {"Content-Disposition": 'attachment; filename="move-marked.sh"'}, _SCRIPT)


@router.post(
    "/unmark",
    responses={200: {"model": schema.Undone}, **openapi.errors(404, 409, 413, 415, 422)},
    openapi_extra=openapi.body({JSON: schema.Unmarked}),
)
async def unmark(request: Request, name: Name) -> Response:
    """Take back what was decided on some pictures alone; what the same decisions say of others stands."""
    principal_of(request).check("write", name)
    asked = await read_model(request, schema.Unmarked)

    def work() -> dict[str, Any]:
        collection = state_of(request).collection(request, name, "write")
        with room(request):
            return {"undone": [decision_form(one) for one in collection.decisions.reopen(asked.ids)]}

    return reply(await light(request, work))


@router.post(
    "/apply",
    responses={200: {"model": schema.Moved}, **openapi.errors(404, 413, 415, 422)},
    openapi_extra=openapi.body({JSON: schema.Move}),
)
async def apply(request: Request, name: Name) -> Response:
    """Move the marked files into a folder of the home's trash, and their records out of the collection.

    Only for the page of a server on this machine that was started with `--may-move`, and a caller without a key where
    none exists, or an admin that is bound to no collection. A file that may not go stays, with the reason.
    """
    principal_of(request).check("write", name)
    asked = await read_model(request, schema.Move)
    _check_may_move(request)

    def work() -> dict[str, Any]:
        server = state_of(request)
        collection = server.collection(request, name, "write")
        found = server.trash.removals(collection, asked.ids, server.others(request, name))
        with collection.review.telling("moving") as tell:
            return _moved_form(
                server, collection, server.trash.apply(collection, found, datetime.now(UTC), on_progress=tell)
            )

    return reply(await state_of(request).limiters.long.run(work))


@router.post(
    "/undo-apply",
    responses={200: {"model": schema.Moved}, **openapi.errors(404, 413, 415, 422)},
    openapi_extra=openapi.body({JSON: schema.MoveBack}),
)
async def undo_apply(request: Request, name: Name) -> Response:
    """Bring the files that were moved together back to where they were, with their records; nothing is overwritten."""
    principal_of(request).check("write", name)
    asked = await read_model(request, schema.MoveBack)
    _check_may_move(request)

    def work() -> dict[str, Any]:
        server = state_of(request)
        collection = server.collection(request, name, "write")
        with collection.review.telling("restoring") as tell:
            return _moved_form(server, collection, server.trash.restore(collection, asked.batch, on_progress=tell))

    return reply(await state_of(request).limiters.long.run(work))


def _check_may_move(request: Request) -> None:
    """Refuse a caller who may not move files.

    Raises:
        MoveRefusedError: with the reason.
    """
    refusal = _refusal(request)
    if refusal is None and not is_of_own_page(request.scope):
        refusal = "files are moved only from the page of this server: open it in a browser of this machine."
    if refusal is not None:
        raise MoveRefusedError(f"{refusal} The command does the same: {_command(request, request.path_params['name'])}")


def _refusal(request: Request) -> str | None:
    """Return why no file is moved for this caller; None where the page may."""
    serving, key = state_of(request).settings.serving, principal_of(request).key
    if not serving.may_move:
        return "this server was started without a folder whose files it may move (lookalike serve --may-move FOLDER)."
    if not is_loopback(serving.host):
        return "this server is open to other machines: files are moved only by one that this machine alone reaches."
    if not is_near(request.scope):
        return "files are moved only for who sits at the machine of the server."
    if key is not None and (key.collections or not key.may("admin")):
        return f'key "{key.name}" may not move files: that is for an admin whose key is bound to no collection.'
    return None


def _command(request: Request, name: str) -> str:
    """Write the command that moves the files; only a caller who may see the whole home learns where it lies."""
    home = home_for(request)
    words = ["lookalike", "decisions", "apply", "--collection", name, *(["--home", home] if home else [])]
    return f"{shlex.join(words)} --trash ~/lookalike-trash"


def _marked_form(one: Removal) -> dict[str, Any]:
    obstacle = one.obstacle
    return {
        **record_form(one.record),
        "taken": one.record.facts.taken,
        "changed_at": changed_at(one.record),
        "decision": one.event.id,
        "kept": None if one.kept is None else one.kept.id,
        "freed_bytes": one.freed_bytes,
        "obstacle": None if obstacle is None else {"code": obstacle.code, "message": obstacle.message},
    }


def _run_form(run: Run) -> dict[str, Any]:
    return {"batch": run.batch, "at": run.at, "files": run.files, "bytes": run.bytes, "folder": str(run.folder)}


def _moved_form(server: ServerState, collection: Collection, applied: Applied) -> dict[str, Any]:
    return {**applied_form(applied), "runs": [_run_form(one) for one in server.trash.runs(collection)]}
