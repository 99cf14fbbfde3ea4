"""Every command, method and route of lookalike once, with marks around each, for tests/test_syncs.py to trace.

`python operations.py FOLDER OTHER` runs them below two folders of two disks. Those that acknowledge nothing that lasts
stand in NOTHING, with the reason; whatever is neither here nor there fails the test.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ASKS = "asks, and writes nothing but what is derived"
FORGETS = "changes what this process has open, and nothing on disk"
AGAIN = "what is lost is made again by the same call"

NOTHING: dict[str, tuple[str, ...]] = {
    ASKS: (
        "command clusters",
        "command collections",
        "command completion",
        "command decisions list",
        "command get",
        "command info",
        "command keys list",
        "command openapi",
        *(f"Library.{name}" for name in ("collections", "check", "damaged", "compare", "rank", "distinct")),
        *(f"Library.{name}" for name in ("difference_hash", "fetch", "describer", "info")),
        *(
            f"Collection.{name}"
            for name in ("search", "compare", "histogram", "facets", "rank", "embedding", "scan", "find_text")
        ),
        *(f"Collection.{name}" for name in ("count", "sample", "graph", "clusters", "get", "get_many", "duplicates")),
        *(f"Collection.{name}" for name in ("evaluate", "export", "vector", "thumbnail", "kept_thumbnail", "original")),
        *(f"Collection.{name}" for name in ("info", "count_gone", "plan_prune", "check", "examine", "within")),
        *(f"Collection.{name}" for name in ("damaged", "holds", "records_of_file")),
        *(
            "Collection.holds",
            "Collection.records_of_file",
            "Collection.attachment",
            "Decisions.about_gone",
            "Library.decisions_about_gone",
        ),
        *(f"Decisions.{name}" for name in ("within", "effective", "kinds", "ids_of", "different_from", "records_of")),
        *(f"Decisions.{name}" for name in ("settled_groups", "moving", "all_different_from")),
        *("Review.telling", "Ledger.moving", "Trash.removals", "Trash.runs"),
        *(f"Decisions.{name}" for name in ("records_that_are", "applied_to", "events")),
        *(f"Review.{name}" for name in ("page", "best_of_each")),
        *(f"Ledger.{name}" for name in ("events", "version", "byte_size", "effective", "find", "lines")),
        *(f"Keys.{name}" for name in ("all", "get", "is_needed", "authenticate", "ticket", "redeem")),
        *(f"Jobs.{name}" for name in ("all", "get", "outcomes", "byte_size")),
        *(f"Files.{name}" for name in ("kind", "entry", "entries", "walk", "read", "usage", "place")),
        *(f"Graph.{name}" for name in ("lines", "blocks", "arrays", "to_networkx")),
        "PairEvidence.difference_png",
        *(f"applying.{name}" for name in ("to_folder", "to_system_trash")),
        *(f"POST http.queries.{name}" for name in ("search", "compare", "compare_stored", "find_duplicates")),
        *(f"POST http.overviews.{name}" for name in ("get_histogram", "export_records")),
        *(f"POST dialects.aspose.searches.{name}" for name in ("find_similar", "compare", "find_by_tags")),
        *(f"POST dialects.watson.{name}" for name in ("get_collection", "find_similar")),
        *(f"POST dialects.ximilar.records.{name}" for name in ("ping", "get", "all_records", "all_ids", "random")),
        *(f"POST dialects.ximilar.searches.{name}" for name in ("visual_knn", "visual_tags_knn", "near_duplicates")),
        *(f"POST dialects.ximilar.searches.{name}" for name in ("visual_range", "visual_rank_records", "descriptor")),
        *(f"POST dialects.ximilar.searches.{name}" for name in ("rank_images", "remove_duplicates", "visual_hash")),
        *(f"POST dialects.ximilar.{name}" for name in ("authorize", "text_search")),
        "POST dialects.imagecompare.compare",
    ),
    FORGETS: ("Library.forget", "Library.close", "Collection.close", "Collection.flush", "Jobs.start", "Jobs.stop"),
    AGAIN: ("command samples", "applying.settle", "Trash.settle"),
    "serves: each of its routes stands here": ("command serve",),
    "a draft is nothing before it is submitted": ("Jobs.draft",),
    "a ticket is signed, and kept nowhere": (
        "POST http.access.open_session",
        "DELETE http.access.close_session",
        "POST dialects.aspose.create_token",
    ),
    "is refused, always": tuple(f"{method} dialects.ximilar.training" for method in ("POST", "PUT", "PATCH", "DELETE")),
}


def commands() -> set[str]:
    """Return the commands that there are."""
    import click

    from lookalike.doors.cli.program import cli

    def below(group: click.Group, name: str) -> Iterator[str]:
        for word, command in group.commands.items():
            if isinstance(command, click.Group):
                yield from below(command, f"{name} {word}")
            else:
                yield f"{name} {word}"

    return set(below(cli, "command"))


def methods() -> set[str]:
    """Return the public methods of what users of Python hold in their hands."""
    import inspect

    from lookalike.core.collection import Collection
    from lookalike.core.decisions.decisions import Decisions
    from lookalike.core.decisions.ledger import Ledger
    from lookalike.core.graph.graph import Graph
    from lookalike.core.library import Library
    from lookalike.core.relations.explanation import PairEvidence
    from lookalike.core.removal import applying
    from lookalike.core.removal.trash import Trash
    from lookalike.core.review.review import Review
    from lookalike.service.files import Files
    from lookalike.service.jobs import Jobs
    from lookalike.service.keys import Keys

    kinds = (Library, Collection, Decisions, Review, Ledger, Trash, Keys, Jobs, Files, Graph, PairEvidence)
    of_kinds = {
        f"{kind.__name__}.{name}"
        for kind in kinds
        for name, value in inspect.getmembers(kind)
        if not name.startswith("_") and inspect.isfunction(value)
    }
    of_module = {
        f"applying.{name}"
        for name, value in vars(applying).items()
        if not name.startswith("_") and inspect.isfunction(value) and value.__module__ == applying.__name__
    }
    return of_kinds | of_module


def routes() -> set[str]:
    """Return the routes that may change something; GET and HEAD ask, by the word of HTTP."""
    from lookalike.doors.http.app import bare_app

    def below(routes: Any) -> Iterator[str]:
        for route in routes:
            if hasattr(route, "original_router"):
                yield from below(route.original_router.routes)
            elif getattr(route, "methods", None):
                module = route.endpoint.__module__.removeprefix("lookalike.doors.")
                for method in set(route.methods) - {"GET", "HEAD"}:
                    yield f"{method} {module}.{route.endpoint.__qualname__}"

    return set(below(bare_app().routes))


# ---- the operations


class Stage:
    """Where operations run, and the marks around each."""

    def __init__(self, root: Path, other: Path) -> None:
        self.root, self.other = root, other
        self.served = root / "server" / "home"  # with the log beside it
        self.out = root / "out"
        self.photos = root / "photos"
        for folder in (root, self.out, self.photos, self.served.parent):
            folder.mkdir(parents=True)
        self._marks = os.open(os.devnull, os.O_WRONLY)

    @contextmanager
    def recorded(self, name: str) -> Iterator[None]:
        """Mark what happens inside as one operation, acknowledged at the end of the block at the latest."""
        os.write(self._marks, f"begin {name}".encode())
        yield
        os.write(self._marks, f"end {name}".encode())

    def command(self, words: str, *arguments: object, code: int = 0) -> None:
        """Run a command as its own operation."""
        from lookalike.doors.cli import program as cli

        with self.recorded(f"command {words}"):
            ended = cli.run([*words.split(), *map(str, arguments)])
        assert ended == code, (words, arguments, ended)

    def method(self, called: Any, *arguments: Any, **named: Any) -> Any:
        """Call a bound method, or a function of a module, as its own operation."""
        owner = called.__self__ if hasattr(called, "__self__") else None
        holder = type(owner).__name__ if owner is not None else called.__module__.rpartition(".")[2]
        with self.recorded(f"{holder}.{called.__name__}"):
            return called(*arguments, **named)


def jpeg(picture: Any, quality: int = 92) -> bytes:
    """Encode a picture."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def run_commands(stage: Stage) -> None:
    """Run all commands that acknowledge something."""
    from conftest import draw

    home, out, photos = stage.root / "home", stage.out, stage.photos
    os.environ["LOOKALIKE_HOME"] = str(home)
    for seed in (0, 3):
        draw(seed).save(photos / f"{seed}.jpg", quality=92)
        draw(seed).save(photos / f"{seed}-copy.jpg", quality=40)
    (out / "records.jsonl").write_text('{"_id": "imported", "_file": "../photos/3.jpg", "price": 3}\n')
    run = stage.command
    run("index", photos)
    run("create", "shoes", "--title", "Shoes")
    run("import", out / "records.jsonl", "--collection", "shoes")
    run("configure", "shoes", "--field", "price")
    run("update", "imported", "--set", '{"price": 4}', "--tag", "red", "--collection", "shoes")
    run("remove", "imported", "--collection", "shoes")
    run("find", "id:0.jpg", "--html", out / "found.html")
    run("compare", "id:0.jpg", "id:0-copy.jpg", "--html", out / "compared.html", "--explain", out / "why.png")
    run("duplicates", "--html", out / "duplicates.html")
    run("decide keep", "0.jpg", "--beside", "0-copy.jpg")
    run("decide later", "3.jpg")
    run("decide not-a-duplicate", "0.jpg", "3.jpg")
    run("decisions undo", "--last")
    run("decisions forget", "--gone", code=1)
    run("decide delete", "0-copy.jpg", "--beside", "0.jpg")
    run("decide best-in-each-group", "--save", "--threshold", "0.5")
    run("decisions export", out / "decisions.jsonl")
    run("decisions merge", out / "decisions.jsonl", "--home", stage.root / "merged")
    run("decisions apply", "--script", out / "move.sh")
    run("decisions apply", "--trash", stage.root / "trash" / "deep")
    run("decisions undo", "--last")
    run("decisions apply", "--trash", stage.other / "trash")
    run("graph", "--output", out / "edges.csv")
    run("graph", "--output", out / "edges.parquet")
    for seed in (5, 6):
        draw(seed).save(photos / f"{seed}.jpg", quality=92)
    run("index", photos)
    for seed in (0, 3, 5, 6):
        run("update", f"{seed}.jpg", "--set", f'{{"kind": {seed % 2}}}')
    run("evaluate", "--label", "kind", "--plots", out / "charts")
    run("export", "--output", out / "export.jsonl")
    run("export", "--output", out / "export.jsonl")
    run("backup", out / "backups" / "monday")
    run("restore", out / "backups" / "monday", "--name", "again")
    run("doctor", "--repair")
    run("compact", "again")
    run("delete", "again", "--yes")
    run("keys create", "--name", "one")
    run("keys rotate", "one")
    run("keys revoke", "one")
    run("demo", "--photos", photos, "--home", stage.root / "demo", "--no-serve")


