"""Optional modules: what an extra of the package installs, and the line that installs a missing one."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from .errors import ExtraMissingError


def import_optional(module: str, *, extra: str, needed_for: str) -> Any:
    """Import a module that only an extra installs.

    Raises:
        ExtraMissingError: if it is not installed; the message has the line that installs it.
    """
    require(module, extra=extra, needed_for=needed_for)
    return import_module(module)


def require(*modules: str, extra: str, needed_for: str) -> None:
    """Make sure that modules are installed, without importing them; raises as `import_optional` does."""
    for module in modules:
        package = module.partition(".")[0]
        if find_spec(package) is None:
            raise ExtraMissingError(
                f"{needed_for} needs {package}, which is not installed. Install it with: "
                f"pip install 'lookalike[{extra}]'",
                extra=extra,
                module=package,
            )
