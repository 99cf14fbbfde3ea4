"""The command line as a real process: output, JSON, exit codes, interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import draw

import lookalike
from lookalike.doors.cli.program import cli
from lookalike.errors import LookalikeError

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "lookalike", *map(str, arguments)],
            capture_output=True,
            text=True,
            env={**os.environ, "LOOKALIKE_HOME": str(tmp_path / "home"), **environment},
            cwd=tmp_path,
            timeout=120,
        )

    return call


def answer(done: subprocess.CompletedProcess[str], code: int = 0) -> dict:
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_the_main_job_from_folder_to_matches(run: Run, pictures: Path) -> None:
    report = answer(run("index", pictures, "--json"))
    assert (report["added"], report["failed"]) == (10, [])
    assert {"updated", "unchanged", "skipped", "seconds"} <= set(report)
    assert answer(run("index", pictures, "--json"))["unchanged"] == 10

    found = answer(run("find", pictures / "a" / "0.jpg", "--limit", 3, "--json"))
    assert (found["collection"], found["count"]) == ("default", 3)
    assert isinstance(found["next"], str)
    shown = ["id", "score", "distance", "rank", "relation", "source", "metadata", "tags", "size_px"]
    assert [list(match) for match in found["matches"]] == [[*shown[:-1], "confidence", "size_px"], shown, shown]
    assert (found["matches"][0]["id"], found["matches"][0]["score"]) == ("a/0.jpg", 1.0)
    assert found["matches"][0]["source"] == str(pictures / "a" / "0.jpg")

    shown = run("find", "id:a/0.jpg", "--limit", 2)
    assert shown.returncode == 0
    assert "a/0.jpg" in shown.stdout


def test_find_says_no_by_exit_code_at_an_explicit_threshold(run: Run, pictures: Path) -> None:
    run("index", pictures)
    draw(77).save(pictures.parent / "other.jpg")
    assert answer(run("find", pictures.parent / "other.jpg", "--threshold", 0.95, "--json"), 1)["matches"] == []
    assert run("find", pictures.parent / "other.jpg").returncode == 0
    unsure = answer(run("find", pictures.parent / "other.jpg", "--precision", 0.95, "--json"), 1)
    assert unsure["matches"] == []
    assert unsure["query"]["threshold"] > 0.9
    wrong = run("find", "id:a/0.jpg", "--threshold", 90)
    assert wrong.returncode == 2
    assert "--threshold 0.9" in wrong.stderr


def test_find_with_filter_groups_crop_and_counter_example(run: Run, pictures: Path) -> None:
    run("index", pictures)
    run("update", "a/1.jpg", "--set", '{"trip": "rome"}', "--tag", "sea")
    run("update", "a/2.jpg", "--set", '{"trip": "rome"}')
    by_filter = answer(run("find", "id:a/0.jpg", "--filter", '{"trip": "rome"}', "--json"))
    assert {match["id"] for match in by_filter["matches"]} == {"a/1.jpg", "a/2.jpg"}
    grouped = answer(run("find", "id:a/0.jpg", "--filter", '{"trip": "rome"}', "--group-by", "trip", "--json"))
    assert grouped["count"] == 1
    assert run("find", "id:a/0.jpg", "--filter", "{").returncode == 2
    assert answer(run("find", pictures / "a/3.jpg", "--crop", "0,0,320,240", "--limit", 1, "--json"))["count"] == 1
    assert run("find", pictures / "a/3.jpg", "--crop", "1,2,3").returncode == 2
    assert answer(run("find", "id:a/0.jpg", "id:a/1.jpg", "--not", "id:a/2.jpg", "--json"))["count"] == 10


def test_find_pages_groups_tags_and_leaves_out_copies(run: Run, pictures: Path) -> None:
    run("index", pictures)
    run("update", "a/1.jpg", "--set", '{"trip": "rome"}', "--tag", "sea")
    run("update", "a/2.jpg", "--set", '{"trip": "rome"}')
    first = answer(run("find", "id:a/0.jpg", "--limit", 6, "--json"))
    second = answer(run("find", "id:a/0.jpg", "--limit", 6, "--cursor", first["next"], "--json"))
    assert (second["count"], second["next"], second["matches"][0]["rank"]) == (4, None, 7)
    assert len({match["id"] for page in (first, second) for match in page["matches"]}) == 10
    grouped = answer(run("find", "id:a/1.jpg", "--group-by", "trip", "--members", 3, "--json"))["matches"]
    assert [member["id"] for member in grouped[0]["members"]] == ["a/2.jpg"]
    assert grouped[1]["members"] == []
    tagged = answer(run("find", "id:a/0.jpg", "--tag", "sea", "--tag-weight", 1, "--json", "--explain"))
    assert tagged["matches"][0]["id"] == "a/1.jpg"
    assert tagged["matches"][0]["parts"]["tags"] == 1.0
    assert {"steps", "candidates", "total_ms"} <= tagged["explanation"].keys()
    collapsed = answer(run("find", "id:a/0.jpg", "--collapse", "--json"))
    assert (collapsed["count"], collapsed["matches"][0]["hidden"]) == (8, 2)
    diverse = answer(run("find", "id:a/0.jpg", "--diversity", 1, "--limit", 2, "--json"))["matches"]
    assert diverse[0]["id"] == "a/0.jpg"
    assert diverse[1]["id"] not in ("a/0-again.png", "b/0-small.jpg")
    near = answer(run("find", "id:a/0.jpg", "id:a/1.jpg", "--weight", 9, "--weight", 1, "--limit", 1, "--json"))
    assert near["query"]["weights"] == [9.0, 1.0]
    drawn = [answer(run("find", "--random", "--seed", 5, "--max-distance", 0, "--json")) for _ in range(2)]
    assert drawn[0]["matches"][0]["relation"] == "identical"
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--cursor", "zz"], "--cursor "),
        (["--limit", 0], "--limit 0 "),
        (["--tag-weight", 0.5], "without tags"),
        (["--tag", "a", "--tag-weight", 2], "--tag-weight 2"),
        (["--members", 2], "--group-by"),
        (["--group-by", "sku"], "not a field of any record"),
        (["--diversity", 2], "--diversity 2"),
        (["--collapse-from", 90], "--collapse-from 0.9"),
        (["--weight", 1, "--weight", 2], "--weight"),
        (["--weight", 0], "above 0"),
        (["--seed", 1], "--random"),
        (["--max-distance", -1], "--max-distance -1"),
    ],
)
def test_find_refuses_what_means_nothing(run: Run, pictures: Path, options: list[str], words: str) -> None:
    run("index", pictures / "a" / "0.jpg")
    done = run("find", "id:0.jpg", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_graph_and_clusters_as_lines_files_and_tables(run: Run, pictures: Path, tmp_path: Path) -> None:
    run("index", pictures)
    lines = [json.loads(line) for line in run("graph", "--k", 2).stdout.splitlines()]
    assert len(lines) == 20
    assert list(lines[0]) == ["source", "target", "score", "distance", "rank"]
    assert run("graph", "--k", 2, "--output", "edges.jsonl").stdout == ""
    assert [json.loads(line) for line in (tmp_path / "edges.jsonl").read_text().splitlines()] == lines
    assert answer(run("graph", "--k", 2, "--output", "edges.csv", "--resume", "--json"))["edges"] == 20
    near = [json.loads(line) for line in run("graph", "--radius", 0.1, "--self").stdout.splitlines()]
    assert {edge["source"] for edge in near if edge["source"] == edge["target"]} == {edge["source"] for edge in lines}
    assert answer(run("clusters", "--json"))["clusters"] == [["a/0-again.png", "a/0.jpg", "b/0-small.jpg"]]
    assert "a/0-again.png" in run("clusters").stdout
    for wrong in (["--output", "edges.xlsx"], ["--resume"], ["--k", 0], ["--threshold", 90]):
        assert run("graph", *wrong).returncode == 2


def test_configure_changes_the_declared_fields_of_a_living_collection(run: Run, pictures: Path) -> None:
    run("create", "shoes", "--field", "price")
    run("index", pictures, "--collection", "shoes")
    made = answer(
        run("configure", "shoes", "--field", "size", "--drop-field", "price", "--product-id", "sku", "--json")
    )
    assert (made["fields"], made["product_id_field"], made["records"]) == (["size"], "sku", 10)
    assert answer(run("configure", "shoes", "--product-id", "", "--json"))["product_id_field"] is None
    assert run("configure", "shoes").returncode == 2
    assert "size" in run("configure", "shoes", "--drop-field", "price").stderr


def test_compare_tells_the_relation_and_writes_why(run: Run, pictures: Path, tmp_path: Path) -> None:
    why = tmp_path / "why.png"
    told = answer(run("compare", pictures / "a/0.jpg", pictures / "b/0-small.jpg", "--explain", why, "--json"))
    assert told["relation"] == told["details"][0] == "resized"
    assert told["transform"]["scale"] == 0.625
    assert told["transform"]["crop_b"] == [0, 0, 200, 150]
    assert told["confidence"] > 0.9
    assert why.read_bytes().startswith(b"\x89PNG")
    assert "resized" in run("compare", pictures / "a/0.jpg", pictures / "b/0-small.jpg").stdout


def test_compare_duplicates_and_their_contact_sheet(run: Run, pictures: Path, tmp_path: Path) -> None:
    same = answer(run("compare", pictures / "a/0.jpg", pictures / "a/0.jpg", "--json"))
    assert (same["score"], same["relation"], same["transform"]["scale"]) == (1.0, "identical", 1.0)
    assert run("compare", pictures / "a/0.jpg", pictures / "b/7.jpg", "--threshold", 0.9).returncode == 1
    run("index", pictures)
    found = answer(run("duplicates", "--json", "--html", "sheet.html"))
    assert found["count"] == 1
    assert found["groups"][0]["members"][0]["id"] == found["groups"][0]["representative"]
    assert set(found["groups"][0]["members"][0]) == {"id", "score", "relation", "confidence"}
    best = answer(run("duplicates", "--json", "--best", "oldest"))["groups"][0]
    assert {member["id"] for member in best["members"]} == {member["id"] for member in found["groups"][0]["members"]}
    table = run("duplicates").stdout
    assert table.splitlines()[1].split()[:3] == ["1", "best", found["groups"][0]["representative"]]
    assert "1 group of 3 pictures" in table
    assert answer(run("duplicates", "--json", "--threshold", 1), code=1) == {"groups": [], "count": 0, "unseen": 0}
    assert (tmp_path / "sheet.html").read_text().count("<img") == 3


def test_collections_records_and_their_life(run: Run, pictures: Path) -> None:
    assert answer(run("collections", "--json")) == {"collections": []}
    made = answer(run("create", "shoes", "--type", "products", "--field", "price", "--product-id", "sku", "--json"))
    assert (made["name"], made["type"], made["fields"], made["product_id_field"]) == (
        "shoes", "products", ["price"], "sku",
    )  # fmt: skip
    assert run("create", "shoes").returncode == 2
    run("index", pictures, "--collection", "shoes")
    assert answer(run("info", "shoes", "--json"))["records"] == 10
    assert answer(run("get", "a/1.jpg", "-c", "shoes", "--json"))["size_px"] == [320, 240]
    assert answer(run("update", "a/1.jpg", "-c", "shoes", "--set", '{"price": 3}', "--json"))["metadata"] == {
        "price": 3
    }
    assert run("update", "a/1.jpg", "-c", "shoes").returncode == 2
    assert answer(run("remove", "a/1.jpg", "nobody", "-c", "shoes", "--json")) == {"removed": 1}
    assert run("remove", "nobody", "-c", "shoes").returncode == 1
    missing = run("get", "a/1.jpg", "-c", "shoes")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert answer(run("delete", "shoes", "--json")) == {"deleted": "shoes"}
    gone = run("find", "id:x", "-c", "shoes", "--json")
    assert gone.returncode == 2
    assert json.loads(gone.stderr)["error"]["code"] == "collection_not_found"


def test_a_folder_with_a_table_of_metadata_is_imported(run: Run, pictures: Path) -> None:
    table = pictures / "shop.csv"
    table.write_text(
        "\ufeff_id;file;price;sku;sold;tags\n1;a/0.jpg;3.5;007;true;red; new\n".replace("red; new", '"red; new"')
        + '2;a/1.jpg;;"a ""b""";false;\n\n3;a/none.jpg;1;;;\n4;a/2.jpg;1\n',
        encoding="utf-8",
    )
    report = answer(run("import", table, "--json"), 3)
    assert report["added"] == 2
    assert {failure["code"] for failure in report["failed"]} == {"source_not_found", "input_invalid"}
    first, second = (answer(run("get", id, "--json")) for id in ("1", "2"))
    assert first["metadata"] == {"price": 3.5, "sku": "007", "sold": True}
    assert (first["tags"], second["metadata"]) == (["red", "new"], {"sku": 'a "b"', "sold": False})
    (pictures / "bad.csv").write_text("name,price\na,3\n")
    assert "no column" in run("import", pictures / "bad.csv").stderr
    (pictures / "latin.csv").write_bytes("_file,name\na/0.jpg,\xe4\n".encode("latin-1"))
    assert "not UTF-8" in run("import", pictures / "latin.csv").stderr


