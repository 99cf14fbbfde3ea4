"""The catalogue: which product comes in which colors, views and at what price; drawing is left to the drawings."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from .canvas import Canvas, Color, SmallPicture, rgb
from .furniture import armchair
from .tableware import bottle, lamp, mug, vase
from .wearables import backpack, shirt, sneaker

COLORS = {
    "red": "#bb4638",
    "navy": "#27426b",
    "sage": "#82987c",
    "mustard": "#d9a13b",
    "teal": "#2b6a74",
    "charcoal": "#45484e",
    "cream": "#e9dfca",
    "forest": "#2c5a46",
    "blush": "#d99a94",
    "terracotta": "#c0693f",
    "sky": "#7ba6c4",
}


@dataclass(frozen=True)
class Product:
    """Something for sale: the same drawing in every color; `view` is how its first picture is taken."""

    product_id: str
    category: str
    price: float
    colors: tuple[str, ...]
    tags: tuple[str, ...]
    drawing: Callable[[Color, SmallPicture, np.random.Generator], Canvas]
    view: SmallPicture = field(default_factory=SmallPicture)
    second_view: SmallPicture | None = None  # the first color is pictured once more like this


PRODUCTS = (
    Product(
        "mug",
        "kitchen",
        14.0,
        ("red", "sage", "navy", "cream"),
        ("ceramic", "coffee"),
        mug,
        second_view=SmallPicture(mirrored=True),
    ),
    Product("bottle", "kitchen", 29.0, ("teal", "charcoal", "blush", "mustard"), ("steel", "outdoor"), bottle),
    Product("vase", "home", 38.5, ("mustard", "cream", "terracotta", "sky"), ("ceramic", "plant"), vase),
    Product("lamp", "home", 79.0, ("navy", "forest", "terracotta", "cream"), ("light", "ceramic"), lamp),
    Product(
        "sneaker",
        "shoes",
        89.9,
        ("red", "navy", "forest", "mustard"),
        ("suede", "laces"),
        sneaker,
        SmallPicture(scale=0.93),
        SmallPicture(mirrored=True, turn_deg=-8, scale=0.9, shift=(0.0, 12.0)),
    ),
    Product(
        "t-shirt",
        "clothing",
        24.0,
        ("sage", "charcoal", "cream", "sky"),
        ("cotton", "print"),
        shirt,
        second_view=SmallPicture(turn_deg=7, scale=0.92),
    ),
    Product(
        "backpack", "bags", 119.0, ("mustard", "navy", "forest", "charcoal"), ("canvas", "leather", "outdoor"), backpack
    ),
    Product(
        "armchair",
        "furniture",
        459.0,
        ("forest", "blush", "navy", "terracotta"),
        ("velvet", "wood"),
        armchair,
        second_view=SmallPicture(mirrored=True, scale=0.82, shift=(-16.0, 34.0)),
    ),
)


def draw_product(product: Product, color: str, *, second_view: bool = False) -> Image.Image:
    """Render a product in one color. The same thing in another color differs in nothing but its color."""
    view = product.second_view if second_view and product.second_view else product.view
    number = [each.product_id for each in PRODUCTS].index(product.product_id)
    rng = np.random.default_rng(3000 + number)
    canvas = product.drawing(rgb(COLORS[color]), view, rng)
    canvas.grain(rng, 0.006)
    return canvas.image()
