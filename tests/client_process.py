"""Runs a vendor's own client in its own environment: calls come in as lines of JSON, what they gave goes out.

    {"name": "client", "make": "module:Class", "args": [...], "kwargs": {...}}   keeps an object under a name
    {"name": "client", "call": "method", "args": [...], "kwargs": {...}}         calls a method of it

An argument {"open": path} is an open file, {"ref": name} an object made before, and {"make": ..., "kwargs": ...} a
fresh one. Answers are {"result": ...} or {"error": type, "message": text}.
"""

import importlib
import json
import os
import sys

objects = {}
out, sys.stdout = sys.stdout, sys.stderr  # clients print, and the answers must stay lines of JSON


def made(path, args, kwargs):
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)(*args, **kwargs)


def argument(value):
    if isinstance(value, dict):
        if set(value) == {"open"}:
            return open(value["open"], "rb")
        if set(value) == {"ref"}:
            return objects[value["ref"]]
        if set(value) == {"make", "kwargs"}:
            return made(value["make"], [], {name: argument(one) for name, one in value["kwargs"].items()})
        return {name: argument(one) for name, one in value.items()}
    return [argument(one) for one in value] if isinstance(value, list) else value


def plain(value):
    """Give what a client answered as JSON; of model objects, what they hold."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return [plain(one) for one in value] if hasattr(value, "__iter__") else str(value)


for line in sys.stdin:
    asked = json.loads(line)
    args = [argument(one) for one in asked.get("args", [])]
    kwargs = {name: argument(one) for name, one in asked.get("kwargs", {}).items()}
    try:
        if "make" in asked:
            objects[asked["name"]] = made(asked["make"], args, kwargs)
            answer = {"result": None}
        else:
            answer = {"result": plain(getattr(objects[asked["name"]], asked["call"])(*args, **kwargs))}
    except Exception as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps(answer), file=out, flush=True)

out.flush()
os._exit(0)  # one of the clients has threads that would never end
