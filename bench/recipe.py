"""The recipe alone, in one thread: read and encode each file of a list; run as a program, prints its rate as JSON."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import lookalike


def main() -> None:
    paths = Path(sys.argv[1]).read_text().splitlines()
    with tempfile.TemporaryDirectory() as home, lookalike.open(home) as library:
        describer = library.describer()
        describer.vectors(describer.read(paths[0]))  # loads what is loaded at first use
        read_s, began = 0.0, time.perf_counter()
        for path in paths:
            start = time.perf_counter()
            image = describer.read(path)
            read_s += time.perf_counter() - start
            describer.vectors(image)
        seconds = time.perf_counter() - began
    print(json.dumps({"files": len(paths), "seconds": seconds, "read_ms": 1000 * read_s / len(paths)}))


if __name__ == "__main__":
    main()
