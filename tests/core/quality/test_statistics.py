"""A reconstruction's figures: what they are where the truth is known, and which photos they call weak."""

import json
from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.cameras.evidence import CameraEvidence
from dust3r.core.flaws import FLAWS
from dust3r.core.geometry.camera import unproject
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.quality.measure import measure
from dust3r.core.quality.statistics import Statistics
from dust3r.core.reconstruction.depth_sampling import depth_at
from dust3r.core.reconstruction.result import Reconstruction
from dust3r.core.settings import ReconstructionSettings
from dust3r.tests.core.cleanup_scene import make_view, room_views


def of(views, min_confidence=1.0, hide=()):
    settings = ReconstructionSettings(min_confidence=min_confidence, hide=tuple(hide))
    return Reconstruction(tuple(views), "synthetic@0", settings, "0.1.0")


def named(views):
    return [replace(view, name=f"{k}.png") for k, view in enumerate(views)]


def walls(offsets, scales, distance=2.0, confidence=None):
    """Photos 64 pixels wide (focal 64) of one wall seen head-on, side by side; their depths wrong by factors."""
    views = []
    for k, (offset, scale) in enumerate(zip(offsets, scales, strict=True)):
        pose = np.eye(4)
        pose[0, 3] = offset
        sure = np.full((48, 64), 5.0 if confidence is None else confidence[k])
        views.append(make_view(np.full((48, 64), distance * scale), sure, cam2world=pose, name=f"{k}.png"))
    return views


def test_photos_that_are_right_agree_to_a_fraction_of_a_pixel():
    found = measure(of(named(room_views(4))))
    assert found.placed == 4 and found.weakest == ()
    assert found.reprojection < 0.02
    assert found.disagreement < 1e-3
    assert all(photo.shared > 0.5 for photo in found.photos)


def test_reprojection_is_what_the_baseline_makes_of_a_wrong_depth():
    """A wall at z that another photo, b aside, puts at s z comes back f b (1/z - 1/(s z)) pixels aside."""
    found = measure(of(walls((0.0, 0.2), (1.0, 1.04))))
    expected = 64 * 0.2 * (1 / 2 - 1 / 2.08)
    assert found.photos[0].reprojection == pytest.approx(expected, abs=1e-5)
    assert found.disagreement == pytest.approx(np.log(1.04), abs=1e-5)


def test_reprojection_counts_in_pixels_of_the_photo_and_not_of_the_network():
    views = walls((0.0, 0.2), (1.0, 1.04))
    K = np.array([[256, 0, 128], [0, 256, 96], [0, 0, 1.0]])
    mapping = PixelMapping((256, 192), (64, 48), (4.0, 4.0))
    large = [replace(view, mapping=mapping, K=K) for view in views]
    small, big = measure(of(views)).photos[0], measure(of(large)).photos[0]
    assert big.reprojection == pytest.approx(4 * small.reprojection, rel=1e-6)
    assert (big.shared, big.side) == (small.shared, 256)


def test_what_something_hides_is_no_disagreement():
    near = walls((0.0, 0.2, 0.4), (1.0, 1.0, 1.0))
    depth = near[1].depth.copy()
    depth[10:38, 20:44] = 0.5  # a box before the second photo alone
    found = measure(of([near[0], replace(near[1], depth=depth), near[2]]))
    assert found.photos[0].reprojection < 1e-5


def test_the_share_that_another_photo_shows_is_the_overlap_of_their_pictures():
    found = measure(of(walls((0.0, 1.0), (1.0, 1.0))))  # half of a wall 2 wide
    assert [photo.shared for photo in found.photos] == pytest.approx([0.5, 0.5], abs=0.02)


def test_hidden_points_count_for_nothing():
    views = walls((0.0, 0.2), (1.0, 1.0))
    sure, depth = views[1].confidence.copy(), views[1].depth.copy()
    sure[:, 32:], depth[:, 32:] = 1.2, 1.0
    found = measure(of([views[0], replace(views[1], confidence=sure, depth=depth)], 2.0))
    assert found.photos[1].shown == 0.5
    assert found.photos[1].confidence == 5.0
    assert found.points == 64 * 48 * 3 // 2
    assert found.reprojection < 1e-5
    flaws = np.where(sure < 2, 1, 0).astype(np.uint8)
    flawed = [replace(views[0], flaws=np.zeros_like(flaws)), replace(views[1], depth=depth, flaws=flaws)]
    assert measure(of(flawed, 1.0, ("floaters",))).points == found.points


