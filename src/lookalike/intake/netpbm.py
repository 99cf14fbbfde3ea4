"""PBM, PGM and PPM, text and binary: Pillow reads text and deep ones pixel by pixel in Python, this reads at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image as PILImage

_SPACE = rb"(?:\s|#[^\r\n]*[\r\n])+"
_DIGITS = rb"(\d{1,9})"


def read_netpbm(data: bytes, check: Callable[[tuple[int, int]], None]) -> PILImage.Image:
    """Read a netpbm picture as mode "L" or "RGB"; the first one where several follow each other.

    Args:
        check: Called with (width, height) before memory is taken; it raises to refuse.

    Raises:
        ValueError: for bytes that are not a whole picture.

    Source: the format pages of netpbm (pbm, pgm, ppm).
    """
    import numpy as np
    from PIL import Image

    number = data[1] - ord("0")
    fields = 2 if number in (1, 4) else 3
    header = re.match(rb"P[1-6]" + (_SPACE + _DIGITS) * fields, data)
    if header is None:
        raise ValueError("no netpbm header")
    width, height, *rest = map(int, header.groups())
    top = rest[0] if rest else 1
    if not (width and height and 0 < top < 65536):
        raise ValueError("a size or maximum out of range")
    check((width, height))
    channels = 3 if number in (3, 6) else 1
    count = width * height * channels
    if number <= 3:
        values = _text(data[header.end() :], count, one_bit=number == 1)
    else:
        values = _binary(memoryview(data)[header.end() + 1 :], number, width, height, top)
    if values.size < count:
        raise ValueError("truncated")
    levels = values[:count]
    if number in (1, 4):
        levels = np.where(levels, 0, 255).astype(np.uint8)  # 1 is black
    elif top != 255:
        table = np.minimum(np.arange(65536, dtype=np.float32) * (255 / top), 255)  # (65536,)
        levels = np.rint(table).astype(np.uint8)[levels]
    shape = (height, width, 3) if channels == 3 else (height, width)
    return Image.fromarray(np.ascontiguousarray(levels, dtype=np.uint8).reshape(shape))


def _binary(body: memoryview, number: int, width: int, height: int, top: int) -> npt.NDArray[Any]:
    import numpy as np

    if number == 4:
        row = (width + 7) // 8
        packed = np.frombuffer(body, np.uint8, min(len(body), row * height) // row * row)
        return np.unpackbits(packed.reshape(-1, row), axis=1)[:, :width].reshape(-1)
    kind = ">u2" if top > 255 else "u1"
    return np.frombuffer(body, kind, len(body) // np.dtype(kind).itemsize)


def _text(body: bytes, count: int, *, one_bit: bool) -> npt.NDArray[Any]:
    import numpy as np

    body = re.sub(rb"#[^\r\n]*", b" ", body)
    if body.translate(None, b"0123456789 \t\r\n\v\f"):
        raise ValueError("a character that is not a digit")
    if one_bit:  # spaces between the digits are optional
        digits = np.frombuffer(body.translate(None, b" \t\r\n\v\f"), np.uint8)[:count]
        return np.not_equal(digits, ord("0"))
    if count > len(body):
        raise ValueError("truncated")
    # Without its `count`: numpy 2.4 fills up with whatever memory held where the text has fewer numbers.
    numbers = np.fromstring(body.decode("ascii"), np.int32, sep=" ")
    values: npt.NDArray[Any] = np.clip(numbers, 0, 65535)
    return values
