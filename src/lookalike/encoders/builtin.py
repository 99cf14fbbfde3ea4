"""The built-in encoder: EfficientNet-Lite0 on ONNX Runtime, two descriptors from one pass over a picture.

    pixels (h, w, 3) -> squashed to (224, 224, 3) -> graph -> semantic (512,)   what is it
                                                           -> copy (256,)       is it this very picture

The graph takes the pixels as they are and gives rows of unit length; how it was made is in `tools/`, what it can
do in `docs/models.md`. Two forms are shipped: int8, which is fast, and fp32, the reference. Some processor might
compute int8 wrongly, so a picture drawn by code is encoded on opening and compared with the card's golden vectors.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lookalike.encoders.base import ModelCard
from lookalike.errors import EncoderError

if TYPE_CHECKING:
    from lookalike.arrays import F32, U8
    from lookalike.pictures import Image

MODELS = Path(__file__).parent / "models"

# On one processor the int8 kernels and the same graph computed in float agree to 0.9993 on the golden picture. Small
# slips show: leaving out the bias correction of the conversion gave 0.9925.
GOLDEN_COSINE = 0.998

# The inner share of the shorter side that the second view of `accurate` looks at: the crop of the weights' training.
CROP_SHARE = 0.875

_MENDING = "Reinstall lookalike."


@dataclass(frozen=True)
class _Form:
    """One shipped form of the model: its file, the file's SHA-256, and its vectors of the golden picture."""

    variant: str
    path: Path
    sha256: str
    golden: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class _Shipped:
    """What `card.json` says: the forms and all that they share."""

    card: Mapping[str, Any]
    forms: Mapping[str, _Form]


class BuiltinEncoder:
    """The built-in encoder, opened by `open_builtin`."""

    def __init__(self, card: ModelCard, session: Any, *, accurate: bool) -> None:
        self._card = card
        self._session = session
        self._accurate = accurate

    @property
    def card(self) -> ModelCard:
        """Return the card."""
        return self._card

    def encode(self, image: Image) -> Mapping[str, F32]:
        """Encode one image: `semantic` (512,) and `copy` (256,), float32 of unit length.

        Raises:
            EncoderError: if the encoder is closed, the pixels are not (h, w, 3) uint8, or the runtime fails.
        """
        session = self._session
        if session is None:
            raise EncoderError("the encoder is closed. Open it again with open_encoder().")
        return _encode(session, tuple(self._card.spaces), views(image.pixels, accurate=self._accurate))

    def close(self) -> None:
        """Release the model; calls under way finish."""
        self._session = None


def open_builtin(
    *, variant: Literal["auto", "int8", "fp32"] = "auto", accurate: bool = False, models: Path = MODELS
) -> BuiltinEncoder:
    """Open the built-in encoder and check it against its golden vectors.

    Args:
        variant: "auto" takes int8, and fp32 where int8 fails the check; the card says which it became.
        accurate: Average two views, the whole picture and its middle; twice the cost.
        models: The folder with `card.json` and the graphs.

    Raises:
        EncoderError: if a file is missing or damaged, or the form that was asked for fails the check.
    """
    shipped = _read_card(models)
    wanted = ("int8", "fp32") if variant == "auto" else (variant,)
    for name in wanted:
        form = shipped.forms[name]
        session = _open_session(form)
        if _is_right(form, session, tuple(shipped.card["spaces"])):
            return BuiltinEncoder(_model_card(shipped.card, form, accurate=accurate), session, accurate=accurate)
    raise EncoderError(
        f'encoder "builtin" ({wanted[-1]}) gives wrong numbers on this processor: its check picture is off. '
        + ('Use variant="auto" or "fp32".' if wanted[-1] == "int8" else "Try another version of onnxruntime."),
        variant=wanted[-1],
    )


# --- pixels -----------------------------------------------------------------------------------------------------


def views(pixels: U8, *, accurate: bool = False, side_px: int = 224) -> list[U8]:
    """Return what the network sees of a picture: (side, side, 3) uint8 each.

    The whole picture is squashed: a crop would lose what is at the edges, and cost 2 points of R@1 on products. With
    `accurate` the middle is the second view.
    """
    from PIL import Image as Pillow

    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or 0 in pixels.shape:
        raise EncoderError(f"pixels are {pixels.dtype} {pixels.shape}; expected uint8 (h, w, 3), not empty.")
    picture = Pillow.fromarray(pixels)
    boxes = [(0.0, 0.0, float(picture.width), float(picture.height))]
    if accurate:
        boxes.append(_middle(picture.width, picture.height))
    # reducing_gap=1: pictures of twice the side or more are box-reduced first, which takes a third off the time and
    # leaves R@1 where it was, within 0.2 points on every set.
    size = (side_px, side_px)
    return [np.asarray(picture.resize(size, Pillow.Resampling.BICUBIC, box=box, reducing_gap=1.0)) for box in boxes]


