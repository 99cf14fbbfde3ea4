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
_AS_IT_IS = "longer|more|other|one|better|worse|less|larger|smaller|nearer|use|way|earlier|later|faster"
IS_NO = re.compile(rf"(?<![Hh]ere )\b(is|are|was|were) no (?!({_AS_IT_IS})\b)[a-z]+")
# Words of the house that the field has better ones for; see GLOSSARY.md.
RETIRED = re.compile(
    r"\b(referee|desk|(?<!\")lanes?|of one moment|none of ours|whoever|(in|by|of|from) the truth)\b", re.IGNORECASE
)


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


def test_no_retired_word_is_left() -> None:
    texts = [*PACKAGE.rglob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "ARCHITECTURE.md"]
    found = [f"{path.name}: {hit[0]}" for path in texts for hit in RETIRED.finditer(path.read_text(encoding="utf-8"))]
    assert found == []
