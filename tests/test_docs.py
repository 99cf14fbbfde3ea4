"""The documents are true: snippets run, commands and public names are told, links resolve."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

import lookalike
from lookalike.doors.cli import cli
from lookalike.samples import write_samples

README = (ROOT / "README.md").read_text()
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("decisions/*.md"), *ROOT.glob("tools/*.md")]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the README assumes it: `photos/` beside the reader."""
    folder = tmp_path_factory.mktemp("desk")
    write_samples(folder / "photos")
    (folder / "photos" / "samples.jsonl").unlink()
    return folder


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_files_exist(page: Path) -> None:
    for name in re.findall(r"`((?:docs|decisions|tools|src|tests|bench|requirements)/[\w./-]+)`", page.read_text()):
        assert (ROOT / name).exists() or name.startswith("bench/results"), name
