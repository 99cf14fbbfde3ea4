"""Core values as the JSON that every native door speaks; the same names on the command line and over HTTP."""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..answers import DuplicateGroup, Match
    from ..arrays import F32
    from ..core.decisions.ledger import Event
    from ..core.duplicates.results import Clusters, DuplicateGroups
    from ..core.ingest.report import Report
    from ..core.relations.comparison import Comparison
    from ..core.relations.explanation import PairEvidence
    from ..core.removal.applying import Applied
    from ..core.removal.plan import Removal
    from ..core.review.review import BestOf
    from ..core.search.matches import Matches
    from ..core.upkeep import Compacted
    from ..errors import LookalikeError
    from ..records import Record


def matches_form(found: Matches) -> dict[str, Any]:
    """Return the reply of `find`."""
    form = {
        "query": dict(found.query),
        "collection": found.collection,
        "count": len(found),
        "next": found.next,
        "matches": [match_form(match) for match in found],
    }
    given = {
        "left_out": found.left_out or None,
        "unknown": list(found.unknown) or None,
        "explanation": None if found.explanation is None else asdict(found.explanation),
    }
    return form | {name: value for name, value in given.items() if value is not None}


def match_form(match: Match) -> dict[str, Any]:
    """Return a match; what only some searches give stands in it only where it was given."""
    form = {
        "id": match.id,
        "score": match.score,
        "distance": match.distance,
        "rank": match.rank,
        "relation": match.relation,
        "source": match.source,
        "metadata": dict(match.metadata),
        "tags": list(match.tags),
    }
    members = None if match.members is None else [match_form(member) for member in match.members]
    given = {
        "confidence": match.confidence,
        "size_px": match.size_px and list(match.size_px),
        "parts": match.parts and dict(match.parts),
        "members": members,
        "hidden": match.hidden,
        "file_gone": match.is_gone or None,
    }
    return form | {name: value for name, value in given.items() if value is not None}


def compacted_form(compacted: Compacted) -> dict[str, Any]:
    """Return the reply of `compact`."""
    return {
        "bytes_before": compacted.bytes_before,
        "bytes_after": compacted.bytes_after,
        "decisions_left": list(compacted.decisions),
    }


def clusters_form(found: Clusters) -> dict[str, Any]:
    """Return the reply of `clusters`."""
    return {"threshold": found.threshold, "clusters": [list(ids) for ids in found], "count": len(found)}


def comparison_form(compared: Comparison, evidence: PairEvidence | None = None) -> dict[str, Any]:
    """Return the reply of `compare`, and why where that was asked for."""
    form = {
        "score": compared.score,
        "distance": compared.distance,
        "distances": dict(compared.distances),
        "relation": compared.relation,
        "details": list(compared.details),
        "transform": None if compared.transform is None else asdict(compared.transform),
        "inliers": compared.inliers,
        "agreement": compared.agreement,
        "confidence": compared.confidence,
        "other_colors": compared.related is not None and compared.related.other_colors,
        "frames": None if compared.related is None else list(compared.related.frames),
        "elapsed_ms": compared.elapsed_ms,
    }
    return form if evidence is None else form | {"explanation": evidence_form(evidence)}


def evidence_form(evidence: PairEvidence) -> dict[str, Any]:
    """Return why two pictures are said to be related; its pictures are PNG as base64."""
    maps = (None, None) if evidence.likeness is None else tuple(_rounded(one, 3) for one in evidence.likeness)
    sides = [
        {"size_px": list(size), "outline": _rounded(outline, 1), "likeness": likeness}
        for size, outline, likeness in zip(evidence.size_px, evidence.outlines, maps, strict=True)
    ]
    layer = evidence.difference_png()
    return {
        "a": sides[0],
        "b": sides[1],
        "places": _rounded(evidence.places, 1),
        "changed": evidence.changed,
        "difference": layer and {"of": evidence.frame, "picture": base64.b64encode(layer).decode()},
        "picture": base64.b64encode(evidence.png).decode(),
    }


def _rounded(values: F32, digits: int) -> Any:
    """Return an array as lists of short numbers."""
    return values.astype("float64").round(digits).tolist()


def duplicates_form(found: DuplicateGroups) -> dict[str, Any]:
    """Return the reply of `duplicates`."""
    return {"groups": [group_form(group) for group in found], "count": len(found), "unseen": found.unseen}


def group_form(group: DuplicateGroup) -> dict[str, Any]:
    """Return one group of the reply of `duplicates`."""
    members = [
        {"id": one.id, "score": one.score, "relation": one.relation, "confidence": one.confidence}
        for one in group.members
    ]
    return {"representative": group.representative, "min_score": group.min_score, "members": members}


def report_form(report: Report) -> dict[str, Any]:
    """Return the reply of `index` and `import`."""
    return {
        "added": report.added,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "moved": report.moved,
        "skipped": report.skipped,
        "removed": report.removed,
        "failed": [{"source": f.source, "code": f.code, "message": f.message} for f in report.failed],
        "seconds": round(report.seconds, 3),
    }


def record_form(record: Record) -> dict[str, Any]:
    """Return a record, as `get` and `update` answer it."""
    return {
        "id": record.id,
        "source": record.source,
        "name": record.facts.name,
        "metadata": dict(record.metadata),
        "tags": list(record.tags),
        "content_hash": record.content_hash,
        "format": record.format,
        "size_px": list(record.size_px),
        "byte_size": record.byte_size,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
    }


def decision_form(event: Event) -> dict[str, Any]:
    """Return a decision; its pictures are told by the ids that their records had."""
    return {
        "id": event.id,
        "at": event.at,
        "decision": event.kind,
        "collection": event.collection,
        "batch": event.batch,
        "ids": [picture.id for picture in event.pictures],
        "beside": [picture.id for picture in event.beside],
        "moved_to": event.moved_to,
    }


def best_form(found: Sequence[BestOf]) -> dict[str, Any]:
    """Return what keeping the best of each group means."""
    return {
        "groups": [{"keep": list(one.kept), "delete": list(one.deleted), "left": list(one.left)} for one in found],
        "count": len(found),
        "deleted": sum(len(one.deleted) for one in found),
        "left": sum(len(one.left) for one in found),
        "freed_bytes": sum(one.freed_bytes for one in found),
    }


def removal_form(removal: Removal) -> dict[str, Any]:
    """Return a file that is to go."""
    obstacle = removal.obstacle
    return {
        "id": removal.record.id,
        "source": removal.record.source,
        "byte_size": removal.record.byte_size,
        "decision": removal.event.id,
        "kept": None if removal.kept is None else removal.kept.id,
        "gained": dict(removal.gained),
        "elsewhere": list(removal.elsewhere),
        "obstacle": None if obstacle is None else {"code": obstacle.code, "message": obstacle.message},
    }


def applied_form(applied: Applied) -> dict[str, Any]:
    """Return what became of files that were to go, or to come back."""
    return {
        "batch": applied.batch,
        "moved": [{"from": source, "to": target} for source, target in applied.moved],
        "failed": [{"source": f.source, "code": f.code, "message": f.message} for f in applied.failed],
        "bytes": applied.bytes,
    }


def error_form(error: LookalikeError) -> dict[str, Any]:
    """Return an error with its stable code."""
    return {"error": {"code": error.code, "message": error.message}}
