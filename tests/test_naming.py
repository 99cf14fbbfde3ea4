"""What is wrong with an option is told by the option, as it was typed, and never by the name of a Python argument."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from conftest import draw

import lookalike
from lookalike.doors.cli import program
from lookalike.doors.cli.naming import in_options, options_of
from lookalike.query import Conditions, conditions, query_of
from lookalike.settings import VARIABLES

Call = Callable[..., tuple[int, str]]

# What each command needs beside the option in question.
WITH = {
    "compare": ["id:0.png", "id:1.png"],
    "configure": ["default"],
    "create": ["--name", "a"],
    "evaluate": ["--label", "group"],
    "find": ["id:0.png", "--not", "id:1.png"],
}
FREE = {"seed", "max_collections", "max_images", "max_bytes", "requests_per_s"}  # may be as large as one likes


def commands(group: click.Group = program.cli, path: tuple[str, ...] = ()) -> Iterator[tuple[list[str], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield [*path, name], command


NUMBERS = [
    pytest.param([*path, *WITH.get(path[-1], [])], command, option, id=f"{' '.join(path)} {option.opts[0]}")
    for path, command in commands()
    for option in command.params
    if isinstance(option, click.Option) and option.type in (click.INT, click.FLOAT)
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("naming")
    with lookalike.open(folder / "home") as library:
        photos = library.collection(create=True)
        for place in range(4):
            photos.add(draw(place), id=f"{place}.png", metadata={"group": place % 2})
    return folder / "home"


@pytest.fixture
def call(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    monkeypatch.setenv("LOOKALIKE_HOME", str(home))

    def call(*arguments: object) -> tuple[int, str]:
        capsys.readouterr()
        return program.run([str(one) for one in arguments]), capsys.readouterr().err

    return call


def test_there_are_numbers_to_test() -> None:
    assert len(NUMBERS) > 20


@pytest.mark.parametrize(("line", "command", "option"), NUMBERS)
def test_a_number_out_of_range_is_told_by_its_option(
    call: Call, line: list[str], command: click.Command, option: click.Option
) -> None:
    names = {name for name in options_of(command) if name != "home"}
    for value in ("-7", "1" + 15 * "0"):
        if option.name in FREE and value != "-7":
            continue
        code, err = call(*line, option.opts[0], value)
        assert code == 2 or option.name == "seed" or value != "-7"
        if code != 2:
            continue
        assert max(option.opts, key=len) in err or "quota of -7" in err
        assert not re.search(rf"\b({'|'.join(names)})=", err)
        assert not re.search(rf"(?<!-)\b({'|'.join(name for name in names if '_' in name) or '-'})\b", err)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["find", "id:0.png", "--members", 2], ["--members are", "--group-by"]),
        (["find", "id:0.png", "--tag-weight", 0.5], ["--tag-weight stands", "--tag that"]),
        (["find", "id:0.png", "--diversity", 0.5, "--cursor", "x"], ["--diversity", "--cursor", "--limit"]),
        (["find", "id:0.png", "--threshold", 0.5, "--precision", 0.5], ["--threshold and --precision"]),
        (["find", "id:0.png", "--group-by", "sku"], ['--group-by "sku"']),
        (["find", "id:0.png", "--group-by", ""], ["--group-by ''"]),
        (["find", "id:0.png", "--crop", "1,2,3"], ['--crop "1,2,3"']),
        (["find", "id:0.png", "--crop", "1,2,3,4"], ["--crop needs"]),
        (["find", "id:0.png", "--weight", 0], ["in --weight"]),
        (["find", "id:0.png", "--not", "id:1.png", "--not-weight", 0], ["in --not-weight"]),
        (["find", "id:0.png", "--collapse-from", 90], ["--collapse-from 90", "pass --collapse-from 0.9"]),
        (["find", "id:0.png", "--limit", 10**15], ["--limit 1000000000000000", "1 to 100,000."]),
        (["evaluate"], ["--label (", "--match (", "--pairs ("]),
        (["evaluate", "--label", "sku"], ['--label "sku"']),
        (["evaluate", "--label", "group", "--space", "no"], ['--space "no"']),
        (["evaluate", "--label", "group", "--against-space", "no"], ['--against-space "no"']),
        (["evaluate", "--label", "group", "--against-verify", 5000], ["--against-verify 5000"]),
        (["duplicates", "--best", "no"], ['--best "no"']),
        (["decide", "best-in-each-group", "--relation", "no"], ["--relation 'no'"]),
        (["serve", "--allowed-host", "a b"], ["--allowed-host: 'a b'"]),
        (["find", "http://127.0.0.1/a.jpg"], ["LOOKALIKE_ALLOW_PRIVATE_URLS"]),
    ],
)
def test_what_means_nothing_is_told_by_its_option(call: Call, line: list[object], told: list[str]) -> None:
    _, err = call(*line)
    assert [words for words in told if words not in err] == [], err
    assert "`" not in err


def test_a_program_reads_the_options_as_well(call: Call) -> None:
    code, err = call("find", "id:0.png", "--threshold", 90, "--json")
    error = json.loads(err)["error"]
    assert (code, error["code"]) == (2, "input_invalid")
    assert error["message"].startswith("--threshold 90 is out of range")
    assert error["message"].endswith("pass --threshold 0.9.")


def test_a_limit_of_a_picture_is_named_by_its_variable_also_where_it_fails_alone(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(0).save(tmp_path / "0.png")
    monkeypatch.setenv("LOOKALIKE_MAX_IMAGE_PIXELS", "100")
    assert "raise LOOKALIKE_MAX_IMAGE_PIXELS." in call("find", tmp_path / "0.png")[1]
    assert program.run(["index", str(tmp_path), "--collection", "new"]) == 3
    assert "raise LOOKALIKE_MAX_IMAGE_PIXELS." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("limit=0 is wrong", "--limit 0 is wrong"),
        ("`limit=0` is wrong, `limit` is", "--limit 0 is wrong, --limit is"),
        ("pass group_by, too", "pass --group-by, too"),
        ("pass `prune_all=True`.", "pass --prune-all."),
        ("a limit and a label", "a limit and a label"),
        ('"group_by" and "limit=3" are of a caller', '"group_by" and "limit=3" are of a caller'),
        ("'limit=3' is of a caller", "'limit=3' is of a caller"),
        ("the caller's own limit=3", "the caller's own --limit 3"),
        ('group_by="a limit=3"', '--group-by "a limit=3"'),
        ("see `find` and `import`", "see `find` and `import`"),
        ("https://a.example/?limit=3&a.limit=3", "https://a.example/?limit=3&a.limit=3"),
        ("raise `max_image_bytes`", "raise LOOKALIKE_MAX_IMAGE_BYTES"),
    ],
)
def test_only_names_of_arguments_are_translated(message: str, shown: str) -> None:
    options = {"limit": "--limit", "group_by": "--group-by", "prune_all": "--prune-all"}
    assert in_options(message, options) == shown


def test_every_condition_of_a_search_is_translated() -> None:
    options = options_of(program.cli.commands["find"])
    for one in conditions():
        assert in_options(f"`{one.name}`", options) == one.option
    assert set(VARIABLES) & set(options) == {"home"}


def test_the_range_of_the_limit_is_that_of_the_setting(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_MAX_LIMIT", "7")
    assert "from 1 to 7." in call("find", "id:0.png", "--limit", 8)[1]
    monkeypatch.setenv("LOOKALIKE_MAX_LIMIT", "200000")
    assert call("find", "id:0.png", "--limit", 150_000)[0] == 0
    assert query_of(Conditions(limit=150_000), most=200_000).limit == 150_000
