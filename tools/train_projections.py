"""The two projections of the built-in encoder, learned in closed form from unlabelled photos.

    semantic   the directions that the ImageNet classifier reads, by SVD of its matrix; nothing is learned but the mean
    copy       a linear discriminant: directions in which pictures differ much while edits of one picture differ little

The photos are the sets `general`, `products` and `fashion` of the test data, their edits are made by
`picture_edits`. The set `neardup` is never looked at here: it measures the outcome (`measure_encoder.py`).
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import convert_encoder
import numpy as np
import numpy.typing as npt
import onnxruntime
import picture_edits
from PIL import Image, ImageOps

from lookalike.encoders.builtin import views

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]

DATA = Path(os.environ.get("LOOKALIKE_TEST_DATA", "../shared/data"))
PHOTO_SETS = ("general", "products", "fashion")
SEMANTIC_DIM, COPY_DIM = 512, 256
SINGLES, CHAINS = 8, 5  # edited copies of a photo: by so many of the 23 edits, by so many chains of edits
SOURCE_SIDE_PX = 448  # what the intake leaves of the shorter side

# Added to the scatter within a photo's edits, in units of its mean variance. Without it the discriminant trusts
# directions that these edits happen not to move; 0.001 -> 0.1 gave +1.5 points of R@1 on `neardup`, 0.3 is level.
SHRINKAGE = 0.3

SEED = 7


def open_picture(path: Path) -> Image.Image:
    """Read a picture as the intake does: reduced while decoding, upright, RGB."""
    picture = Image.open(path)
    picture.draft("RGB", (SOURCE_SIDE_PX, SOURCE_SIDE_PX))
    return ImageOps.exif_transpose(picture).convert("RGB")


def manifest(data: Path, name: str) -> list[dict[str, str]]:
    """Read the rows of one set."""
    with (data / name / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# --- features of photos and of their edits ----------------------------------------------------------------------


@dataclass
class _Extractor:
    """Gives the raw features of a photo and of its edits; one lives in each worker process."""

    session: Any
    data: Path

    def features(self, picture: Image.Image) -> F32:
        row: F32 = self.session.run(["features"], {"pixels": views(np.asarray(picture))[0][None]})[0][0]
        return row

    def photo_and_edits(self, task: tuple[int, str]) -> F32:
        """Give (1 + SINGLES + CHAINS, d): the photo's row first."""
        index, file = task
        photo, rng = open_picture(self.data / file), np.random.default_rng([SEED, index])
        copies = picture_edits.edited_copies(photo, rng, singles=SINGLES, chains=CHAINS)
        return np.stack([self.features(picture) for picture in [photo, *copies]])


_extractor: _Extractor


def _start_worker(model: bytes, data: Path) -> None:
    global _extractor  # one model a process: it cannot be sent with every task
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    _extractor = _Extractor(onnxruntime.InferenceSession(model, options), data)


def _work(task: tuple[int, str]) -> F32:
    return _extractor.photo_and_edits(task)


def edit_features(state: Path, data: Path, *, processes: int) -> F32:
    """Give (n, 1 + m, d) raw features of all training photos and their edits."""
    model = convert_encoder.features_model(convert_encoder.read_state_dict(state)).SerializeToString()
    tasks = list(enumerate(row["file"] for name in PHOTO_SETS for row in manifest(data, name)))
    with Pool(processes, _start_worker, (model, data)) as pool:
        return np.stack(list(_counted(pool.imap(_work, tasks, chunksize=8), len(tasks))))


def _counted(rows: Iterator[F32], total: int) -> Iterator[F32]:
    for done, row in enumerate(rows, 1):
        if done % 500 == 0 or done == total:
            print(f"{done} of {total} photos", flush=True)
        yield row


# --- the projections --------------------------------------------------------------------------------------------


def semantic_projection(classifier: F32, mean: F32, dim: int = SEMANTIC_DIM) -> tuple[F32, F32]:
    """Keep what the classifier reads: its first right singular vectors, the photos' mean taken off.

    Args:
        classifier: (1000, 1280), the last layer's matrix.
        mean: (1280,), the mean pooled features of photos.

    Returns:
        matrix (1280, dim) with orthonormal columns, and bias (dim,).
    """
    _, _, directions = np.linalg.svd(classifier.astype(np.float64), full_matrices=False)
    matrix = directions[:dim].T
    return matrix.astype(np.float32), (-mean @ matrix).astype(np.float32)


def edit_discriminant(features: F32, dim: int = COPY_DIM, *, shrinkage: float = SHRINKAGE) -> tuple[F32, F32]:
    """Learn the directions that tell pictures apart and edits of one picture not.

    Args:
        features: (n, m, d): n photos, each with m versions, itself among them.

    Returns:
        matrix (d, dim), scaled so that edits vary by 1 in every direction, and bias (dim,).

    Source: Fisher's linear discriminant with the photos as classes: the leading generalized eigenvectors of the
        scatter between the photos' means against the scatter within, the latter shrunk towards a multiple of 1.
    """
    n, m, d = features.shape
    centers = features.mean(axis=1, dtype=np.float64)  # (n, d)
    mean = centers.mean(axis=0)
    within = np.zeros((d, d))
    for rows, center in zip(features, centers, strict=True):
        residual = rows - center  # (m, d)
        within += residual.T @ residual
    within /= n * (m - 1)
    within += shrinkage * np.trace(within) / d * np.eye(d)
    between = (centers - mean).T @ (centers - mean) / n
    whitening = np.linalg.inv(np.linalg.cholesky(within))  # (d, d)
    _, vectors = np.linalg.eigh(whitening @ between @ whitening.T)  # rising
    matrix = whitening.T @ vectors[:, ::-1][:, :dim]
    return matrix.astype(np.float32), (-mean @ matrix).astype(np.float32)


def train(features: F32, classifier: F32) -> dict[str, F32]:
    """Learn both projections from (n, m, d) features; the names are those that `convert_encoder` reads."""
    mean = features[:, 0, : convert_encoder.POOLED_DIM].mean(axis=0)
    semantic, copy = semantic_projection(classifier, mean), edit_discriminant(features)
    return {
        "semantic_matrix": semantic[0], "semantic_bias": semantic[1], "copy_matrix": copy[0], "copy_bias": copy[1],
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Extract what is not there yet, train, and write the projections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="the state dict of the weights package")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--features", type=Path, required=True, help=".npy; made when it is not there (10 minutes)")
    parser.add_argument("--output", type=Path, required=True, help=".npz with the projections")
    parser.add_argument(
        "--half", action="store_true", help="train on a random half of the photos, to see what the data is worth"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args(arguments)
    if not options.features.exists():
        np.save(
            options.features,
            edit_features(options.weights, options.data, processes=options.processes).astype(np.float16),
        )
    features = np.load(options.features).astype(np.float32)
    if options.half:
        features = features[np.random.default_rng(SEED).random(len(features)) < 0.5]
    state = convert_encoder.read_state_dict(options.weights)
    np.savez(options.output, allow_pickle=False, **train(features, state["_fc.weight"]))
    print(f"trained on {features.shape[0]} photos with {features.shape[1] - 1} edits each -> {options.output}")


if __name__ == "__main__":
    main()
