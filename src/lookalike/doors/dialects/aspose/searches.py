"""Searches of the Aspose dialect: similar images, duplicates, comparison, tags."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from ....query import VERIFIED
from ...http.bodies import apart, budget_of
from ...http.paths import Name
from ...http.replies import Refusal
from ...http.state import on_pictures, state_of
from ..wire import refused, score_reaching
from . import replies, tags
from .requests import check_storage, content_of, context, first_file, image_id_in, number_in, source_for, text_in

_MOST_COUNT = 10_000
_COUNT = 10

router = APIRouter(prefix="/ai/imageSearch")


@router.get("/{context_id}/findSimilar")
@router.post("/{context_id}/findSimilar")
async def find_similar(request: Request, context_id: Name) -> Response:
    """Find the images of a context that look like one that is sent, or of the context or storage."""
    content, image_id = await content_of(request), text_in(request, "imageId")
    conditions = _conditions(request)
    if content is None and image_id is None:
        raise refused("no image to search with: send one, or name one by imageId.")

    def work() -> list[tuple[str, float]]:
        collection = context(request, context_id, "read")
        source = content or source_for(request, collection, image_id or "")
        looked_at = min(conditions["limit"], VERIFIED)
        return [(match.id, match.score) for match in collection.search(source, verify=looked_at, **conditions)]

    return replies.answer(request, replies.results(await on_pictures(request, [b""], work)))


@router.get("/{context_id}/findDuplicates")
async def find_duplicates(request: Request, context_id: Name) -> Response:
    """Find groups of images that are alike; similarities are those to the first of each."""
    threshold = score_reaching(number_in(request, "similarityThreshold", 90, least=0, most=100))

    def work() -> list[list[tuple[str, float]]]:
        groups = context(request, context_id, "read").duplicates(threshold=threshold)
        return [[(member.id, member.score) for member in group.members] for group in groups]

    return replies.answer(request, replies.duplicates(await state_of(request).limiters.long.run(work)))


@router.post("/{context_id}/compare")
async def compare(request: Request, context_id: Name) -> Response:
    """Compute how alike two images are: one by id, the other by id or as content."""
    content = await content_of(request)
    first, second = image_id_in(request, "imageId1"), text_in(request, "imageId2")
    if content is None and second is None:
        raise refused("nothing to compare with: send an image, or name one by imageId2.")

    def work() -> float:
        collection = context(request, context_id, "read")
        other = content or source_for(request, collection, second or "")
        return collection.compare(source_for(request, collection, first), other).score

    score = await on_pictures(request, [b""], work)
    return replies.answer(request, replies.results([("" if content else second or "", score)]))


@router.post("/{context_id}/addTag")
async def add_tag(request: Request, context_id: Name) -> Response:
    """Store an image under the name of a tag; the same name again replaces it."""
    content, tag = await content_of(request), image_id_in(request, "tagName")
    if content is None:
        raise refused("a tag needs an image: send one.")

    def work() -> None:
        tags.add(request, context(request, context_id, "write"), tag, content)

    await on_pictures(request, [content], work)
    return replies.answer(request)


@router.post("/{context_id}/findByTags")
async def find_by_tags(request: Request, context_id: Name) -> Response:
    """Find the images that look like the reference image of any of some tags."""
    conditions, named = _conditions(request), await _named_tags(request)

    def work() -> list[tuple[str, float]]:
        collection = context(request, context_id, "read")
        references = [tags.reference(request, collection, tag) for tag in named]
        best: dict[str, float] = {}
        for reference in references:
            for match in collection.search(reference, verify=0, **conditions):
                best[match.id] = max(match.score, best.get(match.id, 0.0))
        return sorted(best.items(), key=lambda one: (-one[1], one[0]))[: conditions["limit"]]

    return replies.answer(request, replies.results(await on_pictures(request, [b""], work)))


def _conditions(request: Request) -> dict[str, Any]:
    """Read how similar and how many the results are to be."""
    threshold = number_in(request, "similarityThreshold", 0, least=0, most=100)
    count = number_in(request, "maxCount", _COUNT, least=1, most=_MOST_COUNT)
    check_storage(request, "storage")
    return {"threshold": score_reaching(threshold), "limit": int(count)}


async def _named_tags(request: Request) -> list[str]:
    """Read the names of tags: JSON, as a part `tags` or as the whole body."""
    part = await first_file(request, "tags")
    named: Any = None
    if part is not None:
        data, budget = part.data, budget_of(request)
        try:
            named = await apart(request, lambda: budget.parse(data), len(data), budget)
        except Refusal as refusal:
            if refusal.code != "body_malformed":
                raise
    if not isinstance(named, list) or not named or not all(isinstance(tag, str) for tag in named):
        raise refused('the tags are missing: send a JSON list of their names, such as ["boat"].')
    distinct = list(dict.fromkeys(named))
    most = state_of(request).settings.limits.max_images_per_request
    if len(distinct) > most:  # a search each
        raise refused(f"{len(distinct):,} tags in one request; {most:,} may be. Send fewer at once.")
    return distinct
