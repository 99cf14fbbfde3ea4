"""The project's own sample pictures, rendered by code with known truth; searching them is left to everyone else."""

from lookalike.samples.gallery import LISTING, count_samples, draw_samples, write_samples
from lookalike.samples.photographs import installed_photographs

__all__ = ["LISTING", "count_samples", "draw_samples", "installed_photographs", "write_samples"]