def run_methods(stage: Stage) -> None:
    """Call all methods that acknowledge something."""
    from conftest import draw

    import lookalike
    from lookalike.core.decisions.ledger import Event, Ledger
    from lookalike.core.removal import applying
    from lookalike.core.removal.plan import removals
    from lookalike.core.removal.trash import Trash
    from lookalike.service.files import Files
    from lookalike.service.job_files import JobFolder
    from lookalike.service.jobs import Jobs
    from lookalike.service.keys import Keys

    home, out, call = stage.root / "python", stage.out, stage.method
    photos = stage.root / "more"
    photos.mkdir()
    for seed in range(8):
        draw(seed % 4).save(photos / f"{seed}.jpg", quality=90 - 6 * seed)
    with lookalike.open(home) as library:
        made = call(library.create, "made", keep="original")
        call(library.collection, "second", create=True)
        call(made.add, photos)
        call(made.update, "0.jpg", {"price": 1}, tags=["red"])
        (photos / "7.jpg").rename(stage.root / "gone.jpg")
        call(made.prune, made.plan_prune(photos))
        call(made.add, stage.root / "gone.jpg", id="7.jpg")
        for seed in range(8):
            call(made.update, f"{seed}.jpg", {"kind": seed % 4})
        call(made.update_all, [(f"{seed}.jpg", {"shade": seed}, None) for seed in range(4)])
        call(made.revise, [f"{seed}.jpg" for seed in range(4)], {"seen": True})
        call(made.configure, title="Made")
        call(made.declare, ["price"])
        second = library.collection("second")
        labelled = [
            {"_id": f"{seed} {quality}", "_bytes": jpeg(draw(seed, (96, 72)), quality), "kind": seed}
            for seed in range(28)
            for quality in (90, 40)
        ]
        assert not second.add(labelled).failed
        call(second.calibrate, label="kind")
        call(second.uncalibrate)
        call(made.repair)
        call(library.repair)
        call(made.backup, out / "python-backup")
        call(library.restore, out / "python-backup", "restored")
        call(library.delete_collection, "restored")
        call(made.delete, ["7.jpg"])
        call(made.attach, "note", b"kept beside the records")
        call(made.compact)
        graph = made.graph(k=2)
        call(graph.to_csv, out / "g.csv")
        call(graph.to_jsonl, out / "g.jsonl")
        call(graph.to_parquet, out / "g.parquet")
        call(graph.write, out / "h.csv")
        call(made.compare("id:0.jpg", "id:4.jpg").explain().save, out / "evidence.png")

        ledger = library.ledger
        decisions = made.decisions
        event = call(decisions.decide, "delete", ["4.jpg"], beside=["0.jpg"])
        call(decisions.decide_all, [("keep", ["1.jpg"], ["5.jpg"])])
        call(decisions.note_applied, event, made.get("4.jpg"), None, "batch")
        call(decisions.take_back, decisions.events()[-1:])
        call(decisions.follow)
        call(decisions.undo, [call(decisions.decide, "later", ["2.jpg"]).id])
        call(made.review.keep_best, threshold=0.5)
        call(ledger.append, [Event("x", "", "later", "made", "b")])
        call(ledger.undo, ["x"])
        call(ledger.forget, ["x"])
        call(ledger.take_back, ledger.effective()[-1:])
        call(Ledger(stage.root / "ledger").merge, list(ledger.lines()))
        way = applying.to_folder(stage.other / "python-trash")
        applied = call(applying.apply, made, removals(made), way)
        assert applied.moved
        call(applying.undo, ledger, library.collection, [applied.batch])
        trash = Trash(home, [photos])
        moved = call(trash.apply, made, trash.removals(made), datetime.now(UTC))
        assert moved.moved
        assert call(trash.restore, made, moved.batch).moved
        call(decisions.reopen, [call(decisions.decide, "later", ["2.jpg"]).pictures[0].id])
        applied = applying.apply(made, removals(made), applying.to_folder(stage.root / "python-trash"))
        done = [one for one in ledger.effective() if one.kind == "applied"]
        call(applying.restore, library.collection, done)

    keys = Keys(stage.root / "keys")
    key, _ = call(keys.create, "one")
    call(keys.rotate, "one")
    call(keys.note_made, key, "made")
    call(keys.revoke, "one")

    jobs = Jobs(stage.root / "jobs", lambda name: None, None)  # type: ignore[arg-type, return-value]
    draft = jobs.draft()
    JobFolder(draft).input.write_bytes(b"{}\n")
    job = call(jobs.submit, draft, collection="c", form="", replace=False, key_id=None)
    call(jobs.cancel, job.id)

    files = Files(stage.root / "files", owner="somebody")
    call(files.write, "a/b/c.jpg", b"x" * 5000)
    call(files.write, "a/b/c.jpg", b"y" * 5000)
    call(files.make_folder, "d/e/f")
    call(files.copy, "a", "copied")
    call(files.move, "a/b/c.jpg", "moved/c.jpg")
    call(files.move, "copied", "also")
    call(files.remove, "moved/c.jpg")
    call(files.remove, "also", recursive=True)
    call(files.remove, "d/e/f")


