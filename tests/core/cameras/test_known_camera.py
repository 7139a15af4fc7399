"""What is known of one camera: whole, in halves, and joined from two sources."""

import json

import numpy as np
import pytest
from dust3r.core.cameras.priors import RIGID, KnownCamera, read_known
from dust3r.core.errors import InputError
from PIL import Image

POSE = np.eye(4)
OTHER = np.array([[0.0, -1, 0, 4], [1, 0, 0, 5], [0, 0, 1, 6], [0, 0, 0, 1]])


def test_all_of_k_is_known_only_where_nothing_of_it_is_open():
    K = KnownCamera(focal=50.0, principal_point=(30.0, 20.0)).K
    assert K.tolist() == [[50, 0, 30], [0, 50, 20], [0, 0, 1]]
    assert KnownCamera(focal=50.0, principal_point=(30.0, 20.0), focal_y=60.0).K[1, 1] == 60
    assert KnownCamera(focal=50.0).K is None
    assert KnownCamera(principal_point=(30.0, 20.0)).K is None
    assert KnownCamera(focal=50.0, principal_point=(30.0, 20.0), focal_spread=0.1).K is None


def test_the_parts_are_pose_and_lens():
    assert KnownCamera().parts == ()
    assert KnownCamera(POSE).parts == ("pose",)
    assert KnownCamera(focal=3.0).parts == KnownCamera(principal_point=(1, 2)).parts == ("lens",)
    both = KnownCamera(POSE, 3.0, (1.0, 2.0))
    assert both.parts == ("pose", "lens")
    assert both.only("pose").as_dict() == {"cam2world": POSE.tolist()}
    assert both.only("lens").as_dict() == {"K": [[3, 0, 1], [0, 3, 2], [0, 0, 1]]}
    assert both.only("both") is both


def test_of_two_sources_the_other_wins_half_by_half():
    mine = KnownCamera(POSE, 3.0, (1.0, 2.0))
    joined = mine.joined(KnownCamera(OTHER))
    assert (joined.cam2world == OTHER).all() and joined.focal == 3
    joined = mine.joined(KnownCamera(focal=7.0))
    assert (joined.cam2world == POSE).all() and joined.focal == 7 and joined.principal_point is None
    joined = mine.joined(KnownCamera(principal_point=(5.0, 6.0)))
    assert joined.principal_point == (5, 6) and joined.focal is None
    assert mine.joined(KnownCamera()).as_dict() == mine.as_dict()


@pytest.mark.parametrize(
    "fields",
    [
        {"focal": 0.0},
        {"focal": -1.0},
        {"focal": float("inf")},
        {"focal": 5.0, "focal_y": 0.0, "principal_point": (1, 2)},
        {"focal": 5.0, "focal_spread": -0.1},
        {"focal": 5.0, "focal_spread": float("nan")},
        {"focal": 5.0, "focal_spread": float("inf")},
        {"principal_point": (float("nan"), 1)},
        {"focal": 5.0, "focal_y": 6.0},
        {"cam2world": np.eye(3)},
        {"cam2world": np.full((4, 4), np.nan)},
        {"cam2world": np.diag([1.0, 1, 1, 2])},
        {"cam2world": np.diag([1.0, 1, -1, 1])},
        {"cam2world": np.diag([1 + 2 * RIGID, 1, 1, 1])},
    ],
)
def test_what_no_camera_can_be_is_refused(fields):
    with pytest.raises(InputError, match=r"A known|Pixels that are not square"):
        KnownCamera(**fields)


def test_rounded_poses_are_taken():
    assert KnownCamera(np.diag([1 + 0.4 * RIGID, 1, 1, 1])).parts == ("pose",)


def test_the_spread_of_a_focal_comes_back_and_0_is_not_written():
    assert KnownCamera(focal=5.0, focal_spread=0.25).as_dict() == {"focal": 5.0, "focal_spread": 0.25}
    assert KnownCamera(focal=5.0).as_dict() == {"focal": 5.0}
    assert KnownCamera.from_dict({"focal": 5, "focal_spread": 0.25}).focal_spread == 0.25
    assert KnownCamera.from_dict({"principal_point": [1, 2]}).principal_point == (1.0, 2.0)


@pytest.mark.parametrize(
    "K",
    [
        [[50, 1, 32], [0, 50, 24], [0, 0, 1]],
        [[50, 0, 32], [1, 50, 24], [0, 0, 1]],
        [[50, 0, 32], [0, 50, 24], [1, 0, 1]],
        [[50, 0, 32], [0, 50, 24], [0, 1, 1]],
        [[50, 0, 32], [0, 50, 24], [0, 0, 2]],
    ],
)
def test_a_k_that_is_none_is_refused(K):
    with pytest.raises(InputError, match="skew or another last row"):
        KnownCamera.from_dict({"K": K})


def test_focals_of_both_axes_are_read_and_one_where_they_are_equal():
    camera = KnownCamera.from_dict({"K": [[50, 0, 32], [0, 51, 24], [0, 0, 1]]})
    assert (camera.focal, camera.focal_y, camera.principal_point) == (50, 51, (32, 24))
    assert KnownCamera.from_dict({"K": [[50, 0, 32], [0, 50, 24], [0, 0, 1]]}).focal_y is None


def test_a_cameras_json_speaks_of_the_pixels_of_the_photo_as_it_is_turned(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (64, 48)).save(tmp_path / "a.jpg", exif=exif)
    (tmp_path / "gone.jpg").write_text("no photo")
    photos = [tmp_path / "a.jpg", tmp_path / "gone.jpg"]
    entry = {"focal": 50, "width": 48, "height": 64}
    path = tmp_path / "cameras.json"
    path.write_text(json.dumps({"photos": {"a.jpg": entry, "gone.jpg": entry}}))
    assert {photo.name: camera.focal for photo, camera in read_known(path, photos).items()} == {
        "a.jpg": 50,
        "gone.jpg": 50,  # of a photo that cannot be read the size is not known
    }
    path.write_text(json.dumps({"photos": {"a.jpg": entry | {"width": 64, "height": 48}}}))
    with pytest.raises(InputError, match="64 x 48 pixels, but the photo has 48 x 64"):
        read_known(path, photos)
