"""The command line."""

from .program import cli as cli
from .program import main as main
