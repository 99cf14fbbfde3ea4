"""Every route does its work inside a bounded lane: the routes are read from the app, and each is asked once here."""

from __future__ import annotations

import base64
import json
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from serving import API, jpeg
from test_fetch import reply as answer_with
from test_fetch import serving

from lookalike.core.library import Library
from lookalike.doors.http.app import bare_app
from lookalike.doors.http.jobs import JobInputs
from lookalike.doors.http.limiters import Limiter
from lookalike.doors.http.middleware import Middleware
from lookalike.doors.http.pool import WorkerPool
from lookalike.doors.http.state import ServerState
from lookalike.doors.http.streams import streamed
from lookalike.errors import BusyError
from lookalike.service.jobs import Jobs
from lookalike.service.keys import Keys
from lookalike.settings import load_settings

SIZE = (96, 72)
LINES = {"content-type": "application/x-ndjson"}
NO_WORK = {  # they look at what is in memory, and at most at one small file
    "http.access": ("list_keys", "get_session", "open_session", "close_session"),
    "http.health": ("healthz", "readyz"),
    "http.documents": ("root", "docs_without_slash", "docs", "start", "document"),
    "dialects.aspose": ("create_token",),
    "dialects.aspose.storage": ("storage_exists",),
    "dialects.ximilar": ("authorize", "training", "text_search"),
}


def routes() -> set[str]:
    """Return all routes of the app, by the functions behind them."""

    def below(found: Any) -> Iterator[str]:
        for route in found:
            if hasattr(route, "original_router"):
                yield from below(route.original_router.routes)
            elif getattr(route, "methods", None):
                yield f"{route.endpoint.__module__.removeprefix('lookalike.doors.')}.{route.endpoint.__qualname__}"

    return set(below(bare_app().routes))


class Watched:
    """A thing of the core that notes the threads on which it works, however late: what it gives is watched as well."""

    def __init__(self, thing: Any, note: Callable[[str], None]) -> None:
        self._thing, self._note = thing, note

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._thing, name)
        if not callable(value):
            return self._watched(value)

        def called(*arguments: Any, **options: Any) -> Any:
            self._note(name)
            return self._watched(value(*arguments, **options))

        return called

    def __len__(self) -> int:
        self._note("len")
        return len(self._thing)

    def __contains__(self, one: object) -> bool:
        self._note("in")
        return one in self._thing

    def _watched(self, value: Any) -> Any:
        if isinstance(value, Iterator):
            return self._steps(value)
        is_ours = type(value).__module__.startswith("lookalike.core") and type(value).__name__ in (
            *("Collection", "Graph", "Review", "Decisions", "Ledger"),
        )
        return Watched(value, self._note) if is_ours else value

    def _steps(self, values: Iterator[Any]) -> Iterator[Any]:
        for value in values:
            self._note("next")
            yield value


