"""A canvas of floating point colors and the masks that paint it; what to paint is left to the drawings."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

F32 = npt.NDArray[np.float32]
Point = tuple[float, float]
Color = tuple[float, float, float]
Extent = tuple[slice, slice]  # rows, columns

SUPERSAMPLE = 3  # masks are drawn this much larger and averaged down: 10 grey levels along an edge are enough
LIGHT = (-0.48, -0.62, 0.62)  # towards a lamp at the upper left, in front; near unit length
WHITE: Color = (1.0, 1.0, 1.0)
BLACK: Color = (0.0, 0.0, 0.0)


def rgb(text: str) -> Color:
    """Turn `#rrggbb` into a color with channels from 0 to 1."""
    red, green, blue = (int(text[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def mix(first: Color, second: Color, share: float) -> Color:
    """Blend two colors; `share` is how much of the second."""
    red, green, blue = (a + (b - a) * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def shade(color: Color, amount: float) -> Color:
    """Darken towards a deeper tone of the same color (amount < 0), or lighten towards white (amount > 0)."""
    if amount >= 0:
        return mix(color, WHITE, amount)
    red, green, blue = color
    deep = (red * red * 0.55, green * green * 0.55, blue * blue * 0.62)
    return mix(color, deep, -amount)


def grid(size_px: tuple[int, int]) -> tuple[F32, F32]:
    """Give the pixel centers as x of shape (1, w) and y of shape (h, 1)."""
    width, height = size_px
    x = np.arange(width, dtype=np.float32)[None, :] + np.float32(0.5)
    y = np.arange(height, dtype=np.float32)[:, None] + np.float32(0.5)
    return x, y


def smoothstep(low: float, high: float, value: F32) -> F32:
    """Rise smoothly from 0 at `low` to 1 at `high`; falls when `low` is the larger."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    out: F32 = t * t * (3 - 2 * t)
    return out


def resize(values: F32, size_px: tuple[int, int]) -> F32:
    """Resample a (h, w) plane smoothly."""
    plane = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    return np.asarray(plane.resize(size_px, Image.Resampling.BICUBIC), dtype=np.float32)


