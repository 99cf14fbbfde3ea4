"""The image of Turi Create: encoded bytes or raw pixels, with width, height and channels known."""

from __future__ import annotations

import os
import pathlib
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from ..core.features.describer import Describer
from ..core.features.pictures import Pictures
from ..errors import LookalikeError
from ..settings import load_settings
from .toolkits._main import ToolkitError

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image as PILImage

    from ..pictures import Image as Decoded

RAW = "RAW"
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's name for each number of channels

_NAMES = {"jpeg": "JPG", "png": "PNG"}
_GRAY_MODES = ("1", "L", "I", "F", "I;16", "I;16B", "I;16L")


@lru_cache(maxsize=1)
def pictures() -> Pictures:
    """Return what reads and encodes all images of this process, by the settings of the environment."""
    return Pictures(Describer(load_settings(), "builtin"))


class Image:
    """An image of a table: what its file held, decoded when its pixels are asked for.

    Args:
        path: A file or an http address; None for an empty image.
        format: Kept for Turi Create's sake: the bytes decide, not the name.

    Raises:
        ToolkitError: when there is no whole picture to be had.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, format: str = "auto") -> None:
        check_format(format)
        self.data = b""
        self.format = "UNDEFINED"
        self._height = self._width = self._channels = 0
        if path is not None:
            try:
                self._take(*pictures().read(os.path.expanduser(path)))
            except LookalikeError as error:
                raise ToolkitError(error.message) from error

    @classmethod
    def from_file(cls, data: bytes, decoded: Decoded) -> Image:
        """Make an image of a file's bytes, once they are known to be a picture."""
        image = cls()
        image._take(data, decoded)
        return image

    @classmethod
    def from_parts(cls, data: bytes, format: str, height: int, width: int, channels: int) -> Image:
        """Make an image of what a table stores of it."""
        image = cls()
        image.data, image.format = data, format
        image._height, image._width, image._channels = height, width, channels
        return image

    def _take(self, data: bytes, decoded: Decoded) -> None:
        self.data, self.format = data, _NAMES.get(decoded.format, decoded.format.upper())
        self._width, self._height = decoded.size_px
        self._channels = _channels_of(data)

    @property
    def height(self) -> int:
        """The height in pixels, as shown."""
        return self._height

    @property
    def width(self) -> int:
        """The width in pixels, as shown."""
        return self._width

    @property
    def channels(self) -> int:
        """1 for gray, 3 for color, 4 for color with transparency."""
        return self._channels

    @property
    def pixel_data(self) -> npt.NDArray[Any]:
        """The pixels: uint8 (h, w, channels), or (h, w) where there is one channel."""
        import numpy as np

        if self._channels == 0:
            return np.zeros((0, 0, 0), np.uint8)
        if self.format == RAW:
            shape = (self._height, self._width, self._channels)
            pixels = np.frombuffer(self.data, np.uint8).reshape(shape)
            return pixels[:, :, 0] if self._channels == 1 else pixels
        if self._channels == 4:
            return np.asarray(_upright_with_alpha(self.data))
        pixels = pictures().pixels(self.data)
        return pixels[:, :, 0] if self._channels == 1 else pixels

    @property
    def source(self) -> Any:
        """What the intake reads this image from."""
        return self.pixel_data if self.format == RAW else self.data

    def to_pillow(self) -> PILImage.Image:
        """Return the image as a PIL image."""
        from PIL import Image as PILImage

        return PILImage.fromarray(self.pixel_data)

    def save(self, filename: str | os.PathLike[str]) -> None:
        """Save the picture in the format that the name's suffix says: jpg, png, bmp, gif, tiff."""
        from PIL import Image as PILImage

        from .. import disk

        suffix = os.path.splitext(filename)[1].lower()
        picture = self.to_pillow()
        if suffix in (".jpg", ".jpeg") and self._channels == 4:
            picture = picture.convert("RGB")
        buffer = BytesIO()
        picture.save(buffer, PILImage.registered_extensions().get(suffix, suffix.removeprefix(".").upper()))
        disk.replace_bytes(pathlib.Path(filename), buffer.getvalue())

    def show(self) -> None:
        """Show the picture, in a notebook or as a page; see `visualization`."""
        from . import visualization

        visualization.show_images("Image", [self])

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.to_pillow().save(buffer, format="PNG")
        return buffer.getvalue()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Image) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[Any, ...]:
        return self._height, self._width, self._channels, self.format, self.data

    def __repr__(self) -> str:
        return f"Height: {self._height}px\nWidth: {self._width}px\nChannels: {self._channels}\n"


def check_format(format: str) -> None:
    """Refuse a format that Turi Create does not name.

    Raises:
        ToolkitError: naming those that it does.
    """
    if str(format).lower() not in ("auto", "jpg", "jpeg", "png"):
        raise ToolkitError(f'"{format}" is not an image format here: pass "auto", "JPG" or "PNG".')


def _channels_of(data: bytes) -> int:
    """Read from the header how many channels a picture has; 3 where Pillow alone cannot tell."""
    from PIL import Image as PILImage

    try:
        with PILImage.open(BytesIO(data)) as picture:
            if picture.has_transparency_data:
                return 4
            return 1 if picture.mode in _GRAY_MODES else 3
    except (OSError, ValueError, PILImage.DecompressionBombError):  # the intake reads more than Pillow opens by itself
        return 3


def _upright_with_alpha(data: bytes) -> PILImage.Image:
    from PIL import Image as PILImage
    from PIL import ImageOps

    with PILImage.open(BytesIO(data)) as picture:
        return ImageOps.exif_transpose(picture.convert("RGBA"))
