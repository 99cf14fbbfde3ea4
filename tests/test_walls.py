"""Imports go down: the table of ARCHITECTURE.md is held, and a room is entered through its face."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "lookalike"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name not in ("__init__.py", "__main__.py"))
BY_HAND = {"os.replace", "os.rename", "os.renames", "os.fsync", "os.fdatasync", "os.link", "shutil.move"}
OPEN_ROOMS = ("ground", "core")  # their modules are their own faces


def walls() -> dict[str, set[str]]:
    table = re.findall(r"^\| (\w+) \|(.*)\|$", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE)
    return {room: {name.strip() for name in allowed.split(",")} - {""} for room, allowed in table if room != "room"}


def room_of(parts: tuple[str, ...]) -> str:
    """Give the room of a module, from its dotted path below the package."""
    return parts[0] if parts and (PACKAGE / parts[0]).is_dir() else "ground"


def imports_of(path: Path) -> Iterator[tuple[str, ...]]:
    """Give the dotted path below the package of everything of ours that a module imports."""
    package = ("lookalike", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            target = (*base, *(node.module or "").split(".")) if node.module else base
            if target[:1] == ("lookalike",):
                below = target[1:]
                names = [alias.name for alias in node.names]
                is_package = (PACKAGE.joinpath(*below)).is_dir()
                yield from ((*below, name) if is_package and not below else below for name in names)
        elif isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")[1:]) for alias in node.names if alias.name.startswith("lookalike."))


def test_the_table_names_every_room() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert set(walls()) == rooms | {"ground"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    room = room_of(path.relative_to(PACKAGE).parts[:-1])
    for target in imports_of(path):
        if target in ((), ("__version__",)):
            continue
        other = room_of(target)
        assert other == room or other in walls()[room], f"{room} must not import {other}: {'.'.join(target)}"
        is_face = len(target) == 1 or other in OPEN_ROOMS or other == room
        assert is_face, f"{path.name} enters {other} by {'.'.join(target)}, not by its face"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_are_replaced_moved_and_forced_by_the_ground_alone(path: Path) -> None:
    """`disk` knows how; the samples, which import nothing, are drawn again when they are lost."""
    if path == PACKAGE / "disk.py" or path.parent.name == "samples":
        return
    called = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
    by_hand = {name for name in called if name in BY_HAND or name.endswith((".write_text", ".write_bytes"))}
    assert by_hand == set(), "write it by lookalike.disk"


def test_every_module_is_on_the_map() -> None:
    told = (ROOT / "ARCHITECTURE.md").read_text()
    public = [path for path in MODULES if path.parent.name in ("core", "doors", "lookalike")]
    assert [path.stem for path in public if path.stem not in told] == []
