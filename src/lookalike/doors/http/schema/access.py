"""Keys, sessions, health."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from ....service.keys import MOST_COLLECTIONS
from .base import Answered, Asked

Scope = Literal["read", "write", "admin"]


class QuotasForm(Asked):
    """How much a key may have; null is not a limit."""

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
    max_image_bytes: int = Field(description="Bytes that one picture may have which is sent by itself.")


class Health(Answered):
    """How the server is."""

    status: Literal["ok", "starting", "ending", "full", "jobs_stopped"]
