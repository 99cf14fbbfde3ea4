"""The doctor: versions, encoder, speed on this machine, and a look at every stored collection."""

from __future__ import annotations

import importlib.metadata
import platform
import time
from typing import TYPE_CHECKING, Any

from ...errors import LookalikeError
from ...rendering import counted

if TYPE_CHECKING:
    from ...core.library import Library

_PACKAGES = ("lookalike", "numpy", "pillow", "onnxruntime", "faiss-cpu")
_SPEED_IMAGES = 40


def examine(library: Library, *, repair: bool = False) -> dict[str, Any]:
    """Return all findings as plain values; `problems` is empty when all is well.

    Args:
        repair: Mend first what can be mended; `repaired` says what was done.
    """
    problems: list[str] = []
    repaired = _repair(library, problems) if repair else []
    findings: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
        "home": str(library.settings.home),
        "workers": library.settings.workers,
        "encoder": _encoder(library, problems),
        "home_problems": _home(library, problems),
        "collections": [_collection(library, name, problems) for name in _names(library, problems)],
        "repaired": repaired,
        "problems": problems,
    }
    return findings


def show(findings: dict[str, Any]) -> str:
    """Return the findings as text for people."""
    encoder = findings["encoder"] or {}
    lines = [f"python       {findings['python']} on {findings['platform']}"]
    lines += [f"{name.ljust(12)} {version}" for name, version in findings["packages"].items()]
    lines += [f"home         {findings['home']}", f"workers      {findings['workers']}"]
    if encoder:
        lines.append(f"encoder      {encoder['name']} ({encoder['variant']}, {encoder['provider']})")
        lines.append(f"speed        {encoder['images_per_s_one_thread']:.0f} images/s a thread (decode and encode)")
    for one in findings["collections"]:
        state = counted(len(one["problems"]), "problem") if one["problems"] else "clean"
        lines.append(f'collection   "{one["name"]}": {counted(one["records"], "record")}, {state}')
        if one["note"]:
            lines.append(f"             {one['note']}")
    lines += [f"repaired     {done}" for done in findings["repaired"]]
    problems = findings["problems"]
    count = f"{counted(len(problems), 'problem')}:"
    lines.append("\n  ".join([count, *problems]) if problems else "all is well")
    return "\n".join(lines)


def _names(library: Library, problems: list[str]) -> list[str]:
    try:
        return library.collections()
    except LookalikeError as error:
        problems.append(error.message)
        return []


def _encoder(library: Library, problems: list[str]) -> dict[str, Any] | None:
    try:
        card = library.describer().encoder.card
        speed = _images_per_s(library)
    except LookalikeError as error:
        problems.append(error.message)
        return None
    return {
        "name": card.name,
        "variant": card.variant,
        "digest": card.digest,
        "provider": "CPUExecutionProvider",
        "images_per_s_one_thread": round(speed, 1),
    }


def _images_per_s(library: Library) -> float:
    """Decode and encode one rendered JPEG of 0.2 megapixels again and again, on one thread."""
    jpeg = _test_picture()
    describer = library.describer()
    describer.vectors(describer.read(jpeg))
    began = time.perf_counter()
    for _ in range(_SPEED_IMAGES):
        describer.vectors(describer.read(jpeg))
    return _SPEED_IMAGES / (time.perf_counter() - began)


def _test_picture() -> bytes:
    import io

    import numpy as np
    import PIL.Image

    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    picture = PIL.Image.fromarray(noise).resize((512, 384), PIL.Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=88)
    return stream.getvalue()


def _collection(library: Library, name: str, problems: list[str]) -> dict[str, Any]:
    damaged: dict[str, list[str]] = {}
    note = None
    try:
        collection = library.collection(name)
        seen = collection.examine()
        found, records = list(seen.problems), len(collection)
        damaged = {id: list(what) for id, what in seen.damaged.items()}
        if seen.is_old:
            note = "an earlier lookalike made it: its rows get checksums at the next write, or by `doctor --repair`"
    except LookalikeError as error:
        found, records = [error.message], 0
    problems.extend(f'"{name}": {problem}' for problem in found)
    return {"name": name, "records": records, "problems": found, "damaged": damaged, "note": note}


def _home(library: Library, problems: list[str]) -> list[str]:
    try:
        found = library.check()
    except LookalikeError as error:
        found = [error.message]
    problems.extend(found)
    return found


def _repair(library: Library, problems: list[str]) -> list[str]:
    try:
        done = library.repair()
    except LookalikeError as error:
        problems.append(error.message)
        done = []
    for name in _names(library, problems):
        try:
            done += [f'"{name}": {what}' for what in library.collection(name).repair()]
        except LookalikeError as error:
            problems.append(f'"{name}" cannot be repaired: {error.message}')
    return done
