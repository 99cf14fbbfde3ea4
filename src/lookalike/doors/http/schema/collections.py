"""Collections."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from ....limits import MOST_FIELDS, Limits
from ....records import CollectionType, Keep
from .base import Answered, Asked

_AS_MANY = f"{Limits().max_fields} at most, unless the server is set otherwise (max_fields)"
_DECLARED = f"Metadata fields that are often filtered by; {_AS_MANY}."


class NewCollection(Asked):
    """A collection to make."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "shoes", "type": "products", "fields": ["price"]}]}
    )

    name: str
    type: CollectionType = Field("photos", description="What ranks: what is shown; being a copy (matching); colors.")
    keep: Keep = Field("auto", description="Which pictures are kept; auto: a thumbnail of what is not a file on disk.")
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
