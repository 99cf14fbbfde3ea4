"""One frozen Settings: where collections live, how many workers, which limits, how to serve; loaded once, by a door."""

from __future__ import annotations

import ipaddress
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from .errors import InputError
from .limits import LEAST_SECONDS, MOST, MOST_SECONDS, SERVED, Limits, least_of, most_of

LogFormat = Literal["text", "json"]

_HOST = "a name alone, such as pictures.example, without scheme, port, path or blanks"
_ORIGIN = "what a browser calls a site, such as https://shop.example: scheme, name and any port, without a path"
_MOST_WORKERS = 1024  # each is a process, or a thread


@dataclass(frozen=True)
class Serving:
    """How the server serves.

    Attributes:
        host: Address to listen on.
        port: 0 takes any free one.
        allowed_hosts: Names by which it may be called, beside IP addresses and "localhost".
        allowed_origins: Web sites whose pages may call it, such as "https://shop.example"; none by default.
        without_key: Whether a public address may be served although no key exists.
        vendor_limits: Whether a dialect also holds the limits of the service that it speaks for.
        may_move: Folders whose files the page may move to the trash of the home; none by default.
        only_known_collections: Whether a dialect's first insert may not make the collection that it names.
        log_format: "text" for people, "json" for machines.
        shutdown_timeout_s: How long accepted requests may take to finish after the order to stop.
        header_timeout_s: How long a client may take to send the head of a request.
        body_timeout_s: How long a body, or the reading of an answer, may stand still.
        max_connections: Connections at a time; 0 for a quarter of the file handles that the process may have.
        library: Folders of this machine that may be listed and indexed, with all below them.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    without_key: bool = False
    vendor_limits: bool = False
    may_move: tuple[Path, ...] = ()
    only_known_collections: bool = False
    log_format: LogFormat = "text"
    shutdown_timeout_s: float = 30.0
    header_timeout_s: float = 10.0
    body_timeout_s: float = 30.0
    max_connections: int = 0
    library: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Settings:
    """What a process is told from outside.

    Attributes:
        home: The folder that holds all collections.
        store: What keeps the collections; `stores/registry` names those that there are.
        workers: Threads (for the server: processes) that decode and encode; as many as processors may be used.
        allow_private_urls: Whether the safe fetcher may reach private and loopback addresses.
        limits: The numbers that the outside may not pass.
        serving: What only the server is told.
    """

    home: Path
    workers: int
    store: str = "embedded"
    allow_private_urls: bool = False
    limits: Limits = field(default_factory=Limits)
    serving: Serving = field(default_factory=Serving)


# The environment variable of each setting.
VARIABLES = {
    one.name: f"LOOKALIKE_{one.name.upper()}"
    for kind in (Settings, Serving, Limits)
    for one in fields(kind)
    if one.name not in ("limits", "serving")
}


def load_settings(
    *,
    home: str | os.PathLike[str] | None = None,
    environment: Mapping[str, str] | None = None,
    config: str | os.PathLike[str] | None = None,
    given: Mapping[str, Any] | None = None,
    serving: bool = False,
) -> Settings:
    """Read the settings: an argument wins over the environment, and that over the file.

    One name serves everywhere: `port` in the file and among `given` is LOOKALIKE_PORT in the environment. The names
    are those of Settings, Serving and Limits.

    Args:
        config: A TOML file; without it the one that LOOKALIKE_CONFIG names, if it does.
        given: What the command line says; None stands for "not said".
        serving: Take the limits of a server where none are given.

    Raises:
        InputError: when a value cannot be understood; the message names it.
    """
    env = os.environ if environment is None else environment
    path = config or env.get("LOOKALIKE_CONFIG")
    told = _Told({"home": home, **(given or {})}, env, _read_file(Path(path)) if path else {}, str(path))
    workers = told.number("workers", _processors(), least=1, most=_MOST_WORKERS)
    return Settings(
        home=Path(told.text("home", "") or default_home()).expanduser(),
        workers=int(workers),
        store=told.text("store", "embedded"),
        allow_private_urls=told.flag("allow_private_urls"),
        limits=_limits(told, SERVED if serving else Limits()),
        serving=_serving(told),
    )


class _Told:
    """What was said, by the arguments, the environment and a file, in this order; each word knows where it stands."""

    def __init__(
        self, given: Mapping[str, Any], environment: Mapping[str, str], file: Mapping[str, Any], path: str
    ) -> None:
        self._given, self._environment, self._file, self._path = given, environment, file, path

    def text(self, name: str, default: str) -> str:
        found = self._find(name)
        return default if found is None else str(found[1])

    def number(self, name: str, default: float, *, least: float = 0, most: float = MOST) -> float:
        """Read a number of the kind of its default: a whole one, or one with a fraction."""
        found = self._find(name)
        if found is None:
            return default
        place, value = found
        try:
            number = float(str(value).replace("_", ""))
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InputError(f"{_set(place, repr(str(value)[:80]))} is not a number: pass digits, such as 8.")
        is_whole = isinstance(default, int)
        if not least <= number <= most or (is_whole and number != int(number)):
            kind = "whole number" if is_whole else "number"
            shown = _set(place, f"{number:.15g}")
            raise InputError(f"{shown} is out of range: pass a {kind} from {least:,} to {most:,.0f}.")
        return int(number) if is_whole else number

    def seconds(self, name: str, default: float, *, least: float = 0) -> float:
        """Read a time, no longer than the system can wait."""
        return self.number(name, default, least=least, most=MOST_SECONDS)

    def flag(self, name: str) -> bool:
        found = self._find(name)
        if found is None:
            return False
        place, value = found
        word = str(value).strip().lower()
        if word not in ("0", "1", "false", "true", "no", "yes"):
            raise InputError(f"{_set(place, repr(value))} is neither yes nor no: pass 1 or 0.")
        return word in ("1", "true", "yes")

    def words(self, name: str, is_one: Callable[[str], bool], expected: str) -> tuple[str, ...]:
        """Read a list of words, each of which has to be one; `expected` says what such a word is."""
        found = self._find(name)
        if found is None:
            return ()
        place, value = found
        listed = value.split(",") if isinstance(value, str) else value
        words = tuple(str(word).strip() for word in listed if str(word).strip())
        for word in words:
            if not is_one(word):
                raise InputError(f"{place}: {word[:80]!r} would never match: pass {expected}.")
        return words

    def folders(self, name: str) -> tuple[Path, ...]:
        """Read a list of folders; one text holds several with the system's mark between them, as PATH does."""
        found = self._find(name)
        if found is None:
            return ()
        value = found[1]
        listed = value.split(os.pathsep) if isinstance(value, str) else value
        return tuple(Path(str(word)).expanduser() for word in listed if str(word).strip())

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        found = self._find(name)
        if found is None:
            return choices[0]
        if found[1] not in choices:
            raise InputError(f"{_set(found[0], repr(found[1]))} is unknown: pass {' or '.join(choices)}.")
        return str(found[1])

    def _find(self, name: str) -> tuple[str, Any] | None:
        """Return where a value stands and the value itself; blank text stands for "not said"."""
        variable = VARIABLES[name]
        for place, value in (
            (name, self._given.get(name)),
            (variable, self._environment.get(variable)),
            (f'{name} in "{self._path}"', self._file.get(name)),
        ):
            if value is not None and value != () and str(value).strip():
                return place, value
        return None


