"""lookalike finds similar images.

import lookalike

photos = lookalike.open("my-library").collection("photos", create=True)
photos.add("holiday/")
print(photos.search("query.jpg", limit=5))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import errors
from .errors import LookalikeError

if TYPE_CHECKING:
    import os

    from .answers import DuplicateGroup, Edge, Explanation, Match, Member, Relation, Transform
    from .core.collection import Collection
    from .core.duplicates.results import Clusters, DuplicateGroups
    from .core.graph.graph import EdgeArrays, Graph
    from .core.ingest.report import Report
    from .core.library import Library
    from .core.relations.comparison import Comparison
    from .core.search.matches import Matches
    from .records import Failure, Record

__version__ = "0.2.0"

__all__ = [
    "Clusters",
    "Collection",
    "Comparison",
    "DuplicateGroup",
    "DuplicateGroups",
    "Edge",
    "EdgeArrays",
    "Explanation",
    "Failure",
    "Graph",
    "Library",
    "LookalikeError",
    "Match",
    "Matches",
    "Member",
    "Record",
    "Relation",
    "Report",
    "Transform",
    "compare",
    "errors",
    "open",
]

_HOMES = {
    "Clusters": "core.duplicates.results",
    "Collection": "core.collection",
    "Comparison": "core.relations.comparison",
    "DuplicateGroups": "core.duplicates.results",
    "Library": "core.library",
    "Matches": "core.search.matches",
    "Report": "core.ingest.report",
    **dict.fromkeys(("EdgeArrays", "Graph"), "core.graph.graph"),
    **dict.fromkeys(("DuplicateGroup", "Edge", "Explanation", "Match", "Member", "Relation", "Transform"), "answers"),
    **dict.fromkeys(("Failure", "Record"), "records"),
}


def open(home: str | os.PathLike[str] | None = None) -> Library:
    """Open the library in a folder, made when it is not there; without one, the default home."""
    from .core.library import open_library

    return open_library(home)


def compare(a: Any, b: Any) -> Comparison:
    """Compute how alike two pictures are: paths, URLs, bytes, PIL images or arrays, in any mix."""
    from .core.library import open_library

    with open_library() as library:
        return library.compare(a, b)


def __getattr__(name: str) -> Any:
    """Load a public class when it is asked for, so that `import lookalike` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lookalike' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
