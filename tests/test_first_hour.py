"""The first hour at the command line: where the demo is found, what is completed, and what one is told meanwhile."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from conftest import draw

import lookalike
from lookalike.doors.cli import completion, terminal
from lookalike.doors.cli.program import cli
from lookalike.records import Progress

IDS = ("a b.jpg", "it's.jpg", "scenes/sea-1.jpg", "scenes/sea-2.jpg", "Ünder.jpg", "x:y=z.jpg")


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with the home of a demo, and no home of one's own."""
    with lookalike.open(tmp_path / terminal.DEMO_HOME) as library:
        demo = library.collection("demo", create=True)
        for seed, id in enumerate(IDS):
            demo.add(draw(seed, (96, 72)), id=id)
    draw(0, (96, 72)).save(tmp_path / "query.jpg")
    return tmp_path


def run(desk: Path, *words: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOOKALIKE_")}
    own = {"XDG_DATA_HOME": str(desk / "data"), "HOME": str(desk)}
    done = subprocess.run(
        [sys.executable, "-m", "lookalike", *words],
        cwd=desk,
        env={**kept, **own, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stderr
    return done


READING = [
    ("collections",),
    ("find", "query.jpg", "--collection", "demo"),
    ("find", "--random", "--collection", "demo"),
    ("compare", "id:a b.jpg", "query.jpg", "--collection", "demo"),
    ("duplicates", "--collection", "demo"),
    ("clusters", "--collection", "demo"),
    ("graph", "--collection", "demo"),
    ("info", "demo"),
    ("get", "a b.jpg", "--collection", "demo"),
    ("export", "--collection", "demo"),
    ("backup", "copied", "--collection", "demo"),
    ("decisions", "list"),
]


def test_after_the_demo_i_can_go_on_without_naming_its_home(desk: Path) -> None:
    for words in READING:
        told = run(desk, *words).stderr
        assert "from ./demo-home" in told, words
    assert not (desk / "data").exists()  # nothing was made anywhere else


def test_what_changes_something_never_goes_into_the_home_of_the_demo_by_itself(desk: Path) -> None:
    for words in (
        ("update", "a b.jpg", "--tag", "x", "--collection", "demo"),
        ("remove", "a b.jpg", "--collection", "demo"),
        ("decide", "keep", "a b.jpg", "--collection", "demo"),
        ("delete", "demo"),
        ("configure", "demo", "--field", "price"),
        ("evaluate", "--label", "kind", "--collection", "demo", "--calibrate"),
    ):
        told = run(desk, *words, code=2).stderr
        assert "--home demo-home --collection demo" in told, words
    with lookalike.open(desk / terminal.DEMO_HOME) as library:
        assert len(library.collection("demo")) == len(IDS)
        assert not library.collection("demo").get("a b.jpg").tags


def test_my_own_home_comes_first(desk: Path) -> None:
    own = {"LOOKALIKE_HOME": str(desk / "own")}
    assert "from ./demo-home" not in run(desk, "find", "query.jpg", "-c", "demo", code=2, **own).stderr
    assert "demo-home" not in run(desk, "collections", "--home", "own").stderr
    run(desk, "index", "query.jpg")
    assert "demo" not in run(desk, "collections").stdout
    assert "from ./demo-home" in run(desk, "info", "demo").stderr  # of which my own has none


def test_who_has_nothing_yet_is_offered_sample_pictures(tmp_path: Path) -> None:
    for words, code in ((("collections",), 0), (("find", "id:1"), 2), (("info", "shoes"), 2)):
        assert "samples photos/" in run(tmp_path, *words, code=code).stderr, words
    run(tmp_path, "create", "empty")
    assert "samples photos/" in run(tmp_path, "find", "--random", "-c", "empty", code=2).stderr
    draw(0, (96, 72)).save(tmp_path / "query.jpg")
    assert "index FOLDER --collection empty" in run(tmp_path, "find", "query.jpg", "-c", "empty").stderr


# ---- help


def commands(group: click.Group = cli, above: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield f"{above}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{above}{name} ")


def test_help_shows_every_command_once_in_five_groups(tmp_path: Path) -> None:
    told = run(tmp_path, "--help").stdout
    assert [line for line in told.splitlines() if line in ("Find:", "Fill:", "Tidy:", "Serve:", "Look after:")] == [
        *("Find:", "Fill:", "Tidy:", "Serve:", "Look after:")
    ]
    listed = [line.split()[0] for line in told.partition("Find:")[2].splitlines() if line.startswith("  ")]
    assert sorted(listed) == sorted(cli.commands)
    assert max(map(len, told.splitlines())) <= 80
    assert "..." not in told.partition("Options:")[2]  # no sentence is cut


def test_help_calls_every_argument_by_what_it_is() -> None:
    for name, command in commands():
        with click.Context(command, info_name=name) as context:
            usage = command.get_help(context)
        assert " TEXT" not in usage, name
        assert " PATH" not in usage, name
        assert "colors" not in usage or "same colors" in " ".join(usage.split()) or "--type" not in usage, name


# ---- completion


def completed(desk: Path, line: str, *, shell: str = "bash") -> list[str]:
    """Complete a line as the shell would, and give what it offers."""
    scripts = str(Path(sys.executable).parent)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOOKALIKE_")}
    environment = {**kept, "XDG_DATA_HOME": str(desk / "data"), "PATH": scripts + os.pathsep + os.environ["PATH"]}
    if shell == "fish":
        asked = f"lookalike completion fish | source; complete -C {shlex.quote(line)} | string split -f1 \\t; true"
        words = ["fish", "-c", asked]
    elif shell == "zsh":
        asked = (
            "compdef() { :; }; _describe() { :; }; "
            'compadd() { for one in "${completions[@]}"; do print -r -- "$one"; done; }; '
            f"words=({line} ); CURRENT=${{#words}}; "
            'eval "$(lookalike completion zsh)"; _lookalike_completion'
        )
        words = ["zsh", "-f", "-c", asked]
    else:
        asked = (
            'eval "$(lookalike completion bash)"; compopt() { OPTION="$*"; }; '
            f"COMP_LINE={shlex.quote(line)}; COMP_POINT=${{#COMP_LINE}}; _lookalike_completion lookalike; "
            'printf "%s\\n" "${COMPREPLY[@]}" $OPTION'
        )
        words = ["bash", "--norc", "-c", asked]
    done = subprocess.run(words, cwd=desk, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout.splitlines()


def test_the_shell_completes_commands_names_and_ids(desk: Path) -> None:
    assert completed(desk, "lookalike com") == ["compare", "compact", "completion"]
    assert completed(desk, "lookalike decisions un") == ["undo"]
    assert completed(desk, "lookalike find --collection ") == ["demo"]
    assert completed(desk, "lookalike info d") == ["demo"]
    assert completed(desk, "lookalike get -c demo scenes/") == ["scenes/sea-1.jpg", "scenes/sea-2.jpg"]
    assert completed(desk, "lookalike get -c demo a") == ["a\\ b.jpg"]
    assert completed(desk, "lookalike get -c demo it") == ["it\\'s.jpg"]
    assert completed(desk, "lookalike get -c demo Ü") == ["Ünder.jpg"]
    assert completed(desk, "lookalike find q") == ["-o", "default"]  # bash completes files


def test_the_shell_completes_ids_behind_a_colon(desk: Path) -> None:
    """Bash replaces only what stands behind the last ":" of what was typed."""
    assert completed(desk, "lookalike find -c demo id:scenes/sea-2") == ["scenes/sea-2.jpg"]
    assert completed(desk, "lookalike find -c demo id:x:y=") == ["z.jpg"]
    assert len(completed(desk, "lookalike find -c demo id:")) == len(IDS)


@pytest.mark.skipif(not shutil.which("fish"), reason="needs the shell fish (apt-get install fish)")
def test_fish_completes_ids_too(desk: Path) -> None:
    assert completed(desk, "lookalike get -c demo scenes/", shell="fish") == ["scenes/sea-1.jpg", "scenes/sea-2.jpg"]
    assert completed(desk, "lookalike find -c demo id:scenes/sea-2", shell="fish") == ["id:scenes/sea-2.jpg"]


@pytest.mark.skipif(not shutil.which("zsh"), reason="needs the shell zsh (apt-get install zsh)")
def test_zsh_takes_its_script(desk: Path) -> None:
    assert completed(desk, "lookalike get -c demo scenes/", shell="zsh") == ["scenes/sea-1.jpg", "scenes/sea-2.jpg"]


def test_what_cannot_be_completed_is_passed_over_in_silence(tmp_path: Path) -> None:
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "collections").write_text("no folder")
    for line in ("lookalike get x", "lookalike get --home damaged x", "lookalike find --home damaged -c c id:x"):
        assert completed(tmp_path, line) == [""], line
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("typed", ["a", "scenes/", "Ü", "\ue000", "\0", "é"])
def test_ids_are_looked_for_where_they_begin(typed: str) -> None:
    before = completion._before(typed)
    assert before is not None
    assert before < typed
    for between in (typed[:-1] + chr(max(0, ord(typed[-1]) - 1)) + "zzz",) if typed not in ("\0", "\ue000") else ():
        assert not before < between < typed


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_each_shell_has_its_script(tmp_path: Path, shell: str) -> None:
    assert f"_LOOKALIKE_COMPLETE={shell}_complete" in run(tmp_path, "completion", shell).stdout


# ---- waiting


def test_where_nobody_watches_a_long_run_tells_how_far_it_is(monkeypatch, capsys) -> None:
    monkeypatch.setattr(terminal, "_FIRST_LINE_S", 0.0)
    with terminal.progress_bar("indexing", "pictures") as tell:
        for done in (10, 20, 30):
            tell(Progress(done, 1000))
    assert capsys.readouterr().err == "indexing: 10 of 1,000 pictures\n"  # and no more for ten seconds


def test_a_short_run_says_nothing(capsys) -> None:
    with terminal.progress_bar("indexing", "pictures") as tell:
        tell(Progress(1000, 1000))
    with terminal.waiting("searching"):
        pass
    assert capsys.readouterr().err == ""


def test_what_takes_long_without_steps_says_so(monkeypatch, capsys) -> None:
    monkeypatch.setattr(terminal, "_NEXT_LINE_S", 0.01)
    told = ""
    with terminal.waiting("searching"):
        ends = time.monotonic() + 20
        while "searching" not in told and time.monotonic() < ends:
            told += capsys.readouterr().err
    assert "searching, 0 s so far\n" in told


def test_on_a_terminal_what_was_said_of_waiting_goes_again(tmp_path: Path) -> None:
    code = (
        "import time; from lookalike.doors.cli import terminal; terminal._QUIET_S = 0.05\n"
        "with terminal.waiting('searching'): time.sleep(0.3)\n"
        "print('found')"
    )
    told = on_a_terminal(["-c", code])
    assert "searching, 0 s so far" in told
    assert told.partition("found")[0].endswith("\r\x1b[K")


def test_writing_samples_shows_a_bar_on_a_terminal(tmp_path: Path) -> None:
    told = on_a_terminal(["-m", "lookalike", "samples", str(tmp_path / "photos")])
    assert "writing:" in told
    assert "/114" in told


def on_a_terminal(words: list[str]) -> str:
    """Run Python on a terminal of 80 columns, and give what it showed."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    process = subprocess.Popen([sys.executable, *words], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    told = b""
    try:
        while data := os.read(ours, 4096):
            told += data
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(ours)
    assert process.wait(60) == 0, told
    return told.decode(errors="replace")