def test_import_export_backup_and_restore(run: Run, pictures: Path, tmp_path: Path) -> None:
    lines = [{"_id": "7", "_file": str(pictures / "a/1.jpg"), "price": 3, "tags": ["red"]}, {"_id": "8"}]
    (tmp_path / "records.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n{broken\n\n")
    report = answer(run("import", "records.jsonl", "--json"), 3)
    assert report["added"] == 1
    assert [failure["code"] for failure in report["failed"]] == ["input_invalid", "input_invalid"]
    assert "records.jsonl:3" in report["failed"][1]["message"]
    assert run("import", "missing.jsonl").returncode == 2
    assert run("export", "--output", "out.jsonl").returncode == 0
    assert json.loads((tmp_path / "out.jsonl").read_text()) == {
        "_id": "7", "_file": str(pictures / "a/1.jpg"), "price": 3, "tags": ["red"],
    }  # fmt: skip
    assert run("backup", "safe").returncode == 0
    assert run("restore", "safe", "--name", "second").returncode == 0
    assert answer(run("find", "id:7", "-c", "second", "--json"))["count"] == 1


def test_doctor_tells_versions_speed_and_the_state_of_the_stores(run: Run, pictures: Path) -> None:
    run("index", pictures)
    told = answer(run("doctor", "--json"))
    assert told["problems"] == []
    assert told["encoder"]["images_per_s_one_thread"] > 1
    well = {"name": "default", "records": 10, "problems": [], "damaged": {}, "note": None}
    assert told["collections"] == [well]
    assert "all is well" in run("doctor").stdout


