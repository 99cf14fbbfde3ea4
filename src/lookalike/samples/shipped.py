"""The sample pictures that the package ships, written below a folder; `tools/samples` draws them."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath

from PIL import Image

LISTING = "samples.jsonl"  # what the pictures are, a line for each

# Most are kept as AVIF, a quarter of the size of what is written; the list names them as they are written.
_SHIPPED = Path(__file__).parent / "pictures"


def write_samples(folder: Path) -> Path:
    """Write every sample picture below `folder`, and say what they are in `samples.jsonl`, whose path is returned.

    The pictures are the same bytes every time with the same Pillow. A file that already holds these bytes is left
    untouched; other files in the folder are left alone.

    Cost: about 1 s on one core and 7 MB of disk; one picture is in memory at a time.
    """
    for _ in write_each_sample(folder):
        pass
    return folder / LISTING


def write_each_sample(folder: Path) -> Iterator[Path]:
    """Do what `write_samples` does step by step: give the path of each picture as it is there, and the list last."""
    for name in _names():
        yield _write(folder / name, _encoded(name))
    yield _write(folder / LISTING, (_SHIPPED / LISTING).read_bytes())


def count_samples() -> int:
    """Count the pictures that are going to be written."""
    return len(_names())


def _names() -> list[str]:
    return [json.loads(line)["_file"] for line in (_SHIPPED / LISTING).read_text(encoding="utf-8").splitlines()]


def _encoded(name: str) -> bytes:
    """Encode a picture in the format that its name says: the samples have several, as folders of people do."""
    if (_SHIPPED / name).is_file():
        return (_SHIPPED / name).read_bytes()
    suffix, buffer = PurePosixPath(name).suffix, BytesIO()
    with Image.open((_SHIPPED / name).with_suffix(".avif")) as image:
        if suffix == ".webp":
            image.save(buffer, "WEBP", quality=86, method=2)
        elif suffix == ".png":
            image.quantize(128, dither=Image.Dither.NONE).save(buffer, "PNG")
        else:
            image.save(buffer, "JPEG", quality=88, subsampling=0)
    return buffer.getvalue()


def _write(path: Path, content: bytes) -> Path:
    if not (path.is_file() and path.read_bytes() == content):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return path
