"""Draws at random that every store makes alike."""

from __future__ import annotations

import random


def places_drawn(count: int, n: int, seed: int | None) -> set[int]:
    """Draw places, from 0, of `count` records in the order of their ids: n of them, or all where there are fewer."""
    return set(random.Random(seed).sample(range(count), min(n, count)))  # noqa: S311 - no secret
