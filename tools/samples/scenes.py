"""Landscapes by seed and mood, from sunset to aurora; the list of samples is left to the gallery."""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from .canvas import (
    F32,
    WHITE,
    Canvas,
    Color,
    blur,
    clouds,
    gradient,
    grid,
    mix,
    resize,
    rgb,
    smoothstep,
)

SIZE_PX = (640, 448)
WIDTH, HEIGHT = SIZE_PX
Stops = Sequence[tuple[float, str]]


def _sky(stops: Stops) -> Canvas:
    canvas = Canvas(SIZE_PX)
    _, y = grid(SIZE_PX)
    canvas.pixels[:] = gradient(stops, y / float(HEIGHT))
    return canvas


def _line(rng: np.random.Generator, bumps: float, octaves: int, rough: float = 0.5) -> F32:
    """Give a wandering line of shape (w,), about -1 to 1."""
    total = np.zeros(WIDTH, dtype=np.float32)
    for octave in range(octaves):
        knots = rng.uniform(-1, 1, (1, max(2, round(bumps * 2**octave)) + 2)).astype(np.float32)
        total += resize(np.repeat(knots, 2, axis=0), (WIDTH, 2))[0] * np.float32(rough**octave)
    out: F32 = total / np.abs(total).max()
    return out


def _below(top: F32) -> F32:
    """Give the mask of everything under a line of heights (w,), its edge one pixel soft."""
    _, y = grid(SIZE_PX)
    out: F32 = np.clip(y - top[None, :] + 0.5, 0, 1)
    return out


def _disc(canvas: Canvas, x: float, y: float, radius: float, color: Color, *, halo: float) -> None:
    """Hang up a sun or a moon with its halo."""
    columns, rows = grid(SIZE_PX)
    away = np.hypot(columns - x, rows - y)
    canvas.glow(np.exp(-away / (halo * 1.9)) * np.float32(0.5) + 0.55 * np.exp(-((away / halo) ** 2)), color, 0.75)
    canvas.paint(np.clip(radius - away + 0.5, 0, 1), mix(color, WHITE, 0.45))


def _stars(canvas: Canvas, rng: np.random.Generator, count: int, lowest: float) -> None:
    sky = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    rows = (rng.random(count) ** 1.3 * lowest).astype(int)
    sky[rows, rng.integers(0, WIDTH, count)] = rng.uniform(0.25, 1, count) ** 2
    bright = blur(sky * (sky > 0.72), 1) * 5
    canvas.glow(np.clip(sky + bright, 0, 1), rgb("#f4f3ff"), 0.95)


def _mist(canvas: Canvas, level: float, depth: float, color: Color, strength: float, rng: np.random.Generator) -> None:
    """Lay a bank of mist whose middle is at `level` px and which fades over `depth` px."""
    _, y = grid(SIZE_PX)
    bank = np.exp(-(((y - level) / depth) ** 2)) * (0.55 + 0.45 * clouds(SIZE_PX, rng, (4, 6), 3))
    canvas.paint(bank, color, strength)


def _pines(rng: np.random.Generator, base: F32, count: int, tall: tuple[float, float]) -> F32:
    """Give the mask of a row of pines that stand on a line (w,): jagged, each layer of twigs wider than the last."""
    top = base.copy()
    columns = np.arange(WIDTH, dtype=np.float32)
    for x in np.sort(rng.uniform(-10, WIDTH + 10, count)):
        height = rng.uniform(*tall)
        half = height * rng.uniform(0.17, 0.22)
        foot = base[int(np.clip(x, 0, WIDTH - 1))]
        away = np.abs(columns - x) / half
        twigs = (away * 6.5 + rng.random()) % 1.0 * np.clip(away * 3, 0.2, 1)
        fall = np.where(away < 1, away**0.9 - 0.13 * twigs + 0.02, 9.0)
        top = np.minimum(top, np.where(fall < 1.1, foot - height * (1 - fall) + height * 0.12, top))
    return _below(top.astype(np.float32))