def _middle(width: int, height: int) -> tuple[float, float, float, float]:
    side = CROP_SHARE * min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def golden_pixels(side_px: int = 224) -> U8:
    """Draw the picture that the golden vectors belong to: waves, discs and noise, by integers alone.

    Integers give the same bytes on every machine, and the check then sees the network only, not Pillow.

    Returns:
        (side, side, 3) uint8.
    """
    y, x = np.mgrid[:side_px, :side_px].astype(np.int64)
    red = (x * 255) // side_px
    green = ((x * x + 3 * y * y) // 97) % 256
    blue = 255 - (y * 255) // side_px
    disc = (x - 140) ** 2 + (y - 90) ** 2 < 45**2
    bars = (y > 150) & ((x // 14) % 2 == 0)
    noise = ((x * 7919 + y * 104729) * 31 // 64) % 41
    layers = [
        np.where(disc, high, np.where(bars, low, layer))
        for layer, high, low in ((red, 225, 20), (green, 60, 30), (blue, 35, 90))
    ]
    pixels: U8 = np.clip(np.stack(layers, axis=-1) + noise[..., None] - 20, 0, 255).astype(np.uint8)
    return pixels


# --- the model --------------------------------------------------------------------------------------------------


def _read_card(models: Path) -> _Shipped:
    path = models / "card.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        forms = {
            name: _Form(name, models / form["file"], form["sha256"], form["golden"])
            for name, form in card["forms"].items()
        }
    except (OSError, ValueError, KeyError) as exc:
        raise EncoderError(f'encoder "builtin" has no readable card.json ({exc}). {_MENDING}') from exc
    return _Shipped(card, forms)


def _open_session(form: _Form) -> Any:
    """Load a form after checking its bytes. One thread a call, and no spinning: callers bring the threads."""
    # Official builds from 1.31 on keep a log of use and a device id in the caller's cache folder, and know where to
    # send them; only this, set before the import, stops it.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    try:
        model = form.path.read_bytes()
    except OSError as exc:
        raise EncoderError(f'encoder "builtin" misses {form.path.name} ({exc.strerror}). {_MENDING}') from exc
    if hashlib.sha256(model).hexdigest() != form.sha256:
        raise EncoderError(f'encoder "builtin" is damaged: {form.path.name} is not the file it should be. {_MENDING}')
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _encode(session: Any, spaces: tuple[str, ...], pictures: Sequence[U8]) -> dict[str, F32]:
    try:
        rows = [session.run(spaces, {"pixels": pixels[None]}) for pixels in pictures]  # views x spaces x (1, d)
    except Exception as exc:  # the runtime's errors share no class
        raise EncoderError(f"the runtime failed: {str(exc)[:200]}") from exc
    return {space: _unit_mean([row[i][0] for row in rows]) for i, space in enumerate(spaces)}


def _unit_mean(vectors: Sequence[F32]) -> F32:
    """Average unit vectors (d,) and bring the mean back to length 1; one vector passes as it is."""
    if len(vectors) == 1:
        return vectors[0]
    mean = np.mean(vectors, axis=0)
    unit: F32 = mean / max(float(np.linalg.norm(mean)), 1e-12)
    return unit.astype(np.float32)


def _is_right(form: _Form, session: Any, spaces: tuple[str, ...]) -> bool:
    """Return whether the golden picture's vectors are the card's, as cosine in every space."""
    seen = _encode(session, spaces, [golden_pixels()])
    return all(_cosine(seen[space], np.asarray(form.golden[space], np.float32)) >= GOLDEN_COSINE for space in spaces)


def _cosine(a: F32, b: F32) -> float:
    if a.shape != b.shape:
        return -1.0
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def _model_card(card: Mapping[str, Any], form: _Form, *, accurate: bool) -> ModelCard:
    preprocessing = {key: card[key] for key in ("side_px", "resize_filter", "reducing_gap")}
    identity = json.dumps([form.sha256, preprocessing, "squash+middle" if accurate else "squash"], sort_keys=True)
    return ModelCard(
        name=card["name"],
        variant=f"{form.variant}-accurate" if accurate else form.variant,
        digest=hashlib.sha256(identity.encode()).hexdigest(),
        spaces=card["spaces"],
        side_px=card["side_px"],
        min_source_side_px=card["min_source_side_px"],
        licence=card["licence"],
        source=card["source"],
        batches_pay=False,
    )
