"""Imports go down: the tables of ARCHITECTURE.md are held, and a room is entered through its face."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import lookalike.turi
from lookalike import errors
from lookalike.core.collection import Collection
from lookalike.core.library import Library

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "lookalike"
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name not in ("__init__.py", "__main__.py"))
BY_HAND = {"os.replace", "os.rename", "os.renames", "os.fsync", "os.fdatasync", "os.link", "shutil.move"}
OPEN_ROOMS = ("ground", "core", "service")  # their modules are their own faces
MOST_FLAT = 12  # modules of the core that stand in no room of their own
MOST_LINES = 450  # of a module
MOST_PARAMETERS = 8
DOORSTEP = re.compile(r"\w+\.(command|get|post|put|patch|delete)\(")  # decorators of commands and routes


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def walls() -> dict[str, set[str]]:
    table = re.findall(r"^\| (\w+) \|(.*)\|$", ARCHITECTURE, re.MULTILINE)
    return {room: {name.strip() for name in allowed.split(",")} - {""} for room, allowed in table if room != "room"}


def floors() -> list[str]:
    """Give the rooms of the core from the ground up, as the map says them; "core" are its own modules."""
    (line,) = re.findall(r"^The floors of the core, from the ground up: (.*)\.$", ARCHITECTURE, re.MULTILINE)
    return [name.strip("`") for name in line.split(" · ")]


def room_of(parts: tuple[str, ...]) -> str:
    """Give the room of a module, from its dotted path below the package."""
    return parts[0] if parts and (PACKAGE / parts[0]).is_dir() else "ground"


def floor_of(parts: tuple[str, ...]) -> str:
    """Give the floor of a module of the core, from its dotted path below the package."""
    return parts[1] if len(parts) > 1 and (PACKAGE / "core" / parts[1]).is_dir() else "core"


def imports_of(path: Path) -> Iterator[tuple[str, ...]]:
    """Give the dotted path below the package of everything of ours that a module imports."""
    package = ("lookalike", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(tree_of(path)):
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


def all_imports() -> Iterator[tuple[Path, tuple[str, ...]]]:
    for path in MODULES:
        yield from ((path, target) for target in imports_of(path) if target not in ((), ("__version__",)))


def told(path: Path, target: tuple[str, ...]) -> str:
    return f"{path.relative_to(PACKAGE)} imports {'.'.join(target)}"


def test_the_tables_name_every_room() -> None:
    def folders(place: Path) -> set[str]:
        return {path.name for path in place.iterdir() if path.is_dir() and path.name != "__pycache__"}

    assert set(walls()) == folders(PACKAGE) | {"ground"}
    assert set(floors()) == folders(PACKAGE / "core") | {"core"}


def test_imports_go_down() -> None:
    def is_wrong(path: Path, target: tuple[str, ...]) -> bool:
        room, other = room_of(path.relative_to(PACKAGE).parts[:-1]), room_of(target)
        return other != room and other not in walls()[room]

    assert [told(*one) for one in all_imports() if is_wrong(*one)] == []


def test_imports_go_down_within_the_core() -> None:
    order = floors()

    def is_wrong(path: Path, target: tuple[str, ...]) -> bool:
        place = path.relative_to(PACKAGE).parts[:-1]
        if room_of(place) != "core" or room_of(target) != "core":
            return False
        return order.index(floor_of(target)) > order.index(floor_of(place))

    assert [told(*one) for one in all_imports() if is_wrong(*one)] == []
    assert len([path for path in MODULES if path.parent == PACKAGE / "core"]) <= MOST_FLAT


def loaded_by(path: Path) -> set[Path]:
    """Give the modules that are loaded with a module: what it imports outside of functions, but for types alone."""
    package = ("lookalike", *path.relative_to(PACKAGE).parts[:-1])
    pending: list[ast.AST] = [tree_of(path)]
    found = set()
    while pending:
        node = pending.pop()
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            target = (*base, *(node.module.split(".") if node.module else ()))
            if target[:1] == ("lookalike",):
                place = PACKAGE.joinpath(*target[1:])
                submodules = [place / f"{alias.name}.py" for alias in node.names]
                found |= {one for one in submodules if one.exists()} or {
                    place.with_suffix(".py"),
                    place / "__init__.py",
                }
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not (
            isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        ):
            pending += ast.iter_child_nodes(node)
    return {one for one in found if one.exists()}


def test_no_modules_import_each_other_in_a_circle() -> None:
    left = {path: loaded_by(path) for path in PACKAGE.rglob("*.py")}
    while free := {path for path, needed in left.items() if not needed & left.keys()} | (
        left.keys() - {one for needed in left.values() for one in needed}
    ):
        left = {path: needed for path, needed in left.items() if path not in free}
    assert {str(path.relative_to(PACKAGE)) for path in left} == set()


def functions_of(node: ast.AST, within: str = "") -> Iterator[tuple[str, str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Give each function with its name and that of the class that it is a method of, or ""."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child.name, within, child
        yield from functions_of(child, child.name if isinstance(child, ast.ClassDef) else "")


def parameters_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    taken = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    return [one.arg for one in taken if one.arg not in ("self", "cls")]


def test_only_public_faces_take_many_parameters() -> None:
    """Those are: methods of a collection and of a library, names of Turi Create, commands, and routes."""
    faces = {kind.__name__ for kind in (*Collection.__mro__, Library)}

    def is_face(path: Path, name: str, within: str, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        place = path.relative_to(PACKAGE).parts[0]
        is_met_outside = any(DOORSTEP.match(ast.unparse(one)) for one in function.decorator_list)
        return (
            (place == "core" and within in faces and not name.startswith("_"))
            or (place == "turi" and (within or name) in lookalike.turi.__all__)
            or (place == "doors" and is_met_outside)
        )

    assert [
        f"{path.relative_to(PACKAGE)}: {name} takes {len(parameters_of(function))}"
        for path in PACKAGE.rglob("*.py")
        for name, within, function in functions_of(tree_of(path))
        if len(parameters_of(function)) > MOST_PARAMETERS and not is_face(path, name, within, function)
    ] == []


def test_modules_fit_in_one_sitting() -> None:
    lines = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


def test_rooms_are_entered_by_their_faces() -> None:
    def is_wrong(path: Path, target: tuple[str, ...]) -> bool:
        other = room_of(target)
        return len(target) > 1 and other not in OPEN_ROOMS and other != room_of(path.relative_to(PACKAGE).parts[:-1])

    assert [told(*one) for one in all_imports() if is_wrong(*one)] == []


def test_every_module_says_what_it_is() -> None:
    assert [path for path in PACKAGE.rglob("*.py") if not ast.get_docstring(tree_of(path))] == []


def test_files_are_replaced_moved_and_forced_by_the_ground_alone() -> None:
    """`disk` knows how; the samples, which import nothing, are written again when they are lost."""
    by_hand = []
    for path in MODULES:
        if path == PACKAGE / "disk.py" or path.parent.name == "samples":
            continue
        calls = {ast.unparse(node.func) for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)}
        wrong = {name for name in calls if name in BY_HAND or name.endswith((".write_text", ".write_bytes"))}
        by_hand += [f"{path.relative_to(PACKAGE)}: {name}" for name in sorted(wrong)]
    assert by_hand == [], "write it by lookalike.disk"


def test_a_module_that_is_named_is_there() -> None:
    """What docstrings, comments and the map call `x.py` or `room/x` exists."""
    texts = [*PACKAGE.rglob("*.py"), ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"]
    modules = {str(path.relative_to(PACKAGE).with_suffix("")) for path in PACKAGE.rglob("*.py")}
    names = {Path(module).name for module in modules}
    tests = {path.name for path in (ROOT / "tests").glob("*.py")} | {
        path.name for path in (ROOT / "tools").glob("*.py")
    }
    for path in texts:
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"\b(\w+)\.py\b", re.sub(r"\S+/\S+\.py|__init__\.py", "", text)):
            assert name in names or f"{name}.py" in tests, f"{path.name} names {name}.py"
        rooms = r"`((?:core|stores|doors|service|encoders|intake|geometry|turi)/[a-z_/]+[a-z_])`"
        for name in re.findall(rooms, text):
            assert name in modules or (PACKAGE / name).is_dir(), f"{path.name} names {name}"


def test_every_room_is_on_the_map() -> None:
    rooms = {path.parent.relative_to(PACKAGE) for path in PACKAGE.rglob("__init__.py")} - {Path()}
    missing = {str(room) for room in rooms if f"{room.as_posix()}/" not in ARCHITECTURE}
    assert {room for room in missing if f"`{Path(room).name}/`" not in ARCHITECTURE} == set()


def test_the_tree_of_errors_names_each_with_its_code() -> None:
    tree = errors.__doc__ or ""
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.LookalikeError)]
    assert len(classes) > 20
    for one in classes:
        assert re.search(rf"\b{one.__name__}\b\s+{one.code}\b", tree), f"{one.__name__} ({one.code})"
