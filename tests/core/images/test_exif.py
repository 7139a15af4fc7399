"""What photos say of their lens and time, from tags as cameras write them."""

import pytest
from dust3r.core.images.exif import LensTags
from PIL import Image

INNER = 0x8769
TAKEN, FRACTION, CHANGED = 0x9003, 0x9291, 0x0132


def tags(outer=None, inner=None):
    exif = Image.Exif()
    exif.update(outer or {})
    exif.get_ifd(INNER).update(inner or {})
    return LensTags.of(exif)


@pytest.mark.parametrize(
    ("outer", "inner", "taken"),
    [
        ({}, {TAKEN: "2024:05:06 07:08:09"}, "2024:05:06 07:08:09"),
        ({}, {TAKEN: "2024:05:06 07:08:09\0", FRACTION: "25 "}, "2024:05:06 07:08:09.25"),
        ({}, {TAKEN: "2024:05:06 07:08:09", FRACTION: "x"}, "2024:05:06 07:08:09"),
        ({CHANGED: "2023:01:02 03:04:05"}, {}, "2023:01:02 03:04:05"),
        ({CHANGED: "2023:01:02 03:04:05"}, {TAKEN: "2024:05:06 07:08:09"}, "2024:05:06 07:08:09"),
        ({}, {TAKEN: "0000:00:00 00:00:00"}, ""),
        ({}, {TAKEN: "yesterday"}, ""),
        ({}, {TAKEN: 7}, ""),
        ({}, {}, ""),
    ],
)
def test_the_moment_is_the_cameras_own_with_its_fraction_or_none(outer, inner, taken):
    assert tags(outer, inner).taken == taken


def test_names_of_camera_and_lens_are_told_apart():
    found = tags({0x010F: "Maker", 0x0110: "Body\0"}, {0xA433: "Glass", 0xA434: " Wide "})
    assert found.camera == ("Maker", "Body") and found.lens == ("Glass", "Wide")
    assert found.identity == (("Maker", "Body"), ("Glass", "Wide"), 0.0, 0.0)
    assert tags({0x0110: "Body"}).identity is not None


@pytest.mark.parametrize(
    ("unit", "density"), [(2, 100), (3, 254), (4, 2540), (5, 2_540_000), (None, 100), (1, 0), (9, 0)]
)
def test_pixels_a_millimetre_follow_from_the_unit(unit, density):
    inner = {0xA20E: 2540.0} | ({} if unit is None else {0xA210: unit})
    assert tags({}, inner).density == pytest.approx(density)


@pytest.mark.parametrize("value", [0, -5, float("nan"), float("inf"), "long", None, b"\1"])
def test_lengths_that_can_be_none_count_as_not_told(value):
    assert tags({}, {} if value is None else {0x920A: value, 0xA405: value}).focal == 0


@pytest.mark.parametrize(
    ("recorded", "size", "focal"),
    [
        ((0, 0), (3000, 2000), 5000),
        ((6000, 0), (3000, 2000), 2500),
        ((6000, 4000), (3000, 2000), 2500),
        ((6000, 4000), (2000, 3000), 2500),  # HEIC comes turned: the long sides are compared
        ((4000, 6000), (3000, 2000), 2500),
        ((0, 4000), (3000, 2000), 5000),
    ],
)
def test_the_focal_shrinks_with_the_photo(recorded, size, focal):
    width, height = recorded
    found = LensTags(focal=50.0, density=100.0, recorded_width=width, recorded_height=height)
    assert found.focal_pixels(size) == pytest.approx(focal)
