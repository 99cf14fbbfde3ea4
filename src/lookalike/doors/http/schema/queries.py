"""Questions and their answers: searches, comparisons, duplicates, clusters."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, create_model

from ....limits import Limits
from ....query import conditions
from .base import Answered, Asked

_MOST_EXAMPLES = 10_000  # whatever the setting of pictures in a request
_PICTURES = f"All pictures together: {Limits().max_images_per_request}, unless the server is set otherwise."


class Example(Asked):
    """An example with a weight."""

    source: str
    weight: float = 1.0


class _Search(Asked):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"source": "id:7", "limit": 5, "filter": {"price": {"$lt": 50}}}]}
    )

    source: str | None = Field(None, description='An URL, base64 of a picture, or "id:7" for a stored one.')
    like: list[str | Example] = Field(
        [], max_length=_MOST_EXAMPLES, description=f"More examples; the search is for what they share. {_PICTURES}"
    )
    unlike: list[str | Example] = Field([], max_length=_MOST_EXAMPLES, description=f"Counter-examples. {_PICTURES}")


_CONDITIONS: dict[str, Any] = {
    one.name: (
        one.wire,
        Field(one.unset, description=one.help, json_schema_extra={"x-option": one.option}, **one.bounds),
    )
    for one in conditions()
}
SearchQuery = create_model(
    "SearchQuery",
    __base__=_Search,
    __doc__="A search, with the names and defaults of `Collection.search`.",
    __module__=__name__,
    **_CONDITIONS,
)


class MatchForm(Answered):
    """A match."""

    id: str
    score: float = Field(description="With a relation, the score is made by geometry: a copy has 0.90 or more.")
    distance: float = Field(description="What the descriptor says, whatever geometry found.")
    rank: int
    relation: str | None = Field(description="What it is to the picture; null where it was not checked.")
    source: str | None
    metadata: dict[str, Any]
    tags: list[str]
    confidence: float | None = Field(None, description="Probability of the same picture; there with a relation.")
    size_px: list[int] | None = Field(None, description="Width and height of its picture.")
    parts: dict[str, float] | None = Field(None, description="What a score with tags is mixed of; there with tags.")
    members: list[MatchForm] | None = Field(None, description="The next best of its group; there with `members`.")
    hidden: int | None = Field(None, description="Near-duplicates that were left out; there with `collapse`.")
    file_gone: bool | None = Field(None, description="True where its local file is not there any more; else left out.")


class Matches(Answered):
    """The matches of a search, best first."""

    query: dict[str, Any]
    collection: str
    count: int
    next: str | None
    matches: list[MatchForm]
    left_out: int | None = Field(None, description="Damaged records, which could not take part; where there are any.")
    unknown: list[str] | None = Field(
        None,
        description="Tags, and fields of a filter that left nothing, which no record has; where there are any.",
    )


class ScoreHistogram(Answered):
    """How the scores of a search lie."""

    counts: list[int] = Field(description="Of equal parts of 0 to 1, the lowest first; the best 10,000 are counted.")
    count: int


class FacetValue(Answered):
    """A value of a field, and how many records hold it."""

    value: str | int | float | bool
    count: int


class FacetForm(Answered):
    """The values of one metadata field, or of the tags."""

    field: str
    records: int = Field(description="How many records hold the field.")
    values: list[FacetValue] = Field(description="The most frequent first.")
    distinct: int = Field(description="How many different values there are.")
    minimum: float | None = Field(description="The smallest number; null where no record holds one.")
    maximum: float | None


class FacetList(Answered):
    """The facets of a collection."""

    count: int = Field(description="Records that pass the filter.")
    facets: list[FacetForm]


class Pair(Asked):
    """Two pictures to compare."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"a": "https://a.example/1.jpg", "b": "https://b.example/2.jpg"}]}
    )

    a: str = Field(description="A URL, or base64 of a picture.")
    b: str = Field(description="A URL, or base64 of a picture.")


