"""What requests and answers look like: the models that read the ones and document both."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from ...answers import RelationKind
from ...core.decisions.ledger import MOST_PICTURES
from ...core.exports import MAX_EXPORTED
from ...core.keeping import MAX_REVISED
from ...limits import MOST_FIELDS, MOST_TAGS, Limits
from ...query import conditions
from ...records import CollectionType, Keep, OutcomeKind
from ...service.keys import MOST_COLLECTIONS

Choice = Literal["keep", "delete", "not_a_duplicate", "later"]
Scope = Literal["read", "write", "admin"]

_MOST_NAMES = 10_000
_MOST_EXAMPLES = 10_000  # whatever the setting of pictures in a request
_MOST_EVENTS = 100_000
_MOST_FOLDER_CHARS = 4096
_AS_MANY = f"{Limits().max_fields} at most, unless the server is set otherwise (max_fields)"
_DECLARED = f"Metadata fields that are often filtered by; {_AS_MANY}."
_PICTURES = f"All pictures together: {Limits().max_images_per_request}, unless the server is set otherwise."


class Asked(BaseModel):
    """A request body; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=False)


class Answered(BaseModel):
    """An answer; later versions may say more."""

    model_config = ConfigDict(extra="allow")


# ---- errors


class ErrorDetail(Answered):
    """What went wrong."""

    code: str = Field(description="A short word that stays the same and may be matched.")
    message: str = Field(description="For people: what was wrong, what was expected, how to mend it.")
    request_id: str = Field(description="The same as the header X-Request-Id; the server's log knows it, too.")


class ErrorBody(Answered):
    """The body of every answer that is not a success."""

    error: ErrorDetail


# ---- collections


class NewCollection(Asked):
    """A collection to make."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "shoes", "type": "products", "fields": ["price"]}]}
    )

    name: str
    type: CollectionType = Field("photos", description="What ranks: what is shown; being a copy (matching); colors.")
    keep: Keep = Field("auto", description="Which pictures are kept; auto: a thumbnail of what is no file on disk.")
    encoder: str = Field("builtin", description='"builtin", or "builtin-accurate": better for clothes, twice the cost.')
    fields: list[str] = Field([], max_length=MOST_FIELDS, description=_DECLARED)
    product_id_field: str | None = Field(None, description="Metadata field that says which records show one product.")
    title: str = Field("", description="What people call it, where that is not its name.")


class CollectionChange(Asked):
    """What to change of a collection; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"fields": ["price", "color"]}]})

    fields: list[str] | None = Field(
        None, max_length=MOST_FIELDS, description=f"All fields that are to be declared; {_AS_MANY}."
    )
    product_id_field: str | None = Field(None, description='"" takes it away.')
    recall_target: float | None = Field(None, description="Share of true neighbors to be found; 1 for exact search.")
    title: str | None = Field(None, description='What people call it; "" for its name.')


class Compacted(Answered):
    """What became of a collection that was compacted."""

    bytes_before: int
    bytes_after: int
    decisions_left: list[str] = Field(description="Decisions about pictures that no record shows any more; they stay.")


class CalibrationForm(Answered):
    """What the scores of a collection mean, fitted on its own labels."""

    space: str
    points: list[tuple[float, float]] = Field(description="Distance and score.")
    reliability: list[tuple[float, float]] = Field(description="Score, and the chance that a first match is right.")
    labels: str
    queries: int


class CollectionInfo(Answered):
    """A collection."""

    name: str
    title: str = Field(description="What people call it, where that is not its name.")
    type: CollectionType
    keep: Keep
    records: int
    fields: list[str]
    product_id_field: str | None
    encoder: str
    encoder_digest: str
    created_at: str
    changed_at: str = Field(description="When a record was last added or changed; `created_at` without records.")
    calibration: CalibrationForm | None = Field(description="Null where scores mean what they mean everywhere.")
    bytes_on_disk: int
    bytes_kept: int = Field(description="Without what the database needs only to write; quotas count these.")
    search: Literal["exact", "approximate"]
    recall_target: float = Field(description="Share of true neighbors that a search is to find.")
    recall: float = Field(description="The share that was measured when the index was built; exact search has 1.")


class CollectionList(Answered):
    """The collections that the caller may see."""

    collections: list[CollectionInfo]


# ---- records


