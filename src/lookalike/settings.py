"""One frozen Settings: where collections live, how many workers, which limits; loaded once, by a door."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from .errors import InputError
from .limits import Limits


@dataclass(frozen=True)
class Settings:
    """What a process is told from outside.

    Attributes:
        home: The folder that holds all collections.
        workers: Threads that decode and encode; as many as processors that this process may use.
        allow_private_urls: Whether the safe fetcher may reach private and loopback addresses.
        limits: The numbers that the outside may not pass.
    """

    home: Path
    workers: int
    allow_private_urls: bool = False
    limits: Limits = field(default_factory=Limits)


def load_settings(
    *, home: str | os.PathLike[str] | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """Read the settings from arguments and the environment; an argument wins.

    LOOKALIKE_HOME, LOOKALIKE_WORKERS, LOOKALIKE_ALLOW_PRIVATE_URLS, and each limit by its own name, such as
    LOOKALIKE_MAX_IMAGE_PIXELS.

    Raises:
        InputError: when a variable cannot be understood; the message names it.
    """
    env = os.environ if environment is None else environment
    folder = home or env.get("LOOKALIKE_HOME") or _default_home()
    workers = _number(env, "LOOKALIKE_WORKERS", float(_processors()))
    if workers < 1:
        raise InputError(f"LOOKALIKE_WORKERS={workers:g} is out of range: pass 1 or more.")
    private = env.get("LOOKALIKE_ALLOW_PRIVATE_URLS", "").strip().lower()
    if private not in ("", "0", "1", "false", "true", "no", "yes"):
        raise InputError(f"LOOKALIKE_ALLOW_PRIVATE_URLS={private!r} is neither yes nor no: pass 1 or 0.")
    return Settings(
        home=Path(folder).expanduser(),
        workers=int(workers),
        allow_private_urls=private in ("1", "true", "yes"),
        limits=_limits(env),
    )


def _limits(env: Mapping[str, str]) -> Limits:
    given: dict[str, Any] = {}
    for limit in fields(Limits):
        variable = f"LOOKALIKE_{limit.name.upper()}"
        if variable in env:
            kind = float if isinstance(limit.default, float) else int
            given[limit.name] = kind(_number(env, variable, 0.0))
    return Limits(**given)


def _number(env: Mapping[str, str], variable: str, default: float) -> float:
    text = env.get(variable, "").strip()
    if not text:
        return default
    try:
        return float(text.replace("_", ""))
    except ValueError as exc:
        raise InputError(f"{variable}={text!r} is no number: pass digits, such as 8.") from exc


def _processors() -> int:
    """How many processors this process may use: containers and taskset count, not the machine's total."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _default_home() -> str:
    from platformdirs import user_data_dir

    return user_data_dir("lookalike", appauthor=False)
