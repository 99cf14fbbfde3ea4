"""What a command is asked in vain is told: fields that no record has, values that change nothing, names of nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Mounts, draw, saved
from serving import API, jpeg, served

import lookalike
from lookalike.doors.cli import program as cli
from lookalike.errors import InputError, StoreReadOnlyError
from lookalike.service.keys import Keys

Told = Callable[..., tuple[int, str, str]]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    """Run a command on two pictures with a copy each; give exit code, stdout and stderr."""
    monkeypatch.setenv("LOOKALIKE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in (0, 4):
        draw(seed).save(folder / f"{seed}.png")
        draw(seed).save(folder / f"{seed}.jpg", quality=60)
    with lookalike.open() as library:
        photos = library.collection(create=True)
        photos.add(folder)
        photos.update("0.jpg", {"stars": 3, "shop": {"rank": 1}})
        photos.update("0.png", {"stars": 5})

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.run([str(one) for one in arguments])
        return code, *capsys.readouterr()

    return call


def test_the_best_by_a_field_that_no_record_has_is_refused_and_the_fields_are_named(told: Told) -> None:
    for best in ("sters", "shop.ranks", "resolutoin"):
        code, out, err = told("duplicates", "--best", best)
        assert (code, out) == (2, "")
        assert f'--best "{best}" is not a field of any record' in err
        assert "There are: shop, stars." in err
        assert "original, resolution" in err
    with lookalike.open() as library, pytest.raises(InputError):
        library.collection().duplicates(best="sters")
    for best in ("stars", "oldest"):
        assert told("duplicates", "--best", best)[0] == 0


def test_the_best_may_be_told_by_a_field_within_a_field(told: Told) -> None:
    _, out, _ = told("duplicates", "--best", "shop.rank", "--json")
    groups = {group["representative"] for group in json.loads(out)["groups"]}
    assert groups == {"0.jpg", "4.png"}


def test_no_record_has_the_field_is_not_said_of_an_empty_collection(told: Told) -> None:
    told("create", "new")
    assert told("duplicates", "--best", "stars", "--collection", "new")[0] == 0
    assert told("configure", "new", "--field", "stars")[2] == ""


@pytest.mark.parametrize("command", [["duplicates"], ["decide", "best-in-each-group"]])
def test_a_threshold_below_that_of_any_copy_is_told_to_change_nothing(told: Told, command: list[str]) -> None:
    for way in ([], ["--json"]):
        code, out, err = told(*command, "-t", "0.5", *way)
        assert code == 0
        assert out == told(*command, *way)[1]
        assert "--threshold 0.5 changes nothing: a copy has a score of 0.9 or more." in err
        assert "changes nothing" not in told(*command, "-t", "0.95", *way)[2]


def test_a_low_threshold_without_geometry_counts(told: Told) -> None:
    assert "changes nothing" not in told("duplicates", "-t", "0.3", "--no-verify")[2]
    with lookalike.open() as library:
        photos = library.collection()
        assert photos.duplicates(threshold=0.3, verify=False).threshold == 0.3
        assert photos.duplicates(threshold=0.3).threshold == 0.9


def test_a_field_that_was_not_there_to_take_away_is_told(told: Told) -> None:
    assert "no field" not in told("update", "0.jpg", "--unset", "stars")[2]
    code, _, err = told("update", "0.png", "--unset", "stars", "--unset", "sters", "--json")
    assert (code, 'no field "sters"' in err) == (0, True)


def test_a_declared_field_that_no_record_has_is_told(told: Told) -> None:
    assert told("configure", "default", "--field", "stars", "--product-id", "shop.rank")[2] == ""
    code, out, err = told("configure", "default", "--field", "sters", "--product-id", "skuu")
    assert (code, "sters" in out, 'no record has the field "sters", "skuu"' in err) == (0, True, True)
    assert told("configure", "default", "--product-id", "")[2] == ""


def test_decisions_of_a_collection_that_never_was_are_told(told: Told) -> None:
    assert "no collection" not in told("decisions", "list", "--collection", "default")[2]
    assert 'no collection "defualt"' in told("decisions", "list", "--collection", "defualt")[2]
    assert [told("decisions", "list", "--limit", limit)[0] for limit in (0, -1, 1)] == [2, 2, 0]


def test_decisions_of_a_deleted_collection_are_listed_without_a_word(told: Told) -> None:
    told("decide", "keep", "0.jpg")
    told("delete", "default")
    code, out, err = told("decisions", "list", "--collection", "default")
    assert (code, "0.jpg" in out, err) == (0, True, "")


def test_a_key_for_a_collection_that_is_not_there_is_made_and_told(told: Told) -> None:
    code, out, err = told("keys", "create", "--name", "a", "--collection", "defualt", "--collection", "default")
    assert (code, out.startswith("lk_")) == (0, True)
    assert 'no collection "defualt"' in err
    assert '"default"' not in err


# ---- what may not be written


def test_a_disk_that_is_mounted_read_only_is_told_as_that_and_not_as_rights(tmp_path: Path, mounts: Mounts) -> None:
    disk = mounts.disk(tmp_path / "disk")
    with lookalike.open(disk / "home") as library:
        library.collection("shop", create=True).add(saved(draw(1)), id="1")
        kept = library.collection("shop").backup(disk / "backup")
        assert kept == {}
    mounts.change(disk, "ro")
    with lookalike.open(disk / "home") as library:
        shop = library.collection("shop")
        assert len(shop) == 1
        for write in (
            lambda: shop.add(saved(draw(2)), id="2"),
            lambda: shop.delete("1"),
            lambda: shop.decisions.decide("keep", ["1"]),
            lambda: shop.backup(disk / "again"),
            lambda: library.create("other"),
            lambda: library.restore(disk / "backup", "other"),
            lambda: library.delete_collection("shop"),
            lambda: Keys(disk / "home").create("a"),
            shop.compact,
        ):
            with pytest.raises(StoreReadOnlyError, match="mounted read-only"):
                write()
    written = (["export", "-o", disk / "out"], ["find", "id:1", "--html", disk / "a.html"])
    for asked in ([*one, "-c", "shop"] for one in written):
        done = subprocess.run(
            [sys.executable, "-m", "lookalike", *map(str, asked), "--home", str(disk / "home")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, "mounted read-only" in done.stderr) == (4, True), done.stderr
        assert "permission" not in done.stderr


def test_a_server_on_a_disk_that_is_mounted_read_only_says_so_and_answers(tmp_path: Path, mounts: Mounts) -> None:
    home = tmp_path / "home"
    with served(home) as server:
        path = server.create("c")
        assert server.post(path, files={"file": jpeg(1)}).status_code == 201
        assert server.http.put("/v4.0/imaging/storage/file/a.jpg", content=jpeg(1)).status_code == 200
    for folder in (home / "collections", home / "files"):
        mounts.bind(folder, folder)
        mounts.change(folder, "ro,bind")
    with served(home) as server:
        for answer in (
            server.post(path, files={"file": jpeg(2)}),
            server.post(f"{API}/collections", json={"name": "d"}),
            server.http.put("/v4.0/imaging/storage/file/b.jpg", content=jpeg(1)),
        ):
            assert (answer.status_code, "read" in answer.text) == (503, True), answer.text
            assert str(home) not in answer.text
        assert server.post(f"{API}/collections/c/search", files={"file": jpeg(1)}).status_code == 200
        assert "mounted read-only" in server.log.read_text()


# ---- the table of find


def header(table: str) -> list[str]:
    return table.splitlines()[0].split()


def test_the_table_has_a_column_relation_only_where_one_is_told(told: Told, tmp_path: Path) -> None:
    plain = ["rank", "score", "distance", "id"]
    drawn = tmp_path / "another.png"
    draw(5).save(drawn)
    _, nothing, _ = told("find", drawn)
    assert header(nothing) == plain
    assert "geometry" not in nothing
    _, known, _ = told("find", "id:0.jpg")  # equal bytes are identical, whoever looks
    assert header(known) == [*plain, "relation"]
    assert [line.split()[4:] for line in known.splitlines()[1:5]] == [["identical"], [], [], []]
    _, looked, _ = told("find", "id:0.jpg", "--verify", "2")
    assert header(looked) == [*plain, "relation"]
    assert [line.split()[4:] for line in looked.splitlines()[1:5]] == [["identical"], ["reencoded"], [], []]


def test_the_table_says_in_words_what_its_scores_and_distances_are(told: Told) -> None:
    of_geometry = "scores are those of geometry, where a relation is told; distances are those of the descriptor"
    unlike = "chosen to be unlike each other, so the scores are not in order"
    asked = {
        (): [],
        ("--verify", "2"): [of_geometry],
        ("--diversity", "0.5"): [unlike],
        ("--diversity", "0.5", "--verify", "2"): [unlike, of_geometry],
    }
    for options, notes in asked.items():
        code, out, _ = told("find", "id:0.jpg", *options)
        assert (code, [line for line in out.splitlines() if " are " in line]) == (0, notes), options
        assert "are those of" not in told("find", "id:0.jpg", *options, "--json")[1]


def test_who_has_no_duplicates_is_not_told_of_a_score_that_decides_nothing(told: Told) -> None:
    told("remove", "0.png", "4.png")
    for threshold in ((), ("-t", "0.5")):
        _, out, _ = told("duplicates", *threshold)
        assert "no duplicates" in out
        assert "score" not in out
    assert "with a score of 0.95 or more" in told("duplicates", "-t", "0.95")[1]


def test_ids_that_no_record_has_are_named_when_records_are_removed(told: Told) -> None:
    assert told("remove", "nosuch") == (
        1,
        "removed 0 of 1\n",
        '"default" has no record "nosuch". Check the spelling.\n',
    )
    code, out, err = told("remove", "0.jpg", "nosuch", "other", "--yes", "--json")
    assert (code, json.loads(out)) == (0, {"removed": 1})
    assert '"nosuch", "other"' in err


@pytest.mark.parametrize("command", ["info", "delete", "compact", "configure"])
def test_a_collection_that_is_missing_is_told_with_those_that_there_are(told: Told, command: str) -> None:
    code, _, err = told(command, "nosuch", *(["--title", "a"] if command == "configure" else []))
    assert (code, err) == (2, 'error: no collection "nosuch". There are: default. Check the spelling.\n')


def test_an_undo_of_nothing_says_that_there_is_nothing_to_take_back(told: Told) -> None:
    assert told("decisions", "undo", "--last")[:2] == (1, "nothing to take back: there are no decisions\n")
    _, out, _ = told("decide", "keep", "0.jpg", "--json")
    decision = json.loads(out)["id"]
    assert told("decisions", "undo", decision)[:2] == (0, "took back 1 decision\n")
    assert told("decisions", "undo", decision)[:2] == (1, f"nothing to take back: {decision} was taken back before\n")
    assert told("decisions", "forget", "--gone", "--yes")[:2] == (1, "nothing to forget\n")


def test_a_second_server_over_a_home_says_that_another_has_it(tmp_path: Path) -> None:
    with served(tmp_path / "home") as server:
        said = server.command("serve", "--port", "0", "--home", str(tmp_path / "home"), may_fail=True)
    assert f'another server has the home "{tmp_path / "home"}" already' in said
    assert "lock" not in said
