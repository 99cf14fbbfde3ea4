"""Small bodies that would cost much: what is too much of JSON and of multipart is refused before it is made."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving import API, Served, at_once, code_of, jpeg, served

from lookalike.doors.http.bodies import bounded_lines, lines_in, records_in
from lookalike.doors.http.json_budget import MOST_DEPTH, JsonBudget
from lookalike.doors.http.replies import Refusal
from lookalike.errors import FilterError
from lookalike.filters import MAX_VALUES, parse_filter
from lookalike.limits import Limits

MOST_GROWTH = 64_000_000  # bytes
JSON = {"content-type": "application/json"}
LINES = {"content-type": "application/x-ndjson"}
PARTS = {"content-type": "multipart/form-data; boundary=X"}
XIMILAR = {"collection-id": "c"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("bodies") / "home", LOOKALIKE_WORKERS="1") as running:
        path = running.create("c")
        running.post(f"{path}?id=1", content=jpeg(1), headers={"content-type": "image/jpeg"})
        yield running


def a_list_of(value: str, size: int = 4_000_000) -> bytes:
    return b"[" + b",".join([value.encode()] * (size // (len(value) + 1))) + b"]"


def parts(name: str, count: int, data: bytes = b"") -> bytes:
    one = b'--X\r\nContent-Disposition: form-data; name="%s"; filename=""\r\n\r\n%s\r\n' % (name.encode(), data)
    return one * count + b"--X--\r\n"


RECORDS, SEARCH = f"{API}/collections/c/records", f"{API}/collections/c/search"
ZEROS = a_list_of("0")
HEAVY: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "a list of numbers as records": (RECORDS, ZEROS, JSON),
    "a list of lists as records": (RECORDS, a_list_of("[]"), JSON),
    "a list of empty records": (RECORDS, a_list_of("{}"), JSON),
    "a list of texts as records": (RECORDS, a_list_of('"a"'), JSON),
    "a list of texts with marks of JSON": (RECORDS, a_list_of(r'"\"[,{\\"'), JSON),
    "lines of empty records": (RECORDS, b"{}\n" * 1_300_000, LINES),
    "lines of numbers": (RECORDS, b"0\r" * 2_000_000, LINES),
    "a line with a list": (RECORDS, ZEROS, LINES),
    "empty parts": (RECORDS, parts("file", 100_000), PARTS),
    "parts that name nothing": (RECORDS, parts("x", 100_000), PARTS),
    "parts for a search": (SEARCH, parts("x", 100_000), PARTS),
    "a part of a million line ends": (SEARCH, parts("file", 1, b"\r" * 1_000_000), PARTS),
    "metadata of a record": (RECORDS, b'{"_id": "x", "a": ' + ZEROS + b"}", JSON),
    "fields beside a file": (RECORDS, parts("record", 1, b'{"a": ' + ZEROS + b"}"), PARTS),
    "a filter of a million": (SEARCH, b'{"source": "id:1", "filter": {"a": {"$in": ' + ZEROS + b"}}}", JSON),
    "examples of a search": (SEARCH, b'{"like": ' + a_list_of('"id:1"') + b"}", JSON),
    "a question in a part": (SEARCH, parts("query", 1, b'{"tags": ' + a_list_of('"a"') + b"}"), PARTS),
    "two pictures": (f"{API}/compare", b'{"a": ' + ZEROS + b', "b": 0}', JSON),
    "names that nobody knows": (SEARCH, b"{" + b",".join(b'"a%d":0' % n for n in range(400_000)) + b"}", JSON),
    "fields of a collection": (f"{API}/collections", b'{"name": "x", "fields": ' + a_list_of('"a"') + b"}", JSON),
    "ids of a decision": (
        f"{API}/collections/c/decisions",
        b'{"decision": "delete", "ids": ' + a_list_of('"1"') + b"}",
        JSON,
    ),
    "events as a list": (f"{API}/collections/c/ledger", b'{"events": ' + a_list_of("{}") + b"}", JSON),
    "events as lines": (f"{API}/collections/c/ledger", b"{}\n" * 1_300_000, LINES),
    "records to get": ("/photo/search/v2/get", b'{"records": ' + ZEROS + b"}", XIMILAR),
    "records to insert": ("/photo/search/v2/insert", b'{"records": ' + a_list_of("{}") + b"}", XIMILAR),
    "records to update": ("/photo/search/v2/update", b'{"records": ' + a_list_of('{"_id":"1"}') + b"}", XIMILAR),
    "records to rank": ("/image_matching/v2/rank_images", b'{"records": ' + ZEROS + b', "query_record": 1}', {}),
    "fields to return": ("/photo/search/v2/allRecords", b'{"fields_to_return": ' + a_list_of('"a"') + b"}", XIMILAR),
    "metadata of an image": ("/v3/collections/c/images", parts("metadata", 1, b'{"a": ' + ZEROS + b"}"), PARTS),
    "tags of a context": ("/imaging/ai/imageSearch/c/findByTags", a_list_of('"t"'), JSON),
    "images to compare": ("/compare", b'{"image_a": ' + ZEROS + b', "image_b": 0}', JSON),
    "brackets": (RECORDS, b"[" * 4_000_000, JSON),
    "braces": (SEARCH, b'{"filter":' * 400_000, JSON),
    "a text without end": (SEARCH, b'{"source": "' + rb"\"" * 2_000_000, JSON),
    "nothing but quotes": (RECORDS, b'"' * 4_000_000, JSON),
    "a list in UTF-16": (RECORDS, ZEROS[:2_000_000].decode().encode("utf-16"), JSON),
}


class Watched:
    """What a server takes, and whether it answers others, while something is done."""

    def __init__(self, server: Served) -> None:
        self._process = psutil.Process(server.process.pid)
        self._url = server.url
        self._ends = threading.Event()
        self.before = self.most = self._process.memory_info().rss
        self.answers: list[int] = []
        self._threads = [threading.Thread(target=one) for one in (self._measure, self._ask)]

    def __enter__(self) -> Watched:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join()

    @property
    def growth(self) -> int:
        return self.most - self.before

    def _measure(self) -> None:
        while not self._ends.wait(0.005):
            self.most = max(self.most, self._process.memory_info().rss)

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, timeout=30) as client:
            while not self._ends.wait(0.01):
                self.answers.append(client.get(f"{API}/collections/c").status_code)


@pytest.mark.parametrize("kind", HEAVY)
def test_a_small_body_costs_no_memory_and_keeps_nobody_waiting(server, kind):
    path, body, headers = HEAVY[kind]
    with Watched(server) as watched:
        answer = server.post(path, content=body, headers=headers)
    assert 400 <= answer.status_code < 500, answer.text[:300]
    assert len(answer.content) < 2000
    assert watched.growth < MOST_GROWTH
    assert set(watched.answers) <= {200}


def test_many_small_bodies_at_once_leave_room_for_others(server):
    bodies = [body for _, body, _ in list(HEAVY.values())[:6]] * 2
    with Watched(server) as watched:
        options = {"headers": JSON, "timeout": 60}
        at_once(partial(httpx.post, f"{server.url}{RECORDS}", content=body, **options) for body in bodies)
    assert watched.growth < MOST_GROWTH
    assert set(watched.answers) == {200}


def test_what_is_refused_says_how_much_may_be(server):
    assert code_of(server.post(RECORDS, content=ZEROS, headers=JSON)) == (413, "too_many_images")
    much = server.post(RECORDS, content=b'{"_id": "x", "a": ' + ZEROS + b"}", headers=JSON)
    assert code_of(much) == (413, "json_too_large")
    assert "100,000 values" in much.json()["error"]["message"]
    filtered = server.post(SEARCH, json={"source": "id:1", "filter": {"a": {"$in": list(range(20_000))}}})
    assert code_of(filtered) == (422, "filter_invalid")
    assert "10,000 values" in filtered.json()["error"]["message"]
    deep = b'{"source": "id:1", "filter": ' + b"[" * 200 + b"]" * 200 + b"}"
    assert code_of(server.post(SEARCH, content=deep, headers=JSON)) == (400, "body_malformed")
    tags = server.post("/imaging/ai/imageSearch/c/findByTags", json=[f"t{n}" for n in range(101)])
    assert (tags.status_code, "101 tags" in tags.text) == (400, True)


def test_what_people_send_passes(server):
    """A hundred records with a vector each, and a long text with all marks of JSON."""
    picture = base64.b64encode(jpeg(2, (64, 48))).decode()
    records = [{"_id": f"v{n}", "_base64": picture, "vector": [0.5] * 512} for n in range(100)]
    told = server.post(RECORDS, json=records).json()
    assert (told["added"], told["failed"]) == (100, [])
    text = 'He said "[1, 2], {3}" \\ and left. ' * 5000
    assert server.post(RECORDS, json={"_id": "t", "_base64": picture, "text": text}).status_code == 201
    assert server.get(f"{RECORDS}/t").json()["metadata"] == {"text": text}
    found = server.post(SEARCH, json={"source": "id:1", "filter": {"_id": {"$in": [f"v{n}" for n in range(5000)]}}})
    assert len(found.json()["matches"]) == 10


def test_the_limit_is_a_setting(tmp_path):
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1", LOOKALIKE_MAX_JSON_VALUES="20") as server:
        path = server.create("c")
        picture = base64.b64encode(jpeg(2, (64, 48))).decode()
        assert server.post(path, json={"_id": "a", "_base64": picture, "n": [1] * 10}).status_code == 201
        refused = server.post(path, json={"_id": "b", "_base64": picture, "n": [1] * 30})
        assert code_of(refused) == (413, "json_too_large")


HALF = rb"\ud800"  # of a surrogate pair: JSON can say it, and UTF-8 cannot
PICTURE = base64.b64encode(jpeg(2, (64, 48)))


@pytest.mark.parametrize(
    "record",
    [
        b'{"_id": "h", "_base64": "PIC", "a": "HALF"}',
        b'{"_id": "h", "_base64": "PIC", "HALF": 1}',
        b'{"_id": "HALF", "_base64": "PIC"}',
        b'{"_id": "h", "_url": "http://example.com/HALF"}',
        b'{"_id": "h", "_url": "http://HALF/"}',
        b'{"_id": "h", "_base64": "HALF"}',
    ],
)
def test_half_a_letter_in_a_record_is_refused_with_a_reason(server, record):
    body = record.replace(b"HALF", HALF).replace(b"PIC", PICTURE)
    assert code_of(server.post(RECORDS, content=body, headers=JSON))[0] == 422
    lines = server.post(RECORDS, content=body, headers=LINES).json()
    assert [one["code"] in ("input_invalid", "fetch_refused") for one in lines["failed"]] == [True]
    for method in ("insert", "update", "get", "delete"):
        told = server.post(
            f"/photo/search/v2/{method}", content=b'{"records": [' + body + b"]}", headers={"collection-id": "h"}
        )
        assert told.status_code in (200, 400, 404)
        assert b'"code":500' not in told.content


@pytest.mark.parametrize(
    "text", ['{"a": "H"}', '{"H": 1}', '{"a": {"$in": ["H"]}}', '{"_id": "H"}', '{"tags": {"$ne": "H"}}']
)
@pytest.mark.parametrize("path", ["facets", "records"])
def test_a_filter_may_hold_half_a_letter(server, path, text):
    answer = server.get(f"{API}/collections/c/{path}", params={"filter": text.replace("H", HALF.decode())})
    assert answer.status_code == 200


# ---- counting


def count_of(value: Any) -> int:
    """Count what JSON has before, between and in its brackets: as many as values, and one for each empty one."""
    if isinstance(value, dict | list):
        held = value.values() if isinstance(value, dict) else value
        return 1 + (sum(map(count_of, held)) or 1)
    return 1


def depth_of(value: Any) -> int:
    held = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if held is None else 1 + max(map(depth_of, held), default=0)


TEXTS = st.text(st.sampled_from('a"\\[]{},: \n\u00e9\u2c22'), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(TEXTS, inner, max_size=6),
    max_leaves=40,
)


@given(value=VALUES, most=st.integers(1, 60), ascii=st.booleans(), indent=st.sampled_from([None, 1]))
def test_counting_agrees_with_what_is_parsed(value, most, ascii, indent):
    data = json.dumps(value, ensure_ascii=ascii, indent=indent).encode()
    budget = JsonBudget(Limits(max_json_values=most))
    if count_of(value) <= most:
        assert budget.parse(data) == value
        assert budget.spent >= count_of(value)
    else:
        with pytest.raises(Refusal):
            budget.parse(data)


@given(value=VALUES, most=st.integers(1, 6))
def test_elements_are_counted_in_the_outermost_list_only(value, most):
    data = json.dumps(value).encode()
    budget = JsonBudget(Limits())
    if isinstance(value, list) and len(value) > most:
        with pytest.raises(Refusal):
            budget.parse(data, most_elements=most)
    else:
        assert budget.parse(data, most_elements=most) == value


@pytest.mark.parametrize("data", [b"", b" ", b'"', b"\\", b'"\\', b"]]]]", b'{"a', b"[,,,]", b'"' * 999, b"\xff" * 99])
def test_what_is_no_json_is_refused_as_such(data):
    with pytest.raises(Refusal) as refused:
        JsonBudget(Limits(max_json_values=10)).parse(data)
    assert refused.value.code in ("body_malformed", "json_too_large")


def test_as_deep_as_may_be_is_parsed_and_one_more_is_not():
    for text in ("[" * MOST_DEPTH + "]" * MOST_DEPTH, '{"a":' * MOST_DEPTH + "1" + "}" * MOST_DEPTH):
        value = JsonBudget(Limits()).parse(text.encode())
        assert depth_of(value) == MOST_DEPTH
        with pytest.raises(Refusal, match="nested"):
            JsonBudget(Limits()).parse(f"[{text}]".encode())


@given(
    lines=st.lists(st.sampled_from([b"a", b" b ", b"", b"  ", b"cc"]), max_size=8),
    end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
)
def test_lines_are_those_that_hold_something(lines, end):
    wanted = [line.strip() for line in lines if line.strip()]
    assert [line.strip() for line in lines_in(end.join(lines))] == wanted


def test_a_line_of_any_length_is_read_within_bounds():
    limits = Limits(max_image_bytes=1000, max_metadata_bytes=1000)
    long = b'{"_id": "' + b"a" * 5_000_000 + b'"}'
    stream = io.BytesIO(b'{"_id": "1"}\n' + long + b"\n\n" + b"0" * 500_000 + b"\n" + b'{"_id": "2"}')
    read = list(bounded_lines(stream, limits))
    assert [line and line.strip() for line in read] == [b'{"_id": "1"}', None, b"", None, b'{"_id": "2"}']
    records = list(records_in(read, limits))
    assert [one if isinstance(one, dict) else one.message[:18] for one in records] == [
        *({"_id": "1"}, "line 2 has more th", "line 3 has more th", {"_id": "2"})
    ]


# ---- filters


@pytest.mark.parametrize(
    "condition",
    [
        {"a": {"$in": [0] * 1_000_000}},
        {"a": [0] * 1_000_000},
        {"$or": [{"a": 1}] * 1_000_000},
        {"a": {"b": ["c" * 2_000_000]}},
        '{"a": "' + "c" * 2_000_000 + '"}',
        {f"f{n}": 1 for n in range(MAX_VALUES)},
        {"$or": [{"a": {"$regex": f"x{n}"}} for n in range(200)]},
    ],
)
def test_a_filter_has_a_size_limit_and_is_never_told_whole(condition):
    began = time.process_time()
    with pytest.raises(FilterError) as failed:
        parse_filter(condition)
    assert len(failed.value.message) < 300
    assert time.process_time() - began < 2


def test_a_filter_that_contains_itself_is_refused():
    condition: dict[str, Any] = {"a": 1}
    condition["b"] = condition
    with pytest.raises(FilterError):
        parse_filter(condition)


def test_a_filter_within_the_limit_is_read():
    wanted: Callable[[Any], bool] = parse_filter({"a": {"$in": list(range(9000))}}).accepts
    assert (wanted({"a": 8999}), wanted({"a": 9000})) == (True, False)


def test_a_collection_declares_a_bounded_number_of_fields(server):
    many = [f"f{n}" for n in range(90_000)]
    with Watched(server) as watched:
        for fields in (many, many[:101], ["x" * 300]):
            made = server.post(f"{API}/collections", json={"name": "q", "fields": fields})
            assert code_of(made) == (422, "input_invalid")
            changed = server.http.patch(f"{API}/collections/c", json={"fields": fields})
            assert code_of(changed) == (422, "input_invalid")
            assert server.post(f"{API}/collections", json={"name": "q2"}).status_code == 201
            assert server.http.delete(f"{API}/collections/q2").status_code == 204
        assert "100 at most" in server.post(f"{API}/collections", json={"name": "q", "fields": many[:101]}).text
        named = server.http.patch(f"{API}/collections/c", json={"product_id_field": "x" * 300})
        assert code_of(named) == (422, "input_invalid")
    assert watched.growth < MOST_GROWTH
    assert server.get(f"{API}/collections/q").status_code == 404
    assert server.post(f"{API}/collections", json={"name": "q", "fields": many[:100] * 2}).status_code == 201


def test_lists_that_are_compared_with_lists_stay_quick(server):
    """Half a body of fields to take away, from a record that has as many; ids, tags and fields to return."""
    picture = base64.b64encode(jpeg(3, (64, 48))).decode()
    fields = {f"f{n}": 0 for n in range(40_000)}
    assert server.post(RECORDS, json={"_id": "wide", "_base64": picture, **fields}).status_code == 201
    refused = {
        "unset": server.http.patch(f"{RECORDS}/wide", json={"unset": [f"g{n}" for n in range(40_000)]}),
        "tags": server.http.patch(f"{RECORDS}/wide", json={"tags": [f"g{n}" for n in range(40_000)]}),
        "ids": server.post(f"{API}/collections/c/decisions", json={"decision": "later", "ids": list(map(str, fields))}),
        "like": server.post(SEARCH, json={"like": ["id:1"] * 40_000}),
    }
    assert {name: answer.status_code for name, answer in refused.items()} == dict.fromkeys(refused, 422)
    wanted = {"fields_to_return": list(map(str, fields))}
    told = server.post("/photo/search/v2/allRecords", json=wanted, headers=XIMILAR)
    assert "1,000 may be" in told.text
    began = time.monotonic()
    left = server.http.patch(f"{RECORDS}/wide", json={"unset": [f"f{n}" for n in range(30_001, 40_000)]})
    assert len(left.json()["metadata"]) == 30_001
    assert time.monotonic() - began < 5