def problems(views, min_confidence=1.0):
    return {photo.name: " ".join(photo.problems) for photo in measure(of(views, min_confidence)).weakest}


def test_a_photo_is_named_with_the_reason_for_which_it_is_weak():
    right = (0.0, 0.1, 0.2, 0.3)
    assert problems(walls(right, (1, 1, 1, 1))) == {}
    assert problems(walls(right, (1, 1, 1, 1), confidence=(5, 5, 5, 1.5))) == {
        "3.png": "the network is unsure of it (confidence 1.50, usually 5.00)"
    }
    aside = problems(walls((0, 0.1, 0.2, 30), (1, 1, 1, 1)))
    assert aside == {"3.png": "other photos show only 0% of what it shows"}
    alone = [replace(view, component=int(k == 1)) for k, view in enumerate(walls(right, (1, 1, 1, 1)))]
    assert problems(alone) == {"1.png": "it could not be connected with the other photos"}
    wrong = problems(walls((0, 0.1, 0.2, 0.3, 0.4), (1, 1, 1, 1, 0.8)))
    assert list(wrong) == ["4.png"] and "px aside" in wrong["4.png"]


def test_a_photo_of_which_little_is_shown_is_named():
    views = walls((0.0, 0.1, 0.2), (1, 1, 1))
    sure = np.full((48, 64), 5.0, np.float32)
    sure[:, 6:] = 1.1
    assert "only 9% of its pixels are shown" in problems([*views[:2], replace(views[2], confidence=sure)], 2.0)["2.png"]


def test_one_photo_alone_has_nothing_to_agree_with_and_is_not_weak():
    found = measure(of(walls((0.0,), (1,))))
    assert found.reprojection is None and found.weakest == ()
    assert "No two photos show the same place" in found.summary()


def test_the_photos_without_a_place_are_named_first():
    views = walls((0, 0.1, 0.2, 0.3), (1, 1, 1, 1), confidence=(1.2, 5, 5, 5))
    weakest = measure(of([*views[:3], replace(views[3], component=1)])).weakest
    assert [photo.name for photo in weakest] == ["3.png", "0.png"]


def test_sentences_are_translated_before_their_figures_come_in():
    words = {
        "{} of {} photos connected": "{} von {} Fotos verbunden",
        "the network is unsure of it (confidence {:.2f}, usually {:.2f})": "unsicher: {:.2f} statt {:.2f}",
    }
    found = measure(of(walls((0, 0.1, 0.2, 0.3), (1, 1, 1, 1), confidence=(5, 5, 5, 1.5))))
    german = [
        *found.summary(lambda text: words.get(text, text)),
        *found.problems_of(found.weakest[0], words.__getitem__),
    ]
    assert (german[0], german[-1]) == ("4 von 4 Fotos verbunden", "unsicher: 1.50 statt 5.00")


def test_figures_read_back_from_json_are_the_same():
    views = walls((0, 0.1, 30), (1, 1, 1))
    views[0] = replace(views[0], focal_source="exif", evidence=CameraEvidence("photos", 40, 0.5, 0.1, 0.01))
    result = replace(of(views), synthetic=True)
    found = measure(result)
    assert Statistics.from_dict(json.loads(json.dumps(found.as_dict()))) == found


def test_statistics_of_before_say_nothing_of_focals_and_networks():
    content = json.loads(json.dumps(measure(replace(of(walls((0, 0.1), (1, 1))), synthetic=True)).as_dict()))
    del content["synthetic"]
    for photo in content["photos"]:
        del photo["focal"], photo["focal_source"], photo["evidence"]
    found = Statistics.from_dict(content)
    assert found.caveats() == () and found.focal_text(found.photos[0]) == ""


