"""Run the benchmarks, print one table, and write it as JSON.

python bench/run.py                    everything, with the goals
python bench/run.py --only search      one of them
python bench/run.py --long             also 1,000,000 records to ask
python bench/run.py --quick            tiny sizes, to see that everything runs; the figures mean nothing
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from plan import FULL, LONG, QUICK, planned, tell
from rows import Row, table

BENCHMARKS = (
    "index",
    "search",
    "questions",
    "graph",
    "server",
    "memory",
    "cold",
    "accuracy",
    "relations",
    "duplicates",
    "groups",
    "decisions",
)
_PACKAGES = (
    "lookalike",
    "numpy",
    "pillow",
    "onnxruntime",
    "faiss-cpu",
    "torch",
    "torchvision",
    "imagededup",
    "ImageHash",
    "lancedb",
    "chromadb",
)


def main() -> None:
    sys.path.append(str(Path(__file__).parents[1]))  # for what draws products: tools/samples
    options = _options()
    load = os.getloadavg()[0]
    if load > 0.3:
        tell(f"the machine is busy (load {load:.1f}): the figures will be worse than they are.")
    rows: list[Row] = []
    began = time.time()
    with planned(options.data, QUICK if options.quick else LONG if options.long else FULL) as plan:
        for name in options.only or BENCHMARKS:
            tell(name)
            rows += importlib.import_module(name).measure(plan)
    print(table(rows))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    form = {**_machine(), "load_before": load, "seconds": time.time() - began, "rows": [row.form() for row in rows]}
    options.json.write_text(json.dumps(form, indent=1) + "\n")
    missed = [f"{row.benchmark}: {row.what}" for row in rows if row.met is False]
    print("all goals are met" if not missed else "missed:\n  " + "\n  ".join(missed), file=sys.stderr)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the benchmarks.")
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="One of them; may be repeated.")
    parser.add_argument("--data", help="Folder of labelled pictures; else LOOKALIKE_TEST_DATA.")
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "latest.json")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--long", action="store_true", help="Also the largest collections.")
    size.add_argument("--quick", action="store_true", help="Tiny sizes, to see that everything runs.")
    return parser.parse_args()


def _machine() -> dict[str, Any]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cores": cores, "machine": platform.machine(), "python": platform.python_version(), "versions": _versions()}


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main()
