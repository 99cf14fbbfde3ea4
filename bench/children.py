"""Child processes: the command line and our own measuring scripts, each with its time and its peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Child:
    """What became of a child: wall time, processor time, the most memory it held at once, and what it printed."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    printed: str

    def json(self) -> Any:
        """Parse its last line, where our own scripts print their result."""
        return json.loads(self.printed.strip().splitlines()[-1])


def run(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> Child:
    """Run a command to its end.

    Raises:
        RuntimeError: when it fails, with the end of what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "usage.json"
        launch = [sys.executable, "-S", "-E", str(_HERE / "launcher.py"), str(target), *command]
        done = subprocess.run(launch, capture_output=True, text=True, env={**os.environ, **(env or {})}, check=False)
        usage = json.loads(target.read_text()) if target.exists() else {"code": -1}
    if usage["code"] != 0:
        raise RuntimeError(f"{' '.join(command[:4])} ended with {usage['code']}: {done.stderr[-2000:]}")
    return Child(usage["seconds"], usage["cpu_seconds"], usage["peak_bytes"], done.stdout)


def run_together(commands: Sequence[Sequence[str]]) -> list[Child]:
    """Run several commands at once, and give what became of each."""
    with ThreadPoolExecutor(len(commands)) as pool:
        return list(pool.map(run, commands))


def lookalike(*arguments: str | Path) -> list[str]:
    """Give a command of the installed command line."""
    installed = Path(sys.executable).parent / "lookalike"
    return [*([str(installed)] if installed.exists() else [sys.executable, "-m", "lookalike"]), *map(str, arguments)]


def script(name: str, *arguments: str | Path) -> list[str]:
    """Give the command that runs a module of this folder as a program."""
    return [sys.executable, str(_HERE / f"{name}.py"), *map(str, arguments)]