def test_a_photo_says_what_its_camera_stands_on():
    found = [
        CameraEvidence("photos", 412, 0.42, 0.0213, 0.001),
        CameraEvidence("photos", 412, 0.4),
        CameraEvidence("known"),
        CameraEvidence("both"),
        CameraEvidence(),
    ]
    views = walls((0, 0.1, 0.2, 0.3, 0.4), (1, 1, 1, 1, 1))
    figures = measure(of([replace(view, evidence=one) for view, one in zip(views, found, strict=True)]))
    assert [figures.camera_text(photo) for photo in figures.photos] == [
        "Camera from 412 points, 0.4 px, ±0.021°",
        "Camera from 412 points",
        "Camera known",
        "Camera from the network, among those from the photos",
        "Camera from the network",
    ]
    assert figures.verdict().word == "doubtful"


def test_surfaces_say_on_how_much_of_them_the_photos_agree():
    views = walls((0, 0.1), (1, 1))
    unconfirmed = np.zeros(views[0].depth.shape, np.uint8)
    unconfirmed[:, : unconfirmed.shape[1] // 4] = FLAWS["unconfirmed"].bit
    result = of([replace(views[0], flaws=unconfirmed), replace(views[1], flaws=np.zeros_like(unconfirmed))])
    assert measure(result).confirmed == pytest.approx(0.875)
    assert measure(result).caveats() == ("Surfaces: the photos agree on 88%",)
    rough = measure(replace(result, synthetic=True))
    assert rough.caveats() == (
        "Surfaces: the photos agree on 88%; the rest is rough: this network was trained on synthetic scenes",
        "The focal length of 2 of 2 photos is a guess",
    )
    assert Statistics.from_dict(json.loads(json.dumps(rough.as_dict()))) == rough
    assert measure(of(views)).confirmed is None


def test_a_focal_is_called_a_guess_where_a_network_of_synthetic_scenes_alone_says_it():
    views = walls((0, 0.1, 0.2), (1, 1, 1))
    sources = ("known", "exif", "network")
    result = of([replace(view, focal_source=source) for view, source in zip(views, sources, strict=True)])
    rough, other = measure(replace(result, synthetic=True)), measure(result)
    assert [rough.focal_text(photo) for photo in rough.photos] == [
        "Focal 64 px, known",
        "Focal 64 px, from EXIF",
        "Focal 64 px, a guess",
    ]
    assert other.focal_text(other.photos[2]) == "Focal 64 px"
    assert rough.caveats() == (
        "rough: this network was trained on synthetic scenes",
        "The focal length of 1 of 3 photos is a guess",
    )
    assert other.caveats() == ()


@pytest.mark.parametrize("content", [{}, {"photos": 3}, {"photos": [{}]}, {"photos": [], "points": "many"}])
def test_what_are_no_figures_is_refused(content):
    with pytest.raises((LookupError, TypeError, ValueError)):
        Statistics.from_dict({"confidence": 1, "reprojection": 1, "disagreement": float("nan")} | content)


def test_depth_between_pixels_lies_on_the_plane_that_they_show():
    """On a slanted plane z = 2 + x / 2 the depth at any pixel is where its ray meets the plane."""
    slope = (np.arange(64) + 0.5 - 32) / 64
    view = make_view(np.broadcast_to(2 / (1 - slope / 2), (48, 64)).copy())
    at = np.random.RandomState(0).uniform((1, 1), (63, 47), (200, 2))
    depth = depth_at(view, at)
    np.testing.assert_allclose(depth, 2 / (1 - (at[:, 0] - 32) / 128), rtol=1e-6)
    x, _, z = unproject(at, depth, view.K, view.cam2world).T
    np.testing.assert_allclose(z, 2 + x / 2, rtol=1e-6)


def test_depth_at_an_edge_is_the_nearest_pixels_and_there_is_none_outside_or_where_masked():
    depth, mask = np.full((4, 4), 1.0), np.ones((4, 4), bool)
    depth[:, 2:], mask[3, 3] = 3.0, False
    view = make_view(depth, mask=mask)
    pixels = np.array([[1.9, 1.0], [2.1, 1.0], [3.5, 3.5], [2.9, 2.9], [-0.1, 1], [4.0, 1], [np.nan, 1]])
    np.testing.assert_array_equal(depth_at(view, pixels), [1, 3, np.nan, 3, np.nan, np.nan, np.nan])
    assert np.isnan(depth_at(view, pixels[:2], 6.0)).all()
