"""What tests share: a small folder of pictures, an open library, and the data folder where it is present."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

import lookalike
from lookalike.core.relations.comparison import Comparison
from lookalike.encoders import builtin

Compare = Callable[[object, object], Comparison]
ROOT = Path(__file__).parent.parent
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each command and server compiles the package anew
hypothesis.settings.register_profile("untimed", deadline=None)  # speed is measured in bench/, never in a test
hypothesis.settings.load_profile("untimed")


LONGEST = (  # files whose tests are few and take long: begun last, one process would be left alone with them
    *("test_page", "test_server_contract", "test_syncs", "test_first_hour", "test_server_safety"),
    *("test_folders_served", "test_server_moving", "test_crash", "test_store_crash", "test_extending", "test_jobs"),
    *("test_dialects_node", "test_server_connections", "test_server_lanes", "test_server_floods"),
    "test_page_review",  # one browser at a time
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first, then those of most tests: processes take files in this order."""
    tests = Counter(item.path.stem for item in items)
    names = sorted(tests, key=lambda name: (LONGEST.index(name) if name in LONGEST else len(LONGEST), -tests[name]))
    place = {name: number for number, name in enumerate(names)}
    items.sort(key=lambda item: place[item.path.stem])


def draw(seed: int, size: tuple[int, int] = (320, 240)) -> PIL.Image.Image:
    """Draw a picture: one of eight motifs by the seed, in colors and sizes of the seed's own."""
    rng = np.random.default_rng(seed)
    ground, first, second = (tuple(int(level) for level in rng.integers(0, 256, 3)) for _ in range(3))
    picture = PIL.Image.new("RGB", size, ground)
    pen = PIL.ImageDraw.Draw(picture)
    width, height = size
    step = max(6, int(rng.integers(width // 24, width // 8)))
    match seed % 8:
        case 0:
            for radius in range(height, 0, -step):
                color = first if (radius // step) % 2 else second
                pen.ellipse((width / 2 - radius, height / 2 - radius, width / 2 + radius, height / 2 + radius), color)
        case 1:
            for x in range(0, width, 2 * step):
                pen.rectangle((x, 0, x + step, height), first)
        case 2:
            for x in range(0, width, step):
                for y in range(0, height, step):
                    pen.rectangle((x, y, x + step, y + step), first if (x // step + y // step) % 2 else second)
        case 3:
            pen.polygon([(0, height), (width * 0.4, height * 0.2), (width * 0.8, height)], first)
            pen.ellipse((width * 0.7, height * 0.1, width * 0.9, height * 0.35), second)
        case 4:
            for _ in range(300):
                x, y, r = rng.integers(0, width), rng.integers(0, height), rng.integers(2, 7)
                pen.ellipse((x - r, y - r, x + r, y + r), first if rng.random() < 0.5 else second)
        case 5:
            for y in range(10, height - 10, 14):
                for x in range(10, width - 20, 9):
                    if rng.random() < 0.8:
                        pen.line((x, y, x + 6, y + int(rng.integers(-4, 5))), first, 2)
        case 6:
            pen.rounded_rectangle((width * 0.3, height * 0.15, width * 0.7, height * 0.9), 30, first)
            pen.rectangle((width * 0.42, 0, width * 0.58, height * 0.2), second)
        case _:
            noise = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            picture = PIL.Image.fromarray(noise).resize(size, PIL.Image.Resampling.BICUBIC)
    return picture


def saved(picture: PIL.Image.Image, form: str = "JPEG", quality: int = 90) -> bytes:
    """Encode a picture; a JPEG without its alpha."""
    stream = io.BytesIO()
    has_alpha = form == "JPEG" and picture.mode in ("RGBA", "LA", "P")
    (picture.convert("RGB") if has_alpha else picture).save(stream, form, quality=quality)
    return stream.getvalue()


def sample(name: str) -> PIL.Image.Image:
    """Open a sample picture that the package ships, by its name without suffix."""
    [path] = (ROOT / "src" / "lookalike" / "samples" / "pictures").glob(f"{name}.*")
    with PIL.Image.open(path) as picture:
        return picture.convert("RGB")


@pytest.fixture(scope="session", autouse=True)
def loaded_once() -> Iterator[None]:
    """Load each form of the shipped model once in a process, not once for each library: a tenth of a second."""
    load = builtin._open_session
    sessions: dict[Path, Any] = {}

    def load_once(form: Any) -> Any:
        if form.path.parent != builtin.MODELS:  # a damaged copy, in a test of that
            return load(form)
        if form.path not in sessions:
            sessions[form.path] = load(form)
        return sessions[form.path]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builtin, "_open_session", load_once)
        yield


@pytest.fixture(scope="module")
def compare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compare]:
    """What compares two pictures, in a library without collections."""
    with lookalike.open(tmp_path_factory.mktemp("compared")) as library:
        yield library.compare


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: eight different pictures in two folders, and two changed copies of the first."""
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(8):
        path = folder / ("a" if seed < 4 else "b") / f"{seed}.jpg"
        path.parent.mkdir(exist_ok=True)
        draw(seed).save(path, quality=92)
    draw(0).save(folder / "a" / "0-again.png")
    draw(0).resize((200, 150)).save(folder / "b" / "0-small.jpg", quality=60)
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Iterator[lookalike.Library]:
    with lookalike.open(tmp_path / "home") as opened:
        yield opened


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of labelled pictures; what needs it is skipped where it is absent."""
    folder = Path(os.environ.get("LOOKALIKE_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "general" / "manifest.csv").exists():
        pytest.skip(f"no test pictures at {folder}: set LOOKALIKE_TEST_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Eight different pictures to send: photographs where the data folder is present, else the samples' first."""
    folder = Path(os.environ.get("LOOKALIKE_TEST_DATA", ROOT.parent / "shared" / "data")) / "general"
    if folder.is_dir():
        return sorted(folder.glob("*/001.jpg"))[:8]
    drawn = tmp_path_factory.mktemp("photos")
    for seed in range(8):
        draw(seed).save(drawn / f"{seed}.jpg", quality=92)
    return sorted(drawn.iterdir())


class Mounts:
    """Mounts that last for one test; what needs one is skipped where it cannot be had."""

    def __init__(self) -> None:
        self._places: list[Path] = []

    def disk(self, place: Path, size: str = "16m") -> Path:
        """Mount an empty disk with so much room over a folder, which is made where it is not there."""
        place.mkdir(exist_ok=True)
        self._mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place))
        self._places.append(place)
        return place

    def bind(self, source: Path, place: Path) -> None:
        """Mount a file or folder over another, or over itself."""
        self._mount("--bind", str(source), str(place))
        self._places.append(place)

    def change(self, place: Path, options: str) -> None:
        """Change how a place is mounted: "ro", "size=60m", "ro,bind"."""
        self._mount("-o", f"remount,{options}", str(place))

    def end(self) -> None:
        """Undo all, the last one first."""
        while self._places:
            subprocess.run(["umount", "-l", str(self._places.pop())], check=True)

    def _mount(self, *options: str) -> None:
        command = ["mount", *options]
        if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("needs root that may mount")


@pytest.fixture
def mounts() -> Iterator[Mounts]:
    """What mounts disks and folders for this test."""
    mounted = Mounts()
    try:
        yield mounted
    finally:
        mounted.end()


@pytest.fixture
def small_disk(tmp_path: Path, mounts: Mounts) -> Path:
    """A disk of its own with room for 16 MB."""
    return mounts.disk(tmp_path / "disk")


def fill_disk(place: Path) -> Path:
    """Take all room of a disk, to the last byte and the last name."""
    filler = place / "filler"
    with open(filler, "wb", buffering=0) as stream:
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while stream.write(b"x" * size):
                    pass
    return filler