class StoredPair(Pair):
    """Two pictures to compare, of which one or both are stored."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"a": "id:photos/1.jpg", "b": "id:photos/2.jpg"}]})

    a: str = Field(description='"id:" and the id of a stored picture, a URL, or base64 of a picture.')
    b: str = Field(description='"id:" and the id of a stored picture, a URL, or base64 of a picture.')


class SideForm(Answered):
    """One of two pictures that are explained."""

    size_px: tuple[int, int] = Field(description="What outlines and places lie in.")
    outline: list[tuple[float, float]] = Field(
        description="Corners of what it shows of the other, in px as shown; empty where no part was found again."
    )
    likeness: list[list[float]] | None = Field(
        description="7 rows of 7 parts, 0 to 1: by how much it is less like the other when the part is hidden. "
        "Null where the other was found in it."
    )


class DifferenceForm(Answered):
    """Where two pictures that lie over each other differ."""

    of: Literal["a", "b"] = Field(description="The picture that it covers.")
    picture: str = Field(description="PNG as base64, to be laid over all of it: clear where nothing differs.")


class PairExplanation(Answered):
    """Why two pictures are said to be related."""

    a: SideForm
    b: SideForm
    places: list[tuple[float, float, float, float]] = Field(
        description="x, y in A and x, y in B of places that agree, in px as shown."
    )
    changed: float | None = Field(
        description="Share of what both show that differs by far more than encoding and another light explain; "
        "null unless they agree in most places."
    )
    difference: DifferenceForm | None = Field(description="Null unless they agree in most places.")
    picture: str = Field(description="All of it in one picture to look at: PNG as base64.")


class Comparison(Answered):
    """How alike two pictures are."""

    score: float = Field(description="A copy has 0.90 or more, and nothing else has.")
    distance: float = Field(description="What the descriptors say, whatever geometry found.")
    distances: dict[str, float]
    relation: str | None = Field(description="Null where no pixels of both are kept.")
    details: list[str]
    transform: dict[str, Any] | None
    inliers: int
    agreement: float | None
    confidence: float | None = Field(description="Probability of the same picture; null where relation is.")
    other_colors: bool = Field(False, description="Whether one is the other with a part, or all, in other colors.")
    frames: list[int] | None = Field(None, description="Pictures in each file; of several only the first is seen.")
    elapsed_ms: float
    explanation: PairExplanation | None = Field(None, description="There where `explain` was asked for.")


BEST = (
    "What represents a group: original, resolution, bytes, oldest, newest, or the metadata field whose greatest value "
    "wins."
)
VERIFY = "Whether geometry decides on every member, as it does when not given; false: the descriptors' scores alone."
ALL_KINDS = "Delete cropped, edited, turned and mirrored copies, too."
RELATION = "Only groups with a member of this relation to the representative."
FOLDER = "Only groups with a member in this folder or below it: one that ids begin with, or a path of the server."
THRESHOLD = "Floor on the score of a copy, which narrows what geometry confirms."


class DuplicatesQuery(Asked):
    """A search for duplicates."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"threshold": 0.9}]})

    threshold: float | None = Field(None, description=THRESHOLD)
    precision: float | None = Field(None, description="Instead: the chance with which a member has to be right.")
    best: str = Field("original", description=BEST)
    verify: bool | None = Field(None, description=VERIFY)


class MemberForm(Answered):
    """A record of a duplicate group."""

    id: str
    score: float = Field(description="Against the representative, as a comparison tells it.")
    relation: str | None = Field(description="Null without a picture to check, and of the representative itself.")
    confidence: float | None = Field(description="Probability of the same picture; there with a relation.")


class DuplicateGroup(Answered):
    """Records that are the same picture."""

    representative: str
    min_score: float
    members: list[MemberForm]


class DuplicateGroups(Answered):
    """The duplicate groups of a collection, largest first."""

    groups: list[DuplicateGroup]
    count: int
    unseen: int = Field(description="Records that are alike without a picture to look at: the score alone decided.")


class Clusters(Answered):
    """Records that chains of similar pairs join."""

    threshold: float
    clusters: list[list[str]]
    count: int