def blur(values: F32, radius: float) -> F32:
    """Blur a (h, w) plane with about a Gaussian of deviation `radius` px; what lies outside is the edge repeated.

    Works on a smaller plane where the radius allows it, and in floats, so that wide gradients do not band.
    """
    height, width = values.shape
    step = max(1, int(radius // 4))
    small = resize(values, (max(2, width // step), max(2, height // step))) if step > 1 else values
    reach = max(1, round(radius / step * 0.95))  # three boxes of 2 reach + 1 have about this deviation
    for _ in range(3):
        small = _box(_box(small, reach).T, reach).T
    return resize(small, (width, height)) if step > 1 else np.ascontiguousarray(small)


def _box(values: F32, reach: int) -> F32:
    padded = np.pad(values, ((reach + 1, reach), (0, 0)), mode="edge")
    sums = np.cumsum(padded, axis=0, dtype=np.float64)
    out: F32 = ((sums[2 * reach + 1 :] - sums[: -2 * reach - 1]) / (2 * reach + 1)).astype(np.float32)
    return out


def extent(mask: F32, margin: int = 0) -> Extent:
    """Give the rows and columns where a mask is not zero, and some more; painting elsewhere would change nothing."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return slice(0, 1), slice(0, 1)
    top, left = max(0, int(rows[0]) - margin), max(0, int(columns[0]) - margin)
    return slice(top, int(rows[-1]) + margin + 1), slice(left, int(columns[-1]) + margin + 1)


def clouds(size_px: tuple[int, int], rng: np.random.Generator, cells: tuple[float, float], octaves: int = 4) -> F32:
    """Give smooth noise from 0 to 1 with `cells` bumps across and down, finer and fainter with every octave."""
    total = np.zeros((size_px[1], size_px[0]), dtype=np.float32)
    for octave in range(octaves):
        across, down = (max(2, round(count * 2**octave) + 1) for count in cells)
        total += resize(rng.random((down, across), dtype=np.float32), size_px) * np.float32(0.55**octave)
    total -= total.min()
    out: F32 = total / total.max()
    return out


def curve(points: Sequence[Point], *, closed: bool = True, steps: int = 10) -> list[Point]:
    """Run a smooth line through the points (Catmull-Rom, `steps` pieces between two points)."""
    knots = np.asarray(points, dtype=np.float64)
    count = len(knots)
    at = np.arange(count if closed else count - 1)

    def knot(offset: int) -> npt.NDArray[np.float64]:
        index = (at + offset) % count if closed else np.clip(at + offset, 0, count - 1)
        return knots[index][:, None, :]

    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    a, b, c, d = knot(-1), knot(0), knot(1), knot(2)
    line = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    out = [(float(x), float(y)) for x, y in line.reshape(-1, 2)]
    return out if closed else [*out, (float(knots[-1, 0]), float(knots[-1, 1]))]


def box(left: float, top: float, right: float, bottom: float, corner: float = 0.0) -> list[Point]:
    """Give the outline of a rectangle with round corners."""
    corner = min(corner, (right - left) / 2, (bottom - top) / 2)
    out: list[Point] = []
    for x, y, start in (
        (right - corner, top + corner, -90),
        (right - corner, bottom - corner, 0),
        (left + corner, bottom - corner, 90),
        (left + corner, top + corner, 180),
    ):
        for angle in np.radians(np.linspace(start, start + 90, 12)):
            out.append((x + corner * float(np.cos(angle)), y + corner * float(np.sin(angle))))
    return out


def oval(x: float, y: float, across: float, down: float) -> list[Point]:
    """Give the outline of an ellipse from its center and its two radii."""
    angles = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    return [(x + across * float(np.cos(a)), y + down * float(np.sin(a))) for a in angles]


@dataclass(frozen=True)
class SmallPicture:
    """How a drawing stands on the canvas: mirrored or not, turned and scaled about its middle, then moved."""

    mirrored: bool = False
    turn_deg: float = 0.0
    scale: float = 1.0
    shift: Point = (0.0, 0.0)

    def place(self, points: Sequence[Point], middle: Point) -> npt.NDArray[np.float64]:
        """Give the points where the view shows them, (n, 2)."""
        placed = np.asarray(points, dtype=np.float64) - middle
        if self.mirrored:
            placed = placed * (-1, 1)
        sin, cos = np.sin(np.radians(self.turn_deg)), np.cos(np.radians(self.turn_deg))
        turned = placed @ np.array([[cos, sin], [-sin, cos]]) * self.scale
        out: npt.NDArray[np.float64] = turned + middle + self.shift
        return out


@dataclass
class Canvas:
    """Pixels of shape (h, w, 3) float32 from 0 to 1, painted through masks of shape (h, w)."""

    size_px: tuple[int, int]
    view: SmallPicture = field(default_factory=SmallPicture)
    pixels: F32 = field(init=False)

    def __post_init__(self) -> None:
        self.pixels = np.ones((self.size_px[1], self.size_px[0], 3), dtype=np.float32)

    def mask(self, *outlines: Sequence[Point], feather: float = 0.0) -> F32:
        """Give the covered share of every pixel for the union of some outlines, with a soft edge if asked."""
        placed = [self._placed(outline) for outline in outlines]
        sheet, corner, place = self._sheet(np.concatenate(placed), margin=1)
        pen = ImageDraw.Draw(sheet)
        for outline in placed:
            pen.polygon([(x, y) for x, y in ((outline - corner) * SUPERSAMPLE).tolist()], fill=255)
        covered = self._spread(sheet, place)
        if feather:
            wide = extent(covered, round(3 * feather) + 2)
            covered[wide] = blur(covered[wide], feather)
        return covered

    def stroke(self, points: Sequence[Point], thickness: float, *, dash: int = 0) -> F32:
        """Give the mask of a line with round ends; with `dash`, every other run of so many points is left out."""
        placed = self._placed(points)
        reach = thickness * self.view.scale / 2
        sheet, corner, place = self._sheet(placed, margin=reach + 1)
        pen = ImageDraw.Draw(sheet)
        line = [(x, y) for x, y in ((placed - corner) * SUPERSAMPLE).tolist()]
        reach *= SUPERSAMPLE
        for run in [line[i : i + dash + 1] for i in range(0, len(line) - 1, 2 * dash)] if dash else [line]:
            pen.line(run, fill=255, width=max(1, round(2 * reach)), joint="curve")
            for x, y in (run[0], run[-1]):
                pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=255)
        return self._spread(sheet, place)

    def _placed(self, points: Sequence[Point]) -> npt.NDArray[np.float64]:
        width, height = self.size_px
        return self.view.place(points, (width / 2, height / 2))

    def _sheet(
        self, points: npt.NDArray[np.float64], margin: float
    ) -> tuple[Image.Image, npt.NDArray[np.float64], Extent]:
        """Cut an empty sheet that holds the points; give it, its corner in px and its place on the canvas."""
        low = np.clip(np.floor(points.min(axis=0) - margin), 0, np.array(self.size_px) - 1).astype(int)
        high = np.clip(np.ceil(points.max(axis=0) + margin), low + 1, self.size_px).astype(int)
        across, down = ((high - low) * SUPERSAMPLE).tolist()
        return Image.new("L", (across, down)), low.astype(np.float64), (slice(low[1], high[1]), slice(low[0], high[0]))

    def _spread(self, sheet: Image.Image, place: Extent) -> F32:
        covered = np.zeros(self.size_px[::-1], dtype=np.float32)
        covered[place] = np.asarray(sheet.reduce(SUPERSAMPLE), dtype=np.float32) / np.float32(255)
        return covered

    def paint(self, mask: F32, color: Color | F32, strength: float = 1.0) -> None:
        """Lay a color, or a (h, w, 3) picture, over what is there."""
        part = extent(mask)
        share = (mask[part] * np.float32(strength))[..., None]
        ink = color[part] if isinstance(color, np.ndarray) else np.asarray(color, dtype=np.float32)
        self.pixels[part] += (ink - self.pixels[part]) * share

    def multiply(self, mask: F32, color: Color, strength: float = 1.0) -> None:
        """Darken as a glaze or a shadow of that color does."""
        part = extent(mask)
        share = (mask[part] * np.float32(strength))[..., None]
        self.pixels[part] *= 1 - share * (1 - np.asarray(color, dtype=np.float32))

    def glow(self, mask: F32, color: Color, strength: float = 1.0) -> None:
        """Add light of that color (a "screen", so that nothing burns out at once)."""
        part = extent(mask)
        share = (mask[part] * np.float32(strength))[..., None]
        self.pixels[part] += (1 - self.pixels[part]) * share * np.asarray(color, dtype=np.float32)

    def relief(self, mask: F32, radius: float, *, depth: float = 1.0, gloss: float = 0.0) -> None:
        """Light a painted shape as if it were cushioned: its edges bend away within about `radius` px."""
        part = extent(mask, round(3 * radius) + 2)
        whole, mask = mask, mask[part]
        height = blur(mask, radius) * np.float32(radius * 2.2 * depth)
        down, across = np.gradient(height)
        norm = np.sqrt(across**2 + down**2 + 1)
        facing = (-across * LIGHT[0] - down * LIGHT[1] + LIGHT[2]) / norm
        change = np.clip(facing / LIGHT[2] - 1, -1, 1)
        light = np.zeros_like(whole)
        light[part] = mask * np.clip(-change, 0, 1)
        self.multiply(light, (0.16, 0.15, 0.2), 0.85)
        light[part] = mask * np.clip(change, 0, 1)
        self.glow(light, (1.0, 0.98, 0.94), 0.34)
        if gloss:
            light[part] = mask * np.clip(facing, 0, 1) ** 24
            self.glow(light, WHITE, gloss)

    def grain(self, rng: np.random.Generator, strength: float) -> None:
        """Add fine even noise, which also keeps wide gradients from banding."""
        width, height = self.size_px
        self.pixels += rng.normal(0, strength, (height, width, 1)).astype(np.float32)

    def image(self) -> Image.Image:
        """Give the 8 bit picture."""
        return Image.fromarray((np.clip(self.pixels, 0, 1) * 255 + 0.5).astype(np.uint8))


def gradient(stops: Sequence[tuple[float, str]], at: F32) -> F32:
    """Give the color at each value of a plane, (h, w, 3), between stops (position, `#rrggbb`) in rising order."""
    where = [position for position, _ in stops]
    colors = np.array([rgb(text) for _, text in stops], dtype=np.float32)
    return np.stack([np.interp(at, where, colors[:, c]) for c in range(3)], axis=-1).astype(np.float32)