class NewRecord(BaseModel):
    """A picture with its fields: every name that does not begin with _ is metadata, but for `tags`."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"examples": [{"_id": "7", "_url": "https://shop.example/7.jpg", "price": 3}]},
    )

    id: str | int | None = Field(None, alias="_id")
    url: str | None = Field(None, alias="_url")
    base64: str | None = Field(None, alias="_base64")
    tags: list[str] = Field([], max_length=MOST_TAGS)


class RecordChange(Asked):
    """What to change of a record; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"metadata": {"price": 4}, "tags": ["red", "new"]}]})

    metadata: dict[str, Any] | None = Field(None, description="Fields to set; others stay, unless `replace`.")
    unset: list[str] = Field([], max_length=_MOST_NAMES, description="Fields to take away.")
    tags: list[str] | None = Field(None, max_length=MOST_TAGS)
    replace: bool = Field(False, description="Take `metadata` for all the fields there are.")
    url: str | None = Field(None, alias="_url", description="Another picture for the record.")
    base64: str | None = Field(None, alias="_base64", description="The same, as base64.")


class RecordsChange(Asked):
    """The same change for many records; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ids": ["1", "2"], "more_tags": ["checked"]}]})

    ids: list[str] = Field(max_length=MAX_REVISED)
    metadata: dict[str, Any] = Field({}, description="Fields to set; others stay.")
    unset: list[str] = Field([], max_length=_MOST_NAMES, description="Fields to take away.")
    more_tags: list[str] = Field([], max_length=MOST_TAGS, description="Tags to add.")
    fewer_tags: list[str] = Field([], max_length=MOST_TAGS, description="Tags to take away.")


class RecordFailure(Answered):
    """A record that stayed as it was."""

    id: str
    code: str
    message: str


class RecordsChanged(Answered):
    """What became of many records."""

    changed: int
    failed: list[RecordFailure]


class ExportQuery(Asked):
    """Which records to take along, and how."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"format": "csv", "ids": ["1", "2"]}]})

    format: Literal["csv", "jsonl", "html", "zip"] = Field(
        description="A table, JSON lines, a contact sheet, or the originals in an archive (else their thumbnails)."
    )
    ids: list[str] | None = Field(None, max_length=MAX_EXPORTED)
    filter: dict[str, Any] | None = Field(None, description="In place of ids: a condition on metadata.")


class Record(Answered):
    """A record."""

    id: str
    source: str | None
    name: str | None = Field(None, description="What its sender called the file.")
    metadata: dict[str, Any]
    tags: list[str]
    content_hash: str
    format: str
    size_px: list[int]
    byte_size: int
    created_at: str
    updated_at: str


class FoundRecord(Record):
    """A record that was asked for by its id."""

    has_original: bool = Field(description="Whether its picture can be had as it came.")


class AddedRecord(Record):
    """A record, and what became of the picture that was sent."""

    outcome: OutcomeKind


class RecordList(Answered):
    """A page of records, by rising id."""

    records: list[Record]
    next: str | None = Field(description="Pass it as `cursor` for the next page; null on the last.")
    left_out: int | None = Field(None, description="Damaged records of the collection; only where there are any.")


class OutcomeForm(Answered):
    """What became of one picture."""

    place: int = Field(description="Its place in what was sent, from 0.")
    id: str = Field(description="The id of its record; empty where it got none.")
    outcome: OutcomeKind
    source: str | None = None
    code: str | None = Field(None, description="Why it failed; so does `message`.")
    message: str | None = None


class FailureForm(Answered):
    """A picture that failed."""

    source: str
    code: str
    message: str


class Report(Answered):
    """What became of many pictures."""

    added: int
    updated: int
    unchanged: int
    moved: int = Field(description="Records that follow a file to its new path; never of what is sent.")
    skipped: int
    removed: int
    failed: list[FailureForm]
    seconds: float
    outcomes: list[OutcomeForm]


# ---- questions


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
    one.name: (one.wire, Field(one.unset, description=one.help, **one.bounds)) for one in conditions()
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
    score: float = Field(description="Where a relation is told, it is that of geometry: a copy has 0.90 or more.")
    distance: float = Field(description="What the descriptor says, whatever geometry found.")
    rank: int
    relation: str | None = Field(description="What it is to the picture; null where nobody looked.")
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
    relation: str | None = Field(description="Null where nobody could look, and of the representative itself.")
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


# ---- jobs


class JobForm(Answered):
    """A job."""

    id: str
    collection: str
    folder: str | None = Field(description="The folder of the server's machine that it indexes.")
    state: Literal["waiting", "running", "done", "cancelled", "failed"]
    step: Literal["listing", "drawing", "adding", "removing"] | None = Field(
        description="What a job does now that indexes a folder or draws samples; null for others."
    )
    prepared: int = Field(description="Files that are listed, or samples that are drawn, before the first is added.")
    total: int | None = Field(description="Pictures in its input; null until it is known.")
    done: int
    counts: dict[str, int]
    removed: int = Field(description="Records that were removed, as their files are gone.")
    error: FailureForm | None = Field(description="Why the job as a whole failed.")
    created_at: str
    started_at: str | None
    ended_at: str | None


