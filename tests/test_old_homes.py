"""A home made by an earlier release opens in this one, and loses nothing (tests/homes, made by tools/make_home.py)."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import draw
from serving import API, Served, wait_for

import lookalike
from lookalike.core.features.spaces import spaces_of
from lookalike.service import migration
from lookalike.service.keys import Keys

HOMES = Path(__file__).parent / "homes"
VERSIONS = sorted(path.stem for path in HOMES.glob("*.json"))


@dataclasses.dataclass
class Old:
    home: Path
    told: dict[str, Any]


@pytest.fixture(params=VERSIONS)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Old:
    with tarfile.open(HOMES / f"{request.param}.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return Old(tmp_path / "home", json.loads((HOMES / f"{request.param}.json").read_text(encoding="utf-8")))


def digest(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()


def as_told(collection: lookalike.Collection, one: lookalike.Record, but: set[str]) -> dict[str, Any]:
    """Tell all of a record, as the earlier release told it."""
    held = {
        **{name: getattr(one, name) for name in ("source", "content_hash", "format", "byte_size", "stamp")},
        "size_px": list(one.size_px),
        "metadata": dict(one.metadata),
        "tags": list(one.tags),
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "thumbnail": digest(collection.kept_thumbnail(one.id)),
        "original": digest(collection.original(one.id)),
        "vectors": digest(np.asarray(collection.vector(one.id), dtype=np.float32).tobytes()),
    }
    return {name: value for name, value in held.items() if name not in but}


def check(home: Path, told: dict[str, Any], changed: str = "") -> None:
    with lookalike.open(home) as library:
        assert library.collections() == sorted(told["collections"])
        for name, expected in told["collections"].items():
            collection = library.collection(name)
            spec = collection.spec
            assert (spec.type, spec.keep, list(spec.fields)) == (expected["type"], expected["keep"], expected["fields"])
            fitted = None if spec.calibration is None else json.loads(json.dumps(dataclasses.asdict(spec.calibration)))
            assert fitted == expected["calibration"]
            held = {one.id: as_told(collection, one, set()) for one in collection}
            new = {"new.jpg"} if changed else set()
            assert held.keys() == expected["records"].keys() | new
            for record_id, record in expected["records"].items():
                if record_id != changed:
                    assert held[record_id] == record, (name, record_id)
            for record_id, near in expected["neighbors"].items():
                found = [[m.id, round(m.distance, 5)] for m in collection.search(f"id:{record_id}", limit=6)]
                assert [one for one in found if one[0] not in new][:5] == near, (name, record_id)
            assert collection.check() == []


def test_an_old_home_opens_and_loses_nothing(old: Old) -> None:
    check(old.home, old.told)


def test_an_old_home_loses_nothing_when_it_is_written_to(old: Old) -> None:
    picture = io.BytesIO()
    draw(50).save(picture, "JPEG")
    with lookalike.open(old.home) as library:
        for name, expected in old.told["collections"].items():
            collection = library.collection(name)
            first = min(expected["records"])
            assert collection.add(picture.getvalue(), id="new.jpg").added == 1
            collection.update(first, {"changed": True})
            assert collection[first].metadata == {**expected["records"][first]["metadata"], "changed": True}
            assert as_told(collection, collection[first], {"metadata", "updated_at"}) == {
                key: value for key, value in expected["records"][first].items() if key not in ("metadata", "updated_at")
            }
    for name, expected in old.told["collections"].items():
        one = {**old.told, "collections": {name: expected}}
        others = [folder for folder in (old.home / "collections").iterdir() if not folder.name.startswith(f"{name}-")]
        aside = [shutil.move(folder, old.home.parent / folder.name) for folder in others]
        check(old.home, one, changed=min(expected["records"]))
        for folder in aside:
            shutil.move(folder, old.home / "collections")


def test_keys_of_an_old_home_are_valid_and_revoked_ones_are_not(old: Old) -> None:
    keys = Keys(old.home)
    for name, made in old.told["made_keys"].items():
        found = keys.authenticate(made["key"])
        assert (found.name if found else "old") == name
    assert sorted(key.name for key in keys.all()) == sorted(one["name"] for one in old.told["keys"]["keys"])
    assert (old.home / "keys.json.bak").exists()
    assert not migration.due(old.home)


def test_a_space_names_its_encoder_also_in_an_old_home(old: Old) -> None:
    with lookalike.open(old.home) as library:
        old_spaces = {name: spaces_of(library.collection(name).spec) for name in old.told["collections"]}
        for name, spaces in old_spaces.items():
            spec = library.collection(name).spec
            digest, _, beside = spec.encoder_digest.partition("+")
            made = {one.name: (one.encoder, one.digest) for one in spaces}
            assert made["semantic"] == made["copy"] == ("builtin", digest)
            assert made["dhash"] == made["hues"] == ("", beside)
            fresh = library.create(f"{name}-now", type=spec.type)
            assert fresh.spec.spaces == spaces, "stored, and the same as an old one is taken for"


def test_what_was_decided_in_an_old_home_stands(old: Old) -> None:
    with lookalike.open(old.home) as library:
        photos = library.collection("photos")
        held = {event.id: (event.kind, event.collection, event.batch) for event in photos.decisions.events()}
        told = {one["id"]: (one["kind"], one["collection"], one["batch"]) for one in old.told["events"]}
        assert held == told
        assert [record.id for record, _ in photos.decisions.records_of("delete")] == ["a-0-small.jpg"]
        assert photos.decisions.different_from("a-3.jpg", ["b-4.jpg", "c-2.jpg"]) == {"b-4.jpg"}


def test_jobs_and_files_of_an_old_home_go_on(old: Old) -> None:
    served = Served(old.home)
    try:
        served.http.headers["Authorization"] = f"Bearer {old.told['served_key']}"
        done = served.get(f"{API}/jobs/{old.told['done_job']}").json()
        assert (done["state"], done["counts"]) == ("done", {"added": 3, "failed": 1})
        wait_for(lambda: served.get(f"{API}/jobs/{old.told['left_job']}").json()["state"] == "done")
        for path, expected in old.told["storage"].items():
            assert digest(served.get(f"/v3/imaging/storage/file/{path}").content) == expected
        listed = {one["name"] for one in served.get(f"{API}/collections").json()["collections"]}
        assert listed == set(old.told["collections"])
    finally:
        served.stop()
    assert not list((old.home / "jobs" / old.told["left_job"]).glob("*.partial"))
    for job in ("done_job", "left_job"):
        assert (old.home / "jobs" / old.told[job] / "job.json.bak").exists()
