"""Keys: who may do what, until when, and that nothing of a secret is kept."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import lookalike
from lookalike.doors.cli import program as cli
from lookalike.errors import ConflictError, InputError, KeyNotFoundError, QuotaError, ScopeError, StoreDamagedError
from lookalike.service.keys import Key, Keys, Quotas
from lookalike.service.quotas import Meter
from lookalike.service.store import open_store


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(tmp_path: Path, clock: Clock) -> Keys:
    return Keys(tmp_path / "home", clock)


def test_a_key_opens_and_others_do_not(keys):
    assert not keys.is_needed()
    made, secret = keys.create("shop", scope="read", collections=["shoes"])
    other, _ = keys.create("other")
    assert keys.is_needed()
    assert keys.authenticate(secret) == made != other
    for wrong in ("", secret[:-1], secret + "x", secret.upper(), made.id, "\ud800", "lk__"):
        assert keys.authenticate(wrong) is None


def test_nothing_of_a_secret_is_kept(keys, tmp_path):
    _, secret = keys.create("shop")
    keys.rotate("shop")
    for path in (tmp_path / "home").iterdir():
        assert secret.rsplit("_", 1)[1].encode() not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0
    assert len(secret.rsplit("_", 1)[1]) == 64  # 256 bits


def test_a_key_ends_at_its_time(keys, clock):
    _, secret = keys.create("shop", expires_days=1)
    clock.now += timedelta(hours=23, minutes=59)
    assert keys.authenticate(secret)
    clock.now += timedelta(minutes=1)
    assert keys.authenticate(secret) is None
    assert keys.is_needed()


def test_a_rotated_key_keeps_all_but_its_secret(keys):
    made, old = keys.create("shop", scope="admin", quotas=Quotas(images=5))
    rotated, new = keys.rotate(made.id)
    assert (rotated.id, rotated.name, rotated.scope, rotated.quotas) == (made.id, "shop", "admin", Quotas(images=5))
    assert keys.authenticate(old) is None
    assert keys.authenticate(new) == rotated


def test_a_revoked_key_is_void_for_good_and_the_server_stays_closed(keys):
    _, secret = keys.create("shop")
    keys.revoke("shop")
    assert keys.authenticate(secret) is None
    assert keys.is_needed()
    with pytest.raises(KeyNotFoundError):
        keys.revoke("shop")
    with pytest.raises(KeyNotFoundError):
        keys.rotate("shop")
    assert keys.create("shop")[0].id != keys.all()[0].id


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": " "},
        {"name": "x" * 129},
        {"name": "a\nb"},
        {"name": "x", "scope": "root"},
        {"name": "x", "expires_days": 0},
        {"name": "x", "expires_days": float("nan")},
        {"name": "x", "quotas": Quotas(images=-1)},
        {"name": "x", "quotas": Quotas(requests_per_s=float("inf"))},
    ],
)
def test_a_key_that_cannot_be_is_refused(keys, wrong):
    with pytest.raises(InputError):
        keys.create(**wrong)
    assert not keys.is_needed()


def test_a_name_is_used_once(keys):
    keys.create("shop")
    with pytest.raises(ConflictError, match="shop"):
        keys.create("shop")


def test_a_ticket_stands_for_its_key_for_a_while(keys, clock):
    made, _ = keys.create("page")
    keys.create("other")
    ticket = keys.ticket(made, lasts=timedelta(hours=1))
    assert keys.redeem(ticket) == made
    key_id, ends, signature = ticket.split(".")
    other = keys.all()[1].id
    for forged in (f"{other}.{ends}.{signature}", f"{key_id}.{int(ends) + 1}.{signature}", "", "..", f"{key_id}.x.é"):
        assert keys.redeem(forged) is None
    clock.now += timedelta(hours=1)
    assert keys.redeem(ticket) is None


def test_rotation_and_revocation_void_tickets(keys):
    made, _ = keys.create("page")
    ticket = keys.ticket(made, lasts=timedelta(hours=1))
    rotated, _ = keys.rotate("page")
    assert keys.redeem(ticket) is None
    fresh = keys.ticket(rotated, lasts=timedelta(hours=1))
    keys.revoke("page")
    assert keys.redeem(fresh) is None


def test_another_process_sees_changes_at_once(keys, tmp_path, clock):
    other = Keys(tmp_path / "home", clock)
    _, secret = keys.create("shop")
    assert other.authenticate(secret)
    keys.revoke("shop")
    assert other.authenticate(secret) is None


def test_many_at_once_lose_nothing(keys, tmp_path, clock):
    def make(number: int) -> None:
        Keys(tmp_path / "home", clock).create(f"key {number}")

    threads = [threading.Thread(target=make, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key.name for key in keys.all()} == {f"key {number}" for number in range(12)}


@pytest.mark.parametrize("damage", ["", "{", "no database " * 1000])
def test_a_damaged_file_closes_the_server(tmp_path, damage):
    Keys(tmp_path).create("shop")
    (tmp_path / "service.db").write_text(damage)
    with pytest.raises(StoreDamagedError):
        Keys(tmp_path).is_needed()


def test_a_damaged_key_closes_the_server(tmp_path):
    Keys(tmp_path).create("shop")
    with open_store(tmp_path).writing() as rows:
        rows.append("key", "other", {"name": "other"})
    with pytest.raises(StoreDamagedError, match='key "other"'):
        Keys(tmp_path).is_needed()


def test_a_server_is_open_again_once_the_file_is_gone(keys, tmp_path):
    keys.create("shop")
    assert keys.is_needed()
    for path in (tmp_path / "home").glob("service.db*"):
        path.unlink()
    assert not keys.is_needed()
    _, secret = keys.create("shop")
    assert keys.authenticate(secret)


def test_scopes_contain_each_other():
    def key(scope):
        return Key("i", "n", scope, "d", "t")

    assert [key("write").may(scope) for scope in ("read", "write", "admin")] == [True, True, False]
    assert [key("read").may(scope) for scope in ("read", "write", "admin")] == [True, False, False]
    assert all(key("admin").may(scope) for scope in ("read", "write", "admin"))


# ---- quotas


def test_requests_are_paced(keys, library, clock):
    key, _ = keys.create("shop", quotas=Quotas(requests_per_s=2))
    meter = Meter(library, clock.seconds)
    for _ in range(2):
        meter.count_request(key)
    with pytest.raises(QuotaError) as caught:
        meter.count_request(key)
    assert 0 < caught.value.details["retry_after_s"] <= 0.5
    clock.now += timedelta(seconds=0.5)
    meter.count_request(key)
    with pytest.raises(QuotaError):
        meter.count_request(key)
    clock.now += timedelta(hours=1)
    for _ in range(2):
        meter.count_request(key)
    with pytest.raises(QuotaError):
        meter.count_request(key)


def test_a_slow_pace_lets_single_requests_through(keys, library, clock):
    key, _ = keys.create("shop", quotas=Quotas(requests_per_s=0.1))
    meter = Meter(library, clock.seconds)
    meter.count_request(key)
    clock.now += timedelta(seconds=9)
    with pytest.raises(QuotaError):
        meter.count_request(key)
    clock.now += timedelta(seconds=1)
    meter.count_request(key)


def test_collections_and_images_are_counted_as_they_are(keys, library, clock, pictures):
    key, _ = keys.create("shop", quotas=Quotas(collections=1, images=3))
    meter = Meter(library, clock.seconds)
    meter.check_collections(key)
    library.create("mine").add(sorted((pictures / "a").glob("*.jpg"))[:2])
    library.create("not mine").add(pictures)
    keys.note_made(key, "mine")
    key = keys.all()[0]
    with pytest.raises(QuotaError, match="1 collections"):
        meter.check_collections(key)
    assert fits(meter, key, 1)
    with pytest.raises(QuotaError, match="3 images"), meter.room_for(key, 2):
        pass
    clock.now += timedelta(seconds=2)
    library.collection("mine").delete([record.id for record in library.collection("mine")])
    assert fits(meter, key, 3)
    library.delete_collection("mine")
    meter.check_collections(key)


def test_bytes_on_disk_are_counted(keys, library, pictures):
    library.create("shoes").add(pictures)
    tight, _ = keys.create("tight", collections=["shoes"], quotas=Quotas(bytes=1000))
    wide, _ = keys.create("wide", collections=["shoes"], quotas=Quotas(bytes=10**9))
    assert fits(Meter(library), wide, 1)
    with pytest.raises(QuotaError, match="bytes"), Meter(library).room_for(tight, 1):
        pass


def fits(meter: Meter, key: Key, images: int, sent_bytes: int = 0) -> bool:
    """Say whether images are let in; they are not added."""
    try:
        with meter.room_for(key, images, sent_bytes=sent_bytes):
            return True
    except QuotaError:
        return False


def test_what_is_under_way_counts_against_a_quota(keys, library, clock):
    library.create("shoes")
    key, _ = keys.create("shop", collections=["shoes"], quotas=Quotas(images=3, bytes=10**6))
    meter = Meter(library, clock.seconds)
    with meter.room_for(key, 2):
        assert fits(meter, key, 1)
        with pytest.raises(QuotaError) as caught, meter.room_for(key, 2):
            pass
        assert caught.value.details["retry_after_s"] == 1  # they may fail yet, and leave room
    assert fits(meter, key, 3)  # nothing was added after all
    with meter.room_for(key, 1, sent_bytes=10**6):
        assert not fits(meter, key, 1)
    assert fits(meter, key, 1)


def test_what_was_added_since_the_last_count_is_counted(keys, library, clock, pictures):
    shoes = library.create("shoes")
    key, _ = keys.create("shop", collections=["shoes"], quotas=Quotas(images=2))
    meter = Meter(library, clock.seconds)
    for name in ("0", "1"):
        with meter.room_for(key, 1):
            shoes.add(pictures / "a" / f"{name}.jpg")
    with pytest.raises(QuotaError) as caught, meter.room_for(key, 1):
        pass
    assert caught.value.details["retry_after_s"] > 60
    shoes.delete(["0.jpg"])
    clock.now += timedelta(seconds=2)
    assert fits(meter, key, 1)


def test_nobody_in_particular_has_no_quota(library):
    with Meter(library).room_for(None, 10**9):
        pass


# ---- the command line


def run(home: Path, *arguments: str) -> int:
    return cli.run(["keys", *arguments, "--home", str(home)])


def test_the_command_line_makes_lists_rotates_and_revokes(tmp_path, capsys):
    assert run(tmp_path, "create", "--name", "shop", "--scope", "read", "--collection", "shoes", "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert set(made) == {"id", "key", "name", "scope"}
    assert Keys(tmp_path).authenticate(made["key"]).collections == ("shoes",)
    assert run(tmp_path, "list", "--json") == 0
    [listed] = json.loads(capsys.readouterr().out)["keys"]
    assert made["key"] not in str(listed)
    assert "digest" not in listed
    assert run(tmp_path, "rotate", "shop", "--json") == 0
    assert json.loads(capsys.readouterr().out)["key"] != made["key"]
    assert run(tmp_path, "revoke", made["id"]) == 0
    assert run(tmp_path, "revoke", made["id"]) == cli.run(["keys", "rotate", "nobody", "--home", str(tmp_path)]) == 2
    capsys.readouterr()
    assert run(tmp_path, "list") == 0
    assert "revoked" in capsys.readouterr().out


def test_the_default_key_writes(tmp_path, capsys):
    run(tmp_path, "create", "--name", "x", "--json")
    assert json.loads(capsys.readouterr().out)["scope"] == "write"


def test_secrets_stay_out_of_tables(tmp_path, capsys):
    run(tmp_path, "create", "--name", "x")
    secret = capsys.readouterr().out.strip()
    assert secret.startswith("lk_")
    assert secret.count("_") >= 2
    run(tmp_path, "list")
    assert secret not in capsys.readouterr().out


def test_the_library_needs_no_key(tmp_path):
    Keys(tmp_path / "home").create("shop")
    with lookalike.open(tmp_path / "home") as library:
        assert library.collections() == []
    assert os.listdir(tmp_path / "home")


# ---- a key that makes keys, and is bound to collections


@pytest.fixture
def boss(keys: Keys) -> Key:
    quotas = Quotas(collections=3, images=10, bytes=1000, requests_per_s=5)
    made, _ = keys.create("boss", scope="admin", collections=["shoes", "hats"], expires_days=30, quotas=quotas)
    return made


WITHIN = {"collections": ["hats"], "expires_days": 30, "quotas": Quotas(3, 10, 1000, 5)}
MORE = {
    "all collections": {"collections": []},
    "another's collection": {"collections": ["hats", "coats"]},
    "a later end": {"expires_days": 31},
    "no end": {"expires_days": None},
    "more collections": {"quotas": Quotas(4, 10, 1000, 5)},
    "more images": {"quotas": Quotas(3, 11, 1000, 5)},
    "more bytes": {"quotas": Quotas(3, 10, 1001, 5)},
    "more requests": {"quotas": Quotas(3, 10, 1000, 5.1)},
    "no quota": {"quotas": Quotas(3, 10, None, 5)},
    "no quotas": {"quotas": None},
}


@pytest.mark.parametrize("what", MORE)
def test_a_bound_admin_makes_no_key_that_may_more_than_itself(keys, boss, what):
    with pytest.raises(ScopeError):
        keys.create("evil", scope="admin", by=boss, **{**WITHIN, **MORE[what]})
    assert [key.name for key in keys.all()] == ["boss"]
    for scope in ("read", "write", "admin"):
        made, _ = keys.create(scope, scope=scope, by=boss, **WITHIN)
        assert made.collections == ("hats",)


@pytest.mark.parametrize("collections", [[], ["coats"], ["shoes", "coats"]])
def test_a_bound_admin_neither_sees_nor_ends_the_keys_of_others(keys, boss, collections):
    made, secret = keys.create("theirs", collections=collections)
    assert not made.is_seen_by(boss)
    for name in ("theirs", made.id):
        for change in (keys.revoke, keys.rotate):
            with pytest.raises(KeyNotFoundError, match=r'no key ".*" that is not revoked'):
                change(name, by=boss)
    assert keys.authenticate(secret) == made


def test_a_bound_admin_gets_no_secret_of_a_key_that_may_more(keys, boss):
    lasting, _ = keys.create("lasting", collections=["hats"])
    with pytest.raises(ScopeError, match="expires"):
        keys.rotate("lasting", by=boss)
    assert lasting.is_seen_by(boss)
    assert keys.revoke("lasting", by=boss).revoked_at
    assert keys.rotate("boss", by=boss)[0].id == boss.id  # itself


def test_an_admin_of_all_collections_does_what_it_did(keys):
    chief, _ = keys.create("chief", scope="admin", expires_days=1)
    made, _ = keys.create("any", scope="admin", by=chief)
    assert made.is_seen_by(chief)
    assert keys.revoke("any", by=chief).revoked_at


def test_no_key_is_called_by_the_id_of_another(keys):
    made, _ = keys.create("shop")
    with pytest.raises(ConflictError):
        keys.create(made.id)


def test_what_a_key_made_and_deleted_is_forgotten(keys):
    made, _ = keys.create("shop")
    for number in range(5):
        keys.note_made(made, f"c{number}", [f"c{number}"])
    assert keys.get(made.id).made == ("c4",)


@pytest.mark.parametrize("collections", [[""], ["x" * 129], [f"c{n}" for n in range(1001)]])
def test_a_key_names_no_more_collections_than_there_can_be(keys, collections):
    with pytest.raises(InputError):
        keys.create("shop", collections=collections)


def test_a_name_is_taken_only_by_a_key_that_its_maker_may_see(keys):
    keys.create("boss", scope="admin")
    mine, _ = keys.create("mine", scope="admin", collections=["mine"])
    theirs, _ = keys.create("theirs", scope="admin", collections=["theirs"])
    ours = {by.name: keys.create("boss", collections=by.collections, by=by)[0] for by in (mine, theirs)}
    with pytest.raises(ConflictError, match="already"):
        keys.create("boss", collections=["mine"], by=mine)
    with pytest.raises(ConflictError, match="already"):
        keys.create("boss")
    rotated, secret = keys.rotate("boss", by=mine)
    assert (rotated.id, keys.authenticate(secret).id) == (ours["mine"].id,) * 2
    for refused in (keys.revoke, keys.rotate):
        with pytest.raises(ConflictError, match=f"3 keys are called.*{ours['theirs'].id}"):
            refused("boss")
    assert keys.revoke("boss", by=theirs).id == ours["theirs"].id
    assert keys.revoke(ours["mine"].id).id == ours["mine"].id
    assert keys.revoke("boss").scope == "admin"
    with pytest.raises(KeyNotFoundError):
        keys.revoke("boss", by=mine)


def test_what_the_database_needs_only_to_write_counts_against_no_quota(keys, library, pictures):
    collection = library.create("shoes")
    collection.add(pictures)
    told = library.info("shoes")
    assert told["bytes_on_disk"] > 1.5 * told["bytes_kept"]  # its log is as large as what it holds
    key, _ = keys.create("shop", collections=["shoes"], quotas=Quotas(bytes=told["bytes_kept"] + 10_000))
    with Meter(library).room_for(key, 0, stored_bytes=1000):
        pass
    with pytest.raises(QuotaError, match="bytes"), Meter(library).room_for(key, 0, stored_bytes=20_000):
        pass
    collection.delete([record.id for record in collection])
    assert library.info("shoes")["bytes_kept"] < told["bytes_kept"]
