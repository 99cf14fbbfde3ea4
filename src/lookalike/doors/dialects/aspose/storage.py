"""The storage of the Aspose dialect: files and folders, which images are indexed from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import FileResponse

from ...http.paths import Name
from ...http.state import light, state_of
from ..wire import refused
from . import replies
from .requests import STORAGES, check_storage, files_for, first_file, image_id_in

router = APIRouter(prefix="/storage")


@router.put("/file/copy/{path:path}")
async def copy_file(request: Request, path: Name) -> Response:
    """Copy a file."""
    return await _to_target(request, path, "file", move=False)


@router.put("/file/move/{path:path}")
async def move_file(request: Request, path: Name) -> Response:
    """Move a file."""
    return await _to_target(request, path, "file", move=True)


@router.put("/folder/copy/{path:path}")
async def copy_folder(request: Request, path: Name) -> Response:
    """Copy a folder."""
    return await _to_target(request, path, "folder", move=False)


@router.put("/folder/move/{path:path}")
async def move_folder(request: Request, path: Name) -> Response:
    """Move a folder."""
    return await _to_target(request, path, "folder", move=True)


@router.put("/file/{path:path}")
@router.post("/file/{path:path}")
async def upload_file(request: Request, path: Name) -> Response:
    """Write a file; a path that ends with a slash takes the name that was sent."""
    part = await first_file(request, "file")
    if part is None:
        raise refused("no file: send one as multipart or as the body.")
    target = f"{path}{part.filename or ''}" if path.endswith(("/", "\\")) else path
    await _changing(request, lambda: files_for(request, "write").write(target, part.data))
    name = target.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    return replies.answer(request, {"uploaded": [name], "errors": []})


@router.get("/file/{path:path}")
async def download_file(request: Request, path: Name) -> Response:
    """Return the bytes of a file, piece by piece."""
    place = await _changing(request, lambda: files_for(request, "read").place(path))
    return FileResponse(place, media_type="application/octet-stream")


@router.delete("/file/{path:path}")
async def delete_file(request: Request, path: Name) -> Response:
    """Remove a file."""
    await _changing(request, lambda: _of_kind(request, path, "file").remove(path))
    return replies.answer(request)


@router.get("/folder")
async def list_root(request: Request) -> Response:
    """List what is at the top."""
    return await list_files(request, "")


@router.get("/folder/{path:path}")
async def list_files(request: Request, path: Name) -> Response:
    """List what is in a folder."""
    entries = await _changing(request, lambda: files_for(request, "read").entries(path))
    return replies.answer(request, {"value": [replies.file_form(entry) for entry in entries]})


@router.put("/folder/{path:path}")
async def create_folder(request: Request, path: Name) -> Response:
    """Make a folder."""
    await _changing(request, lambda: files_for(request, "write").make_folder(path))
    return replies.answer(request)


@router.delete("/folder/{path:path}")
async def delete_folder(request: Request, path: Name) -> Response:
    """Remove a folder; one that holds something only with `recursive`."""
    recursive = request.query_params.get("recursive", "").lower() == "true"
    await _changing(request, lambda: _of_kind(request, path, "folder").remove(path, recursive=recursive), is_long=True)
    return replies.answer(request)


@router.get("/exist/{path:path}")
async def object_exists(request: Request, path: Name) -> Response:
    """Return whether there is something at a path."""
    kind = await _changing(request, lambda: files_for(request, "read").kind(path))
    return replies.answer(request, {"exists": kind is not None, "isFolder": kind == "folder"})


@router.get("/disc")
async def get_usage(request: Request) -> Response:
    """Return how much room there is."""
    used, total = await _changing(request, lambda: files_for(request, "read").usage())
    return replies.answer(request, {"usedSize": used, "totalSize": total})


@router.get("/version/{path:path}")
async def list_versions(request: Request, path: Name) -> Response:
    """List the versions of a file: there is one."""
    entry = await _changing(request, lambda: files_for(request, "read").entry(path))
    return replies.answer(request, {"value": [{**replies.file_form(entry), "versionId": "1", "isLatest": True}]})


@router.get("/{name}/exist")
async def storage_exists(request: Request, name: Name) -> Response:
    """Return whether there is a storage of a name."""
    return replies.answer(request, {"exists": name in STORAGES})


async def _changing(request: Request, work: Callable[[], Any], *, is_long: bool = False) -> Any:
    """Do work on the files; what goes over a whole folder takes long."""
    check_storage(request, "storageName", "srcStorageName", "destStorageName")
    return await (state_of(request).limiters.long.run(work) if is_long else light(request, work))


async def _to_target(request: Request, path: str, kind: str, *, move: bool) -> Response:
    target = image_id_in(request, "destPath")

    def work() -> None:
        files = _of_kind(request, path, kind)
        (files.move if move else files.copy)(path, target)

    await _changing(request, work, is_long=kind == "folder")
    return replies.answer(request)


def _of_kind(request: Request, path: str, kind: str) -> Any:
    """Return the files, where there is one of this kind at a path."""
    files = files_for(request, "write")
    if files.kind(path) != kind:
        files.entry(path)  # says that there is nothing
        raise refused(f'"{path[:80]}" is no {kind}.')
    return files
