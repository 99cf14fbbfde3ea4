"""The project's own sample pictures, with known truth; searching them is left to everyone else."""

from .photographs import installed_photographs
from .shipped import LISTING, count_samples, write_each_sample, write_samples

__all__ = ["LISTING", "count_samples", "installed_photographs", "write_each_sample", "write_samples"]
