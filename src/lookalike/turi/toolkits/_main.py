"""The error of Turi Create, at the place where its users import it from."""

from __future__ import annotations

from ...errors import LookalikeError


class ToolkitError(LookalikeError, RuntimeError):
    """Something that Turi Create's toolkits refuse; other mistakes are built-in errors, as they are there."""

    code = "toolkit_failed"
