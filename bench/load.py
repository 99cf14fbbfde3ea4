"""A load generator: so many clients at once (run as a program: `load.py ADDRESS KIND CLIENTS FOLDER`)."""

from __future__ import annotations

import http.client
import itertools
import json
import secrets
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

_BASE = "/api/v1/collections"
_NAME = "pictures"
_STORED = 200  # records that are there for searches by id

Request = tuple[str, str, bytes, dict[str, str]]


def main() -> None:
    address, kind, clients, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    pictures = [(path.name, path.read_bytes()) for path in sorted(folder.rglob("*.jpg"))]
    if kind == "create":
        body = json.dumps({"name": _NAME, "keep": "thumbnail"}).encode()
        jobs: list[Request] = [("POST", _BASE, body, {"Content-Type": "application/json"})]
        jobs += [_upload(name, data) for name, data in pictures[:_STORED]]
    else:
        jobs = [_REQUESTS[kind](*picture, number) for number, picture in enumerate(pictures)]
    print(json.dumps(_run(address, jobs, clients)))


def _upload(name: str, data: bytes) -> Request:
    return "POST", f"{_BASE}/{_NAME}/records?id={name}", data, {"Content-Type": "image/jpeg"}


def _fresh(name: str, data: bytes, number: int) -> Request:
    return _upload(f"{secrets.token_hex(4)}-{name}", data + secrets.token_bytes(4))


def _by_picture(name: str, data: bytes, number: int) -> Request:
    mark = secrets.token_hex(8)
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    body = head + data + f"\r\n--{mark}--\r\n".encode()
    return "POST", f"{_BASE}/{_NAME}/search", body, {"Content-Type": f"multipart/form-data; boundary={mark}"}


def _by_id(name: str, data: bytes, number: int) -> Request:
    body = json.dumps({"source": f"id:{number % _STORED:06d}.jpg"}).encode()
    return "POST", f"{_BASE}/{_NAME}/search", body, {"Content-Type": "application/json"}


def _mixed(name: str, data: bytes, number: int) -> Request:
    return (_fresh, _by_picture, _by_id, _by_id)[number % 4](name, data, number)


_REQUESTS: dict[str, Callable[[str, bytes, int], Request]] = {
    "upload": _fresh,
    "search by picture": _by_picture,
    "search by photo": _by_picture,
    "search by id": _by_id,
    "mixed": _mixed,
}


def _run(address: str, jobs: list[Request], clients: int) -> dict[str, float]:
    times, errors, counter = [0.0] * len(jobs), [0], itertools.count()
    place = urlsplit(address)

    def client() -> None:
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=120)
        while (number := next(counter)) < len(jobs):
            began = time.perf_counter()
            method, path, body, headers = jobs[number]
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            answer.read()
            times[number] = time.perf_counter() - began
            if answer.status >= 300:
                errors[0] += 1
                print(answer.status, path, file=sys.stderr)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    began, own = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    return {
        "rate": len(jobs) / seconds,
        "p50_ms": 1000 * float(np.percentile(times, 50)),
        "p99_ms": 1000 * float(np.percentile(times, 99)),
        "client_cpu_ms": 1000 * (time.process_time() - own) / len(jobs),
        "errors": errors[0] + sum(one == 0.0 for one in times),
    }


if __name__ == "__main__":
    main()
