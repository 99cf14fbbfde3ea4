"""Upper bounds of all that comes from outside, each with a unit and a default."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from .errors import InputError, shown

MOST = 10**15  # of any limit; a float holds it exactly
MOST_FIELDS = 1000  # of one collection, whatever the setting: every write keeps an index level for each
MOST_TAGS = 10_000  # of one record, and of one search
LEAST_SECONDS = 0.001  # with less, nothing is ever in time
MOST_SECONDS = 1_000_000  # the system cannot wait for more than 24 days
_LEAST = {
    "fetch_max_redirects": 0,
    "max_fields": 0,
    "max_open_collections": 0,  # all are closed after use
    "max_waiting": 0,  # who finds all busy is refused
    "max_body_bytes": 1024,  # a short JSON body
    "max_bytes_under_way": 1024 * 128,  # a few small ones
}


def least_of(name: str) -> float:
    """Return the least that a limit may be set to; with less, nothing would ever be let in."""
    return LEAST_SECONDS if name.endswith("_s") else _LEAST.get(name, 1)


def most_of(name: str) -> int:
    """Return what a limit may be set to at most."""
    return MOST_FIELDS if name == "max_fields" else MOST_SECONDS if name.endswith("_s") else MOST


@dataclass(frozen=True)
class Limits:
    """The limits of one process; a door makes them from its settings.

    Attributes:
        max_image_bytes: Bytes of one encoded image. 250 MB holds 40 megapixels of 16 bit without compression.
        max_image_pixels: Pixels that are decoded of one image (the first frame); a JPEG is reduced while it is read.
            200 million is the largest that cameras give; more is a bomb. Memory follows it: 13 bytes a pixel at most.
        decode_timeout_s: Seconds that one image may take. A 40-megapixel PNG takes about 2.
        fetch_timeout_s: Seconds for one URL, redirects and body together.
        fetch_max_redirects: Redirects that are followed.
        max_id_chars: Characters of a record id; long enough for a path.
        max_metadata_bytes: Bytes of one record's metadata as JSON.
        max_name_chars: Characters of a collection's name.
        max_title_chars: Characters of a collection's title.
        max_fields: Declared fields of one collection, for each of which an index is kept; 1,000 at most.
        max_field_chars: Characters of the name of a declared field, or of a product-id field.
        max_open_collections: Collections that stay open after use; fewer where a process may have few files.
        max_limit: Matches that one page of a search may hold; a cursor goes on behind them.
        max_body_bytes: Bytes of one request to the server, but for a job's.
        max_bytes_under_way: Bytes of all requests that the server holds in memory at once.
        max_images_per_request: Pictures of one request to the server, but for a job's. More belong into a job.
        max_json_values: Values in the JSON of one request to the server: 100 records of 1,000 each.
        max_job_bytes: Bytes of a job's input, which waits on disk.
        max_waiting: Requests that may wait for each kind of work; about a second's worth for pictures.
    """

    max_image_bytes: int = 250_000_000
    max_image_pixels: int = 200_000_000
    decode_timeout_s: float = 30.0
    fetch_timeout_s: float = 20.0
    fetch_max_redirects: int = 5
    max_id_chars: int = 1024
    max_metadata_bytes: int = 1_000_000
    max_name_chars: int = 128
    max_title_chars: int = 1024
    max_fields: int = 100
    max_field_chars: int = 256
    max_open_collections: int = 64
    max_limit: int = 100_000
    max_body_bytes: int = 128_000_000
    max_bytes_under_way: int = 512_000_000
    max_images_per_request: int = 100
    max_json_values: int = 100_000
    max_job_bytes: int = 50_000_000_000
    max_waiting: int = 256

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            most = most_of(name)
            least = least_of(name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
                raise InputError(
                    f"{name}={value!r} is not a limit: pass a number from {least:,} to {most:,}.", name=name
                )


# Strangers ask a server: what one of their pictures may cost is bounded lower.
SERVED = Limits(max_image_bytes=64_000_000, max_image_pixels=100_000_000)


def checked_fields(fields: Iterable[str], limits: Limits) -> tuple[str, ...]:
    """Return fields that are to be declared, each once; refuse too many, and what cannot be the name of one.

    Raises:
        InputError: naming the limit.
    """
    if isinstance(fields, str):
        raise InputError(f"{fields[:80]!r} is not a list of fields: pass names, such as ['price'].")
    found = tuple(islice(fields, MOST_FIELDS + 1))
    for field in found:
        check_field(field, limits)
    found = tuple(dict.fromkeys(found))
    if len(found) > limits.max_fields:
        count = f"more than {MOST_FIELDS:,}" if len(found) > MOST_FIELDS else f"{len(found):,}"
        raise InputError(
            f"{count} declared fields are too many for one collection: declare {limits.max_fields:,} at most "
            f"(max_fields). Fields that are not declared can be filtered by as well."
        )
    return found


def check_field(field: str, limits: Limits) -> None:
    """Refuse what cannot be the name of a declared field.

    Raises:
        InputError: naming what may be.
    """
    if not isinstance(field, str) or len(field) > limits.max_field_chars:
        most = limits.max_field_chars
        raise InputError(f"{str(field)[:80]!r} cannot be a declared field: pass a name of {most:,} characters at most.")


def check_unit(name: str, value: float | None) -> None:
    """Refuse a score outside 0 to 1.

    Raises:
        InputError: naming the value and the likely mistake.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise InputError(f"{name}={value!r} is not a number: pass a score from 0 to 1, such as 0.7.")
    if not 0 <= value <= 1:
        hint = f" For {value:g} of 100 pass {name}={value / 100:g}." if 1 < value <= 100 else ""
        raise InputError(f"{name}={value:g} is out of range: a score runs from 0 to 1.{hint}")


def check_count(name: str, value: int, *, least: int, most: int) -> None:
    """Refuse a count outside its range.

    Raises:
        InputError: naming the value and the range.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{name}={value!r} is not a whole number: pass one from {least:,} to {most:,}.")
    if not least <= value <= most:
        raise InputError(f"{name}={shown(value)} is out of range: pass a whole number from {least:,} to {most:,}.")


def check_tags(tags: Any) -> tuple[str, ...]:
    """Return tags as a tuple.

    Raises:
        InputError: when they are not a list of texts, or too many.
    """
    if isinstance(tags, str | bytes | Mapping) or not isinstance(tags, Iterable):
        raise InputError(f"tags are a list of texts, not {shown(tags)!r}.")
    given = tuple(islice(tags, MOST_TAGS + 1))
    if len(given) > MOST_TAGS:
        raise InputError(f"there are more than {MOST_TAGS:,} tags, which may be at most.")
    for tag in given:
        if not isinstance(tag, str) or not tag:
            raise InputError(f"a tag is a text that is not empty, not {shown(tag)!r}.")
    return given
