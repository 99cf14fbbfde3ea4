"""Connections: all that a server has open, the deadlines that they keep, and who makes room when all are taken.

There are fewer than file handles. When all are taken, the one that has kept us waiting longest is closed. Where none
waits, a few more are taken for health checks alone, so that a busy server can be told from a dead one.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ...settings import Serving

SPARE = "lookalike.spare"  # in the scope of a request that may only ask for health
_MOST_CONNECTIONS = 4096
_SPARES = 16  # for health checks of a full server
_MOST_LARGE_HEADS = 256  # at a time


class Member(Protocol):
    """A connection, as far as its place among the others matters."""

    is_spare: bool
    is_leaving: bool

    def check(self, now: float) -> None:
        """Close the connection where its client is overdue."""
        ...

    def waits(self, now: float) -> tuple[int, float] | None:
        """Return since when we wait for the client, behind how much it would lose; None where it waits for us."""
        ...

    def leave(self) -> None:
        """Close the connection at once."""
        ...


class Connections:
    """All connections of a server, and the deadlines that they keep. Used from the event loop."""

    def __init__(self, serving: Serving) -> None:
        self.header_s, self.body_s = serving.header_timeout_s, serving.body_timeout_s
        self.most = serving.max_connections or _as_many_as_handles()
        self.members: set[Member] = set()
        self.large_heads: set[Member] = set()  # of which only so many may be under way

    @property
    def most_streams(self) -> int:
        """How many of the connections may be streams of events, which last."""
        return max(1, self.most // 4)

    def enter(self, connection: Member) -> bool:
        """Take a connection in, and return whether it is a spare one."""
        if len(self.members) >= self.most:
            self._make_room(spare=False)
        is_spare = sum(not one.is_leaving for one in self.members) >= self.most
        if is_spare and sum(one.is_spare and not one.is_leaving for one in self.members) >= _SPARES:
            self._make_room(spare=True)
        self.members.add(connection)
        return is_spare

    @property
    def is_full_of_heads(self) -> bool:
        """Whether so many large heads are under way that no other may grow large."""
        return len(self.large_heads) > _MOST_LARGE_HEADS

    async def watch(self) -> None:
        """Close what is overdue, for as long as the server runs."""
        pause = min(1.0, self.header_s / 5, self.body_s / 5)
        while True:
            await asyncio.sleep(pause)
            now = asyncio.get_running_loop().time()
            for connection in list(self.members):
                connection.check(now)

    def _make_room(self, *, spare: bool) -> None:
        """Close the connection that has kept us waiting longest; those without any request under way first."""
        now = asyncio.get_running_loop().time()
        waiting = [(one.waits(now), one) for one in self.members if one.is_spare is spare and not one.is_leaving]
        longest = min((rank for rank, _ in waiting if rank is not None), default=None)
        for rank, connection in waiting:
            if rank is not None and rank == longest:
                connection.leave()
                return


def _as_many_as_handles() -> int:
    """A quarter of the file handles that this process may have; the others are for collections, workers and jobs."""
    if sys.platform == "win32":
        return _MOST_CONNECTIONS
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    handles = 8 * _MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else soft
    return max(8, min(_MOST_CONNECTIONS, handles // 4 - _SPARES))