class FolderToIndex(Asked):
    """A folder of the server's machine to index."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"folder": "Pictures/2024"}]})

    folder: str = Field(description='As `GET /library` names it: "Pictures/2024"; or its whole path.', max_length=4096)
    prune: bool = Field(
        False, description="Remove records whose files are gone, unless so many are that the disk may be."
    )
    prune_all: bool = Field(False, description="Remove them however many they are.")


class FolderCount(Answered):
    """A folder, and the pictures anywhere below it, told by the names of the files."""

    path: str = Field(description="Ask with it for what is below, and index by it.")
    name: str = Field(description="Its last part.")
    pictures: int
    is_all: bool = Field(description="Whether these are all: counting stops where an answer would take too long.")
    has_folders: bool


class FolderList(Answered):
    """The folders directly below one, or the roots that the server was given."""

    path: str
    folders: list[FolderCount]
    left_out: int = Field(description="Folders that are not listed, since there are too many.")


class JobList(Answered):
    """The jobs that the caller may see, newest first."""

    jobs: list[JobForm]


class OutcomeList(Answered):
    """A page of a job's outcomes."""

    outcomes: list[OutcomeForm]
    next: int | None = Field(description="Pass it as `start` for the next page; null when there are no more yet.")


# ---- keys


class QuotasForm(Asked):
    """How much a key may have; null is no limit."""

    collections: int | None = Field(None, description="Collections that it made and that still exist.")
    images: int | None = Field(None, description="Records in the collections that are its own.")
    bytes: int | None = Field(None, description="What these collections take on disk.")
    requests_per_s: float | None = Field(None, description="Requests a second in the long run.")


class NewKey(Asked):
    """A key to make."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "shop", "scope": "write", "collections": ["shoes"]}]}
    )

    name: str
    scope: Scope = "write"
    collections: list[str] = Field(
        [], max_length=MOST_COLLECTIONS, description="The collections it is for; empty for all."
    )
    expires_days: float | None = None
    quotas: QuotasForm = Field(default_factory=lambda: QuotasForm.model_validate({}))


class KeyInfo(Answered):
    """A key, without its secret."""

    id: str
    name: str
    scope: Scope
    collections: list[str]
    quotas: QuotasForm
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class KeyList(Answered):
    """All keys there ever were."""

    keys: list[KeyInfo]


class FreshKey(KeyInfo):
    """A key with its secret, which is shown this once."""

    key: str


class Session(Answered):
    """Who is asking."""

    key_needed: bool = Field(description="Whether this server asks for a key.")
    key: KeyInfo | None = Field(description="The caller's key; null where none is needed.")
    version: str
    home: str | None = Field(
        None, description="The folder of all collections, for a caller of this machine or with an admin's unbound key."
    )


class Health(Answered):
    """How the server is."""

    status: Literal["ok", "starting", "ending", "full", "jobs_stopped"]


# ---- review


class ReviewedRecord(Record):
    """A record of a group under review."""

    score: float = Field(description="Against the first of the group, its representative.")
    relation: str | None
    confidence: float | None = Field(description="Probability of the same picture; there with a relation.")
    decision: Choice | None = Field(description="What stands for it; not_a_duplicate is about the representative.")
    taken: str | None = Field(description="When it was taken, as the camera says it.")
    changed_at: str | None = Field(description="When its file was changed last, UTC; null where it is no file.")


class ReviewGroup(Answered):
    """A duplicate group under review; its representative comes first."""

    members: list[ReviewedRecord]
    gain_bytes: int = Field(description="What keeping the representative alone frees.")


class ReviewPage(Answered):
    """A page of the review."""

    groups: list[ReviewGroup]
    open: int = Field(description="Groups that nobody put off.")
    later: int = Field(description="Groups that were put off.")
    matching: int = Field(description="Groups of the kind that is shown that pass the filter.")
    decided: int = Field(description="Groups that were decided on before, and whose pictures are still there.")
    gain_bytes: int = Field(description="What keeping the representatives of the matching groups alone frees.")
    relations: dict[str, int] = Field(description="How many groups have a member of each relation.")
    folders: dict[str, int] = Field(description="How many groups have a member in each folder or below it.")
    next: str | None = Field(description="Pass it as `cursor` for the next page; null on the last.")


class ReviewProgress(Answered):
    """How far the work has come that another request waits for."""

    work: Literal["finding", "moving", "restoring"] | None = Field(description="Groups are sought, or files are moved.")
    done: int | None = Field(description="Pictures that are done; null when nothing is under way.")
    total: int | None = Field(description="Pictures in all; null while that is not known.")


class ReviewQuery(Asked):
    """Which groups are reviewed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"threshold": 0.9}]})

    threshold: float | None = Field(None, description=THRESHOLD)
    all_kinds: bool = Field(False, description=ALL_KINDS)
    relation: RelationKind | None = Field(None, description=RELATION)
    folder: str | None = Field(None, max_length=_MOST_FOLDER_CHARS, description=FOLDER)


