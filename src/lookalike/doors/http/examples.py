"""Examples of answers, for the OpenAPI document; by the name of their model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_COLLECTION = {
    "name": "shoes",
    "title": "Shoes of spring",
    "type": "products",
    "keep": "auto",
    "records": 2,
    "fields": ["price"],
    "product_id_field": "sku",
    "encoder": "builtin",
    "encoder_digest": "5b1c…+2",
    "created_at": "2026-01-31T09:30:00.000+00:00",
    "changed_at": "2026-01-31T09:31:00.000000+00:00",
    "calibration": None,
    "bytes_on_disk": 212992,
    "bytes_kept": 180224,
    "search": "exact",
    "recall_target": 0.99,
    "recall": 1.0,
}
_RECORD = {
    "id": "7",
    "source": "https://shop.example/7.jpg",
    "metadata": {"price": 30},
    "tags": ["red"],
    "content_hash": "1f2e…",
    "format": "jpeg",
    "size_px": [800, 600],
    "byte_size": 81920,
    "created_at": "2026-01-31T09:31:00.000000+00:00",
    "updated_at": "2026-01-31T09:31:00.000000+00:00",
}
_REVIEWED = {
    **_RECORD,
    "score": 1.0,
    "relation": None,
    "confidence": None,
    "decision": None,
    "taken": "2025-07-30T18:12:05",
    "changed_at": None,
}
_RUN = {
    "batch": "4f1d0c2b9a7e",
    "at": "2026-01-31T09:35:00.000000+00:00",
    "files": 1,
    "bytes": 81920,
    "folder": "/home/me/.local/share/lookalike/trash/2026-01-31T09.35.00Z",
}
_RESIZED = {"relation": "resized", "confidence": 0.95}
_DECISION = {
    "id": "4f1d0c2b9a7e",
    "at": "2026-01-31T09:35:00.000000+00:00",
    "decision": "delete",
    "collection": "shoes",
    "batch": "4f1d0c2b9a7e",
    "ids": ["8"],
    "beside": ["7"],
    "moved_to": None,
}
_FAILURE = {"source": "line 2", "code": "image_undecodable", "message": "cannot decode line 2: its bytes are text."}
_OUTCOMES = [
    {"place": 0, "id": "7", "outcome": "added"},
    {"place": 1, "id": "", "outcome": "failed", **_FAILURE},
]
_JOB = {
    "id": "20260131-093200-4f1d0c2b",
    "collection": "shoes",
    "folder": None,
    "state": "running",
    "step": None,
    "prepared": 0,
    "total": 1000,
    "done": 128,
    "counts": {"added": 127, "failed": 1},
    "removed": 0,
    "error": None,
    "created_at": "2026-01-31T09:32:00+00:00",
    "started_at": "2026-01-31T09:32:00+00:00",
    "ended_at": None,
}
_FOLDER = {"path": "Pictures/2024", "name": "2024", "pictures": 1204, "is_all": True, "has_folders": True}
_KEY = {
    "id": "4f1d0c2b9a7e",
    "name": "shop",
    "scope": "read",
    "collections": ["shoes"],
    "quotas": {"collections": None, "images": None, "bytes": None, "requests_per_s": 20},
    "created_at": "2026-01-31T09:00:00+00:00",
    "expires_at": "2026-05-01T09:00:00+00:00",
    "revoked_at": None,
}

ANSWERS: Mapping[str, Any] = {
    "RecordsChanged": {
        "changed": 2,
        "failed": [{"id": "9", "code": "record_not_found", "message": "there is no record of this id."}],
    },
    "Compacted": {"bytes_before": 425984, "bytes_after": 212992, "decisions_left": []},
    "CollectionInfo": _COLLECTION,
    "CollectionList": {"collections": [_COLLECTION]},
    "Record": _RECORD,
    "FoundRecord": {**_RECORD, "has_original": True},
    "AddedRecord": {**_RECORD, "outcome": "added"},
    "RecordList": {"records": [_RECORD], "next": None},
    "Report": {
        **{"added": 1, "updated": 0, "unchanged": 0, "moved": 0, "skipped": 0, "removed": 0},
        "failed": [_FAILURE],
        "seconds": 0.05,
        "outcomes": _OUTCOMES,
    },
    "Matches": {
        "query": {"source": "id:7", "limit": 5},
        "collection": "shoes",
        "count": 1,
        "next": None,
        "matches": [
            {
                "id": "7",
                "score": 1.0,
                "distance": 0.0,
                "rank": 1,
                "relation": "identical",
                "confidence": 1.0,
                "source": "https://shop.example/7.jpg",
                "metadata": {"price": 30},
                "tags": ["red"],
            }
        ],
    },
    "ScoreHistogram": {"counts": [0, 3, 5, 1, 1], "count": 10},
    "FacetList": {
        "count": 3,
        "facets": [
            {
                "field": "price",
                "records": 3,
                "values": [{"value": 30, "count": 2}, {"value": 45, "count": 1}],
                "distinct": 2,
                "minimum": 30,
                "maximum": 45,
            }
        ],
    },
    "Comparison": {
        "score": 0.97,
        "distance": 0.03,
        "distances": {"semantic": 0.03, "copy": 0.05},
        "relation": "cropped",
        "details": ["cropped", "reencoded"],
        "transform": {
            "matrix": [[1.0, 0.0, -80.0], [0.0, 1.0, -60.0]],
            "scale": 1.0,
            "angle_deg": 0.0,
            "mirrored": False,
            "crop_a": [80, 60, 640, 480],
            "crop_b": [0, 0, 640, 480],
        },
        "inliers": 97,
        "agreement": 0.98,
        "confidence": 0.99,
        "elapsed_ms": 96.1,
        "explanation": {
            "a": {"size_px": [800, 600], "outline": [[80, 60], [720, 60], [720, 540], [80, 540]], "likeness": None},
            "b": {"size_px": [640, 480], "outline": [[0, 0], [640, 0], [640, 480], [0, 480]], "likeness": None},
            "places": [[104.2, 88.0, 24.1, 28.2]],
            "changed": 0.0,
            "difference": {"of": "a", "picture": "iVBORw0KGgo…"},
            "picture": "iVBORw0KGgo…",
        },
    },
    "DuplicateGroups": {
        "groups": [
            {
                "representative": "7",
                "min_score": 0.98,
                "members": [
                    {"id": "7", "score": 1.0, "relation": None, "confidence": None},
                    {"id": "8", "score": 0.98, "relation": "resized", "confidence": 0.98},
                ],
            }
        ],
        "count": 1,
        "unseen": 0,
    },
    "Clusters": {"threshold": 0.9, "clusters": [["7", "8"]], "count": 1},
    "ReviewPage": {
        "groups": [
            {
                "members": [
                    _REVIEWED,
                    {**_REVIEWED, "id": "8", "score": 0.97, "relation": "resized", "confidence": 0.87},
                ],
                "gain_bytes": 81920,
            }
        ],
        "open": 1,
        "later": 0,
        "matching": 1,
        "decided": 6,
        "gain_bytes": 81920,
        "relations": {"resized": 1},
        "folders": {"2025": 1, "2025/july": 1},
        "next": None,
    },
    "ReviewProgress": {"work": "finding", "done": 512, "total": 1247},
    "Marked": {
        "marked": [
            {
                **_RECORD,
                "id": "8",
                "taken": None,
                "changed_at": "2026-01-30T18:12:05+00:00",
                "decision": "4f1d0c2b9a7e",
                "kept": "7",
                "freed_bytes": 81920,
                "obstacle": None,
            }
        ],
        "count": 1,
        "ready": 1,
        "bytes": 81920,
        "next": None,
        "may_move": True,
        "reason": None,
        "folder": "/home/me/.local/share/lookalike/trash",
        "command": "lookalike decisions apply --collection shoes --trash ~/lookalike-trash",
        "runs": [],
    },
    "Moved": {
        "batch": "4f1d0c2b9a7e",
        "moved": [{"from": "/home/me/8.jpg", "to": f"{_RUN['folder']}/home/me/8.jpg"}],
        "failed": [],
        "bytes": 81920,
        "runs": [_RUN],
    },
    "BestOfGroups": {
        "groups": [{"keep": ["7"], "delete": ["8"], "left": []}],
        "count": 1,
        "deleted": 1,
        "left": 0,
        "freed_bytes": 81920,
        "batch": None,
    },
    "DecisionForm": _DECISION,
    "DecisionList": {"decisions": [_DECISION], "count": 1, "next": None},
    "Undone": {"undone": [_DECISION]},
    "Merged": {"added": 2, "read": 3},
    "FolderList": {"path": "Pictures", "folders": [_FOLDER], "left_out": 0},
    "JobForm": _JOB,
    "JobList": {"jobs": [_JOB]},
    "OutcomeList": {"outcomes": _OUTCOMES, "next": None},
    "KeyInfo": _KEY,
    "KeyList": {"keys": [_KEY]},
    "FreshKey": {**_KEY, "key": "lk_4f1d0c2b9a7e_…"},
    "Session": {"key_needed": True, "key": _KEY, "version": "0.2.0", "home": None, "max_image_bytes": 64_000_000},
    "Health": {"status": "ok"},
}
