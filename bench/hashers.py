"""The perceptual hashes of the peers, 64 bits a picture; a peer that is not installed gives None."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

HASHERS = ("imagehash pHash", "imagehash dHash", "imagededup PHash", "imagededup DHash", "imagededup AHash",
           "imagededup WHash")  # fmt: skip


def hashes_of(name: str, folder: Path, files: Iterable[str]) -> Any:
    """Hash files with a peer: (n, 8) uint8, or None when it is not installed."""
    package, kind = name.split()
    if importlib.util.find_spec(package) is None:
        return None
    hasher = _imagehash(kind) if package == "imagehash" else _imagededup(kind)
    return np.stack([hasher(folder / file) for file in files])


def bits_between(ours: Any, theirs: Any) -> Any:
    """Give the differing bits of all pairs: (n, m)."""
    return np.stack([np.bitwise_count(row ^ theirs).sum(axis=1) for row in ours]).astype(np.float64)


def _imagehash(kind: str) -> Callable[[Path], Any]:
    import imagehash
    from PIL import Image

    hasher = {"pHash": imagehash.phash, "dHash": imagehash.dhash}[kind]
    return lambda path: np.packbits(hasher(Image.open(path)).hash.ravel())


def _imagededup(kind: str) -> Callable[[Path], Any]:
    from peers import declare_operators

    declare_operators()
    import imagededup.methods

    hasher = getattr(imagededup.methods, kind)(verbose=False)
    return lambda path: np.frombuffer(bytes.fromhex(hasher.encode_image(image_file=path)), np.uint8)
