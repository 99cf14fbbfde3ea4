"""The interactive documentation and the page: files of ours, nothing from outside."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import re
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, RedirectResponse
from starlette.staticfiles import StaticFiles

from . import openapi
from .replies import reply

if TYPE_CHECKING:
    from fastapi import FastAPI

PAGE = Path(__file__).parent.parent / "page"
_LEAST_COMPRESSED_BYTES = 512
router = APIRouter(include_in_schema=False)

_IMPORT_MAP = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)


def _page_policy() -> str:
    """Return the policy of the page; its import map, the one script within the markup, is allowed by its digest."""
    index = PAGE / "index.html"
    found = _IMPORT_MAP.search(index.read_text(encoding="utf-8")) if index.exists() else None
    digest = "" if found is None else base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
    scripts = f"'self' 'sha256-{digest}'" if digest else "'self'"
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "media-src 'self' blob:; manifest-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


_PAGE_POLICY = _page_policy()
# Swagger UI sets styles in the markup that it makes, and draws its icons from data: URLs.
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_DOCS = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>lookalike: the HTTP interface</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/docs/files/swagger-ui.css"></head>
<body><div id="docs"></div>
<script src="/docs/files/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body>
</html>
"""
_START = """SwaggerUIBundle({url: "/openapi.json", dom_id: "#docs", deepLinking: true, persistAuthorization: false,
  validatorUrl: null, presets: [SwaggerUIBundle.presets.apis]});
"""


@router.get("/")
async def root(request: Request) -> Response:
    """Return the page; without one, the documentation."""
    if not (PAGE / "index.html").exists():
        return RedirectResponse("/docs/")
    return FileResponse(PAGE / "index.html", headers=_headers(_PAGE_POLICY))


@router.get("/docs")
async def docs_without_slash(request: Request) -> Response:
    """Lead to the documentation."""
    return RedirectResponse("/docs/")


@router.get("/docs/")
async def docs(request: Request) -> Response:
    """Return the interactive documentation."""
    return Response(_DOCS, headers=_headers(_DOCS_POLICY), media_type="text/html")


@router.get("/docs/start.js")
async def start(request: Request) -> Response:
    """Return the script that starts the documentation."""
    return Response(_START, headers=_headers(_DOCS_POLICY), media_type="text/javascript")


@router.get("/openapi.json")
async def document(request: Request, schema: str | None = None) -> Response:
    """Return the OpenAPI document, or one schema of it: that of a search is what the page makes controls from."""
    return reply(openapi.document(request.app) if schema is None else openapi.schema_of(schema))


class _Files(StaticFiles):
    """Files with the policy of the page; a browser asks each time whether they changed."""

    def file_response(self, *args: object, **options: object) -> Response:
        """Return a file."""
        response = super().file_response(*args, **options)  # type: ignore[arg-type]
        response.headers.update(_headers(_PAGE_POLICY))
        return response


def mount(app: FastAPI) -> None:
    """Serve the files of the documentation and, where there is one, of the page."""
    app.include_router(router)
    swagger = importlib.resources.files("fastapi_offline") / "static"
    app.mount("/docs/files", _Files(directory=str(swagger)))
    if PAGE.is_dir():
        app.mount("/web", GZipMiddleware(_Files(directory=PAGE), minimum_size=_LEAST_COMPRESSED_BYTES))


def _headers(policy: str) -> dict[str, str]:
    return {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
