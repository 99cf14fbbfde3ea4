"""Logs: a line for each request and each event, for people or as JSON; never a header, a query or a body."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

from ...settings import LogFormat

_SECRET = re.compile(r"(lk_[0-9a-f]{12}_)[0-9a-f]{16,}", re.IGNORECASE)
_FIELDS = ("request_id", "method", "path", "status", "milliseconds", "key", "client", "code")


def set_up(form: LogFormat) -> None:
    """Send the logs of lookalike and of the server below it to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    for name in ("lookalike", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    # What no line of ours says is not looked up: a third of the cost of a line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in _FIELDS if getattr(record, name, None) is not None}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _without_keys(json.dumps(line, ensure_ascii=True))


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        message = record.getMessage().encode("unicode_escape").decode()  # a path may hold anything
        tail = "".join(
            f" {text}"
            for text in (
                f"{record.milliseconds} ms" if hasattr(record, "milliseconds") else "",
                str(getattr(record, "code", None) or ""),
                f"[{record.request_id}]" if hasattr(record, "request_id") else "",
            )
            if text
        )
        trace = "\n" + self.formatException(record.exc_info) if record.exc_info else ""
        return _without_keys(f"{moment} {record.levelname.lower()} {message}{tail}{trace}")


def _without_keys(line: str) -> str:
    """Take secrets out of a line: one may have been sent in a path. The id stays, to say which to rotate."""
    return _SECRET.sub(r"\1...", line)
