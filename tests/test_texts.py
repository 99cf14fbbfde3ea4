"""What typed words find: the reference evaluator, in Python and over HTTP."""

from __future__ import annotations

import string

import pytest
from conftest import draw, saved
from hypothesis import given
from hypothesis import strategies as st

import lookalike
from lookalike.errors import InputError
from lookalike.texts import MOST_CHARS, fold, text_query


def found(text: str, record_id: str = "a", tags: tuple[str, ...] = (), **metadata: object) -> tuple[str, bool] | None:
    place = text_query(text).find(record_id, tags, metadata)
    return None if place is None else (place.field, place.is_whole)


@pytest.mark.parametrize(
    ("text", "held", "is_whole"),
    [
        ("red", "a red shoe", True),
        ("red", "REDDISH", False),
        ("dis", "reddish", False),
        ("ed", "red", None),  # two letters begin a word
        ("re", "so red", False),
        ("re", "so-red", False),
        ("r", "so red", False),
        ("a", "a red", True),
        ("strasse", "Straße 5", True),
        ("FINE", "\ufb01ne", True),  # a ligature
        ("IMG_01", "holiday/img_0123.jpg", False),
        ("img_01.jpg", "holiday/img_01.jpg", True),
        ("京", "東京", True),
        ("shoe red", "a red shoe", True),
        ("shoe blue", "a red shoe", None),
        ("a\0red", "a red", True),
    ],
)
def test_a_word_is_found_by_its_beginning_and_from_three_letters_anywhere(text, held, is_whole):
    expected = None if is_whole is None else ("name", is_whole)
    assert found(text, "-", name=held) == expected


def test_the_field_told_is_the_last_of_the_words_places():
    assert found("red", "red", ("red",), name="red") == ("_id", True)
    assert found("red shoe", "red", ("shoe",), name="shoe") == ("tags", True)
    assert found("red shoe", "red", (), name={"short": ["a", "shoes"]}) == ("name.short", False)
    assert found("12.5 true", "-", (), price=12.5, sold=True, gone=None) == ("sold", True)
    assert found("none", "-", (), gone=None) is None


@pytest.mark.parametrize("text", ["", "  ", "\0", "x" * (MOST_CHARS + 1), 5, None])
def test_what_is_not_a_text_with_words_is_refused(text):
    with pytest.raises(InputError):
        text_query(text)


@given(st.text(min_size=1, max_size=20), st.text(max_size=5), st.text(max_size=5))
def test_a_text_is_found_in_itself_whatever_stands_around_it(word, before, after):
    words = fold(word).split()
    if words:
        assert found(word, "-", name=f"{before} {word} {after}") is not None
        assert found(word.upper().lower() if word.isascii() else word, "-", name=word) is not None


@given(st.text(string.ascii_letters + " ", min_size=1, max_size=12))
def test_a_longer_query_finds_no_more(text):
    if fold(text).split():
        more = found(f"{text} zzz", "-", name=text)
        assert more is None


def test_a_collection_is_asked_by_words(tmp_path):
    with lookalike.open(tmp_path / "home") as library:
        shelf = library.collection("shelf", create=True)
        for n, name in enumerate(["Red shoe", "blue shoe", "reddish hat"]):
            shelf.add(saved(draw(n)), id=f"p{n}", metadata={"name": name, "price": 10 * n})
        shelf.update("p1", tags=["red"])
        assert [one.id for one in shelf.find_text("red")] == ["p1", "p0", "p2"]
        assert [one.id for one in shelf.find_text("red", filter={"price": {"$lt": 15}})] == ["p1", "p0"]
        assert [one.id for one in shelf.find_text("P", limit=2)] == ["p0", "p1"]
        assert shelf.find_text("shoe hat") == []
        for wrong in ({"limit": 0}, {"filter": {"$no": 1}}):
            with pytest.raises(lookalike.LookalikeError):
                shelf.find_text("red", **wrong)
