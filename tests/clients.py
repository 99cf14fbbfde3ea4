"""The vendors' own, unmodified clients: installed, pinned, into environments of their own, and driven from tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from platformdirs import user_cache_dir

PROCESS = Path(__file__).with_name("client_process.py")
NODE_PROCESS = Path(__file__).with_name("client_process.cjs")


class ClientError(Exception):
    """What a client raised."""


class Client:
    """One client object in a process of its own; its methods are called as if it were here."""

    def __init__(self, process: subprocess.Popen[str], name: str, **options: Any) -> None:
        self._process, self._name, self._options = process, name, options

    def __getattr__(self, method: str) -> Any:
        return lambda *args, **kwargs: self._ask({"call": method, "args": args, "kwargs": kwargs, **self._options})

    def _ask(self, call: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"name": self._name, **call}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise ClientError(f"{answer['error']}: {answer['message']}")
        return answer["result"]


@contextmanager
def client(python: Path, path: str, *args: Any, **kwargs: Any) -> Iterator[Client]:
    """Make a client of the class at "module:Class", in its environment."""
    with _running([str(python), str(PROCESS)]) as process:
        made = Client(process, "client")
        made._ask({"make": path, "args": args, "kwargs": kwargs})
        yield made


@contextmanager
def node_client(folder: Path, path: str, *args: Any, callback: bool = False) -> Iterator[Client]:
    """Make a Node client of the class at "module:Class", in the folder where it is installed."""
    with _running(["node", str(NODE_PROCESS)], cwd=folder) as process:
        made = Client(process, "client", callback=callback)
        made._ask({"make": path, "args": args})
        yield made


@contextmanager
def _running(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
    try:
        yield process
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        process.wait(20)


def opened(path: Path) -> dict[str, str]:
    """An argument that is the open file of a path."""
    return {"open": str(path)}


def environment(name: str, *steps: list[str]) -> Path:
    """Give the Python of an environment with a vendor's client, made at first use.

    LOOKALIKE_CLIENTS names the folder of the environments; without it they are in the user's cache. Each step is what
    `pip install` is told. What cannot be installed fails the test.
    """
    folder = _root() / f"{name}-py{sys.version_info.major}.{sys.version_info.minor}"
    python, ready = folder / "bin" / "python", folder / ".ready"
    wanted = json.dumps(steps)
    if not ready.exists() or ready.read_text() != wanted:
        _run(sys.executable, "-m", "venv", "--clear", str(folder))
        for step in steps:
            _run(str(python), "-m", "pip", "install", "-q", *step)
        ready.write_text(wanted)
    return python


def node_environment(package: str) -> Path:
    """Give the folder where a vendor's Node client is installed, made at first use; without npm the test is skipped."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("no npm here: Node clients are tested where there is one")
    folder = _root() / ("node-" + package.replace("/", "-"))
    if not (folder / ".ready").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _run("npm", "install", "--silent", "--no-audit", "--no-fund", package, cwd=folder)
        (folder / ".ready").touch()
    return folder


def _root() -> Path:
    return Path(os.environ.get("LOOKALIKE_CLIENTS") or user_cache_dir("lookalike-tests", appauthor=False))


def _run(*command: str, **options: Any) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, **options)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
