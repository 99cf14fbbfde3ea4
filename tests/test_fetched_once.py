"""A URL is fetched once for each question, however much of the picture is asked for: bytes, vectors, pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import draw, saved
from serving import API, jpeg, served
from websites import website

import lookalike


class Counted:
    """A site whose only picture is another one at each visit, so that a second visit would tell something else."""

    def __init__(self) -> None:
        self.visits = 0

    def __call__(self, path: str) -> bytes:
        self.visits += 1
        return saved(draw(self.visits % 8), "PNG")


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Counted, str]]:
    monkeypatch.setenv("LOOKALIKE_ALLOW_PRIVATE_URLS", "1")
    counted = Counted()
    with website(counted) as address:
        yield counted, f"{address}/a.jpg"


@pytest.fixture
def shelf(site: tuple[Counted, str], tmp_path: Path) -> Iterator[lookalike.Collection]:
    with lookalike.open(tmp_path / "home") as library:
        made = library.collection("shelf", create=True, type="matching", keep="original")
        for seed in range(8):  # in another format: whether the pixels are the same is looked at in full
            made.add(saved(draw(seed), "BMP"), id=str(seed))
        yield made


ASKED: dict[str, Callable[[lookalike.Collection, str], Any]] = {
    "a search": lambda shelf, url: shelf.search(url),
    "a search that geometry looks at": lambda shelf, url: shelf.search(url, verify=8, explain=True),
    "a part": lambda shelf, url: shelf.search(url, crop=(0, 0, 100, 100), verify=4),
    "a search with a tag": lambda shelf, url: shelf.search(url, tags=["a"]),
    "a histogram": lambda shelf, url: shelf.histogram(url),
    "an embedding": lambda shelf, url: shelf.embedding(url),
    "a comparison with a stored one": lambda shelf, url: shelf.compare(url, "id:1"),
    "a comparison that is explained": lambda shelf, url: shelf.compare("id:1", url).explain(),
    "a ranking": lambda shelf, url: shelf.rank(url, ["id:1", "id:2"]),
    "one to add": lambda shelf, url: shelf.add(url),
    "another picture": lambda shelf, url: shelf.update("1", source=url),
}


@pytest.mark.parametrize("kind", ASKED)
def test_a_url_of_one_question_is_fetched_once(
    site: tuple[Counted, str], shelf: lookalike.Collection, kind: str
) -> None:
    counted, url = site
    ASKED[kind](shelf, url)
    assert counted.visits == 1


def test_what_was_compared_and_whose_pixels_were_looked_at_are_one_picture(
    site: tuple[Counted, str], shelf: lookalike.Collection
) -> None:
    """The page shows another picture at each visit: its bytes, its vectors and its pixels have to be of one."""
    counted, url = site
    found = shelf.search(url, verify=8)
    assert (counted.visits, found[0].id, found[0].relation) == (1, "1", "same_pixels")
    assert shelf.compare(url, "id:2").relation == "same_pixels"
    assert counted.visits == 2


def test_two_urls_that_are_compared_are_fetched_once_each(site: tuple[Counted, str], tmp_path: Path) -> None:
    counted, url = site
    with lookalike.open(tmp_path / "other") as library:
        compared = library.compare(url, url.replace("a.jpg", "b.jpg"))
        compared.explain()
        assert counted.visits == 2
        library.rank(url, [url.replace("a.jpg", "b.jpg"), url.replace("a.jpg", "c.jpg")])
        assert counted.visits == 5
        library.difference_hash(url)
        assert counted.visits == 6


def test_a_url_is_fetched_once_for_a_request_to_the_server(site: tuple[Counted, str], tmp_path: Path) -> None:
    counted, url = site
    with served(tmp_path / "home", "--allow-private-urls") as server:
        path = server.create("c", type="matching")
        for seed in range(3):
            server.post(f"{path}?id={seed}", content=jpeg(seed), headers={"content-type": "image/jpeg"})
        for number, (route, body) in enumerate(
            (
                ("collections/c/search", {"source": url, "verify": 3}),
                ("collections/c/search", {"source": url, "crop": [0, 0, 50, 50]}),
                ("collections/c/compare", {"a": url, "b": "id:1"}),
                ("collections/c/compare?explain=true", {"a": url, "b": "id:1"}),
                ("collections/c/records", {"_url": url}),
            ),
            start=1,
        ):
            answer = server.post(f"{API}/{route}", json=body)
            assert answer.status_code < 300, answer.text
            assert counted.visits == number, route
