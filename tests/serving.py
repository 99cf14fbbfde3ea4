"""A real server in its own process, for tests that speak HTTP."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
from conftest import draw

API = "/api/v1"
ADDRESS = re.compile(r"at (http://\S+)")


class Served:
    """A server process over a home, and a client for it."""

    def __init__(self, home: Path, *options: str, **environment: str) -> None:
        self.home = home
        self.log = home.parent / f"{home.name}.log"
        self._environment = {**os.environ, "LOOKALIKE_HOME": str(home), **environment}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "lookalike", "serve", "--port", "0", *options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self._environment,
            )
        assert self.process.stdout is not None
        found = ADDRESS.search(self.process.stdout.readline())
        assert found, self.log.read_text()
        self.url = found.group(1)
        self.http = httpx.Client(base_url=self.url, timeout=60)
        wait_for(lambda: self.get("/readyz").status_code == 200)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.http.post(path, **options)

    def create(self, name: str, **options: Any) -> str:
        """Make a collection, and give the path of its records."""
        made = self.post(f"{API}/collections", json={"name": name, **options})
        assert made.status_code == 201, made.text
        return f"{API}/collections/{name}/records"

    def command(self, *arguments: str, may_fail: bool = False) -> str:
        """Run a command on the same home, and give what it prints; also what it complains of, where it may fail."""
        done = subprocess.run(
            [sys.executable, "-m", "lookalike", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if may_fail:
            return done.stdout or done.stderr
        assert done.returncode == 0, done.stderr
        return done.stdout

    def worker_ids(self) -> list[int]:
        """Give the process ids of everything below the server."""
        return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]

    def stop(self) -> int:
        """End it as a service manager does, and give its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def kill(self) -> None:
        """End it as a power failure does."""
        self.process.kill()
        self._ended()

    def _ended(self) -> int:
        self.http.close()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(60)


@contextmanager
def served(home: Path, *options: str, **environment: str) -> Iterator[Served]:
    server = Served(home, *options, **environment)
    try:
        yield server
    finally:
        server.stop()


def at_once(works: Iterable[Callable[[], Any]]) -> None:
    """Do all of some works at the same time, each on a thread of its own, and wait for them."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def wait_for(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait until a condition gives something true, and give it."""
    ends = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.02)
    return found


def jpeg(seed: int, size: tuple[int, int] = (320, 240)) -> bytes:
    stream = io.BytesIO()
    draw(seed, size).save(stream, "JPEG", quality=92)
    return stream.getvalue()


def small_copy(seed: int) -> bytes:
    """Give the picture of a seed, made smaller."""
    stream = io.BytesIO()
    draw(seed).resize((200, 150)).save(stream, "JPEG", quality=92)
    return stream.getvalue()


def picture_file(seed: int, name: str = "") -> dict[str, Any]:
    """Give the argument `files` of an upload."""
    return {"file": (name or f"{seed}.jpg", jpeg(seed), "image/jpeg")}


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """Give status and error code of a failure, whose body is as it should be."""
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "request_id"}
    assert error["request_id"] == answer.headers["x-request-id"]
    assert error["message"]
    return answer.status_code, error["code"]
