"""Where network pixels lie in the photo, and which numbers can be such a mapping."""

import json
from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.images.pixel_mapping import MOST_PIXELS, MOST_VIEW_PIXELS, PixelMapping

MAPPING = PixelMapping((200, 120), (48, 32), (3.5, 3.25), (16.0, 4.0), 6)


def test_a_pixels_centre_lies_half_a_step_behind_its_corner():
    pixels = MAPPING.photo_pixels()
    assert pixels.shape == (32, 48, 2)
    assert pixels[0, 0].tolist() == [16 + 3.5 / 2, 4 + 3.25 / 2]
    assert pixels[31, 47].tolist() == [16 + 47.5 * 3.5, 4 + 31.5 * 3.25]
    x, y = MAPPING.photo_axes()
    assert (pixels[5, :, 0] == x).all() and (pixels[:, 5, 1] == y).all()
    assert MAPPING.photo_centre == (100, 60)


def test_a_part_of_the_view_keeps_its_pixels_places():
    part = MAPPING.cropped(7, 3, (10, 20))
    assert part.view_size == (10, 20) and part.photo_size == (200, 120)
    np.testing.assert_allclose(part.photo_pixels(), MAPPING.photo_pixels()[3:23, 7:17])


def test_a_mapping_comes_back_from_json():
    assert PixelMapping.from_dict(json.loads(json.dumps(MAPPING.as_dict()))) == MAPPING


@pytest.mark.parametrize(
    "changes",
    [
        {"photo_size": (0, 120)},
        {"photo_size": (200, MOST_PIXELS)},
        {"photo_size": (200.0, 120)},
        {"photo_size": (True, 120)},
        {"photo_size": (200,)},
        {"view_size": (48, 32, 1)},
        {"view_size": (48, -1)},
        {"view_size": (MOST_VIEW_PIXELS + 1, 1)},
        {"scale": (0.0, 1.0)},
        {"scale": (1.0, -1.0)},
        {"scale": (1.0, float("nan"))},
        {"scale": (1.0, float("inf"))},
        {"scale": (1.0,)},
        {"offset": (float("nan"), 0.0)},
        {"offset": (0.0, -float(MOST_PIXELS))},
        {"offset": (float(MOST_PIXELS), 0.0)},
        {"offset": (0.0, 0.0, 0.0)},
        {"exif_orientation": 0},
        {"exif_orientation": 9},
    ],
)
def test_numbers_that_map_nothing_are_refused(changes):
    with pytest.raises(ValueError, match="is no mapping of pixels"):
        PixelMapping.from_dict(MAPPING.as_dict() | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"photo_size": (1, MOST_PIXELS - 1)},
        {"view_size": (MOST_VIEW_PIXELS, 1)},
        {"scale": (0.5, 2e-6)},
        {"offset": (-5.0, 0.5)},
        {"exif_orientation": 1},
        {"exif_orientation": 8},
    ],
)
def test_the_largest_and_smallest_numbers_that_map_are_taken(changes):
    assert PixelMapping.from_dict(MAPPING.as_dict() | changes) == replace(MAPPING, **changes)


def test_other_names_are_refused():
    with pytest.raises(TypeError):
        PixelMapping.from_dict(MAPPING.as_dict() | {"tilt": 3})
