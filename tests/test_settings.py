"""Settings: an argument wins over the environment, and that over the file; what cannot be is told by its name."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path

import pytest

from lookalike.core.library import Library
from lookalike.errors import InputError
from lookalike.limits import SERVED, Limits
from lookalike.settings import Serving, load_settings


def load(tmp_path: Path, text: str = "", **environment: str):
    (tmp_path / "lookalike.toml").write_text(text)
    return load_settings(environment={**environment, "LOOKALIKE_CONFIG": str(tmp_path / "lookalike.toml")})


def test_the_nearest_word_wins(tmp_path):
    text = 'home = "from-file"\nport = 1\nworkers = 3\nmax_image_pixels = 1_000\nallowed_hosts = ["a.example"]'
    told = load(tmp_path, text, LOOKALIKE_PORT="2", LOOKALIKE_ALLOWED_HOSTS="c.example, d.example")
    assert (told.home, told.workers, told.serving.port) == (Path("from-file"), 3, 2)
    assert told.limits == Limits(max_image_pixels=1000)
    assert told.serving.allowed_hosts == ("c.example", "d.example")
    given = load_settings(
        home="given",
        environment={"LOOKALIKE_PORT": "2"},
        given={"port": 4, "host": None},
        config=tmp_path / "lookalike.toml",
    )
    assert (given.home, given.serving.port, given.serving.host) == (Path("given"), 4, "127.0.0.1")


def test_a_home_is_kept_by_the_embedded_store_unless_another_is_named(tmp_path):
    assert load(tmp_path).store == "embedded"
    assert load(tmp_path, 'store = "from-file"').store == "from-file"
    assert load(tmp_path, 'store = "from-file"', LOOKALIKE_STORE="other").store == "other"
    with pytest.raises(InputError, match=r'no store "other"\. There are: embedded.*`store`'):
        Library(load(tmp_path, LOOKALIKE_STORE="other", LOOKALIKE_HOME=str(tmp_path / "home")))


def test_a_server_has_limits_of_its_own_that_settings_change():
    assert load_settings(environment={}, serving=True).limits == SERVED
    loose = load_settings(environment={"LOOKALIKE_MAX_IMAGE_PIXELS": "200_000_000"}, serving=True)
    assert loose.limits.max_image_pixels == 200_000_000
    assert loose.limits.max_image_bytes == SERVED.max_image_bytes
    assert load_settings(environment={}).limits == Limits()


@pytest.mark.parametrize(
    ("text", "environment", "named"),
    [
        ("", {"LOOKALIKE_WORKERS": "many"}, "LOOKALIKE_WORKERS"),
        ("", {"LOOKALIKE_WORKERS": "0"}, "LOOKALIKE_WORKERS=0 is"),
        ("", {"LOOKALIKE_PORT": "65536"}, "LOOKALIKE_PORT=65536 is"),
        ("", {"LOOKALIKE_PORT": "1.5"}, "LOOKALIKE_PORT=1.5 is"),
        ("", {"LOOKALIKE_LOG_FORMAT": "xml"}, "LOOKALIKE_LOG_FORMAT"),
        ("", {"LOOKALIKE_ALLOW_PRIVATE_URLS": "perhaps"}, "LOOKALIKE_ALLOW_PRIVATE_URLS"),
        ("", {"LOOKALIKE_MAX_IMAGE_BYTES": "-1"}, "LOOKALIKE_MAX_IMAGE_BYTES=-1 is"),
        ("prot = 8000", {}, "prot"),
        ("limits = 3", {}, "limits"),
        ("port = ", {}, "lookalike.toml"),
        ('workers = "many"', {}, "workers = 'many' in"),
    ],
)
def test_what_cannot_be_is_told_by_its_name(tmp_path, text, environment, named):
    with pytest.raises(InputError, match=named):
        load(tmp_path, text, **environment)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e400", "-1", "1e18", "2.5", "", "  ", "0x10", "1 000"])
def test_no_number_of_any_setting_ends_in_a_traceback(tmp_path, number):
    numbers = [one.name for kind in (Limits, Serving) for one in fields(kind) if type(one.default) in (int, float)]
    assert {"max_limit", "decode_timeout_s", "port", "header_timeout_s", "max_connections"} <= {*numbers}
    for name in [*numbers, "workers"]:
        places = {f"LOOKALIKE_{name.upper()}": number}
        if not number.strip():  # nothing was said
            assert load(tmp_path, **places) == load(tmp_path)
        elif number == "2.5" and name.endswith("_s"):
            load(tmp_path, **places)
        else:
            with pytest.raises(InputError, match=f"(?i){name}"):
                load(tmp_path, **places)


@pytest.mark.parametrize("number", [math.nan, math.inf, -1, 10**30, True, "8"])
def test_no_limit_is_anything_but_a_number(number):
    for limit in fields(Limits):
        with pytest.raises(InputError, match=limit.name):
            Limits(**{limit.name: number})


def test_a_file_that_is_named_and_missing_is_told(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        load_settings(environment={}, config=tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DECODE_TIMEOUT_S", "0"),
        ("FETCH_TIMEOUT_S", "0.0"),
        ("HEADER_TIMEOUT_S", "0"),
        ("BODY_TIMEOUT_S", "0"),
        ("MAX_JSON_VALUES", "0"),
        ("MAX_BYTES_UNDER_WAY", "1"),
        ("MAX_BODY_BYTES", "1"),
        ("MAX_IMAGE_BYTES", "0"),
        ("MAX_IMAGE_PIXELS", "0"),
        ("MAX_LIMIT", "0"),
        ("MAX_FIELDS", "1001"),
        ("ALLOWED_ORIGINS", "http://a b"),
        ("ALLOWED_ORIGINS", "shop.example"),
        ("ALLOWED_ORIGINS", "https://shop.example/"),
        ("ALLOWED_ORIGINS", "https://Shop.example"),
        ("ALLOWED_ORIGINS", "*"),
        ("ALLOWED_HOSTS", "http://x/"),
        ("ALLOWED_HOSTS", "a.example, b example"),
        ("ALLOWED_HOSTS", "a.example:8000"),
        ("ALLOWED_HOSTS", "*.example"),
    ],
)
def test_what_could_never_work_is_refused_with_a_reason(tmp_path, name, value):
    with pytest.raises(InputError, match=f"(?i){name}.*pass"):
        load(tmp_path, **{f"LOOKALIKE_{name}": value})


def test_what_works_may_be_set(tmp_path):
    hosts, origins = (
        "a.example, pictures_1, ::1, [::1], 10.0.0.1, bücher.example",
        "https://a.example, http://[::1]:8000",
    )
    told = load(
        tmp_path,
        LOOKALIKE_ALLOWED_HOSTS=hosts,
        LOOKALIKE_ALLOWED_ORIGINS=f"{origins}, app://local, http://localhost:3000, null",
        LOOKALIKE_MAX_WAITING="0",
        LOOKALIKE_FETCH_MAX_REDIRECTS="0",
        LOOKALIKE_SHUTDOWN_TIMEOUT_S="0",
        LOOKALIKE_DECODE_TIMEOUT_S="0.2",
    )
    assert len(told.serving.allowed_hosts) == 6
    assert len(told.serving.allowed_origins) == 5


def test_a_file_of_settings_that_is_not_there_is_told_in_words(tmp_path):
    for path, words in ((tmp_path / "nowhere.toml", "there is no file"), (tmp_path, "is a folder")):
        with pytest.raises(InputError, match=words) as refused:
            load_settings(environment={}, config=path)
        assert "Errno" not in str(refused.value)
