"""What the alignment is told of lenses: the user's word first, then EXIF's, in the photo's own pixels."""

from pathlib import Path

import numpy as np
import pytest
import torch
from dust3r.core.alignment.known import focal_groups
from dust3r.core.cameras.priors import (
    NOTHING,
    KnownCamera,
    Priors,
    in_square_pixels,
    lens_notices,
    lenses_of,
    priors_of,
)
from dust3r.core.errors import InputError
from dust3r.core.images.exif import EXIF_SPREAD, FULL_FRAME, LensTags
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.images.preprocessing import View
from dust3r.core.settings import AlignmentSettings

MINE = LensTags(("Mine", "One"), focal=50.0, density=40.0)
EXIF, NO_EXIF = AlignmentSettings(), AlignmentSettings(exif_focal=False)


def _view(name: str, tags: LensTags, size: tuple[int, int] = (300, 200), orientation: int = 1) -> View:
    mapping = PixelMapping(size, (6, 4), (size[0] / 6, size[1] / 4), exif_orientation=orientation)
    return View(name, Path("/photos", name), torch.zeros(3, 4, 6), np.ones((4, 6), bool), mapping, tags)


def test_exifs_focal_is_told_roughly_where_it_is_wanted_and_the_user_says_nothing():
    views = [_view("a.jpg", MINE), _view("b.jpg", MINE), _view("c.jpg", LensTags())]
    priors = Priors({Path("/photos/b.jpg"): KnownCamera(focal=1234.5)})
    told = priors_of(views, priors, EXIF)
    assert [camera.focal for camera in told] == [2000, 1234.5, None]
    assert [camera.focal_spread for camera in told] == [EXIF_SPREAD, 0, 0]
    assert [camera.focal_source for camera in told[:2]] == ["exif", "known"]
    assert [camera.focal for camera in priors_of(views, priors, NO_EXIF)] == [None, 1234.5, None]


def test_a_known_pose_leaves_the_focal_to_exif():
    (camera,) = priors_of([_view("a.jpg", MINE)], Priors({Path("/photos/a.jpg"): KnownCamera(np.eye(4))}), EXIF)
    assert camera.parts == ("pose", "lens") and camera.K is None


def test_the_recorded_width_is_that_of_the_rows_as_stored():
    tags = LensTags(focal=50.0, density=40.0, recorded_width=600)
    for orientation, size in ((1, (300, 200)), (6, (200, 300))):
        (camera,) = priors_of([_view("a.jpg", tags, size, orientation)], NOTHING, EXIF)
        assert camera.focal == 1000


def test_one_camera_shares_its_focal_however_it_was_held():
    views = [_view("a", MINE), _view("b", MINE, (200, 300), 6), _view("c", MINE, (600, 400)), _view("d", LensTags())]
    groups = focal_groups("exif", [view.mapping.photo_size for view in views], lenses_of(views)).tolist()
    assert groups == [0, 0, 2, 3]
    sizes = [view.mapping.photo_size for view in views]
    assert focal_groups("size", sizes, None).tolist() == [0, 1, 2, 0]
    assert focal_groups("off", sizes, None).tolist() == [0, 1, 2, 3]
    with pytest.raises(InputError, match="exif needs photos"):
        focal_groups("exif", sizes, None)


def test_what_exif_lacks_is_said_once_and_only_where_it_was_asked():
    views = [_view("a.jpg", MINE), _view("b.jpg", LensTags())]
    assert lens_notices(views, EXIF) == []
    (camera,) = lens_notices(views, AlignmentSettings(shared_focal="exif"))
    assert "b.jpg" in camera and "a.jpg" not in camera


@pytest.mark.parametrize(
    "tags",
    [
        LensTags(focal_35=28, recorded_width=3000, recorded_height=3000),
        LensTags(focal_35=28, recorded_width=400, recorded_height=300),
        LensTags(focal_35=1),
        LensTags(focal_35=60000),
        LensTags(focal=50, density=4000),
    ],
)
def test_a_focal_that_no_lens_has_or_of_a_photo_that_was_cropped_since_is_not_used_and_that_is_said(tags):
    views = [_view("a.jpg", tags), _view("b.jpg", MINE)]
    assert [camera.focal for camera in priors_of(views, NOTHING, EXIF)] == [None, 2000]
    (notice,) = lens_notices(views, EXIF)
    assert "a.jpg is not used" in notice and "b.jpg" not in notice
    assert lens_notices(views, NO_EXIF) == []


@pytest.mark.parametrize("recorded", [(6000, 4000), (4000, 6000), (302, 200)])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_photo_that_was_only_made_smaller_or_turned_keeps_its_focal(recorded, orientation):
    tags = LensTags(focal_35=28, recorded_width=recorded[0], recorded_height=recorded[1])
    size = (300, 200) if orientation == 1 else (200, 300)
    (camera,) = priors_of([_view("a.jpg", tags, size, orientation)], NOTHING, EXIF)
    assert camera.focal == pytest.approx(28 / FULL_FRAME * np.hypot(300, 200))


def test_a_camera_and_focal_length_in_mm_alone_state_no_focal_in_pixels():
    (camera,) = priors_of([_view("a.jpg", LensTags(("Mine", "One"), focal=4.2))], NOTHING, EXIF)
    assert camera.focal is None


def test_a_stretched_photo_has_square_pixels_and_the_same_rays():
    camera, view = KnownCamera(focal=300.0, principal_point=(140.0, 90.0), focal_y=240.0), _view("a.jpg", MINE)
    (mapping,), (square,) = in_square_pixels([view], [camera])
    rays = (view.mapping.photo_pixels() - (140, 90)) / (300, 240)
    np.testing.assert_allclose((mapping.photo_pixels() - square.principal_point) / square.focal, rays, atol=1e-12)
    assert in_square_pixels([view], [KnownCamera(focal=3.0)])[0] == [view.mapping]