class Asked:
    """An application whose library is watched."""

    def __init__(self, home: Path) -> None:
        self.folder = home.parent / "pictures"
        self.folder.mkdir()
        told = {"WORKERS": "1", "ALLOW_PRIVATE_URLS": "1", "LIBRARY": str(home.parent), "MAY_MOVE": str(self.folder)}
        environment = {f"LOOKALIKE_{name}": value for name, value in told.items()}
        settings = load_settings(home=home, environment=environment, serving=True)
        self.touched: list[tuple[str, str]] = []  # thread, and what was asked of the core there
        pool = WorkerPool(settings)
        library = Library(settings, pool)
        self.server = ServerState(settings, Watched(library, self._note), pool, Keys(home))  # type: ignore[arg-type]
        self.server.jobs = Jobs(home, library.collection, JobInputs(self.server), roots=self.server.roots)
        self.server.jobs.start()
        self.server.is_ready = True
        self._library, self._pool = library, pool
        self._app = Middleware(bare_app(self.server), self.server)
        self.seen: set[str] = set()
        self.wrong: dict[str, set[tuple[str, str]]] = {}
        self.idle: set[str] = set()

    def _note(self, what: str) -> None:
        self.touched.append((threading.current_thread().name, what))

    def close(self) -> None:
        self.server.jobs.stop()
        for limiter in self.server.limiters.all():
            limiter.close()
        self._library.close()
        self._pool.close()

    def mark_file(self, name: str) -> None:
        """Put a file into a collection that is marked to go."""
        path = self.folder / "file.jpg"
        path.write_bytes(jpeg(5, SIZE))
        collection = self._library.collection(name)
        collection.add(path, id="file")
        collection.decisions.decide("delete", ["file"])

    def __call__(self, name: str, method: str, path: str, **options: Any) -> Any:
        """Ask a route, and note where it worked."""
        self.touched.clear()
        before = self._done()
        answer = anyio.run(self._ask, method, path, options)
        is_well = answer.status_code < 400 or "not offered" in answer.text or name == "dialects.aspose.create_token"
        assert is_well, (name, answer.text)
        self.seen.add(name)
        limiters = tuple(f"{limiter.name}_" for limiter in self.server.limiters.all())
        outside = {(thread, what) for thread, what in self.touched if not thread.startswith((*limiters, "jobs"))}
        if outside:
            self.wrong[name] = outside
        if self._done() == before:
            self.idle.add(name)
        return answer

    def _done(self) -> int:
        return sum(limiter.done for limiter in self.server.limiters.all())

    async def _ask(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:
            return await client.request(method, path, **options)


def ask_all(asked: Asked) -> None:
    """Ask every route once, in an order in which each finds something to do."""
    shelf, records = f"{API}/collections/c", f"{API}/collections/c/records"
    picture = {"file": ("a.jpg", jpeg(1, SIZE), "image/jpeg")}
    text = base64.b64encode(jpeg(2, SIZE)).decode()

    def server(name: str, method: str, path: str, **options: Any) -> Any:
        return asked(f"http.{name}", method, path, **options)

    server("collections.create_collection", "POST", f"{API}/collections", json={"name": "c"})
    server("collections.create_collection", "POST", f"{API}/collections", json={"name": "gone"})
    server("collections.list_collections", "GET", f"{API}/collections")
    server("collections.get_collection", "GET", shelf)
    server("collections.change_collection", "PATCH", shelf, json={"title": "C"})
    for seed in (1, 2, 3):
        sent = {"content": jpeg(seed, SIZE), "headers": {"content-type": "image/jpeg"}}
        server("records.add_records", "POST", f"{records}?id={seed}", **sent)
    server("records.add_records", "POST", f"{records}?id=copy", **{**sent, "content": jpeg(1, SIZE)})
    server("records.list_records", "GET", records)
    server("records.list_records", "GET", f"{records}?sample=2")
    server("records.get_record", "GET", f"{records}/1")
    server("records.get_thumbnail", "GET", f"{records}/1/thumbnail")
    server("collections.create_collection", "POST", f"{API}/collections", json={"name": "kept", "keep": "original"})
    server("records.add_records", "POST", f"{API}/collections/kept/records?id=1", files=picture)
    server("records.get_original", "GET", f"{API}/collections/kept/records/1/original")
    server("records.change_record", "PATCH", f"{records}/1", json={"metadata": {"price": 3}})
    server("records.change_records", "PATCH", records, json={"ids": ["1"], "more_tags": ["a"]})
    server("overviews.export_records", "POST", f"{shelf}/export", json={"format": "zip", "filter": {}})
    server("records.delete_record", "DELETE", f"{records}/3")
    for path in (f"{shelf}/search", f"{shelf}/histogram"):
        name = "queries.search" if path.endswith("search") else "overviews.get_histogram"
        server(name, "POST", path, json={"source": "id:1"})
        server(name, "POST", path, files=picture)
    server("queries.compare", "POST", f"{API}/compare", json={"a": text, "b": text})
    server("queries.compare_stored", "POST", f"{shelf}/compare", json={"a": "id:1", "b": text})
    server("queries.get_duplicates", "GET", f"{shelf}/duplicates")
    server("queries.find_duplicates", "POST", f"{shelf}/duplicates", json={})
    server("queries.get_clusters", "GET", f"{shelf}/clusters")
    server("queries.get_graph", "GET", f"{shelf}/graph")
    server("overviews.get_facets", "GET", f"{shelf}/facets")
    server("decisions.get_review", "GET", f"{shelf}/review")
    server("decisions.get_progress", "GET", f"{shelf}/review/progress")
    server("decisions.preview_best", "GET", f"{shelf}/review/best")
    decision = {"decision": "delete", "ids": ["copy"], "beside": ["1"]}
    made = server("decisions.decide", "POST", f"{shelf}/decisions", json=decision).json()
    server("decisions.list_decisions", "GET", f"{shelf}/decisions")
    server("removal.get_marked", "GET", f"{shelf}/review/marked")
    server("removal.get_script", "GET", f"{shelf}/review/script")
    asked.mark_file("c")
    ours = {"json": {}, "headers": {"origin": "http://localhost"}}
    assert server("removal.apply", "POST", f"{shelf}/review/apply", **ours).json()["moved"]
    assert server("removal.undo_apply", "POST", f"{shelf}/review/undo-apply", **ours).json()["moved"]
    server("removal.unmark", "POST", f"{shelf}/review/unmark", json={"ids": ["file"]})
    lines = server("decisions.export_ledger", "GET", f"{shelf}/ledger").content
    server("decisions.undo", "DELETE", f"{shelf}/decisions/{made['id']}")
    server("decisions.merge_ledger", "POST", f"{shelf}/ledger", content=lines, headers=LINES)
    server("decisions.keep_best", "POST", f"{shelf}/review/best", json={})
    line = json.dumps({"_id": "j", "_base64": text})
    job = server("records.add_records", "POST", f"{records}?job=true", content=line, headers=LINES).json()["id"]
    server("jobs.follow_job", "GET", f"{API}/jobs/{job}/events")
    server("jobs.list_jobs", "GET", f"{API}/jobs")
    server("jobs.get_job", "GET", f"{API}/jobs/{job}")
    server("jobs.get_outcomes", "GET", f"{API}/jobs/{job}/outcomes")
    server("jobs.cancel_job", "DELETE", f"{API}/jobs/{job}")
    shown = server("folders.list_folders", "GET", f"{API}/library").json()["folders"][0]["path"]
    server("folders.index_folder", "POST", f"{shelf}/index", json={"folder": shown})
    drawn = server("folders.add_samples", "POST", f"{API}/samples").json()["id"]
    asked.server.jobs.cancel(drawn)
    server("collections.compact_collection", "POST", f"{shelf}/compact")
    server("collections.delete_collection", "DELETE", f"{API}/collections/gone")
    server("access.get_session", "GET", f"{API}/session")
    for name, path in (("healthz", "/healthz"), ("readyz", "/readyz"), ("metrics", "/metrics")):
        server(f"health.{name}", "GET", path)
    pages = {"root": "/", "docs_without_slash": "/docs", "docs": "/docs/", "start": "/docs/start.js"}
    for name, path in {**pages, "document": "/openapi.json"}.items():
        server(f"documents.{name}", "GET", path)
    ask_aspose(asked)
    ask_watson(asked)
    ask_ximilar(asked, text)
    asked("dialects.imagecompare.compare", "POST", "/compare", json={"image_a": text, "image_b": text})
    ask_keys(asked)


def ask_aspose(asked: Asked) -> None:
    searches, storage = "/v3.0/imaging/ai/imageSearch", "/v3.0/imaging/storage"

    def context(name: str, method: str, path: str, **options: Any) -> Any:
        return asked(f"dialects.aspose.contexts.{name}", method, path, **options)

    def search(name: str, method: str, path: str, **options: Any) -> Any:
        return asked(f"dialects.aspose.searches.{name}", method, path, **options)

    def file(name: str, method: str, path: str, **options: Any) -> Any:
        return asked(f"dialects.aspose.storage.{name}", method, f"{storage}/{path}", **options)

    asked("dialects.aspose.create_token", "POST", "/oauth2/token", content="client_id=x&client_secret=y")
    file("upload_file", "PUT", "file/a/0.jpg", content=jpeg(1, SIZE))
    file("create_folder", "PUT", "folder/b/c")
    for kind, source in (("file", "a/0.jpg"), ("folder", "a")):
        for verb in ("copy", "move"):
            file(f"{verb}_{kind}", "PUT", f"{kind}/{verb}/{source}", params={"destPath": f"{verb}-{kind}/{source}"})
    file("download_file", "GET", "file/copy-file/a/0.jpg")
    file("list_root", "GET", "folder")
    file("list_files", "GET", "folder/copy-folder")
    file("object_exists", "GET", "exist/copy-folder")
    file("get_usage", "GET", "disc")
    file("list_versions", "GET", "version/copy-file/a/0.jpg")
    file("storage_exists", "GET", "First%20Storage/exist")
    file("delete_file", "DELETE", "file/copy-file/a/0.jpg")
    here = f"{searches}/{context('create', 'POST', f'{searches}/create').json()['Id']}"
    context("get_status", "GET", f"{here}/status")
    context("create_features", "POST", f"{here}/features?imageId=x", content=jpeg(1, SIZE))
    context("create_features", "POST", f"{here}/features?imagesFolder=copy-folder")
    context("get_features", "GET", f"{here}/features?imageId=x")
    context("update_features", "PUT", f"{here}/features?imageId=x", content=jpeg(2, SIZE))
    context("extract_features", "GET", f"{here}/image2features?imageId=x")
    with serving(lambda handler: answer_with(handler, b"<p>no picture</p>")) as (address, _):
        context("create_web_features", "POST", f"{here}/features/web", params={"imagesSource": f"{address}/page.html"})
    context("put_image", "POST", f"{here}/image?imageId=y.jpg", content=jpeg(3, SIZE))
    context("get_image", "GET", f"{here}/image?imageId=y.jpg")
    search("find_similar", "POST", f"{here}/findSimilar?imageId=x")
    search("find_similar", "POST", f"{here}/findSimilar", content=jpeg(2, SIZE))
    search("find_duplicates", "GET", f"{here}/findDuplicates")
    search("compare", "POST", f"{here}/compare?imageId1=x&imageId2=y.jpg")
    search("add_tag", "POST", f"{here}/addTag?tagName=t", content=jpeg(1, SIZE))
    search("find_by_tags", "POST", f"{here}/findByTags", content=json.dumps(["t"] * 500))
    context("delete_image", "DELETE", f"{here}/image?imageId=y.jpg")
    context("delete_features", "DELETE", f"{here}/features?imageId=x")
    context("delete", "DELETE", here)
    file("delete_folder", "DELETE", "folder/copy-folder?recursive=true")


def ask_watson(asked: Asked) -> None:
    base = "/visual-recognition/api/v3/collections"

    def ask(name: str, method: str, path: str, **options: Any) -> Any:
        return asked(f"dialects.watson.{name}", method, path, **options)

    picture = {"image_file": ("a.jpg", jpeg(1, SIZE), "image/jpeg")}
    here = f"{base}/{ask('create_collection', 'POST', base, files={'name': (None, 'w')}).json()['collection_id']}"
    ask("list_collections", "GET", base)
    ask("get_collection", "GET", here)
    [image] = ask("add_image", "POST", f"{here}/images", files=picture).json()["images"]
    one = f"{here}/images/{image['image_id']}"
    ask("list_images", "GET", f"{here}/images")
    ask("get_image", "GET", one)
    ask("put_metadata", "PUT", f"{one}/metadata", files={"metadata": ("m.json", b'{"a": 1}', "application/json")})
    ask("get_metadata", "GET", f"{one}/metadata")
    ask("delete_metadata", "DELETE", f"{one}/metadata")
    ask("find_similar", "POST", f"{here}/find_similar", files=picture)
    ask("delete_image", "DELETE", one)
    ask("delete_collection", "DELETE", here)


def ask_ximilar(asked: Asked, text: str) -> None:
    def ask(module: str, name: str, path: str, **body: Any) -> Any:
        return asked(f"dialects.ximilar{module}.{name}", "POST", path, json=body, headers={"collection-id": "x"})

    here = "/similarity/photos/v2"
    sent = [{"_id": str(n), "_base64": text, "tags": ["a"]} for n in range(3)]
    ask(".records", "insert", f"{here}/insert", records=sent)
    for name, path in {"ping": "ping", "all_records": "allRecords", "all_ids": "allIDs", "random": "random"}.items():
        ask(".records", name, f"{here}/{path}")
    ask(".records", "all_records", f"{here}/allRecords?size=2")
    ask(".records", "get", f"{here}/get", records=[{"_id": "1"}])
    ask(".records", "update", f"{here}/update", records=[{"_id": "1", "price": 3}])
    questions = {"visual_knn": "visualKNN", "visual_tags_knn": "visualTagsKNN", "near_duplicates": "nearDuplicates"}
    for name, path in questions.items():
        ask(".searches", name, f"{here}/{path}", query_record={"_id": "1"})
        ask(".searches", name, f"{here}/{path}", query_record={"_base64": text})
    ask(".searches", "visual_range", f"{here}/visualRange", query_record={"_id": "1"}, radius=50)
    ask(".searches", "visual_rank_records", f"{here}/visualRankRecords", query_record={"_id": "1"}, records=sent)
    ask(".searches", "descriptor", f"{here}/descriptor", records=sent)
    for name in ("rank_images", "remove_duplicates", "visual_hash"):
        ask(".searches", name, f"/image_matching/v2/{name}", query_record={"_base64": text}, records=sent)
    ask(".records", "delete", f"{here}/delete", records=[{"_id": "1"}])
    ask("", "authorize", "/authorization/v2/authorize")
    ask("", "training", "/similarity/training/v2/task")
    ask("", "text_search", "/photo/text/v2/search")


def ask_keys(asked: Asked) -> None:
    """Make keys, at the end: from the first on everybody needs one."""

    def ask(name: str, method: str, path: str, **options: Any) -> Any:
        return asked(f"http.access.{name}", method, path, **options)

    first = ask("create_key", "POST", f"{API}/keys", json={"name": "k", "scope": "admin"}).json()
    ours = {"headers": {"Authorization": f"Bearer {first['key']}"}}
    second = ask("create_key", "POST", f"{API}/keys", json={"name": "l"}, **ours).json()
    ask("list_keys", "GET", f"{API}/keys", **ours)
    ask("open_session", "POST", f"{API}/session", **ours)
    ask("close_session", "DELETE", f"{API}/session", **ours)
    ask("rotate_key", "POST", f"{API}/keys/{second['id']}/rotate", **ours)
    ask("revoke_key", "DELETE", f"{API}/keys/{second['id']}", **ours)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    made = Asked(tmp_path_factory.mktemp("lanes") / "home")
    try:
        ask_all(made)
        yield made
    finally:
        made.close()


def test_every_route_is_asked(asked):
    assert asked.seen == routes()


def test_no_route_touches_the_core_outside_a_lane(asked):
    assert asked.wrong == {}


def test_every_route_with_work_takes_a_lane(asked):
    assert asked.idle == {f"{module}.{name}" for module, names in NO_WORK.items() for name in names}


def test_every_lane_is_bounded(asked):
    async def overrun(limiter: Any) -> int:
        ends = threading.Event()
        refused = 0
        async with anyio.create_task_group() as group:

            async def run() -> None:
                nonlocal refused
                try:
                    await limiter.run(lambda: ends.wait(20))
                except BusyError:
                    refused += 1
                    ends.set()

            for _ in range(300):
                group.start_soon(run)
        return refused

    for limiter in asked.server.limiters.all():
        assert anyio.run(overrun, limiter) > 0


def test_a_long_answer_takes_no_memory_however_slow_its_reader():
    async def ask() -> tuple[int, int]:
        limiter = Limiter("test", threads=1, waiting=0)
        tracemalloc.start()
        answer = await streamed(limiter, lambda: (b"x" * 1_000_000 for _ in range(100)), "text/plain")
        assert limiter.under_way == 0  # before anything is read
        size = sum([len(chunk) async for chunk in answer.body_iterator])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        limiter.close()
        return size, peak

    size, peak = anyio.run(ask)
    assert size == 100_000_000
    assert peak < 10_000_000


def test_what_fails_while_an_answer_is_made_is_an_error_and_no_broken_answer():
    def pieces() -> Iterator[bytes]:
        yield b"begun"
        raise BusyError("in the middle")

    async def ask() -> None:
        limiter = Limiter("test", threads=1, waiting=0)
        try:
            await streamed(limiter, pieces, "text/plain")
        finally:
            limiter.close()

    with pytest.raises(BusyError, match="in the middle"):
        anyio.run(ask)
