"""The conditions of a search, each declared once: what it takes, its default, its help, and its names at the doors.

`Conditions` is what a caller passes, `Query` what was made of it and checked; `query_of` makes the one of the other.
The options of the command line, the HTTP model, the digest of a cursor and the echo in an answer are read from the
fields of `Query`, and controls of the page from the HTTP model. To add a condition: a line in each of the two, and the
step of the search that obeys it.

How the conditions work together, in this order:

1. `filter`, `max_distance` and `threshold` say which records match. With `tags` the score is mixed, and the
   threshold is a floor on that; `max_distance` is always about the picture alone.
2. All that match are ranked by score, then distance, then id.
3. `collapse` walks down the ranking and leaves out near-duplicates of a better match.
4. `group_by` leaves the best match of each group; of a group, near-duplicates are gone already.
5. `diversity` takes the first of what is left as its pool and picks from it.
6. `limit` counts what is shown; `cursor` goes on behind it.

What contradicts itself is refused: `members` without groups, or with `collapse`, which would leave them out; a
`tag_weight` without tags; a `cursor` with `diversity`, whose answer is one selection and has no second page.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from functools import cache, cached_property
from typing import Any, TypedDict, get_args, get_type_hints

from .arguments import plain, plain_values
from .distances import COPY_SCORE
from .errors import InputError, shown
from .filters import Filter, parse_filter
from .limits import MOST_TAGS, Limits, check_count, check_tags, check_unit

NEAR_DUPLICATE_SCORE = COPY_SCORE
MAX_MEMBERS = 1000
MOST_MATCHES = Limits().max_limit  # on a page, where the setting says nothing else
MAX_VERIFIED = 1000  # each takes about 20 ms
VERIFIED = 100  # of the first matches, in a matching collection, when nobody says how many
MAX_COLLAPSED = 10_000  # matches on a page without near-duplicates: each is compared with all before it
MAX_DIVERSE = 1000  # matches of a diverse selection: its time grows with their square
_TAG_WEIGHT = 0.3  # the picture leads; tags decide between pictures that are about as near


Read = Callable[[str, Any], Any]  # name and what was passed -> the checked value


# ---- how a condition is declared


@dataclass(frozen=True)
class Condition:
    """A condition of a search, as its field declares it.

    Attributes:
        name: As Python, HTTP and the echo of an answer call it.
        help: What it does, in a sentence or two; names of other conditions stand in backticks.
        default: Of the checked value; a default that depends on the collection is None and told in `help`.
        takes: The type of what a caller passes.
        option: Its option of the command line; `short` beside it, where it has one.
        metavar: What the command line calls its value.
        wire: The type in JSON, where that is narrower than `takes`.
        bounds: More that its JSON schema says.
        read: Checks what was passed.
    """

    name: str
    help: str
    default: Any
    takes: Any
    option: str
    short: str | None
    metavar: str | None
    wire: Any
    bounds: Mapping[str, Any]
    read: Read

    def checked(self, value: Any) -> Any:
        """Check what was passed; None stands for the default, where it may be passed."""
        return self.default if value is None and type(None) in self.kinds else self.read(self.name, plain(value))

    @cached_property
    def kinds(self) -> tuple[Any, ...]:
        """The types that it takes, each by itself; `type(None)` where it may be left open."""
        return get_args(self.takes) or (self.takes,)

    @property
    def is_flag(self) -> bool:
        """Whether it may be switched on without a value."""
        return bool in self.kinds

    @property
    def is_many(self) -> bool:
        """Whether it takes several values."""
        return Iterable[str] in self.kinds

    @property
    def unset(self) -> Any:
        """What a caller passes for "not given"."""
        return None if type(None) in self.kinds else False if self.is_flag else self.default


def _condition(
    help: str,
    read: Read,
    default: Any = None,
    *,
    ranks: bool = True,
    echoed: bool = True,
    options: Sequence[str] = (),
    metavar: str | None = None,
    wire: Any = None,
    **bounds: Any,
) -> Any:
    """Declare a condition.

    Args:
        read: Checks what was passed.
        default: Of the checked value.
        ranks: Whether it decides the ranking, so that a cursor is bound to it.
        echoed: Whether an answer says that it was asked with.
        options: A short option of the command line, and a long one where that is not its name.
        metavar, wire, bounds: See `Condition`.
    """
    told = {"help": help, "read": read, "ranks": ranks, "echoed": echoed, "options": options}
    return field(default=default, metadata=told | {"metavar": metavar, "wire": wire, "bounds": bounds})


@cache
def conditions() -> tuple[Condition, ...]:
    """Return all conditions of a search, in the order in which people are told of them."""
    takes = get_type_hints(Conditions)
    return tuple(_declared(one, takes[one.name]) for one in fields(Query))


@cache
def _by_name() -> Mapping[str, Condition]:
    return {one.name: one for one in conditions()}


def _declared(one: Field[Any], takes: Any) -> Condition:
    told = one.metadata
    return Condition(
        name=one.name,
        help=told["help"],
        default=one.default,
        takes=takes,
        option=next((name for name in told["options"] if name[:2] == "--"), f"--{one.name.replace('_', '-')}"),
        short=next((name for name in told["options"] if name[:2] != "--"), None),
        metavar=told["metavar"],
        wire=takes if told["wire"] is None else told["wire"],
        bounds=told["bounds"],
        read=told["read"],
    )


# ---- what a value may be


def _count(least: int, most: int) -> Read:
    def read(name: str, value: Any) -> int:
        check_count(name, value, least=least, most=most)
        return value  # type: ignore[no-any-return]

    return read


def _limit(_: str, value: Any) -> Any:
    return value  # `query_of` checks it: how many there may be is a setting


def _score(name: str, value: Any) -> float:
    check_unit(name, value)
    return value  # type: ignore[no-any-return]


def _share(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise InputError(f"{name}={value!r} is not a number: pass a share from 0 to 1, such as 0.3.")
    if not 0 <= value <= 1:
        raise InputError(f"{name}={value:g} is out of range: it is a share from 0 to 1.")
    return float(value)


def _distance(name: str, value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{name}={value!r} is not a number: pass a distance of 0 or more.")
    if not value >= 0:
        raise InputError(f"{name}={value} is out of range: a distance is 0 or more.")
    return None if value == math.inf else value  # as far as there is anything


def _filter(_: str, value: Any) -> Filter | None:
    return filter_of(value)


def _field_name(name: str, value: Any) -> str:
    if not (isinstance(value, str) and value):
        raise InputError(f"{name}={value!r} names no field: pass a metadata field, such as product_id.")
    return value


def _tags(name: str, value: Any) -> frozenset[str]:
    named = frozenset(check_tags(value))
    if not named:
        raise InputError(f"{name}=[] holds no tag to compare with: name at least one, or leave `{name}` out.")
    return named


def _floor_of_copies(name: str, value: Any) -> float | None:
    if value is None or isinstance(value, bool):
        return NEAR_DUPLICATE_SCORE if value else None
    return float(_score(name, value))


def _crop(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return plain_values(value)  # who cuts it out says what is wrong with it
    try:
        x, y, width, height = (int(part) for part in value.split(","))
    except ValueError:
        raise InputError(f'{name}="{value[:80]}" is not a box: pass x,y,width,height in pixels.') from None
    return x, y, width, height


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"{name}={shown(value)!r} is neither True nor False: pass one of the two.")
    return value


def _text(_: str, value: Any) -> Any:
    return value  # who reads it says what is wrong with it


def check_precision(threshold: float | None, precision: float | None) -> None:
    """Refuse a precision out of range, and one beside a threshold, which it would be turned into.

    Raises:
        InputError
    """
    if threshold is not None and precision is not None:
        raise InputError("`threshold` and `precision` are both given: pass one; a precision becomes a threshold.")
    if precision is not None:
        _share("precision", precision)


def filter_of(given: Mapping[str, Any] | str | Filter | None) -> Filter | None:
    """Return the filter of what a caller may pass for one.

    Raises:
        FilterError: naming the place that is wrong.
    """
    return given if given is None or isinstance(given, Filter) else parse_filter(given)


# ---- the conditions


class Conditions(TypedDict, total=False):
    """What a search may be given beside its examples; `Query` says what each does."""

    limit: int
    threshold: float | None
    precision: float | None
    max_distance: float | None
    filter: Mapping[str, Any] | str | Filter | None
    group_by: str | None
    members: int
    tags: Iterable[str] | None
    tag_weight: float | None
    diversity: float
    collapse: bool | float
    crop: Sequence[int] | str | None
    cursor: str | None
    exact: bool
    verify: int | None
    explain: bool


@dataclass(frozen=True, kw_only=True)
class Query:
    """The conditions of a search, checked. Made by `query_of`."""

    limit: int = _condition(
        "How many matches (with `group_by`: groups) at most; there are fewer only when fewer match.",
        _limit, 10, ranks=False, options=["-n"],
    )  # fmt: skip
    threshold: float | None = _condition("Lowest score of a match, 0 to 1.", _score, options=["-t"])
    precision: float | None = _condition(
        "In place of `threshold`: how likely a match has to be right, 0 to 1; for one example and without tags.",
        _share, ranks=False,
    )  # fmt: skip
    max_distance: float | None = _condition("Largest distance of a match, of the picture alone.", _distance)
    filter: Filter | None = _condition(  # noqa: RUF009 - a field, and None by default
        'Condition on metadata, `_id` and tags, as JSON: {"price": {"$lt": 50}}.',
        _filter, metavar="JSON", wire=dict[str, Any] | str | None,
    )  # fmt: skip
    group_by: str | None = _condition(
        "Metadata field (a.b for a field within a field): only the best match of each of its values.",
        _field_name, metavar="FIELD",
    )  # fmt: skip
    members: int = _condition(
        "With `group_by`: how many others of each group to give.", _count(0, MAX_MEMBERS), 0, ranks=False
    )
    tags: frozenset[str] = _condition(
        "Tags that a match should share; they are mixed into the score.",
        _tags, frozenset(), options=["--tag"], metavar="TAG", wire=list[str] | None, max_length=MOST_TAGS,
    )  # fmt: skip
    tag_weight: float = _condition("Share of the tags in the score, 0 to 1. Default: 0.3 with tags.", _share, 0.0)
    diversity: float = _condition(
        "0 to 1: the higher, the less alike the matches are among themselves; there are no further pages.",
        _share,
        0.0,
        ranks=False,
    )
    collapse: float | None = _condition(
        "Leave out near-duplicates of a better match, from a score of 0.9 or the one given.", _floor_of_copies
    )
    crop: tuple[int, int, int, int] | None = _condition(
        "Part of the first example to look at: x, y, width, height in pixels as shown.",
        _crop, ranks=False, metavar="X,Y,W,H", wire=list[int] | None, min_length=4, max_length=4,
    )  # fmt: skip
    cursor: str | None = _condition(
        "The value `next` of an earlier answer (in its JSON): continue behind that page, with the same query.",
        _text,
        ranks=False,
        echoed=False,
        metavar="NEXT",
    )
    exact: bool = _condition(
        "Look at every record in place of an approximate index, however large the collection.", _flag, False
    )
    verify: int = _condition(
        "How many of the first matches to check by geometry: each shows its relation, and is scored and ordered by it; "
        "copies have 0.90 or more. Default: 100 in a collection of type matching, else 0.",
        _count(0, MAX_VERIFIED), 0, metavar="N",
    )  # fmt: skip
    explain: bool = _condition("Say how the answer was found.", _flag, False, ranks=False, echoed=False)

    @property
    def ranking(self) -> tuple[Any, ...]:
        """The values that tell the ranking of this query from all others."""
        values = vars(self)
        return tuple([_plain(values[name]) for name in _defaults_of("ranks")])

    def echo(self) -> dict[str, Any]:
        """Return in plain values what was asked; what is at its default is left out, but for the limit."""
        values, defaults = vars(self), _defaults_of("echoed")
        return {name: _plain(values[name]) for name in defaults if name == "limit" or values[name] != defaults[name]}


@cache  # asked twice in every search
def _defaults_of(mark: str) -> Mapping[str, Any]:
    """Return the defaults of the conditions that have a mark, by name and in their order."""
    return {one.name: one.default for one in fields(Query) if one.metadata[mark]}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, float | int | str):
        return value
    return value.text if isinstance(value, Filter) else sorted(value) if isinstance(value, frozenset) else list(value)


def query_of(given: Conditions, *, most: int = MOST_MATCHES) -> Query:
    """Check the conditions of a search.

    Args:
        most: Matches that a page may hold.

    Raises:
        InputError: for a value out of range, and for conditions that contradict each other.
        TypeError: for a name that is not that of a condition.
    """
    known = _by_name()
    unknown = [name for name in given if name not in known]
    if unknown:
        raise TypeError(f"a search has no condition {unknown[0]!r}: there are {', '.join(known)}.")
    query = Query(**{name: known[name].checked(value) for name, value in given.items()})
    check_count("limit", query.limit, least=1, most=most)
    _refuse_contradictions(query, given)
    if query.tags and given.get("tag_weight") is None:
        return replace(query, tag_weight=_TAG_WEIGHT)
    return query


def _refuse_contradictions(query: Query, given: Conditions) -> None:
    if query.members and query.group_by is None:
        raise InputError("`members` are those of a group: pass `group_by`, too.")
    if query.members and query.collapse is not None:
        raise InputError("`members` would show what `collapse` leaves out: pass one of the two.")
    if not query.tags and given.get("tag_weight") is not None:
        raise InputError("`tag_weight` stands without tags: pass the `tags` that it weighs.")
    check_precision(query.threshold, query.precision)
    if query.diversity and query.limit > MAX_DIVERSE:
        raise InputError(
            f"limit={query.limit} is out of range: a diverse selection holds at most {MAX_DIVERSE} matches."
        )
    if query.diversity and query.cursor is not None:
        raise InputError(
            "`diversity` gives one selection without further pages: leave `cursor` out, or ask for more by `limit`."
        )
    if query.collapse is not None and query.limit > MAX_COLLAPSED:
        raise InputError(
            f"limit={query.limit} is out of range: with `collapse` a page holds at most {MAX_COLLAPSED} matches, since "
            f"each is compared with all before it. A `cursor` goes on behind them."
        )
