"""The peers, each over one folder; run as a program (`peers.py NAME FOLDER WORKERS`), prints its rate as JSON.

Only the call that encodes the folder is timed: their imports, which take seconds, are not.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

PACKAGES = {"imagededup-cnn": "imagededup", "imagededup-phash": "imagededup", "imagehash-phash": "imagehash"}


def is_installed(name: str) -> bool:
    """Say whether a peer's package is there: only `make bench` installs it."""
    return importlib.util.find_spec(PACKAGES[name]) is not None


def _imagededup_cnn(folder: Path, workers: int) -> Callable[[], int]:
    """Prepare imagededup's own CNN path with random weights; the rate does not depend on their values."""
    declare_operators()
    from imagededup.methods import CNN
    from torchvision import models

    built = models.mobilenet_v3_small
    models.mobilenet_v3_small = lambda weights=None: built(weights=None)  # its weights would come from a hub
    encoder = CNN(verbose=False)
    return lambda: len(encoder.encode_images(folder, recursive=True, num_enc_workers=workers))


@cache
def declare_operators() -> None:
    """Declare once the two operators that torchvision looks for when it is imported.

    torchvision's wheel is compiled for CUDA and its library does not load beside the CPU build of torch. Nothing
    on the CNN path calls it: layers are torch's, and pictures are resized by Pillow. This can go when torchvision
    imports without its library.
    """
    import torch

    if torch.version.cuda is not None:
        return
    for name in ("nms", "qnms"):
        torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def _imagededup_phash(folder: Path, workers: int) -> Callable[[], int]:
    declare_operators()  # imagededup imports torchvision for its hashes, too
    from imagededup.methods import PHash

    hasher = PHash(verbose=False)
    return lambda: len(hasher.encode_images(folder, recursive=True, num_enc_workers=workers))


def _imagehash_phash(folder: Path, workers: int) -> Callable[[], int]:
    import imagehash
    from PIL import Image

    def hash_all() -> int:
        return len([imagehash.phash(Image.open(path)) for path in folder.rglob("*.jpg")])

    return hash_all


_PEERS = {
    "imagededup-cnn": _imagededup_cnn,
    "imagededup-phash": _imagededup_phash,
    "imagehash-phash": _imagehash_phash,
}


def main() -> None:
    logging.disable(logging.INFO)
    encode_folder = _PEERS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
    began = time.perf_counter()
    files = encode_folder()
    print(json.dumps({"files": files, "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
