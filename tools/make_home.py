"""Make a small home with something of everything, by the lookalike that is installed, and tell what it holds.

    python tools/make_home.py /srv/pictures tests/homes

writes `tests/homes/VERSION.tar.xz` (the home, as it lies below /srv/pictures) and `VERSION.json` (what is in it, read
by the version that wrote it). Later versions must open it, and lose nothing: tests/test_old_homes.py. Run it with the
release whose home is to be kept, not with later code. The keys in it are made for it alone.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw

import lookalike
from lookalike.service.keys import Keys

PORT = 8765


def main(root: Path, target: Path) -> None:
    """Make the home below `root`, and keep it in `target`."""
    root.mkdir(parents=True)  # it must be new
    os.chdir(root)
    home, files = root / "home", root / "files"
    draw_all(files)
    told = fill(home, files)
    told |= serve(home, files)
    upload = (files / "a-0.jpg").read_bytes()
    shutil.rmtree(files)  # who opens the home elsewhere has none
    told |= read(home, upload)
    target.mkdir(parents=True, exist_ok=True)
    version = lookalike.__version__
    (target / f"{version}.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    with tarfile.open(target / f"{version}.tar.xz", "w:xz") as archive:
        for path in sorted(home.rglob("*")):
            if not path.is_socket():
                archive.add(path, str(path.relative_to(root)), recursive=False)


def draw_all(folder: Path) -> None:
    """Draw twelve pictures of three kinds, two copies, and one file that is not a picture."""
    folder.mkdir()
    for number in range(12):
        picture(number).save(folder / f"{'abc'[number % 3]}-{number}.jpg", quality=88)
    picture(0).resize((120, 90)).save(folder / "a-0-small.jpg", quality=70)
    picture(1).save(folder / "b-1 Müller.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")


def picture(seed: int) -> PIL.Image.Image:
    """Draw circles, bars or blots."""
    rng = np.random.default_rng(seed)
    colors = [tuple(int(level) for level in rng.integers(0, 256, 3)) for _ in range(4)]
    drawn = PIL.Image.new("RGB", (160, 120), colors[0])
    pen = PIL.ImageDraw.Draw(drawn)
    for turn in range(14):
        x, y, side = int(rng.integers(0, 140)), int(rng.integers(0, 100)), int(rng.integers(8, 40))
        box, color = (x, y, x + side, y + side), colors[1 + turn % 3]
        match seed % 3:
            case 0:
                pen.ellipse(box, outline=color, width=4)
            case 1:
                pen.rectangle((x, 0, x + side // 4, 120), color)
            case _:
                pen.pieslice(box, int(rng.integers(0, 180)), 300, color)
    return drawn


def fill(home: Path, files: Path) -> dict[str, Any]:
    """Fill collections, decide and calibrate by the command line; make keys."""
    run(home, "index", str(files), "--collection", "photos", code=3)
    run(home, "create", "shop", "--type", "products", "--keep", "original", "--field", "price")
    lines = [
        {"_id": f"sku-{n}", "_base64": product(n), "price": n + 0.5, "kind": f"kind {n % 12}",
         "name": f"Stück {n}", "tags": ["new", f"t{n % 2}"]}
        for n in range(52)
    ]  # fmt: skip
    feed = home.parent / "shop.jsonl"
    feed.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    run(home, "import", str(feed), "--collection", "shop")
    run(home, "evaluate", "--collection", "shop", "--label", "kind", "--calibrate")
    run(home, "create", "copies", "--type", "matching", "--keep", "none")
    run(home, "index", str(files), "--collection", "copies", code=3)
    run(home, "create", "sent", "--type", "photos", "--keep", "thumbnail")
    with lookalike.open(home) as library:
        sent = library.collection("sent")
        for number in (2, 5, 8):
            data = (files / f"c-{number}.jpg").read_bytes()
            sent.add(data, id=f"sent/{number}", metadata={"n": number}, tags=["sent"])
        library.collection("photos").update("a-3.jpg", {"title": "Größe ½", "place": {"lat": 1.5}}, tags=["red", "one"])
    run(home, "duplicates", "--collection", "photos")
    run(home, "duplicates", "--collection", "copies")
    run(home, "decide", "delete", "a-0-small.jpg", "--beside", "a-0.jpg", "--collection", "photos")
    run(home, "decide", "not-a-duplicate", "a-3.jpg", "b-4.jpg", "--collection", "photos")
    run(home, "decide", "keep", "c-2.jpg", "--collection", "photos")
    run(home, "decide", "later", "c-5.jpg", "--collection", "photos")
    keys = {
        name: json.loads(run(home, "keys", "create", "--name", name, "--scope", scope, *more, "--json"))
        for name, scope, more in (
            ("everything", "admin", ()),
            ("reader", "read", ("--collection", "shop")),
            ("writer", "write", ("--max-images", "100", "--max-bytes", "9000000")),
            ("old", "write", ()),
        )
    }
    run(home, "keys", "revoke", "old")
    return {"made_keys": keys}


def product(number: int) -> str:
    """Draw one of the products of a kind, and give its bytes as text."""
    stream = io.BytesIO()
    drawn = picture(number % 12).resize((64, 48)).rotate(3 * (number // 12), fillcolor="white")
    drawn.save(stream, "JPEG", quality=80)
    return base64.b64encode(stream.getvalue()).decode()


def serve(home: Path, files: Path) -> dict[str, Any]:
    """Let the server work: a job that ends, a job that does not, a stored file."""
    _, secret = Keys(home).create("served", scope="admin")
    server = subprocess.Popen(
        [sys.executable, "-m", "lookalike", "serve", "--home", str(home), "--port", str(PORT)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: call("GET", "/healthz", secret))
        lines = [{"_id": f"job-{n}", "_base64": text_of(files / f"{'abc'[n % 3]}-{n}.jpg")} for n in (9, 10, 11)]
        lines.append({"_id": "job-broken", "_base64": text_of(files / "broken.jpg")})
        body = "".join(json.dumps(line) + "\n" for line in lines).encode()
        done = call("POST", "/api/v1/collections/sent/records?job=true", secret, body, "application/x-ndjson")
        until(lambda: call("GET", f"/api/v1/jobs/{done['id']}", secret)["state"] == "done")
        call("PUT", "/v3/imaging/storage/file/kept/a.jpg", secret, (files / "a-0.jpg").read_bytes(), "image/jpeg")
        left = call("POST", "/api/v1/collections/sent/records?job=true", secret, body * 40, "application/x-ndjson")
    finally:
        server.kill()
        server.wait()
    return {"served_key": secret, "done_job": done["id"], "left_job": left["id"]}


def read(home: Path, upload: bytes) -> dict[str, Any]:
    """Tell what is there, as this version reads it."""
    told: dict[str, Any] = {"collections": {}}
    with lookalike.open(home) as library:
        for name in library.collections():
            collection = library.collection(name)
            spec = collection.spec
            told["collections"][name] = {
                "type": spec.type, "keep": spec.keep, "fields": list(spec.fields),
                "calibration": None if spec.calibration is None else dataclasses.asdict(spec.calibration),
                "records": {one.id: record(collection, one) for one in collection},
            }  # fmt: skip
            told["collections"][name]["neighbors"] = {
                one: [[match.id, round(match.distance, 5)] for match in collection.search(f"id:{one}", limit=5)]
                for one in sorted(told["collections"][name]["records"])[:4]
            }
    told["decisions"] = json.loads(run(home, "decisions", "list", "--json", "--collection", "photos"))
    told["events"] = [json.loads(line) for line in (home / "decisions.jsonl").read_text().splitlines()]
    told["keys"] = json.loads(run(home, "keys", "list", "--json"))
    told["storage"] = {"kept/a.jpg": digest(upload)}
    return told


def record(collection: Any, one: Any) -> dict[str, Any]:
    """Tell all of a record."""
    thumbnail, original = collection.kept_thumbnail(one.id), collection.original(one.id)
    return {
        "source": one.source, "content_hash": one.content_hash, "format": one.format, "size_px": list(one.size_px),
        "byte_size": one.byte_size, "stamp": one.stamp, "metadata": dict(one.metadata), "tags": list(one.tags),
        "created_at": one.created_at, "updated_at": one.updated_at,
        "thumbnail": digest(thumbnail), "original": digest(original),
        "vectors": digest(np.asarray(collection.vector(one.id), dtype=np.float32).tobytes()),
    }  # fmt: skip


def run(home: Path, *words: str, code: int = 0) -> str:
    """Run a command on the home, and give what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "lookalike", *words, "--home", str(home)], capture_output=True, text=True, check=False
    )
    if done.returncode != code:
        raise SystemExit(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def call(method: str, path: str, secret: str, body: bytes | None = None, kind: str = "application/json") -> Any:
    """Ask the server."""
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": kind}
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", body, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(io.BytesIO(answer.read() or b"{}"))


def until(holds: Any) -> None:
    """Wait until something holds."""
    for _ in range(300):
        with suppress(OSError):
            if holds():
                return
        time.sleep(0.1)
    raise SystemExit("the server did not come so far")


def text_of(path: Path) -> str:
    """Give the bytes of a file as text."""
    return base64.b64encode(path.read_bytes()).decode()


def digest(data: bytes | None) -> str | None:
    """Name bytes by their SHA-256."""
    return None if data is None else hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]).resolve())
