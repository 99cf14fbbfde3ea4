"""How many statements an answer costs: so many for each block of records, and not for each record."""

from contextlib import contextmanager

import numpy as np
import pytest

import lookalike
from lookalike.core import contents
from lookalike.doors.dialects import watson
from lookalike.stores.embedded import connections

COUNT = 120


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    with lookalike.open(tmp_path_factory.mktemp("home")) as library:
        shelf = library.collection("shelf", create=True, keep="none")
        made = np.random.default_rng(0).integers(0, 256, (COUNT, 6, 6, 3), dtype=np.uint8)
        pictures = [{"_id": f"{n:03}", "_bytes": ppm(one)} for n, one in enumerate(made)]
        shelf.add(pictures)
        yield shelf


def ppm(pixels):
    large = np.kron(pixels, np.ones((8, 8, 1), np.uint8))
    return b"P6 %d %d 255\n" % (large.shape[1], large.shape[0]) + large.tobytes()


@contextmanager
def counting(monkeypatch):
    """Count the statements that read records or vectors."""
    told = []
    connect = connections.connect

    def traced(path):
        conn = connect(path)
        conn.set_trace_callback(lambda sql: told.append(sql) if "records" in sql or "vector_" in sql else None)
        return conn

    monkeypatch.setattr(connections, "connect", traced)
    yield told


def anew(shelf):
    """Let all connections be made anew."""
    assert shelf._store.rest()


def test_export_with_vectors_costs_a_few_statements_for_each_block(shelf, monkeypatch):
    monkeypatch.setattr(contents, "_EXPORTED", 40)
    with counting(monkeypatch) as told:
        anew(shelf)
        lines = list(shelf.export(vectors=True))
    assert len(lines) == COUNT
    assert all(line["_vectors"] for line in lines)
    assert len(told) <= 10 * (COUNT // 40 + 1)


def test_matches_of_another_service_hold_their_records_and_read_nothing(shelf, monkeypatch):
    found = shelf.search("id:000", limit=100)
    anew(shelf)
    with counting(monkeypatch) as told:
        forms = list(watson._similar_forms(found))
    assert [form["image_id"] for form in forms] == [match.id for match in found]
    assert told == []
