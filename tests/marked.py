"""Pictures whose copies are marked to go, as tests of what moves files begin with."""

from __future__ import annotations

from pathlib import Path

from conftest import draw

from lookalike.core.library import Library

COPIES = ["0-low.jpg", "sub/4 low.jpg"]


def pictures_with_copies(folder: Path) -> Path:
    """Write two pictures, each with a copy, into a new folder, and return it."""
    (folder / "sub").mkdir(parents=True)
    for seed, copy in ((0, COPIES[0]), (4, COPIES[1])):
        draw(seed).save(folder / f"{seed}.jpg", quality=92)
        draw(seed).save(folder / copy, quality=50)
    return folder


def mark_copies(library: Library, folder: Path) -> None:
    """Index such a folder as `photos`, and mark both copies to go."""
    photos = library.collection("photos", create=True)
    photos.add(folder)
    for best, copy in zip(("0.jpg", "4.jpg"), COPIES, strict=True):
        photos.decisions.decide("delete", [copy], beside=[best])


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files below a folder, by their paths in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