def mountains(mood: int, rng: np.random.Generator) -> Image.Image:
    """Draw ranges of mountains one behind another, against a low sun."""
    skies: tuple[Stops, ...] = (
        ((0, "#2f3b6b"), (0.25, "#7a5688"), (0.45, "#e0796b"), (0.6, "#fbb36b"), (0.75, "#ffe0a3")),
        ((0, "#3d6d9e"), (0.3, "#86a8c4"), (0.5, "#f0c3a0"), (0.65, "#fbe1b5"), (0.8, "#fff0d0")),
        ((0, "#3a1d4d"), (0.25, "#7d2f63"), (0.45, "#cf4b5c"), (0.6, "#f58a4e"), (0.75, "#ffc76b")),
    )
    haze, near = (("#f0a782", "#231f3b"), ("#e6c9b4", "#1f3446"), ("#f28a5c", "#22112e"))[mood]
    canvas = _sky(skies[mood])
    _streaks(canvas, rng, rgb("#fff1dc"), 0.35, 200)
    _disc(canvas, WIDTH * (0.62, 0.33, 0.5)[mood], 218, 27, rgb("#ffe2a0"), halo=86)
    for layer in range(6):
        share = layer / 5
        level = 232 + layer * 40
        ridge = level - (52 - 4 * layer) * _line(rng, 2.2 + layer * 0.5, 7, 0.52)
        color = mix(rgb(haze), rgb(near), share**0.85)
        mask = _below(ridge)
        canvas.paint(mask, color)
        _, y = grid(SIZE_PX)
        rising = mask * np.clip((y - ridge[None, :]) / 110, 0, 1)
        canvas.paint(rising, mix(rgb(haze), color, 0.35), 0.6 * (1 - share) + 0.05)
    canvas.paint(_pines(rng, 424 - 16 * _line(rng, 3, 3), 90, (22, 46)), mix(rgb(near), (0, 0, 0), 0.4))
    return _photo(canvas, rng)


def _streaks(canvas: Canvas, rng: np.random.Generator, color: Color, strength: float, lowest: float) -> None:
    """Draw thin high clouds, drawn out along the horizon."""
    _, y = grid(SIZE_PX)
    veil = smoothstep(0.5, 0.85, clouds(SIZE_PX, rng, (2.5, 9), 5)) * smoothstep(lowest + 40, lowest - 60, y)
    canvas.glow(veil, color, strength)


def sea(mood: int, rng: np.random.Generator) -> Image.Image:
    """Draw the moon over open water, with its road of light."""
    skies: tuple[Stops, ...] = (
        ((0, "#070d22"), (0.3, "#13244b"), (0.56, "#3e5b86")),
        ((0, "#1b1238"), (0.3, "#4a2b63"), (0.56, "#c27b86")),
        ((0, "#04191f"), (0.3, "#0d3b45"), (0.56, "#4f8f8c")),
    )
    light = (rgb("#f3f0dc"), rgb("#ffd9b0"), rgb("#e9f7e4"))[mood]
    deep = (rgb("#0a1834"), rgb("#2c1a45"), rgb("#06262d"))[mood]
    canvas = _sky(skies[mood])
    x, y = grid(SIZE_PX)
    moon, horizon = WIDTH * (0.64, 0.36, 0.5)[mood], 250.0
    _stars(canvas, rng, 260, 200)
    _disc(canvas, moon, 112, 33, light, halo=80)
    spots = clouds(SIZE_PX, rng, (16, 11), 3) * np.clip(33 - np.hypot(x - moon, y - 112), 0, 1)
    canvas.multiply(smoothstep(0.45, 0.7, spots), (0.7, 0.72, 0.76), 0.5)
    veil = smoothstep(0.48, 0.9, clouds(SIZE_PX, rng, (3, 10), 5)) * smoothstep(horizon, horizon - 120, y)
    canvas.paint(veil, mix(canvas.pixels[240, 320].tolist(), light, 0.18), 0.5)
    water = np.clip(y - horizon + 0.5, 0, 1) * np.ones_like(x)
    near = np.clip((y - horizon) / (HEIGHT - horizon), 0, 1)
    canvas.paint(water, canvas.pixels[246:247, :, :] * np.float32(0.72) * np.ones((HEIGHT, 1, 1), dtype=np.float32))
    canvas.paint(water * np.sqrt(near), deep, 0.9)
    ripples = _ripples(rng, horizon)
    canvas.glow(water * smoothstep(0.5, 1.0, ripples), light, 0.1)
    canvas.multiply(water * smoothstep(0.5, 0.1, ripples), deep, 0.4)
    road = np.exp(-(((x - moon) / (20 + 105 * near)) ** 2))
    glitter = smoothstep(0.52, 0.68, ripples * (0.45 + 0.55 * road))
    canvas.glow(water * road * glitter, light, 0.95)
    canvas.glow(water * road * np.exp(-near * 3), light, 0.35)
    _headland(canvas, rng, horizon, mix(deep, (0, 0, 0), 0.3), left=mood != 1)
    return _photo(canvas, rng)


