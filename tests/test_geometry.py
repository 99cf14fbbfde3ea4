"""The maps between two small pictures, and what is measured once they lie over each other."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import PIL.Image
import pytest

from lookalike.errors import InputError
from lookalike.geometry import (
    SIDE_PX,
    Features,
    SmallPicture,
    align,
    find_features,
    frame_map,
    inverse,
    measure_agreement,
    overlay,
    read_features,
    register,
    small_version,
)

if TYPE_CHECKING:
    from lookalike.arrays import U8


@pytest.fixture(scope="module")
def pixels(data: Path) -> U8:
    return small_version(np.asarray(PIL.Image.open(data / "general" / "airplanes" / "001.jpg").convert("RGB")))


def turned(pixels: U8, degrees: float, scale: float = 1.0) -> U8:
    picture = PIL.Image.fromarray(pixels).rotate(-degrees, PIL.Image.Resampling.BICUBIC, expand=True)
    size = (round(picture.width * scale), round(picture.height * scale))
    return np.asarray(picture.resize(size, PIL.Image.Resampling.BICUBIC))


# --- features ---------------------------------------------------------------------------------------------------


def test_features_survive_their_bytes(pixels: U8) -> None:
    found = find_features(pixels)
    again = read_features(bytes(found))
    assert len(found) > 100
    assert bytes(again) == bytes(found)
    assert again.size_px == (pixels.shape[1], pixels.shape[0])
    assert len(bytes(found)) == 10 + 135 * len(found)


@pytest.mark.parametrize("data", [b"", b"lkf1", b"lkf1\1\0\1\0\1\0too short", b"another format" * 20])
def test_bytes_that_are_no_features_are_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="Find them anew"):
        read_features(data)


def test_features_are_mirrored_without_a_second_look(pixels: U8) -> None:
    mirrored = find_features(np.ascontiguousarray(pixels[:, ::-1]))
    found = align(find_features(pixels).mirrored(), mirrored)
    assert found is not None
    assert found.cells > 50
    assert np.allclose(found.matrix, [[1, 0, 0], [0, 1, 0]], atol=0.6)


def test_a_flat_picture_has_no_features_and_no_map() -> None:
    flat = find_features(np.full((200, 300, 3), 127, np.uint8))
    assert len(flat) == 0
    assert bytes(read_features(bytes(flat))) == bytes(flat)
    assert align(flat, flat) is None


# --- maps -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [0, 20, 90, 155, 270])
@pytest.mark.parametrize("scale", [0.6, 1.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_map_between_turned_pictures_is_found(pixels: U8, degrees: float, scale: float, mirrored: bool) -> None:
    first = np.ascontiguousarray(pixels[:, ::-1]) if mirrored else pixels
    second = turned(pixels, degrees, scale)
    found = align(find_features(first), find_features(second))
    assert found is not None
    middle = np.array([first.shape[1] / 2, first.shape[0] / 2])
    assert np.allclose(found.matrix[:, :2] @ middle + found.matrix[:, 2], np.array(second.shape[1::-1]) / 2, atol=2)
    cos, sin = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    wanted = np.array([[cos, -sin], [sin, cos]]) @ np.diag([-1.0 if mirrored else 1.0, 1.0])
    assert np.allclose(found.matrix[:, :2], wanted, atol=0.02)


@pytest.mark.parametrize(("turns", "mirrored"), list(itertools.product(range(4), (False, True))))
def test_whole_frames_are_laid_over_each_other_in_all_eight_states(pixels: U8, turns: int, mirrored: bool) -> None:
    other = np.rot90(pixels, turns)
    other = np.ascontiguousarray(other[:, ::-1] if mirrored else other)
    laid = overlay(pixels, other, frame_map(pixels, other))
    assert laid.covered == pytest.approx((1, 1), abs=1e-6)
    assert np.abs(laid.a.astype(int) - laid.b)[laid.shared].mean() < 1


def test_a_map_and_its_inverse_cancel() -> None:
    matrix = np.array([[0.5, -0.2, 30], [0.3, 0.8, -4]])
    back = inverse(matrix)
    assert np.allclose(back[:, :2] @ (matrix[:, :2] @ (7, 9) + matrix[:, 2]) + back[:, 2], (7, 9))


def test_the_same_pictures_give_the_same_registration_each_time(pixels: U8) -> None:
    part = np.ascontiguousarray(pixels[20:-30, 40:-20])
    matrices = [register(SmallPicture(pixels), SmallPicture(part)).matrix for _ in range(2)]
    assert np.array_equal(*matrices)


# --- agreement --------------------------------------------------------------------------------------------------


def test_a_copy_agrees_nearly_everywhere_and_a_shifted_one_hardly(pixels: U8) -> None:
    same = measure_agreement(overlay(pixels, pixels, np.array([[1.0, 0, 0], [0, 1, 0]])))
    shifted = measure_agreement(overlay(pixels, pixels, np.array([[1.0, 0, 9], [0, 1, 7]])))
    assert same.share == same.exact == 1
    assert shifted.share < 0.5


def test_blur_alone_does_not_lower_the_agreement(pixels: U8) -> None:
    import cv2

    blurred = np.asarray(cv2.GaussianBlur(pixels, (0, 0), 4.0))
    assert register(SmallPicture(pixels), SmallPicture(blurred)).agreement.share > 0.95


def test_a_pattern_agrees_with_itself_at_wrong_places_too() -> None:
    levels = np.where(np.arange(320) % 8 < 4, 230, 40).astype(np.uint8)
    stripes = np.ascontiguousarray(np.repeat(np.tile(levels, (240, 1))[..., None], 3, 2))
    found = register(SmallPicture(stripes), SmallPicture(stripes)).agreement
    assert (found.share, found.repeats) == (1, 1)


def test_the_small_version_keeps_what_is_small_and_the_shape_of_what_is_large() -> None:
    assert small_version(np.zeros((9, 20, 3), np.uint8)).shape == (9, 20, 3)
    assert small_version(np.zeros((1000, 2000, 3), np.uint8)).shape == (SIDE_PX // 2, SIDE_PX, 3)
    assert isinstance(SmallPicture(np.zeros((9, 20, 3), np.uint8)).features, Features)
