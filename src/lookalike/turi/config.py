"""The settings of Turi Create that scripts set: how many GPUs it may use. Here all work is done by the processors."""

from __future__ import annotations

_num_gpus = 1


def set_num_gpus(num_gpus: int) -> None:
    """Remember a number of GPUs: 0 or 1; -1 (all) and more than one count as 1. No GPU is used in any case.

    Raises:
        ValueError: for numbers below -1.
    """
    global _num_gpus
    if num_gpus < -1:
        raise ValueError(f"'num_gpus' must be either 0 or 1. This is {num_gpus}.")
    if num_gpus not in (0, 1):
        print(f"num_gpus={num_gpus} is taken as 1.")
    _num_gpus = 1 if num_gpus else 0


def get_num_gpus() -> int:
    """Return the number that was set; 1 at first."""
    return _num_gpus