def _ripples(rng: np.random.Generator, horizon: float) -> F32:
    """Give waves from 0 to 1 that grow as they come nearer."""
    out = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    top = int(horizon)
    while top < HEIGHT:
        thick = max(1, int((top - horizon) * 0.055))
        bottom = min(HEIGHT, top + thick * 6)
        band = rng.random((6, max(6, int(WIDTH / (9 + thick * 5.5))))).astype(np.float32)
        out[top:bottom] = resize(band, (WIDTH, thick * 6))[: bottom - top]
        top = bottom
    return out


def _headland(canvas: Canvas, rng: np.random.Generator, horizon: float, color: Color, *, left: bool) -> None:
    across = np.linspace(0, 1, WIDTH, dtype=np.float32)
    if not left:
        across = across[::-1]
    top = horizon - 64 * np.clip(1 - across / 0.36, 0, 1) ** 0.8 * (1 + 0.22 * _line(rng, 6, 5)) + 0.5
    _, y = grid(SIZE_PX)
    canvas.paint(_below(top.astype(np.float32)) * np.clip(horizon + 1.5 - y, 0, 1) * (top < horizon)[None, :], color)


def skyline(mood: int, rng: np.random.Generator) -> Image.Image:
    """Draw a city by night across a river: towers with lit windows, and their reflections."""
    skies: tuple[Stops, ...] = (
        ((0, "#141a45"), (0.25, "#3b3572"), (0.45, "#96588a"), (0.62, "#f0997a")),
        ((0, "#071128"), (0.3, "#143358"), (0.62, "#4d8fae")),
        ((0, "#2a1640"), (0.3, "#7a3260"), (0.62, "#f0836a")),
    )
    canvas = _sky(skies[mood])
    _stars(canvas, rng, 130, 150)
    shore = 322
    tones = (("#6d4f83", "#3a2d58", "#17152f"), ("#234a6b", "#142f4d", "#081424"), ("#7c3a58", "#45203f", "#1b0d22"))[
        mood
    ]
    _, y = grid(SIZE_PX)
    for layer, tone in enumerate(tones):
        _towers(canvas, rng, shore, rgb(tone), layer)
        canvas.glow(np.exp(-(((y - shore) / 46) ** 2)) * np.ones((1, WIDTH), dtype=np.float32), rgb("#ffb37a"), 0.1)
    water = HEIGHT - shore
    mirrored = canvas.pixels[shore - water : shore][::-1].copy()
    wobble = (resize(rng.normal(0, 1, (60, 3)).astype(np.float32), (1, water))[:, 0] * np.linspace(1, 9, water)).astype(
        int
    )
    for row in range(water):
        canvas.pixels[shore + row] = np.roll(mirrored[row], wobble[row], axis=0)
    for channel in range(3):
        canvas.pixels[shore:, :, channel] = _upright_blur(canvas.pixels[shore:, :, channel])
    below = np.clip(y - shore + 0.5, 0, 1) * np.ones((1, WIDTH), dtype=np.float32)
    canvas.multiply(below, rgb("#7f88b0"), 0.62)
    canvas.paint(np.exp(-(((y - shore) / 1.6) ** 2)) * np.ones((1, WIDTH), dtype=np.float32), rgb(tones[2]), 0.9)
    return _photo(canvas, rng)


