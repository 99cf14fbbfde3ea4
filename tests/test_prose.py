"""The mechanical part of plain English: docstrings begin with the verb that matters."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "lookalike"
WEAK = re.compile(r"(Give|Say|Tell)s?\b")  # what a function does is never one of these
# "is no number" reads like a negation of being; "is not a number" says it. "There is no number" is another thing.
IS_NO = re.compile(r"(?<![Tt]here )\b(is|was) no (whole number|number|text|JSON|URL|cursor|backup|object|list|pair)\b")


def docstrings() -> Iterator[tuple[str, str]]:
    """Yield where each docstring of the package stands, and the docstring."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node)
                if text:
                    yield f"{path.relative_to(PACKAGE)}: {getattr(node, 'name', 'module')}", text


def test_docstrings_begin_with_the_verb_that_matters() -> None:
    assert [f"{where}: {text.splitlines()[0]}" for where, text in docstrings() if WEAK.match(text)] == []


def test_a_thing_is_not_another_in_place_of_being_none() -> None:
    texts = [*PACKAGE.rglob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
    found = [f"{path.name}: {hit[0]}" for path in texts for hit in IS_NO.finditer(path.read_text(encoding="utf-8"))]
    assert found == []
