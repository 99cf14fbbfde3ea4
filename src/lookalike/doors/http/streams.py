"""Long answers: produced on a thread, spooled, sent at the client's pace.

So a slow client holds a file, and neither a thread, nor a limiter, nor a read transaction.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING

from starlette.responses import StreamingResponse

from ... import refusals

if TYPE_CHECKING:
    from .limiters import Limiter

_IN_MEMORY_BYTES = 1_000_000
_CHUNK = 1 << 16


async def streamed(limiter: Limiter, pieces: Callable[[], Iterable[bytes]], media_type: str) -> StreamingResponse:
    """Make an answer on a thread of a limiter, and send it.

    Raises:
        StoreFullError: when there is no room to keep it aside.
    """
    kept = await limiter.run(lambda: _kept(pieces()))
    return StreamingResponse(_chunks(kept), media_type=media_type)


def _kept(pieces: Iterable[bytes]) -> IO[bytes]:
    kept = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - closed when all is sent
    try:
        for piece in pieces:
            with refusals.reporting(Path(tempfile.gettempdir())):
                kept.write(piece)
    except BaseException:
        kept.close()
        raise
    kept.seek(0)
    return kept


async def _chunks(kept: IO[bytes]) -> AsyncIterator[bytes]:
    with kept:
        while chunk := kept.read(_CHUNK):
            yield chunk
            await asyncio.sleep(0)