class NewDecision(Asked):
    """A decision about records."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"decision": "delete", "ids": ["copy.jpg"], "beside": ["original.jpg"]}]}
    )

    decision: Choice = Field(description="not_a_duplicate: any two of the records are different pictures.")
    ids: list[str] = Field(max_length=MOST_PICTURES)
    beside: list[str] = Field(
        [], max_length=MOST_PICTURES, description="The other records of the group that were looked at."
    )
    batch: str | None = Field(
        None, min_length=1, max_length=64, description="Decisions of one batch are undone at once."
    )


class DecisionForm(Answered):
    """A decision."""

    id: str
    at: str
    decision: str
    collection: str
    batch: str
    ids: list[str] = Field(description="The ids that the records had then.")
    beside: list[str]
    moved_to: str | None


class DecisionList(Answered):
    """What stands, the newest first."""

    decisions: list[DecisionForm]
    count: int
    next: str | None


class Undone(Answered):
    """What was taken back."""

    undone: list[DecisionForm]


class BestOfGroup(Answered):
    """What keeping the best means for one group."""

    keep: list[str]
    delete: list[str] = Field(description="Certainly the same picture: identical, same pixels, re-encoded, resized.")
    left: list[str] = Field(description="What a person has to look at: cropped, edited, or nobody could look.")


class BestOfGroups(Answered):
    """What keeping the best means for all open groups."""

    groups: list[BestOfGroup]
    count: int
    deleted: int
    left: int
    freed_bytes: int
    batch: str | None = Field(description="What undoes it; null where nothing was decided.")


class Obstacle(Answered):
    """Why a file stays for now."""

    code: str
    message: str


class MarkedRecord(Record):
    """A picture that is marked to go."""

    taken: str | None = Field(description="When it was taken, as the camera says it.")
    changed_at: str | None = Field(description="When its file was changed last, UTC; null where it is no file.")
    decision: str = Field(description="The decision that says so.")
    kept: str | None = Field(description="The record that it gives way to; null where it was decided on alone.")
    freed_bytes: int = Field(description="What moving its file frees.")
    obstacle: Obstacle | None = Field(description="Why its file stays for now; null when nothing is in the way.")


class Run(Answered):
    """Files that were moved to the trash together, as far as they did not come back."""

    batch: str = Field(description="Brings them back.")
    at: str
    files: int
    bytes: int
    folder: str


class Marked(Answered):
    """The pictures that are marked to go, by id, and where they may go."""

    marked: list[MarkedRecord]
    count: int = Field(description="All that are marked.")
    ready: int = Field(description="Those with nothing in the way.")
    bytes: int = Field(description="What moving these frees.")
    next: str | None
    may_move: bool = Field(description="Whether the page may move them to the trash of the home.")
    reason: str | None = Field(description="Why not.")
    folder: str | None = Field(description="The trash of the home, where they would go; null where they may not.")
    command: str = Field(description="What moves them on the machine of the files.")
    runs: list[Run] = Field(description="What lies in the trash, the newest first, for who may know.")


class Unmarked(Asked):
    """Pictures whose decision is taken back."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ids": ["8"]}]})

    ids: list[str] = Field(min_length=1, max_length=MOST_PICTURES)


class Move(Asked):
    """Which marked files go to the trash."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ids": ["8"]}]})

    ids: list[str] | None = Field(None, max_length=_MOST_NAMES, description="Those of these records; all without it.")


class MoveBack(Asked):
    """Which files come back."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"batch": "4f1d0c2b9a7e"}]})

    batch: str | None = Field(None, min_length=1, max_length=64, description="Those of this run; the last without it.")


class MovedFile(Answered):
    """A file that was moved."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    source: str = Field(alias="from")
    to: str


class NotMoved(Answered):
    """A file that stays where it is."""

    source: str
    code: str
    message: str


class Moved(Answered):
    """What became of files that were to go, or to come back."""

    batch: str = Field(description="Brings back what was moved to the trash.")
    moved: list[MovedFile]
    failed: list[NotMoved]
    bytes: int
    runs: list[Run] = Field(description="What lies in the trash now, the newest first.")


class Events(Asked):
    """Events of a ledger."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"events": []}]})

    events: list[dict[str, Any]] = Field(max_length=_MOST_EVENTS, description="As GET gives them, a line each.")


class Merged(Answered):
    """What became of the events that were sent."""

    added: int = Field(description="Events that were new.")
    read: int
