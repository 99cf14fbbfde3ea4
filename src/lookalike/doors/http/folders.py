"""Routes of folders of this machine: list and index what `serve --library` shows; and of the sample pictures."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ... import disk, refusals
from ...service.folder_jobs import FORM
from ..cli.demo import COLLECTION
from . import openapi, schema
from .bodies import JSON, read_model
from .jobs import SAMPLES, job_form
from .paths import Name
from .replies import reply
from .state import light, principal_of, request_id_of, state_of

if TYPE_CHECKING:
    from ...service.jobs import Job

router = APIRouter(prefix="/api/v1", tags=["folders"])


@router.get("/library", responses={200: {"model": schema.FolderList}, **openapi.errors(404, 422)})
async def list_folders(
    request: Request,
    path: Annotated[str, Query(description="A folder, as listed; without it, the roots.", max_length=4096)] = "",
) -> Response:
    """List the folders below one, with the pictures in each: only below those that the server was given (`--library`).

    A key needs the scope write, and to be bound to no collections.
    """
    server, principal = state_of(request), principal_of(request)
    principal.check("write")
    principal.check_unbound()
    found = await server.limiters.scan.run(lambda: server.roots.entries(path))
    folders = [
        {
            "path": one.name,
            "name": one.name.rpartition("/")[2],
            "pictures": one.pictures,
            "is_all": one.is_all,
            "has_folders": one.has_folders,
        }
        for one in found.folders
    ]
    return reply({"path": found.name, "folders": folders, "left_out": found.left_out})


@router.post(
    "/collections/{name}/index",
    status_code=202,
    responses={202: {"model": schema.JobForm}, **openapi.errors(404, 413, 415, 422)},
    openapi_extra=openapi.body({JSON: schema.FolderToIndex}),
)
async def index_folder(request: Request, name: Name) -> Response:
    """Index a folder of the server's machine as a job: new files are added, changed ones updated, moved ones followed.

    Links that lead out of what the server shows are not followed. A key needs the scope write, and to be bound to no
    collections.
    """
    server, principal = state_of(request), principal_of(request)
    principal.check("write", name)
    principal.check_unbound()
    wanted = await read_model(request, schema.FolderToIndex)

    def work() -> Job:
        server.collection(request, name, "write")
        folder = server.roots.find(wanted.folder)
        return _submit(
            request, collection=name, form=FORM, folder=folder.name, prune=wanted.prune, prune_all=wanted.prune_all
        )

    return _accepted(await light(request, work))


@router.post("/samples", status_code=202, responses={202: {"model": schema.JobForm}, **openapi.errors(409)})
async def add_samples(request: Request) -> Response:
    """Write the sample pictures into a folder of the home, and add them to the new collection `demo`, as a job.

    A key needs the scope write, and to be bound to no collections.
    """
    server, principal = state_of(request), principal_of(request)
    principal.check("write", COLLECTION)
    principal.check_unbound()

    def work() -> Job:
        server.create_collection(principal, COLLECTION)
        return _submit(request, collection=COLLECTION, form=SAMPLES)

    return _accepted(await light(request, work))


def _submit(request: Request, **told: Any) -> Job:
    """Make a job that makes its input by itself."""
    server, key = state_of(request), principal_of(request).key
    draft = server.jobs.draft()
    try:
        with refusals.reporting(draft.parent), open(draft / "input", "xb", opener=disk.open_private):
            pass
        return server.jobs.submit(draft, **told, key_id=key.id if key else None, request_id=request_id_of(request))
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _accepted(job: Job) -> Response:
    return reply(job_form(job), 202, {"Location": f"/api/v1/jobs/{job.id}"})
