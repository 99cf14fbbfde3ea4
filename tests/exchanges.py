"""Golden exchanges: curl commands as people without a client send them, and the answers that they have to get.

A golden file is a list of {"about", "curl", "status", "answer"}. In the command $url and $name stand for values. In an
answer a text that begins with ~ is a pattern for what cannot be the same each time; what its named groups match is a
value for the commands that follow. Every other part of an answer has to be equal, and no more may be there.
"""

from __future__ import annotations

import json
import re
import shlex
import string
import subprocess
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent / "golden"


def play(name: str, **values: str) -> int:
    """Send the commands of a golden file in order, check the answers, and say how many there were."""
    exchanges = json.loads((GOLDEN / name).read_text())
    for exchange in exchanges:
        command = [string.Template(word).substitute(values) for word in shlex.split(exchange["curl"])]
        status, body = _curl(command)
        told = f"{exchange['about']}: {body[:500]!r}"
        assert status == exchange["status"], told
        _compare(json.loads(body) if body else None, exchange["answer"], values, told)
    return len(exchanges)


def _curl(arguments: list[str]) -> tuple[int, bytes]:
    done = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", *arguments], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    body, _, status = done.stdout.rpartition(b"\n")
    return int(status), body


def _compare(seen: Any, wanted: Any, values: dict[str, str], told: str) -> None:
    if isinstance(wanted, str) and wanted.startswith("~"):
        assert isinstance(seen, str), told
        found = re.fullmatch(wanted[1:], seen)
        assert found, f"{told}\n{seen!r} is not like {wanted!r}"
        values.update(found.groupdict())
    elif isinstance(wanted, dict):
        assert isinstance(seen, dict), told
        assert sorted(seen) == sorted(wanted), told
        for name, one in wanted.items():
            _compare(seen[name], one, values, told)
    elif isinstance(wanted, list):
        assert isinstance(seen, list), told
        assert len(seen) == len(wanted), told
        for mine, theirs in zip(seen, wanted, strict=True):
            _compare(mine, theirs, values, told)
    else:
        assert (type(seen), seen) == (type(wanted), wanted), told
