"""The bases of all requests and answers, and the form of errors."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


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
