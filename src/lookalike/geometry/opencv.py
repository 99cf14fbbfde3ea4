"""OpenCV, loaded at first need, with one thread for each call: callers bring the threads."""

from __future__ import annotations

from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def opencv() -> Any:
    """Return the module. Its own threads, and those of a BLAS, wait for each other in busy loops beside ours."""
    import cv2

    cv2.setNumThreads(1)
    return cv2
