"""Color profiles: from a wide gamut to sRGB. All of it may fail, and then the colors stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image as PILImage

    Transform = Callable[[PILImage.Image], PILImage.Image]


@lru_cache(maxsize=16)
def srgb_transform(profile: bytes) -> Transform | None:
    """Build the map from an RGB profile to sRGB; None where the profile is broken or color management is missing."""
    try:
        from PIL import ImageCms

        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "RGB", "RGB")
    except Exception:  # a profile is metadata: a broken one is not a reason to refuse good pixels
        return None

    def convert(image: PILImage.Image) -> PILImage.Image:
        try:
            return ImageCms.applyTransform(image, transform) or image
        except (OSError, ValueError, ImageCms.PyCMSError):
            return image

    return convert


def lab_to_rgb(image: PILImage.Image) -> PILImage.Image:
    """Convert a picture of mode "LAB" (CIELAB, 8 bit) to sRGB."""
    from PIL import ImageCms

    converted = ImageCms.applyTransform(image, _lab_transform())
    assert converted is not None  # it is not done in place
    return converted


@lru_cache(maxsize=1)
def _lab_transform() -> Any:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(lab, srgb, "LAB", "RGB")
