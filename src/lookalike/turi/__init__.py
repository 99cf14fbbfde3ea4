"""Turi Create's image similarity on lookalike's encoder: `from lookalike import turi as tc`; see `docs/turi.md`."""

from __future__ import annotations

from .. import __version__
from ..extras import require

require("pyarrow", "pandas", extra="turi", needed_for="lookalike.turi")

from . import aggregate, config, image_analysis, image_similarity, toolkits, visualization
from .image import Image
from .image_similarity import load_model
from .sarray import SArray
from .sframe import SFrame, load_sframe
from .sgraph import SGraph
from .toolkits._main import ToolkitError

__all__ = [
    "Image",
    "SArray",
    "SFrame",
    "SGraph",
    "ToolkitError",
    "__version__",
    "aggregate",
    "config",
    "image_analysis",
    "image_similarity",
    "load_model",
    "load_sframe",
    "toolkits",
    "visualization",
]
