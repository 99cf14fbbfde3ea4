"""Names of fields and tags in a query that no record has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ...conditions import Among, And, Condition, Equal, Field, Not, Or
from ...filters import Filter, parse_filter

if TYPE_CHECKING:
    from ...stores import Records

_OURS = ("_id", "tags")  # every record has them
_MOST = 10  # names that are looked up


def unknown_names(store: Records, filter: Filter | None, tags: Iterable[str]) -> tuple[str, ...]:
    """Return the tags and the filter's fields that no record has, each once and in the order of the question.

    Cost: one look-up a name, which reads all records where the field is not declared: ask only when nothing was found.
    """
    conditions = () if filter is None else tuple(_fields(filter.condition))
    asked = dict.fromkeys([("tag", tag) for tag in (*tags, *_tags(conditions))])
    asked |= dict.fromkeys([("field", one.path[0]) for one in conditions if one.path and one.path[0] not in _OURS])
    return tuple(f'{kind} "{name[:80]}"' for kind, name in list(asked)[:_MOST] if not _is_there(store, kind, name))


def _is_there(store: Records, kind: str, name: str) -> bool:
    wanted = {"tags": name} if kind == "tag" else {name: {"$exists": True}}
    return next(iter(store.scan(filter=parse_filter(wanted))), None) is not None


def _fields(condition: Condition) -> Iterator[Field]:
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _fields(part)
        case Not(part):
            yield from _fields(part)
        case Field():
            yield condition


def _tags(conditions: Iterable[Field]) -> Iterator[str]:
    for one in conditions:
        if one.path == ("tags",):
            match one.test:
                case Equal(str() as tag):
                    yield tag
                case Among(tags):
                    yield from (tag for tag in tags if isinstance(tag, str))
