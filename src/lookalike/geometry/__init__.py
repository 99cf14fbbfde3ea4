"""Geometry: two small upright pictures → the map between them, and what speaks for it. It decides nothing."""

from .agreement import Agreement, measure_agreement
from .alignment import Alignment, align
from .changes import Changes, measure_changes
from .content import DETAIL_SIDE_PX, Content, find_content, reach_px
from .content_match import Match, match_contents
from .features import Features, find_features, read_features
from .frames import Overlay, covered_share, frame_map, inverse, overlay
from .registration import Registration, SmallPicture, closer_overlay, laid_by, register, shown_outline
from .rewriting import are_drawn, may_be_drawn, rewritten_share
from .small_version import CLOSE_SIDE_PX, SIDE_PX, mean_difference, small_version, square_version
from .surroundings import Surroundings, measure_surroundings
from .templates import are_graphics, has_other_color, has_other_part, may_be_graphics, refined
from .traces import Traces, read_traces, table_quality, traces_of

__all__ = [
    "CLOSE_SIDE_PX",
    "DETAIL_SIDE_PX",
    "SIDE_PX",
    "Agreement",
    "Alignment",
    "Changes",
    "Content",
    "Features",
    "Match",
    "Overlay",
    "Registration",
    "SmallPicture",
    "Surroundings",
    "Traces",
    "align",
    "are_drawn",
    "are_graphics",
    "closer_overlay",
    "covered_share",
    "find_content",
    "find_features",
    "frame_map",
    "has_other_color",
    "has_other_part",
    "inverse",
    "laid_by",
    "match_contents",
    "may_be_drawn",
    "may_be_graphics",
    "mean_difference",
    "measure_agreement",
    "measure_changes",
    "measure_surroundings",
    "overlay",
    "reach_px",
    "read_features",
    "read_traces",
    "refined",
    "register",
    "rewritten_share",
    "shown_outline",
    "small_version",
    "square_version",
    "table_quality",
    "traces_of",
]
