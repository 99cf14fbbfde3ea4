"""The compare API: two pictures in, one score out, in every form that its document names."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest
from exchanges import play
from serving import Served, jpeg, served
from websites import website

FORMATS = ["BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "TGA", "WEBP"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("compare") / "home", "--allow-private-urls") as running:
        yield running


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    """A web server of pictures: /N.jpg is the picture of seed N, /large is too large, /slow never answers in time."""

    def body_at(path: str) -> bytes:
        if path == "/slow":
            time.sleep(4)
        picture = jpeg(int(path[1:-4])) if path.endswith(".jpg") else b""
        return picture + (bytes(10_500_000) if path == "/large" else b"")

    with website(body_at) as address:
        yield address


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def score(server: Served, a: str, b: str, path: str = "/") -> float:
    answer = server.post(path, json={"image_a": a, "image_b": b})
    assert answer.status_code == 200, answer.text
    assert list(answer.json()) == ["similarity_score"]
    found = answer.json()["similarity_score"]
    assert 0 <= found <= 1
    return float(found)


def refused(server: Served, **request: object) -> int:
    answer = server.http.request(**{"method": "POST", "url": "/", **request})  # type: ignore[arg-type]
    assert list(answer.json()) == ["message"], answer.text
    assert answer.json()["message"]
    return answer.status_code


def test_addresses_and_base64_in_any_mix(server: Served, shop: str) -> None:
    address, other = f"{shop}/0.jpg", f"{shop}/3.jpg"
    assert score(server, address, address) == 1
    assert score(server, address, b64(jpeg(0))) == 1
    assert score(server, b64(jpeg(0)), address, "/compare") == 1
    assert score(server, address, other) < 0.7
    assert score(server, address, other) == score(server, other, address) == score(server, b64(jpeg(3)), address)


def test_ways_to_write_base64(server: Served) -> None:
    text = b64(jpeg(2))
    lines = "\n".join(text[start : start + 76] for start in range(0, len(text), 76))
    url_safe = base64.urlsafe_b64encode(jpeg(2)).decode().rstrip("=")
    for one in (f"data:image/jpeg;base64,{text}", lines, url_safe, f"  {text}\n"):
        assert score(server, text, one) == 1


def test_a_small_copy_changes_little(server: Served, photos: list[Path]) -> None:
    for photo in photos[:3]:
        with PIL.Image.open(photo) as picture:
            small = io.BytesIO()
            picture.convert("RGB").resize((256, 256)).save(small, "JPEG", quality=90)
        assert score(server, b64(photo.read_bytes()), b64(small.getvalue())) >= 0.8
    assert score(server, b64(photos[0].read_bytes()), b64(photos[1].read_bytes())) < 0.7


@pytest.mark.parametrize("format", FORMATS)
def test_formats(server: Served, format: str) -> None:
    written = io.BytesIO()
    with PIL.Image.open(io.BytesIO(jpeg(1))) as picture:
        (picture.convert("1") if format == "PPM" else picture).save(written, format)
    assert score(server, b64(written.getvalue()), b64(jpeg(1))) >= (0.5 if format == "PPM" else 0.9)


def test_alpha_does_not_distort(server: Served) -> None:
    with PIL.Image.open(io.BytesIO(jpeg(6))) as picture:
        opaque = picture.convert("RGBA")
    written = io.BytesIO()
    opaque.save(written, "PNG")
    assert score(server, b64(written.getvalue()), b64(jpeg(6))) >= 0.95


def test_golden_exchanges_of_curl(server: Served, shop: str, tmp_path: Path) -> None:
    (tmp_path / "mixed.json").write_text(json.dumps({"image_a": f"{shop}/0.jpg", "image_b": b64(jpeg(0))}))
    # The example of the document ends with a comma.
    (tmp_path / "example.json").write_text(f'{{"image_a": "{shop}/0.jpg",\n"image_b": "{shop}/0.jpg",\n}}')
    lines = "data:image/jpeg;base64,\n" + base64.encodebytes(jpeg(0)).decode()
    (tmp_path / "encoded.json").write_text(json.dumps({"image_a": lines, "image_b": b64(jpeg(0)).rstrip("=")}))
    assert play("compare.json", url=server.url, folder=str(tmp_path)) == 7


def test_what_is_refused(server: Served, shop: str) -> None:
    good = b64(jpeg(0))
    for wrong in (None, 3, "", "no picture", "file:///etc/passwd", "ftp://host/a.jpg", "id:7", b64(b"text" * 20)):
        assert refused(server, json={"image_a": good, "image_b": wrong}) == 400
    for address in (f"{shop}/nothing", f"{shop}/large", f"{shop}/slow", "http://127.0.0.1:1/a.jpg", "http://"):
        assert refused(server, json={"image_a": good, "image_b": address}) == 400
    for body in (b"", b"{", b"[]", b'"text"', b"{}"):
        assert refused(server, content=body) == 400
    assert refused(server, content=bytes(10 * 1024 * 1024 + 1)) == 413
    assert refused(server, method="PUT") == refused(server, method="GET", url="/compare") == 405


def test_any_content_type_will_do(server: Served) -> None:
    body = json.dumps({"image_a": b64(jpeg(0)), "image_b": b64(jpeg(0))})
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = server.post("/", content=body, headers={"Content-Type": kind, "X-RapidAPI-Host": "any"})
        assert answer.json() == {"similarity_score": 1}


def test_private_addresses_are_not_opened_by_default(tmp_path: Path, shop: str) -> None:
    with served(tmp_path / "home", "--limits", "vendor") as server:
        assert refused(server, json={"image_a": f"{shop}/0.jpg", "image_b": b64(jpeg(0))}) == 400
        assert refused(server, json={}) == 429  # more than one request a second
        key = json.loads(server.command("keys", "create", "--name", "a", "--scope", "read", "--json"))["key"]
        assert refused(server, json={}) == 401
        assert refused(server, json={}, headers={"X-RapidAPI-Key": "wrong"}) == 401
        pair = {"image_a": b64(jpeg(0)), "image_b": b64(jpeg(0))}
        assert server.post("/", json=pair, headers={"X-RapidAPI-Key": key}).json() == {"similarity_score": 1}
