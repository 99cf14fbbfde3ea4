"""The seam of the search: what finds the records near a vector, and the pairs of records near each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from ...neighbors import NearestAnswer, NearestQuery, Neighbors, Pairs

if TYPE_CHECKING:
    from ...arrays import F32, I64, U8
    from ...filters import Filter


class Nearest(Protocol):
    """What is near in one collection. Every call sees all writes acknowledged before it, by any process."""

    def search(self, query: NearestQuery, known: NearestAnswer | None = None) -> NearestAnswer:
        """Find the candidates of one query with all their signs, in one snapshot.

        Args:
            known: An answer to the same query with a lower k: what it found of the signs over all records is not
                looked up again, nor are its records read.

        Raises:
            InputError: for an unknown space, and a vector or a ceiling that `neighbors` refuses.

        Cost: that of `neighbors`, a look-up of the signs of the near ones, or a scan of all hashes where those nearest
            do not reach as far as a hash counts, and about 15 us a record that comes along.
        """
        ...

    def neighbors(
        self,
        space: str,
        vectors: F32 | U8,
        k: int,
        *,
        max_distance: float | None = None,
        filter: Filter | None = None,
        exact: bool = False,
    ) -> Neighbors:
        """Find the k nearest records that pass the filter: exactly min(k, matching), nearest first, ties by id.

        Args:
            vectors: (q, d) float32 of unit length, or (q, bytes) uint8 for a Hamming space.
            max_distance: A ceiling that includes its own value; cosine distance 0..2, or bits.
            exact: Take no approximate index, where there is one.

        Raises:
            InputError: for an unknown space; for queries of a wrong shape or dtype, or without direction; and for a k
                below 1 or a ceiling below 0.

        Cost: a scan of the rows that pass, or of some lists of an approximate index where that has the recall that the
            collection wants.
        """
        ...

    def pairs(self, space: str, max_distance: float, *, between: tuple[I64, I64] | None = None) -> Iterator[Pairs]:
        """Yield all pairs of records within a distance, each once and the greater key first, as they are now.

        A store may keep what was found, derived as an index is, so that a later call joins new records alone.

        Args:
            max_distance: A ceiling that includes its own value; cosine distance 0..2, or bits.
            between: Two sets of keys: yield the pairs of one of the first with one of the second instead, in that
                order, a key with itself among them. Keys that are not there are skipped.

        Cost: n^2 d / 2 multiplications for n records, spread over all cores; memory for a few million pairs, however
            many there are.
        """
        ...
