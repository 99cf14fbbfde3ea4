"""Public-domain photographs that another installed package brings along; nothing is copied or downloaded."""

from importlib.util import find_spec
from pathlib import Path

# What the wheel of scikit-image 0.26 holds and its documentation (skimage/data/_fetchers.py) calls CC0 or public
# domain. Left out: drawings, microscope plates, and what has only "no known restrictions" (coins) or no word (moon).
PUBLIC_DOMAIN = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "retina.jpg",
    "rocket.jpg",
)


def installed_photographs() -> list[Path]:
    """Return the public-domain photographs in the installed scikit-image, by name; none when it is not installed."""
    spec = find_spec("skimage")
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = [Path(folder) / "data" / name for folder in folders for name in PUBLIC_DOMAIN]
    return [path for path in found if path.is_file()]
