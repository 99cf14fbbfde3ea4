"""Text queries: what typed words find in the ids, tags and fields of records. `TextQuery.find` says what matches.

A text is compared after Unicode normalization (NFKC) and case folding. A word of one or two letters is found where a
word begins, a longer one anywhere; in scripts without case, such as Chinese, every letter begins a word. A record
matches when each word of the query is found in it, whichever texts they stand in.

This is the reference evaluator: a store may find the records in any way that finds the same.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import InputError

MOST_CHARS = 1000  # of a query; more is not typed
_ANYWHERE = 3  # letters from which a word is found within others
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
ID, TAGS = "_id", "tags"


def fold(text: str) -> str:
    """Normalize a text to compare it without regard to case and form; control characters become blanks."""
    if text.isascii():  # which normalization leaves as it is
        return _CONTROL.sub(" ", text.lower())
    return _CONTROL.sub(" ", unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()))


@dataclass(frozen=True)
class Found:
    """Where a query was found in a record.

    Attributes:
        field: "_id", "tags" or the dotted path of a field: of the places of all its words, the last in their order.
        is_whole: Whether each word of the query stands there as a whole word somewhere.
    """

    field: str
    is_whole: bool

    @property
    def order(self) -> tuple[int, str]:
        """The place of this field among others: the id, the tags, then fields by name."""
        return {ID: 0, TAGS: 1}.get(self.field, 2), self.field


@dataclass(frozen=True)
class TextQuery:
    """The words of a query, folded, each once. Made by `text_query`."""

    words: tuple[str, ...]

    def find(self, record_id: str, tags: Sequence[str], metadata: Mapping[str, Any]) -> Found | None:
        """Find all words in the texts of a record; None when one of them is missing."""
        best: dict[str, Found] = {}
        whole: set[str] = set()
        for field, text in _texts(record_id, tags, metadata):
            folded = fold(text)
            for word in self.words:
                if word not in folded:
                    continue
                places = [place for place in _places(folded, word) if _counts(folded, word, place)]
                if not places:
                    continue
                here = Found(field, is_whole=False)
                best[word] = min(best.get(word, here), here, key=lambda found: found.order)
                if any(_is_whole(folded, word, place) for place in places):
                    whole.add(word)
        if len(best) < len(self.words):
            return None
        last = max(best.values(), key=lambda found: found.order)
        return Found(last.field, is_whole=len(whole) == len(self.words))


def text_query(text: str) -> TextQuery:
    """Read a text query.

    Raises:
        InputError: when it holds no word, or more than 1,000 characters.

    Example:
        >>> text_query("Red  SHOE red").words
        ('red', 'shoe')
    """
    if not isinstance(text, str):
        raise InputError(f"a text to find is a text, not {type(text).__name__}: pass words, such as 'red shoe'.")
    if len(text) > MOST_CHARS:
        raise InputError(f"the text to find has {len(text):,} characters; at most {MOST_CHARS:,} are read. Shorten it.")
    words = tuple(dict.fromkeys(fold(text).split()))
    if not words:
        raise InputError("the text to find holds no word: type at least one letter.")
    return TextQuery(words)


def _texts(record_id: str, tags: Sequence[str], metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield all texts of a record with their fields; numbers and truth values as JSON writes them."""
    yield ID, record_id
    for tag in tags:
        yield TAGS, tag
    yield from _values("", metadata)


def _values(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, held in value.items():
            yield from _values(f"{path}.{name}" if path else name, held)
    elif isinstance(value, list | tuple):
        for held in value:
            yield from _values(path, held)
    elif isinstance(value, str):
        yield path, value
    elif value is not None:
        yield path, json.dumps(value)


def _places(text: str, word: str) -> Iterator[int]:
    place = text.find(word)
    while place >= 0:
        yield place
        place = text.find(word, place + 1)


def _counts(text: str, word: str, place: int) -> bool:
    return len(word) >= _ANYWHERE or _begins(text, place)


def _begins(text: str, place: int) -> bool:
    """Whether a word may begin at a place."""
    return place == 0 or not text[place - 1].isalnum() or unicodedata.category(text[place]) == "Lo"


def _is_whole(text: str, word: str, place: int) -> bool:
    end = place + len(word)
    return _begins(text, place) and (
        end == len(text) or not text[end].isalnum() or unicodedata.category(text[end]) == "Lo"
    )