def _upright_blur(values: F32) -> F32:
    """Smear light up and down, as moving water does."""
    return blur(values, 1.6) * np.float32(0.35) + np.float32(0.65) * resize(
        resize(values, (WIDTH, max(2, values.shape[0] // 9))), (WIDTH, values.shape[0])
    )


def _towers(canvas: Canvas, rng: np.random.Generator, shore: int, color: Color, layer: int) -> None:
    """Build one row of towers, nearer rows lower and darker, and light some of their windows."""
    lamps = [rgb("#ffd98a"), rgb("#ffe9bd"), rgb("#ffb765"), rgb("#cfe6ff")]
    left = -12
    while left < WIDTH:
        wide = int(rng.integers(26, 58))
        middle = 1 - abs((left + wide / 2) / WIDTH - 0.55) * 1.1
        tall = int((rng.uniform(70, 205) - 34 * layer) * max(0.45, middle)) + 26
        top, right = shore - tall, min(WIDTH, left + wide)
        start = max(0, left)
        fade = np.linspace(0, 0.14, tall, dtype=np.float32)[:, None, None]
        face = np.asarray(color, dtype=np.float32) * (1 - 0.1 * float(rng.random())) + fade * np.float32(0.6)
        canvas.pixels[top:shore, start:right] = face
        canvas.pixels[top:shore, max(start, right - wide // 3) : right] *= np.float32(0.86)
        if rng.random() < 0.3:
            mast = start + (right - start) // 2
            canvas.pixels[top - int(rng.integers(14, 34)) : top, mast : mast + 2] = color
        step, pane = (8, 4) if layer else (6, 3)
        for row in range(top + 7, shore - 6, step + 2):
            for column in range(left + 5, left + wide - pane - 2, step):
                if rng.random() < (0.2, 0.34, 0.42)[layer] and 0 <= column < WIDTH - pane:
                    lamp = np.asarray(lamps[int(rng.integers(4))], dtype=np.float32)
                    canvas.pixels[row : row + pane + 1, column : column + pane] = lamp * np.float32(
                        rng.uniform(0.55, 1)
                    )
        left += wide + int(rng.integers(-4, 10))


def forest(mood: int, rng: np.random.Generator) -> Image.Image:
    """Draw rows of pines that sink into morning mist."""
    skies: tuple[Stops, ...] = (
        ((0, "#b9cfd3"), (0.5, "#dfe8e4"), (1, "#eef0ea")),
        ((0, "#c9b8b6"), (0.4, "#f0d6c2"), (1, "#f7ead9")),
        ((0, "#8fa6bd"), (0.5, "#c4d1dc"), (1, "#dfe6ea")),
    )
    near = (rgb("#16302e"), rgb("#33292f"), rgb("#142638"))[mood]
    canvas = _sky(skies[mood])
    haze: Color = mix(canvas.pixels[300, 0].tolist(), WHITE, 0.1)
    if mood == 1:
        _disc(canvas, 440, 120, 24, rgb("#ffe7c2"), halo=90)
    for layer in range(6):
        share = (layer + 0.6) / 5.6
        base = 190 + layer * 52 - 26 * _line(rng, 1.6, 3)
        trees = _pines(rng, base.astype(np.float32), 76 - layer * 9, (34 + 17 * layer, 62 + 26 * layer))
        canvas.paint(trees, mix(haze, near, share**1.25))
        if layer < 5:
            _mist(canvas, 222 + layer * 52, 36, haze, 0.85, rng)
    return _photo(canvas, rng)


def desert(mood: int, rng: np.random.Generator) -> Image.Image:
    """Draw dunes with one bright and one shaded flank each."""
    skies: tuple[Stops, ...] = (
        ((0, "#4f8fb8"), (0.3, "#a5cbd4"), (0.5, "#f3dfc0")),
        ((0, "#46325f"), (0.3, "#b3607a"), (0.5, "#f6b07c")),
        ((0, "#7fb0a9"), (0.3, "#cfd9bf"), (0.5, "#f7e3b4")),
    )
    sand, dark = (("#eab676", "#8f4f33"), ("#e08a5a", "#5a2a45"), ("#efcf9a", "#a06a44"))[mood]
    canvas = _sky(skies[mood])
    x, y = grid(SIZE_PX)
    _disc(canvas, WIDTH * (0.26, 0.7, 0.5)[mood], 120, 24, rgb("#fff1c4"), halo=70)
    ripple = clouds(SIZE_PX, rng, (3, 5), 3)
    for layer in range(5):
        level = 214 + layer * 52
        ridge = level - (20 + 11 * layer) * blur(np.repeat(_line(rng, 1.3 + 0.25 * layer, 3, 0.4)[None, :], 4, 0), 5)[0]
        mask = _below(ridge)
        share = layer / 4
        bright = mix(mix(rgb(sand), canvas.pixels[205, 10].tolist(), 0.55 * (1 - share)), WHITE, 0.02)
        canvas.paint(mask, bright)
        under = np.clip((y - ridge[None, :]) / (70 + 30 * layer), 0, 1)
        canvas.multiply(mask * under, rgb(sand), 0.55)
        slope = np.gradient(blur(np.repeat(ridge[None, :], 4, 0), 8)[0])
        sway = 34 * _line(rng, 3, 2)[None, :] * under
        lee = np.clip(slope * 5 + 0.15, 0, 1)[None, :] * np.ones_like(y)
        lee = np.take_along_axis(lee, np.clip(x - sway * 2 - under * 60, 0, WIDTH - 1).astype(int), axis=1)
        canvas.paint(mask * lee * (1 - 0.6 * under), mix(bright, rgb(dark), 0.55 + 0.35 * share), 0.92)
        lines = 0.5 + 0.5 * np.sin((y - ridge[None, :]) * (1.5 - 0.22 * layer) + ripple * 26 + x * 0.035)
        canvas.multiply(mask * lines * (1 - 0.7 * lee), rgb(dark), 0.045 + 0.06 * share)
    return _photo(canvas, rng)


def aurora(mood: int, rng: np.random.Generator) -> Image.Image:
    """Draw curtains of northern light over a dark shore."""
    low, high = (("#57f2a4", "#7b4fd6"), ("#4be3d0", "#d24fb0"), ("#a6f26b", "#3f8fe0"))[mood]
    canvas = _sky(((0, "#050a1d"), (0.4, "#0a1b36"), (0.72, "#123a4c"), (1, "#0c2635")))
    _stars(canvas, rng, 420, 320)
    _, y = grid(SIZE_PX)
    for number in range(3):
        hem = 236 - number * 38 + 52 * _line(rng, 2.4, 3)
        rays = 0.45 + 0.55 * (_line(rng, 46, 3, 0.7) * 0.5 + 0.5)
        tall = 105 + 55 * (_line(rng, 7, 2) * 0.5 + 0.5)
        bright = np.clip(0.55 + 0.6 * _line(rng, 3, 2), 0.06, 1)
        above = hem[None, :] - y
        curtain = np.where(above > 0, np.exp(-above / tall[None, :]), np.exp(above / 9)) * (rays * bright)[None, :]
        climb = np.clip(above / 170, 0, 1)
        canvas.glow(curtain * (1 - climb), rgb(low), 0.85 - 0.16 * number)
        canvas.glow(curtain * climb, rgb(high), 0.95 - 0.16 * number)
    hills = 338 - 26 * _line(rng, 3, 5)
    canvas.paint(_below(hills), rgb("#0a1a26"))
    canvas.glow(np.clip(1 - np.abs(y - hills[None, :]) / 26, 0, 1) * _below(hills), rgb(low), 0.1)
    shore = 362
    mirrored = canvas.pixels[shore - (HEIGHT - shore) * 2 : shore : 2][::-1]
    lake = np.clip(y - shore + 0.5, 0, 1) * (0.75 + 0.25 * _ripples(rng, shore))
    canvas.pixels[shore:] = mirrored * np.float32(0.62)
    canvas.multiply(np.clip(1 - lake, 0, 1) * (y > shore), rgb("#04101a"), 0.5)
    canvas.paint(_pines(rng, 440 - 10 * _line(rng, 3, 3) + 14, 70, (26, 74)), rgb("#02070c"))
    return _photo(canvas, rng)


def snow(mood: int, rng: np.random.Generator) -> Image.Image:
    """Draw snowy hills with a few pines while it snows."""
    skies: tuple[Stops, ...] = (
        ((0, "#8fb1cc"), (0.35, "#c9dbe6"), (0.6, "#f3e9e2")),
        ((0, "#7d86b5"), (0.35, "#c7b6d2"), (0.6, "#f7d3c4")),
        ((0, "#24375a"), (0.35, "#4b6a92"), (0.6, "#93aac4")),
    )
    light, shadow = (("#fbfaf7", "#a9c0d6"), ("#fdf1ec", "#a3a3cc"), ("#cfdcec", "#4f6a92"))[mood]
    canvas = _sky(skies[mood])
    _, y = grid(SIZE_PX)
    far = 214 - 46 * _line(rng, 3, 6)
    canvas.paint(_below(far), mix(rgb(shadow), canvas.pixels[200, 0].tolist(), 0.45))
    for layer in range(4):
        hill = 232 + layer * 58 - (24 + 8 * layer) * _line(rng, 1.5, 2, 0.35)
        trees = _pines(rng, (hill + 6).astype(np.float32), 26 - 5 * layer, (22 + 18 * layer, 44 + 30 * layer))
        tree = mix(rgb("#22443f"), rgb(shadow), 0.62 - 0.2 * layer)
        canvas.paint(trees, tree)
        canvas.glow(trees * smoothstep(0.55, 0.75, clouds(SIZE_PX, rng, (50, 40), 2)), rgb(light), 0.75)
        mask = _below(hill)
        canvas.paint(mask, rgb(light))
        slope = np.gradient(hill)[None, :]
        deep = np.clip((y - hill[None, :]) / 95, 0, 1)
        canvas.paint(mask * np.clip(0.12 + slope * 1.6 + deep * 0.55, 0, 1), rgb(shadow), 0.8)
    flakes = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    flakes[rng.integers(0, HEIGHT, 620), rng.integers(0, WIDTH, 620)] = rng.uniform(0.4, 1, 620)
    canvas.glow(np.clip(blur(flakes, 1) * 6, 0, 1), WHITE, 0.85)
    canvas.glow(np.clip(blur(flakes * (flakes > 0.86), 2) * 22, 0, 1), WHITE, 0.75)
    return _photo(canvas, rng)


def fields(mood: int, rng: np.random.Generator) -> Image.Image:
    """Draw rows of flowers that run to the horizon, under a wide sky."""
    skies: tuple[Stops, ...] = (
        ((0, "#5b6fae"), (0.3, "#c38fb4"), (0.46, "#fbcf9e")),
        ((0, "#3f8ac6"), (0.3, "#9ccbe6"), (0.46, "#e9f2ea")),
        ((0, "#6f86a8"), (0.3, "#e3b79b"), (0.46, "#ffe3ac")),
    )
    bloom, leaf = (("#8467b8", "#3b4a4a"), ("#e0566a", "#3d6b3a"), ("#f2c230", "#5d7a33"))[mood]
    canvas = _sky(skies[mood])
    x, y = grid(SIZE_PX)
    horizon, vanish = 204.0, WIDTH * (0.6, 0.42, 0.5)[mood]
    puffs = smoothstep(0.5, 0.78, clouds(SIZE_PX, rng, (4, 7), 5)) * smoothstep(horizon, 60, y)
    canvas.paint(puffs, mix(WHITE, canvas.pixels[190, 0].tolist(), 0.3), 0.8)
    if mood != 1:
        _disc(canvas, vanish, 176, 20, rgb("#fff0c0"), halo=64)
    for layer, tone in enumerate((0.6, 0.35)):
        hills = horizon - 10 + layer * 8 - (22 - 8 * layer) * _line(rng, 3 + layer, 4)
        canvas.paint(_below(hills), mix(mix(rgb(leaf), rgb("#5a6f8a"), 0.5), canvas.pixels[190, 0].tolist(), tone))
    depth = np.maximum(y - horizon, 0.6) / (HEIGHT - horizon)
    row = (x - vanish) / (depth * 120)
    swell = 0.5 + 0.5 * np.cos(row * 2 * np.pi)
    crest = smoothstep(0.28, 0.62, swell)
    far = np.clip(1.25 - depth * 7, 0, 1)
    crest = crest * (1 - far) + 0.62 * far
    land = np.clip(y - horizon + 0.5, 0, 1) * np.ones_like(x)
    canvas.paint(land, mix(rgb(leaf), (0, 0, 0), 0.25))
    canvas.paint(land * crest, rgb(bloom))
    canvas.glow(
        land * crest * smoothstep(0.6, 1, swell) * np.clip(0.2 + 0.8 * np.sin(row * 2 * np.pi + 2.4), 0, 1), WHITE, 0.22
    )
    tufts = _tufts(rng, horizon)
    canvas.multiply(land * smoothstep(0.55, 0.2, tufts), mix(rgb(leaf), (0, 0, 0), 0.2), 0.6)
    canvas.glow(land * crest * smoothstep(0.62, 0.9, tufts), mix(rgb(bloom), WHITE, 0.45), 0.45)
    canvas.paint(
        land * np.exp(-depth * 9),
        canvas.pixels[196:197, :, :].mean(axis=(0, 1)) * np.ones((HEIGHT, WIDTH, 3), dtype=np.float32),
        0.42,
    )
    return _photo(canvas, rng)


def _tufts(rng: np.random.Generator, horizon: float) -> F32:
    """Give flowers from 0 to 1: noise that is fine far away and coarse in front."""
    out = np.full((HEIGHT, WIDTH), 0.5, dtype=np.float32)
    top = int(horizon)
    while top < HEIGHT:
        size = 1.6 + (top - horizon) * 0.022
        bottom = min(HEIGHT, top + max(6, round(size * 5)))
        band = rng.random((max(3, round((bottom - top) / size)), round(WIDTH / size))).astype(np.float32)
        out[top:bottom] = resize(band, (WIDTH, bottom - top))
        top = bottom
    return out


def _photo(canvas: Canvas, rng: np.random.Generator) -> Image.Image:
    """Finish as a photograph: corners a little darker, fine grain."""
    x, y = grid(SIZE_PX)
    corner = np.clip(np.hypot((x - WIDTH / 2) / float(WIDTH), (y - HEIGHT / 2) / float(HEIGHT)) - 0.35, 0, 1)
    canvas.multiply(corner, (0.1, 0.1, 0.15), 0.8)
    canvas.grain(rng, 0.009)
    return canvas.image()


MOODS = 3
SCENES: dict[str, Callable[[int, np.random.Generator], Image.Image]] = {
    "mountains": mountains,
    "sea": sea,
    "skyline": skyline,
    "forest": forest,
    "desert": desert,
    "aurora": aurora,
    "snow": snow,
    "fields": fields,
}


def draw_scene(name: str, mood: int) -> Image.Image:
    """Render one scene in one of its moods (0 to MOODS - 1), each with a landscape of its own."""
    return SCENES[name](mood, np.random.default_rng(2000 + 10 * list(SCENES).index(name) + mood))
