"""SQLite expressions for the value of a metadata field.

SQLite reads JSON almost as JSON means it. Not before 3.45 does it match names that hold escapes, it cuts texts at
`\\u0000`, and it makes reals of integers over 64 bits; so a row whose metadata holds a backslash is unsure, and so is
such an integer. A list on the way to the value (`a.b` in `{"a": [{"b": 1}]}`) makes a row unsure too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

FALSE, TRUE, NULL, ARRAY, OBJECT, UNSURE = "x'00'", "x'01'", "x'02'", "x'03'", "x'04'", "x'ff'"

_SHORT = 35  # characters of a list of two numbers of 16 characters: such are read exactly
_PLAIN = re.compile(r'[^"\\\x00-\x1f\ud800-\udfff]+')  # a name that JSON, SQLite's paths and UTF-8 write as it is


@dataclass(frozen=True)
class JsonField:
    """A place in a row; what stands there is coded as sql.py says.

    Attributes:
        column: The column that holds it.
        value: The value. An index of this very expression serves conditions on it.
        elements: The table of a list's elements, to be called `e`; for rows whose value is a list.
        length: How many elements a list has.
    """

    column: str
    value: str
    elements: str
    length: str

    @property
    def element(self) -> str:
        """The value of an element `e`."""
        return _value("e.type", "e.value", "''")


def json_field(path: Sequence[str]) -> JsonField | None:
    """Return the place that a path leads to; None where only the reference evaluator can tell."""
    if path[:1] == ("_id",):
        return JsonField("id", "id", "json_each('[]')", "0") if len(path) == 1 else None
    if path[:1] == ("tags",):
        value = f"CASE WHEN instr(tags, '\\') THEN {UNSURE} ELSE {ARRAY} END"
        return JsonField("tags", value, "json_each(tags)", "json_array_length(tags)") if len(path) == 1 else None
    if not path or not all(map(_PLAIN.fullmatch, path)):
        return None
    *above, whole = ["$." + ".".join(f'"{name}"' for name in path[: n + 1]) for n in range(len(path))]
    steps = "".join(f" OR json_type(metadata, {_quoted(step)}) = 'array'" for step in above)
    at = f"metadata, {_quoted(whole)}"
    value = _value(f"json_type({at})", f"json_extract({at})", f"json_extract({at}, {_quoted(whole)})")
    return JsonField(
        "metadata",
        f"CASE WHEN instr(metadata, '\\'){steps} THEN {UNSURE} ELSE {value} END",
        f"json_each({at})",
        f"json_array_length({at})",
    )


def _value(type: str, value: str, twice: str) -> str:
    """Code a value.

    Args:
        twice: The value as JSON writes it, in a list with itself (`[5.0,5.0]`): what json_extract gives for two
            paths. Only the writing shows a whole number; the value itself may have been rounded to one.
    """
    return (
        f"CASE {type} WHEN 'text' THEN {value} "
        f"WHEN 'integer' THEN CASE typeof({value}) WHEN 'integer' THEN {value} ELSE {UNSURE} END "
        f"WHEN 'real' THEN CASE WHEN {twice} GLOB '*.0]' AND length({twice}) <= {_SHORT} THEN CAST({value} AS INTEGER) "
        f"WHEN {value} = CAST({value} AS INTEGER) THEN {UNSURE} ELSE {value} END "
        f"WHEN 'true' THEN {TRUE} WHEN 'false' THEN {FALSE} WHEN 'null' THEN {NULL} "
        f"WHEN 'array' THEN {ARRAY} WHEN 'object' THEN {OBJECT} END"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
