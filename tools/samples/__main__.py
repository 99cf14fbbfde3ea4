"""Draw all sample pictures anew: `python -m tools.samples` in the root of the repository."""

import argparse
from pathlib import Path

from .gallery import draw_samples

SHIPPED = Path(__file__).parents[2] / "src" / "lookalike" / "samples" / "pictures"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=SHIPPED, help="The folder; that of the package by default.")
    folder = parser.parse_args().output
    count = draw_samples(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"drew {count} pictures, {size:,} bytes with their list, into {folder}")
