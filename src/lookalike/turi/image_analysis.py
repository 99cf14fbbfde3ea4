"""Loading, resizing and describing images: `turicreate.image_analysis`."""

from __future__ import annotations

import os
from io import BytesIO
from typing import TypeVar

import numpy as np

from ..errors import LookalikeError
from . import extraction
from .image import MODES, RAW, Image, check_format, pictures
from .sarray import SArray
from .sframe import SFrame
from .toolkits._main import ToolkitError

Images = TypeVar("Images", Image, SArray)

_SUFFIXES = (".jpg", ".jpeg", ".png")  # what a folder is searched for; one file may be of any readable format
_FILTERS = {"nearest": 0, "bilinear": 2}  # Pillow's numbers


def load_images(
    url: str | os.PathLike[str],
    format: str = "auto",
    with_path: bool = True,
    recursive: bool = True,
    ignore_failure: bool = True,
    random_order: bool = False,
) -> SFrame:
    """Load a picture, or all pictures of a folder, sorted by path, on all processors.

    Args:
        url: A folder, a file, or an http address of one picture.
        format: "auto" takes the files of a folder that are named .jpg, .jpeg or .png; "JPG" and "PNG" try every file.
        with_path: Give the column `path` before `image`.
        recursive: Enter folders below.
        ignore_failure: Report files that are not a whole picture, and go on.
        random_order: Shuffle the rows.

    Raises:
        ToolkitError: when there is nothing at `url`, and for unreadable files unless they are ignored.
    """
    check_format(format)
    paths = _paths(url, recursive, every=format != "auto")
    if random_order:
        paths = [str(path) for path in np.random.default_rng().permutation(paths)]
    loaded: dict[str, Image] = {}
    for path, outcome in zip(paths, pictures().read_many(paths), strict=True):
        if not isinstance(outcome, LookalikeError):
            loaded[path] = Image.from_file(*outcome)
        elif ignore_failure:
            print(f"Left out: {outcome.message}")
        else:
            raise ToolkitError(outcome.message) from outcome
    images = SArray(list(loaded.values()), Image)
    return SFrame({"path": SArray(map(_printable, loaded), str), "image": images} if with_path else {"image": images})


def resize(
    image: Images,
    width: int,
    height: int,
    channels: int | None = None,
    decode: bool = False,
    resample: str = "nearest",
) -> Images:
    """Resize an image, or all of a column.

    Args:
        channels: 1 for gray, 3 for color, 4 with transparency; by default those of the image, and 3 for a column.
        decode: Keep raw pixels instead of PNG: larger, and quicker to use.
        resample: "nearest" or "bilinear".

    Raises:
        ValueError: for sizes, channels and filters that there are not.
        TypeError: for what is neither image nor column of images.
    """
    if width < 1 or height < 1:
        raise ValueError(f"cannot resize to {width}x{height}: width and height are 1 or more.")
    if resample not in _FILTERS:
        raise ValueError(f'Unknown resample option: {resample!r}. Pass "nearest" or "bilinear".')
    if channels is not None and channels not in MODES:
        raise ValueError(f"cannot resize to {channels} channels: pass 1, 3 or 4.")
    if isinstance(image, Image):
        return _resized(image, width, height, channels or image.channels, decode, resample)
    if isinstance(image, SArray) and extraction.is_images(image):
        return image.apply(lambda each: _resized(each, width, height, channels or 3, decode, resample), Image)
    raise TypeError("Cannot call 'resize' on objects that are not either an Image or SArray of Images.")


def get_deep_features(images: SArray, model_name: str, batch_size: int = 64, verbose: bool = True) -> SArray:
    """Return the features of a column of images: arrays, to be kept and handed to `image_similarity.create`.

    Args:
        model_name: "resnet-50" (2048 numbers) or "squeezenet_v1.1" (1000). Both hold lookalike's own embedding,
            filled up with zeros, which change no distance.
        batch_size: Makes no difference.

    Raises:
        TypeError: for what is not a column of images.
        ToolkitError: for an unknown model, and for a missing or unreadable image.
    """
    if not isinstance(images, SArray) or not extraction.is_images(images):
        raise TypeError("'images' must be of type SArray and hold images.")
    extractor = extraction.open_extractor(model_name, parameter="model_name")
    extraction.check_batch_size(batch_size)
    if not len(images):
        return SArray([])
    return extractor.extract_features(SFrame({"image": images}), "image", verbose, batch_size)


def _paths(url: str | os.PathLike[str], recursive: bool, *, every: bool) -> list[str]:
    text = os.fspath(url)
    if text.startswith(("http://", "https://")):
        return [text]
    path = os.path.abspath(os.path.expanduser(text))
    if os.path.isfile(path):
        return [path]
    if not os.path.isdir(path):
        raise ToolkitError(f"{_printable(path)} not found. Check the spelling.")
    found = []
    for folder, folders, names in os.walk(path):
        found += [os.path.join(folder, name) for name in names if every or name.lower().endswith(_SUFFIXES)]
        if not recursive:
            folders.clear()
    return sorted(found)


def _printable(path: str) -> str:
    """Return a path as text that a table can hold, whatever bytes it has."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _resized(image: Image, width: int, height: int, channels: int, decode: bool, resample: str) -> Image:
    picture = image.to_pillow().convert(MODES[channels]).resize((width, height), _FILTERS[resample])
    if decode:
        return Image.from_parts(picture.tobytes(), RAW, height, width, channels)
    buffer = BytesIO()
    picture.save(buffer, format="PNG")
    return Image.from_parts(buffer.getvalue(), "PNG", height, width, channels)
