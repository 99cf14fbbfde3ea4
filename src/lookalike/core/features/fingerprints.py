"""Fingerprints identify a picture independently of its record, file and encoder.

The content hash says "the same bytes". When a file was saved anew (another quality, another size), its bytes are
others; then the signs beside the hash say whether it can be the same picture. None of them comes from a network, so
they outlast a change of encoder. Two rules, each measured by `bench/decisions.py`:

- **at its place** (same id or same source): hash, hues and proportions agree as loosely as copies do. Only a picture
  that replaced another one under its very name can be mistaken, and only when it looks much like it.
- **anywhere**: they agree closely.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...encoders import HUES
from ...errors import InputError
from .spaces import HASH_SPACE, HUE_SPACE

if TYPE_CHECKING:
    from ...limits import Limits
    from ...records import Record
    from ...stores import Records

_HASH_BYTES = 8
_HUE_BYTES = 2 * HUES
_LARGEST_PX = 1 << 32
_MOST_BEFORE = 1000  # times that a picture was saved anew
_MOST_HASH_CHARS = 128
_MOST_SOURCE_CHARS = 8192


@dataclass(frozen=True)
class Fingerprint:
    """What a decision knows a picture by.

    Attributes:
        content_hash: SHA-256 of its bytes, in hex.
        id: The record's id when it was decided on.
        source: Where the file lay then; None where nobody said.
        size_px: (width, height).
        hash: The 8 bytes of its difference hash; empty for a flat picture.
        hues: Its hue histogram as little-endian float16; empty for a gray picture.
        before: Content hashes that it had before its file was saved anew, as far as decisions knew it.
    """

    content_hash: str
    id: str
    source: str | None
    size_px: tuple[int, int]
    hash: bytes = b""
    hues: bytes = b""
    before: tuple[str, ...] = ()

    def is_at(self, record: Record | Fingerprint) -> bool:
        """Return whether a record lies where this picture lay: under the same id, or from the same source."""
        return self.id == record.id or (self.source is not None and self.source == record.source)

    def was_at(self, record: Record) -> bool:
        """Return whether a record lay, before its file was moved, where this picture lay."""
        return self.source is not None and self.source in record.facts.was_at


@dataclass(frozen=True)
class FingerprintAgreement:
    """How closely the signs of two pictures have to agree.

    Attributes:
        hash_bits: Bits in which the difference hashes may differ.
        hue_distance: Cosine distance that the hue histograms may have.
        aspect: Share by which the proportions may differ; rounding to whole pixels comes on top.
    """

    hash_bits: int
    hue_distance: float
    aspect: float


# At its place every copy is known that was saved as JPEG of quality 10 or more, or resized to an eighth or more; so
# would be 0.14 % of photos and the next of their folder. Anywhere, copies of quality 50 or more are known, and 83 % or
# more of those resized to a quarter or more; of 6.9 million pairs of files 23 agree, and no two shelf photos.
AT_PLACE = FingerprintAgreement(hash_bits=8, hue_distance=0.3, aspect=0.05)
ANYWHERE = FingerprintAgreement(hash_bits=3, hue_distance=0.03, aspect=0.01)


def agree(a: Fingerprint, b: Fingerprint, rule: FingerprintAgreement) -> bool:
    """Return whether the signs of two pictures agree; two flat pictures agree where one of two gray ones would."""
    return (
        _aspects_agree(a.size_px, b.size_px, rule.aspect)
        and len(a.hash) == len(b.hash)
        and hash_bits(a, b) <= rule.hash_bits
        and hue_distance(a, b) <= rule.hue_distance
    )


def hash_bits(a: Fingerprint, b: Fingerprint) -> int:
    """Count the bits in which two difference hashes differ; 0 where one is missing."""
    return sum((x ^ y).bit_count() for x, y in zip(a.hash, b.hash, strict=False))


def hue_distance(a: Fingerprint, b: Fingerprint) -> float:
    """Return the cosine distance of two hue histograms; 0.0 where one is missing."""
    if not a.hues or not b.hues:
        return 0.0
    if len(a.hues) != len(b.hues):
        return float("inf")
    import numpy as np

    from ...distances import cosine_distance

    ours, theirs = (np.frombuffer(one.hues, "<f2").astype(np.float32) for one in (a, b))
    return cosine_distance(ours, theirs)


def fingerprints_of(store: Records, keys: Sequence[int]) -> dict[int, Fingerprint]:
    """Return the fingerprints of stored pictures by key; unknown keys are left out."""
    records = store.records(keys)
    hashes, hues = (store.vectors(space, keys) for space in (HASH_SPACE, HUE_SPACE))
    return {key: _fingerprint(record, hashes.get(key), hues.get(key)) for key, record in records.items()}


def fingerprint_form(known: Fingerprint) -> dict[str, Any]:
    """Return a fingerprint as plain values."""
    return {
        "content_hash": known.content_hash,
        "id": known.id,
        "source": known.source,
        "size_px": list(known.size_px),
        "hash": known.hash.hex(),
        "hues": known.hues.hex(),
        "before": list(known.before),
    }


def fingerprint_from(told: Mapping[str, Any]) -> Fingerprint:
    """Read what `fingerprint_form` gave.

    Raises:
        InputError: when it is none.
    """
    read: dict[str, Any] = {}
    for name, (reader, called) in _PARTS.items():
        try:
            read[name] = reader(told[name])
        except KeyError:
            why = f'it has no "{name}"'
        except (TypeError, ValueError, OverflowError):
            why = f'its "{name}" has to be {called}'
        else:
            continue
        raise InputError(f"a picture of a decision is broken: {why}. Export the decisions anew.")
    known = Fingerprint(**read)
    if len(known.hash) not in (0, _HASH_BYTES) or len(known.hues) % 2 or not known.content_hash:
        raise InputError("a picture of a decision has signs of a wrong length. Export the decisions anew.")
    if not all(0 <= side < _LARGEST_PX for side in known.size_px):
        raise InputError(f"a picture of a decision has the size {known.size_px}, which none can have.")
    return known


def check_fingerprint(known: Fingerprint, limits: Limits) -> None:
    """Refuse a fingerprint that no record here could have: somebody else made it up.

    Raises:
        InputError: naming what is too long.
    """
    check_text(known.id, "the id of a picture", most_chars=limits.max_id_chars)
    if known.source is not None and len(known.source) > _MOST_SOURCE_CHARS:
        many = f"{len(known.source):,} characters; {_MOST_SOURCE_CHARS:,} may be"
        raise InputError(f"the source of a picture has {many}.")
    for content_hash in (known.content_hash, *known.before[: _MOST_BEFORE + 1]):
        check_text(content_hash, "the hash of a picture", most_chars=_MOST_HASH_CHARS)
    if len(known.before) > _MOST_BEFORE:
        raise InputError(f"a picture was saved anew {len(known.before):,} times; {_MOST_BEFORE:,} may be.")
    if len(known.hues) not in (0, _HUE_BYTES):
        raise InputError("a picture of a decision has signs of a wrong length. Export the decisions anew.")


def check_text(text: str, what: str, *, most_chars: int) -> None:
    """Refuse a text that is too long, or that no database can hold.

    Raises:
        InputError: naming it.
    """
    if len(text) > most_chars:
        raise InputError(f"{what} has {len(text):,} characters; {most_chars:,} may be: {text[:80]!r}")
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise InputError(f"{what} is not text that can be stored: {text[:80]!a}") from exc


def _fingerprint(record: Record, hash: Any, hues: Any) -> Fingerprint:
    return Fingerprint(
        content_hash=record.content_hash,
        id=record.id,
        source=record.source,
        size_px=record.size_px,
        hash=b"" if hash is None else hash.tobytes(),
        hues=b"" if hues is None else hues.astype("<f2").tobytes(),
    )


def _aspects_agree(ours: Iterable[int], theirs: Iterable[int], share: float) -> bool:
    """Compare proportions; each side may also be one pixel off, as resizing rounds."""
    (w, h), (v, g) = ours, theirs
    return abs(w * g - v * h) <= share * max(w * g, v * h) + max(w, v, h, g)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError
    return tuple(map(_text, value))


def _size(value: Any) -> tuple[int, int]:
    width, height = map(int, value)
    return width, height


_PARTS: Mapping[str, tuple[Callable[[Any], Any], str]] = {  # how each part is read, and what it has to be
    "size_px": (_size, "two whole numbers"),
    "content_hash": (_text, "a text"),
    "id": (_text, "a text"),
    "source": (lambda value: None if value is None else _text(value), "a text or null"),
    "hash": (bytes.fromhex, "a text of hexadecimal digits"),
    "hues": (bytes.fromhex, "a text of hexadecimal digits"),
    "before": (_texts, "a list of texts"),
}