def run_turi(stage: Stage) -> None:
    """Save what lookalike.turi saves; its tables live in memory until then."""
    from lookalike import turi

    frame = turi.SFrame({"a": [1, 2], "b": ["x", "y"]})
    for name in ("saved", "saved", "saved.csv", "saved.json"):
        stage.method(frame.save, str(stage.out / name))


def run_routes(stage: Stage) -> None:
    """Send a request to all routes that acknowledge something."""
    import base64

    from conftest import draw
    from serving import API, served, wait_for
    from websites import website

    import lookalike

    pictures = {seed: jpeg(draw(seed)) for seed in range(4)}

    def file(seed: int, name: str = "file") -> dict[str, Any]:
        return {name: (f"{seed}.jpg", pictures[seed], "image/jpeg")}

    marked = stage.root / "marked"
    marked.mkdir()
    (marked / "file.jpg").write_bytes(jpeg(draw(5)))
    with lookalike.open(stage.served) as library:
        library.collection("marked", create=True).add(marked)
    with served(
        stage.served, "--allow-private-urls", "--library", str(stage.photos), "--may-move", str(marked)
    ) as server:

        def ask(name: str, path: str, *, label: str = "", **options: Any) -> Any:
            with stage.recorded(label or name):
                answer = server.http.request(name.split(maxsplit=1)[0], path, **options)
            assert answer.status_code < 300, (name, answer.status_code, answer.text)
            return answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else answer

        shelf = f"{API}/collections/c"
        records = f"{shelf}/records"
        ask("POST http.collections.create_collection", f"{API}/collections", json={"name": "c"})
        ask("PATCH http.collections.change_collection", shelf, json={"title": "C"})
        for seed in (0, 1):
            ask("POST http.records.add_records", f"{records}?id={seed}", files=file(seed))
        ask("POST http.records.add_records", f"{records}?id=copy", content=jpeg(draw(0), 40),
            headers={"Content-Type": "image/jpeg"})  # fmt: skip
        ask("PATCH http.records.change_record", f"{records}/1", json={"metadata": {"price": 3}})
        ask("PATCH http.records.change_records", records, json={"ids": ["1"], "more_tags": ["new"]})
        ask("DELETE http.records.delete_record", f"{records}/1")
        for _ in range(3):
            job = ask("POST http.records.add_records", f"{records}?job=true", label="submission of a job",
                      content=b'{"_id": "j", "_base64": "%s"}\n' % base64.b64encode(pictures[2]),
                      headers={"Content-Type": "application/x-ndjson"})  # fmt: skip
            wait_for(lambda job=job: server.get(f"{API}/jobs/{job['id']}").json()["state"] == "done")
        job = server.post(f"{records}?job=true", content=b"{}", headers={"Content-Type": "application/x-ndjson"}).json()
        with stage.recorded("GET http.jobs.get_job"):  # the last answer says that it is done
            wait_for(lambda: server.get(f"{API}/jobs/{job['id']}").json()["state"] == "done")
        ask("DELETE http.jobs.cancel_job", f"{API}/jobs/{job['id']}")
        for _ in range(3):
            for name, path, sent in (("index_folder", f"{shelf}/index", {"folder": "photos"}),
                                     ("add_samples", f"{API}/samples", None)):  # fmt: skip
                job = ask(f"POST http.folders.{name}", path, json=sent)
                if sent is None:
                    server.http.delete(f"{API}/jobs/{job['id']}")
                wait_for(lambda job=job: server.get(f"{API}/jobs/{job['id']}").json()["ended_at"])
            server.http.delete(f"{API}/collections/demo")
        made = ask("POST http.decisions.decide", f"{shelf}/decisions",
                   json={"decision": "delete", "ids": ["copy"], "beside": ["0"]})  # fmt: skip
        lines = server.get(f"{shelf}/ledger").content
        ask("DELETE http.decisions.undo", f"{shelf}/decisions/{made['id']}")
        ask("POST http.decisions.keep_best", f"{shelf}/review/best", json={})
        ask("POST http.decisions.merge_ledger", f"{shelf}/ledger", content=lines,
            headers={"Content-Type": "application/x-ndjson"})  # fmt: skip

        review = f"{API}/collections/marked/review"
        server.post(f"{API}/collections/marked/decisions", json={"decision": "delete", "ids": ["file.jpg"]})
        ours = {"json": {}, "headers": {"origin": server.url}}
        assert ask("POST http.removal.apply", f"{review}/apply", **ours)["moved"]
        assert ask("POST http.removal.undo_apply", f"{review}/undo-apply", **ours)["moved"]
        ask("POST http.removal.unmark", f"{review}/unmark", json={"ids": ["file.jpg"]})

        searches, storage = "/v3.0/imaging/ai/imageSearch", "/v3.0/imaging/storage"
        cid = ask("POST dialects.aspose.contexts.create", f"{searches}/create")["Id"]
        context = f"{searches}/{cid}"
        ask("PUT dialects.aspose.storage.upload_file", f"{storage}/file/a/0.jpg", content=pictures[0])
        ask("POST dialects.aspose.storage.upload_file", f"{storage}/file/a/1.jpg", content=pictures[1])
        ask("PUT dialects.aspose.storage.create_folder", f"{storage}/folder/b/c")
        for kind, source in (("file", "a/0.jpg"), ("folder", "a")):
            for verb in ("copy", "move"):
                ask(f"PUT dialects.aspose.storage.{verb}_{kind}", f"{storage}/{kind}/{verb}/{source}",
                    params={"destPath": f"{verb}-{kind}/{source}"})  # fmt: skip
        ask("DELETE dialects.aspose.storage.delete_file", f"{storage}/file/copy-file/a/0.jpg")
        ask("DELETE dialects.aspose.storage.delete_folder", f"{storage}/folder/move-folder?recursive=true")
        ask("POST dialects.aspose.contexts.create_features", f"{context}/features?imageId=x", content=pictures[0])
        ask("PUT dialects.aspose.contexts.update_features", f"{context}/features?imageId=x", content=pictures[1])
        page = b'<img src="/3.jpg">'
        with website(lambda path: page if path.endswith(".html") else pictures[3]) as address:
            ask("POST dialects.aspose.contexts.create_web_features", f"{context}/features/web",
                params={"imagesSource": f"{address}/page.html"})  # fmt: skip
        ask("POST dialects.aspose.contexts.put_image", f"{context}/image?imageId=y.jpg", content=pictures[2])
        ask("PUT dialects.aspose.contexts.put_image", f"{context}/image?imageId=y.jpg", content=pictures[3])
        ask("POST dialects.aspose.searches.add_tag", f"{context}/addTag?tagName=t", content=pictures[0])
        ask("DELETE dialects.aspose.contexts.delete_image", f"{context}/image?imageId=y.jpg")
        ask("DELETE dialects.aspose.contexts.delete_features", f"{context}/features?imageId=x")
        ask("DELETE dialects.aspose.contexts.delete", context)

        base = "/visual-recognition/api/v3/collections"
        cid = ask("POST dialects.watson.create_collection", base, files={"name": (None, "w")})["collection_id"]
        [image] = ask("POST dialects.watson.add_image", f"{base}/{cid}/images", files=file(0, "image_file"))["images"]
        one = f"{base}/{cid}/images/{image['image_id']}"
        ask("PUT dialects.watson.put_metadata", f"{one}/metadata",
            files={"metadata": ("m.json", b'{"a": 1}', "application/json")})  # fmt: skip
        ask("DELETE dialects.watson.delete_metadata", f"{one}/metadata")
        ask("DELETE dialects.watson.delete_image", one)
        ask("DELETE dialects.watson.delete_collection", f"{base}/{cid}")

        ours = {"headers": {"collection-id": "x"}}
        sent = {"records": [{"_id": "1", "_base64": base64.b64encode(pictures[1]).decode()}]}
        for verb, body in (("insert", sent), ("update", {"records": [{"_id": "1", "price": 3}]}),
                           ("delete", {"records": [{"_id": "1"}]})):  # fmt: skip
            ask(f"POST dialects.ximilar.records.{verb}", f"/similarity/photos/v2/{verb}", json=body, **ours)
        ask("POST http.collections.compact_collection", f"{shelf}/compact")
        ask("DELETE http.collections.delete_collection", shelf)

        key = ask("POST http.access.create_key", f"{API}/keys", json={"name": "k", "scope": "admin"})
        ours = {"headers": {"Authorization": f"Bearer {key['key']}"}}
        second = ask("POST http.access.create_key", f"{API}/keys", json={"name": "l"}, **ours)
        ask("POST http.access.rotate_key", f"{API}/keys/{second['id']}/rotate", **ours)
        ask("DELETE http.access.revoke_key", f"{API}/keys/{second['id']}", **ours)


if __name__ == "__main__":
    everything = Stage(Path(sys.argv[1]), Path(sys.argv[2]))
    for part in (run_commands, run_methods, run_turi, run_routes):
        part(everything)
