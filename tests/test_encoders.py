"""The built-in encoder keeps the promises of the seam, and notices when it is damaged or computes wrongly."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lookalike.encoders import Encoder, open_encoder
from lookalike.encoders.builtin import MODELS, golden_pixels, open_builtin, views
from lookalike.errors import EncoderError
from lookalike.pictures import Image

U8 = npt.NDArray[np.uint8]


def image_of(pixels: U8) -> Image:
    return Image(pixels, (pixels.shape[1], pixels.shape[0]), "0" * 64, "pixels")


def drawn(seed: int, width: int = 320, height: int = 240) -> U8:
    """Draw soft color patches, different for each seed: nearer to a photo than noise is."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    pixels = np.zeros((height, width, 3))
    for _ in range(12):
        cx, cy, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(15, 90)
        pixels += np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / radius**2)[..., None] * rng.uniform(-120, 255, 3)
    return np.clip(pixels, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def encoder() -> Iterator[Encoder]:
    opened = open_encoder("builtin", variant="int8")
    yield opened
    opened.close()


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A copy of the shipped files that a test may spoil."""
    return Path(shutil.copytree(MODELS, tmp_path / "models"))


def change_card(models: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = models / "card.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    change(card)
    path.write_text(json.dumps(card), encoding="utf-8")


def spoil_golden(models: Path, *variants: str) -> None:
    def change(card: dict[str, Any]) -> None:
        for variant in variants:
            card["forms"][variant]["golden"]["copy"].reverse()

    change_card(models, change)


def test_every_space_of_the_card_gets_a_unit_vector(encoder: Encoder) -> None:
    embeddings = encoder.encode(image_of(drawn(1)))
    assert {space: vector.shape for space, vector in embeddings.items()} == {
        space: (dim,) for space, dim in encoder.card.spaces.items()
    }
    for vector in embeddings.values():
        assert vector.dtype == np.float32
        assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-5)


def test_the_card_says_who_the_encoder_is(encoder: Encoder) -> None:
    card = encoder.card
    assert (card.name, card.variant, card.spaces) == ("builtin", "int8", {"semantic": 512, "copy": 256})
    assert len(card.digest) == 64
    assert not card.batches_pay


def test_each_form_and_each_choice_of_views_has_its_own_digest() -> None:
    opened = [open_builtin(variant=v, accurate=a) for v in ("int8", "fp32") for a in (False, True)]
    assert len({encoder.card.digest for encoder in opened}) == 4
    assert [encoder.card.variant for encoder in opened] == ["int8", "int8-accurate", "fp32", "fp32-accurate"]


def test_the_same_picture_gives_the_same_bits_in_any_thread(encoder: Encoder) -> None:
    images = [image_of(drawn(seed)) for seed in range(4)]
    alone = [encoder.encode(image) for image in images]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda i: encoder.encode(images[i % 4]), range(64)))
    for i, embeddings in enumerate(together):
        for space, vector in embeddings.items():
            assert vector.tobytes() == alone[i % 4][space].tobytes()


@pytest.mark.parametrize("variant", ["int8", "fp32"])
def test_the_golden_picture_gives_the_golden_vectors(variant: Any) -> None:
    card = json.loads((MODELS / "card.json").read_text(encoding="utf-8"))
    embeddings = open_builtin(variant=variant).encode(image_of(golden_pixels()))
    for space, vector in embeddings.items():
        assert vector == pytest.approx(np.array(card["forms"][variant]["golden"][space]), abs=0.01)


def test_int8_and_fp32_mean_the_same() -> None:
    fast, reference = open_builtin(variant="int8"), open_builtin(variant="fp32")
    for seed in range(3):
        image = image_of(drawn(seed))
        a, b = fast.encode(image), reference.encode(image)
        assert min(float(a[space] @ b[space]) for space in a) > INT8_COSINE


# Drawn pictures are far from photos, for which the mean is 0.996 (docs/models.md).
INT8_COSINE = 0.95


def test_a_processor_that_computes_int8_wrongly_gets_fp32(models: Path) -> None:
    spoil_golden(models, "int8")
    fallen = open_builtin(models=models)
    assert fallen.card.variant == "fp32"
    assert fallen.card.digest == open_builtin(variant="fp32").card.digest


def test_int8_that_was_asked_for_and_is_wrong_is_refused(models: Path) -> None:
    spoil_golden(models, "int8")
    with pytest.raises(EncoderError, match="wrong numbers"):
        open_builtin(variant="int8", models=models)


def test_an_encoder_that_is_wrong_in_every_form_is_refused(models: Path) -> None:
    spoil_golden(models, "int8", "fp32")
    with pytest.raises(EncoderError, match="wrong numbers"):
        open_builtin(models=models)


@pytest.mark.parametrize("variant", ["int8", "fp32"])
def test_a_damaged_model_file_is_refused_and_says_how_to_mend_it(models: Path, variant: Any) -> None:
    file = next(models.glob(f"*{variant}.onnx"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(EncoderError, match="Reinstall"):
        open_builtin(variant=variant, models=models)


@pytest.mark.parametrize("missing", ["*int8.onnx", "card.json"])
def test_a_missing_file_is_refused(models: Path, missing: str) -> None:
    next(models.glob(missing)).unlink()
    with pytest.raises(EncoderError, match="Reinstall"):
        open_builtin(models=models)


def test_a_card_of_another_form_is_refused(models: Path) -> None:
    change_card(models, lambda card: card.pop("forms"))
    with pytest.raises(EncoderError, match=r"card\.json"):
        open_builtin(models=models)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5000, 3), (3000, 2, 3), (7, 3, 3), (448, 448, 3)])
@pytest.mark.parametrize("level", [0, 127, 255])
@pytest.mark.parametrize("accurate", [False, True])
def test_pictures_of_any_shape_get_finite_unit_vectors(shape: tuple[int, ...], level: int, accurate: bool) -> None:
    encoder = open_cached(accurate)
    for vector in encoder.encode(image_of(np.full(shape, level, np.uint8))).values():
        assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-5)


_OPENED: dict[bool, Encoder] = {}


def open_cached(accurate: bool) -> Encoder:
    if accurate not in _OPENED:
        _OPENED[accurate] = open_encoder("builtin-accurate" if accurate else "builtin")
    return _OPENED[accurate]


@pytest.mark.parametrize(("shape", "dtype"), [((4, 4), "u1"), ((4, 4, 4), "u1"), ((4, 4, 3), "f4"), ((0, 4, 3), "u1")])
def test_pixels_that_are_no_rgb_image_are_refused(encoder: Encoder, shape: tuple[int, ...], dtype: str) -> None:
    with pytest.raises(EncoderError, match=r"\(h, w, 3\)"):
        encoder.encode(image_of(np.zeros(shape, dtype)))


def test_the_second_view_is_the_middle_of_the_picture() -> None:
    pixels = np.zeros((100, 400, 3), np.uint8)
    pixels[:, 160:240] = 255  # within the middle square of 87.5 x 87.5
    whole, middle = views(pixels, accurate=True)
    assert whole.shape == middle.shape == (224, 224, 3)
    assert whole.mean() == pytest.approx(0.2 * 255, abs=3)
    assert middle.mean() == pytest.approx(80 / 87.5 * 255, abs=3)


def test_pixels_of_any_memory_layout_give_the_same_vector(encoder: Encoder) -> None:
    pixels = drawn(5)
    mirrored_twice = np.ascontiguousarray(pixels[:, ::-1])[:, ::-1]
    assert not mirrored_twice.flags.c_contiguous
    assert (
        encoder.encode(image_of(mirrored_twice))["copy"].tobytes() == encoder.encode(image_of(pixels))["copy"].tobytes()
    )


def test_a_closed_encoder_says_so() -> None:
    encoder = open_encoder()
    encoder.close()
    encoder.close()
    with pytest.raises(EncoderError, match="closed"):
        encoder.encode(image_of(drawn(1)))


def test_an_unknown_encoder_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(EncoderError, match="builtin"):
        open_encoder("vit-b")


def test_importing_the_encoders_loads_neither_runtime_nor_pillow() -> None:
    code = "import sys, lookalike.encoders; print([m for m in ('onnxruntime', 'PIL', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_runtime_keeps_no_log_of_use(tmp_path: Path) -> None:
    """Of itself it keeps one below the home folder, with an id of the device, and sends it."""
    code = "from lookalike.encoders import open_encoder; open_encoder().close()"
    kept = {
        name: value for name, value in os.environ.items() if name not in ("XDG_CACHE_HOME", "ORT_DISABLE_TELEMETRY")
    }
    subprocess.run([sys.executable, "-c", code], check=True, env={**kept, "HOME": str(tmp_path)})
    assert list(tmp_path.rglob("*")) == []
