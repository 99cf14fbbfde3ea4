"""The documents are true: snippets run, commands and public names are told, links resolve."""

from __future__ import annotations

import doctest
import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

import lookalike
from lookalike.doors.cli.program import cli

README = (ROOT / "README.md").read_text()
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("decisions/*.md"), *ROOT.glob("tools/*.md")]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder, as a reader of the README begins in."""
    return tmp_path_factory.mktemp("desk")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def environment(desk: Path) -> dict[str, str]:
    scripts = str(Path(sys.executable).parent)
    return {**os.environ, "LOOKALIKE_HOME": str(desk / "home"), "PATH": scripts + os.pathsep + os.environ["PATH"]}


def test_the_commands_of_the_readme_run(desk: Path) -> None:
    commands = [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]
    assert len(commands) > 8
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command], cwd=desk, env=environment(desk), capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, (command, done.stderr)
    assert "data:image/jpeg" in (desk / "matches.html").read_text()


def test_every_command_that_the_demo_prints_runs_as_it_is_printed(tmp_path: Path) -> None:
    """From a folder with a blank in its name, and without the program on the path, as after `make demo`."""
    where = tmp_path / "my desk"
    where.mkdir()
    program = [str(Path(sys.executable).parent / "lookalike"), "demo", "--no-serve", "--home", "a home"]
    told = subprocess.run(program, cwd=where, capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stderr
    printed = re.findall(r"^\$ (.*)$", told.stdout, re.MULTILINE)
    assert {"import", "find", "compare", "duplicates"} <= {word for line in printed for word in line.split()}
    for line in printed:
        done = subprocess.run(["bash", "-c", line], cwd=where, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (line, done.stderr)
    [serve] = re.findall(r"to go on with: (.*)$", told.stdout, re.MULTILINE)
    [line] = re.findall(r"take back: (.*)\)", decided(program[0], where))
    for last in (line, serve.replace("--open", "--help")):
        assert subprocess.run(["bash", "-c", last], cwd=where, capture_output=True, timeout=60).returncode == 0, last


def decided(program: str, where: Path) -> str:
    """Decide on a sample of the demo, and give what was printed."""
    words = [program, "decide", "keep", "scenes/aurora-1.jpg", "--collection", "demo", "--home", "a home"]
    return subprocess.run(words, cwd=where, capture_output=True, text=True, timeout=60, check=True).stdout


def test_the_output_of_find_is_the_one_in_the_readme(desk: Path) -> None:
    [wanted] = blocks("text")
    command = [sys.executable, "-m", "lookalike", "find", "photos/scenes/aurora-1.jpg", "--limit", "3"]
    done = subprocess.run(command, cwd=desk, env=environment(desk), capture_output=True, text=True, timeout=60)
    assert done.stdout == wanted


@pytest.mark.parametrize("code", blocks("python"))
def test_the_python_of_the_readme_runs(desk: Path, code: str) -> None:
    shutil.rmtree(desk / "my-library", ignore_errors=True)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=desk,
        env=environment(desk),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "0 failed" in done.stdout


def test_every_command_and_public_name_is_told() -> None:
    for name in cli.commands:
        assert f"`{name}`" in README, name
    told = README + (ROOT / "ARCHITECTURE.md").read_text() + (lookalike.__doc__ or "")
    for name in ("open", "compare", "LookalikeError"):
        assert name in told


def test_the_glossary_names_classes_and_values_that_are_there() -> None:
    code = "".join(path.read_text() for path in (ROOT / "src" / "lookalike").rglob("*.py"))
    rows = re.findall(r"^\| \*\*(.+?)\*\*.*? \| (.+) \|$", (ROOT / "GLOSSARY.md").read_text(), re.MULTILINE)
    assert len(rows) == len({word for word, _ in rows}) > 40
    for name in re.findall(r"`(\w+)`", " ".join(meaning for _, meaning in rows)):
        is_there = re.search(rf"^(class {name}\b|{name}\b.* = )", code, re.MULTILINE) or f'"{name}"' in code
        assert is_there, name


def test_every_page_of_the_docs_is_reached_from_the_readme() -> None:
    linked = set(re.findall(r"\]\(docs/([\w.-]+)", README))
    assert {page.name for page in ROOT.glob("docs/*.md")} <= linked


def test_the_pictures_of_the_readme_are_small() -> None:
    pictures = sorted(ROOT.glob("docs/pictures/*"))
    assert [one.name for one in pictures] == ["compare.webp", "phone.webp", "results.webp", "review.webp"]
    assert max(one.stat().st_size for one in pictures) <= 150_000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page: Path) -> None:
    told = page.read_text()
    for target in [*re.findall(r"\]\(([^)#]+)", told), *re.findall(r'src="([^"]+)"', told)]:
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_files_exist(page: Path) -> None:
    for name in re.findall(r"`((?:docs|decisions|tools|src|tests|bench|requirements)/[\w./-]+)`", page.read_text()):
        assert (ROOT / name).exists() or name.startswith("bench/results"), name


DOCTESTED = [
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
    for path in sorted((ROOT / "src" / "lookalike").rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", DOCTESTED)
def test_examples_of_docstrings_run(name: str) -> None:
    ran = doctest.testmod(importlib.import_module(name))
    assert ran.attempted > 0, f"no example of {name} was found"
    assert ran.failed == 0, "see the output above"


def test_there_are_examples() -> None:
    assert len(DOCTESTED) >= 10