def _set(place: str, value: str) -> str:
    """Write that a value is set, as the place writes it: an argument, an environment variable or a line of a file."""
    name, _, file = place.partition(" in ")
    return f"{name} = {value} in {file}" if file else f"{name}={value}"


def _read_file(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f'there is no file "{path}" to read settings from. Check its path, or leave it out.') from None
    except IsADirectoryError:
        raise InputError(f'"{path}" is a folder: name the TOML file that holds the settings.') from None
    except (OSError, ValueError) as exc:
        raise InputError(f'cannot read the settings in "{path}": {exc}. It is a TOML file of name = value.') from exc
    unknown = sorted(set(told) - set(VARIABLES))
    if unknown:
        raise InputError(f'"{path}" sets the unknown "{unknown[0]}". The names are: {", ".join(sorted(VARIABLES))}.')
    return told


def _limits(told: _Told, defaults: Limits) -> Limits:
    given: dict[str, Any] = {}
    for limit in fields(Limits):
        default = getattr(defaults, limit.name)
        given[limit.name] = told.number(limit.name, default, least=least_of(limit.name), most=most_of(limit.name))
    return Limits(**given)


def _serving(told: _Told) -> Serving:
    default = Serving()
    log_format: Any = told.choice("log_format", ("text", "json"))
    return Serving(
        host=told.text("host", default.host),
        port=int(told.number("port", default.port, most=65_535)),
        allowed_hosts=told.words("allowed_hosts", _is_host, _HOST),
        allowed_origins=told.words("allowed_origins", _is_origin, _ORIGIN),
        without_key=told.flag("without_key"),
        vendor_limits=told.flag("vendor_limits"),
        may_move=told.folders("may_move"),
        only_known_collections=told.flag("only_known_collections"),
        log_format=log_format,
        shutdown_timeout_s=told.seconds("shutdown_timeout_s", default.shutdown_timeout_s),
        header_timeout_s=told.seconds("header_timeout_s", default.header_timeout_s, least=LEAST_SECONDS),
        body_timeout_s=told.seconds("body_timeout_s", default.body_timeout_s, least=LEAST_SECONDS),
        max_connections=int(told.number("max_connections", default.max_connections)),
        library=told.folders("library"),
    )


def _is_host(word: str) -> bool:
    """Return whether a word can be the name, or the address, in a request's header Host."""
    try:
        ipaddress.ip_address(word.strip("[]"))
    except ValueError:
        return re.fullmatch(r"[\w-]+(\.[\w-]+)*", word) is not None
    return True


def _is_origin(word: str) -> bool:
    """Return whether a word can be what a browser sends as Origin."""
    return (
        word == "null"
        or re.fullmatch(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[^\sA-Z/?#@:\[\]*]+)(:\d+)?", word) is not None
    )


def _processors() -> int:
    """How many processors this process may use: containers and taskset count, not the machine's total."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_home() -> str:
    """Return the home of who names none: the platform's folder for data."""
    from platformdirs import user_data_dir

    return user_data_dir("lookalike", appauthor=False)