def test_the_demo_runs_on_a_folder_of_ones_own(run: Run, pictures: Path, tmp_path: Path) -> None:
    done = run("demo", "--photos", pictures, "--home", "demo")
    assert done.returncode == 0, done.stderr
    for word in ("lookalike index", "lookalike find", "lookalike compare", "lookalike duplicates", "sheet.html"):
        assert word in done.stdout
    assert (tmp_path / "demo" / "sheet.html").read_text().count("<img") > 10


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["index", "missing"], 2, "no file or folder"),
        (["index"], 2, "Missing argument"),
        (["find", "missing.jpg"], 2, "collection"),
        (["nothing"], 2, "No such command"),
        (["find", "x.jpg", "--limit", "many"], 2, "limit"),
        (["index", "empty", "--home", "/proc/nowhere"], 4, "error"),
        (["compare", "bad.jpg", "bad.jpg"], 3, "bad.jpg"),
        (["compare", "missing.jpg", "bad.jpg"], 2, "missing.jpg"),
        (["doctor", "--home", "bad.jpg"], 2, "bad.jpg"),
    ],
)
def test_wrong_use_says_what_is_wrong(run: Run, tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.jpg").write_text("hello")
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_folder_adds_nothing_and_is_no_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert answer(run("index", "empty", "--json"))["added"] == 0


def test_some_failed_images_give_exit_code_three_and_the_rest_is_indexed(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "mixed ☂ größe"
    folder.mkdir()
    draw(1).save(folder / "good ü.jpg")
    (folder / "bad.jpg").write_text("hello")
    report = answer(run("index", folder, "--json"), 3)
    assert (report["added"], report["failed"][0]["code"]) == (1, "image_undecodable")
    assert answer(run("find", "id:good ü.jpg", "--json"))["count"] == 1


def test_ctrl_c_keeps_what_was_committed_and_the_next_run_goes_on(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    source = draw(1, (1600, 1200))
    source.save(folder / "0000.png")
    payload = (folder / "0000.png").read_bytes()
    for number in range(1, 400):
        (folder / f"{number:04}.png").write_bytes(payload)
    home = tmp_path / "home"
    process = subprocess.Popen(
        [sys.executable, "-m", "lookalike", "index", str(folder), "--home", str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.default_int_handler
        ),  # a job in the background ignores it
    )
    deadline = time.monotonic() + 60
    while not _records(home) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "Traceback" not in told
    kept = answer(run("info", "default", "--json"))["records"]
    assert 0 < kept < 400
    report = answer(run("index", folder, "--resume", "--json"))
    assert (report["unchanged"], report["added"]) == (kept, 400 - kept)


def _records(home: Path) -> int:
    """Count what is committed so far."""
    try:
        with lookalike.open(home) as library:
            return len(library.collection())
    except LookalikeError:  # not made yet
        return 0


def test_every_command_has_help_with_an_example() -> None:
    for name, command in cli.commands.items():
        assert command.help is not None, name
        assert "Example:" in command.help, name
        assert f"lookalike {name}" in command.help, name


def test_json_output_is_nothing_but_json(run: Run, pictures: Path) -> None:
    run("index", pictures)
    for arguments in (["collections"], ["info"], ["find", "id:a/0.jpg"], ["duplicates"], ["doctor"]):
        json.loads(run(*arguments, "--json").stdout)
