"""Focals and own pointmaps of single photos, and what of them is known beforehand."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.alignment import canonical
from dust3r.core.alignment.canonical import (
    CONTRADICTION,
    PNP_EDGES,
    SPREAD_OF_ONE,
    SPREAD_UNKNOWN,
    _focal,
    _own_maps,
    _posed_maps,
    _share,
    _usable,
    canonical_pointmaps,
    fuse_depths,
)
from dust3r.core.alignment.estimate import Placement
from dust3r.core.alignment.known import (
    PINNED,
    SAME_PLACE,
    check_depth,
    focal_groups,
    focal_sources,
    into_known_world,
)
from dust3r.core.cameras.priors import KnownCamera
from dust3r.core.errors import InputError
from dust3r.core.geometry.camera import estimate_focal, focal_bounds, pixel_rays
from dust3r.core.geometry.rotation import rotation_from_vector
from dust3r.tests.aligning import gather

from .alignment_worlds import maps_with_focals, poses
from .test_lone_and_two import two_photos


def pins_of(count, group=None, before=None, **known):
    cameras = [known.get(f"p{k}") for k in range(count)]
    return gather(cameras, before, np.arange(count) if group is None else np.array(group))


# focals


def test_a_focal_is_that_of_all_pointmaps_and_as_sure_as_they_agree():
    observations = maps_with_focals([50.0])
    (pixels,), centre = observations.pixels, np.array([20.0, 15.0])
    rays = [pixel_rays(pixels, focal, centre) for focal in (48.0, 50.0, 53.0)]
    points = np.stack([2 * ray for ray in rays])
    weight = np.ones((3, 12))
    focal, spread = _focal(observations, 0, centre, points, weight)
    bounds, every = focal_bounds((40, 30)), np.tile(pixels - centre, (3, 1))
    assert focal == pytest.approx(float(estimate_focal(points.reshape(-1, 3), every, np.ones(36), bounds)))
    scatter = 1.4826 * np.median(np.abs(np.log([48.0, 50, 53]) - np.log(focal)))
    assert spread == pytest.approx(scatter / np.sqrt(3), rel=1e-4)
    weight[0] = 0  # a map that says nothing does not count
    assert _focal(observations, 0, centre, points, weight)[1] != pytest.approx(spread, rel=1e-2)
    weight[2] = 0
    assert _focal(observations, 0, centre, points, weight) == (pytest.approx(50), SPREAD_OF_ONE)
    same = np.stack([points[1]] * 4)
    assert _focal(observations, 0, centre, same, np.ones((4, 12)))[1] == pytest.approx(1e-4 / 2)
    assert _focal(observations, 0, centre, points, 0 * weight) == (40, SPREAD_UNKNOWN)


def test_exifs_focal_is_dropped_where_it_is_three_standard_errors_off_and_a_persons_never():
    exif = [KnownCamera(focal=100 * np.exp(off), focal_spread=0.04, focal_source="exif") for off in (0.149, 0.151)]
    said = KnownCamera(focal=150.0, focal_spread=0.04)
    pins = pins_of(4, p0=exif[0], p1=exif[1], p2=said)
    told, dropped = _usable(np.full(4, 100.0), np.full(4, 0.03), pins)
    assert CONTRADICTION * np.hypot(0.03, 0.04) == pytest.approx(0.15)
    assert told.tolist() == [True, False, True, False] and dropped.tolist() == [False, True, False, False]
    found = canonical_pointmaps(maps_with_focals([100.0] * 4), np.tile([20.0, 15], (4, 1)), pins, 0, lambda: None)
    assert found.dropped.tolist() == [True, True, False, False]  # a pointmap alone is sure to a hundredth


def test_a_group_takes_its_pinned_focal_or_the_known_ones_median_or_that_of_all():
    focal, spread = np.array([100.0, 110, 150, 70, 90]), np.array([0.1, 0.2, 0.3, 0.1, 0.5])
    told = np.array([True, True, False, False, True])
    shared, sure = _share(focal, spread, told, pins_of(5, [0, 0, 0, 3, 3]))
    assert shared.tolist() == [100, 100, 100, 90, 90] and sure == pytest.approx([0.15] * 3 + [0.5] * 2)
    shared, sure = _share(focal, spread, np.zeros(5, bool), pins_of(5, [0, 0, 0, 3, 4]))
    assert shared.tolist() == [100, 100, 100, 70, 90]
    assert sure == pytest.approx([*[0.2 / np.sqrt(3)] * 3, 0.1, 0.5])
    exact = {f"p{k}": KnownCamera(focal=value) for k, value in ((1, 111.0), (2, 113.0))}
    shared, sure = _share(
        np.array([100.0, 111, 113]), np.array([0.1, PINNED, PINNED]), told[:3], pins_of(3, [0] * 3, **exact)
    )
    assert shared.tolist() == [112, 111, 113] and sure.tolist() == [PINNED] * 3
    assert focal.tolist() == [100, 110, 150, 70, 90]  # what was given stays


def test_a_known_focal_stretches_the_pointmaps_of_all_that_share_it():
    pins = pins_of(3, [0, 0, 2], p0=KnownCamera(focal=120.0))
    calls = []
    found = canonical_pointmaps(
        maps_with_focals([100.0, 80, 90]), np.tile([20.0, 15], (3, 1)), pins, 0, lambda: calls.append(1)
    )
    assert found.stretch == pytest.approx([1.2, 1.5, 1.0]) and len(calls) == 3
    assert found.focal == pytest.approx([120, 120, 90]) and found.known.all() and not found.dropped.any()
    guess = KnownCamera(focal=120.0, focal_spread=0.02)
    observations = maps_with_focals([100.0])
    exact, vague = (
        canonical_pointmaps(observations, np.array([[20.0, 15]]), pins_of(1, p0=guess), 0, lambda: None, spread)
        for spread in (0.0, 0.5)
    )
    seen, known = 1 / (SPREAD_OF_ONE**2 + 0.5**2), 1 / 0.02**2
    assert vague.focal[0] == pytest.approx(np.exp((seen * np.log(100) + known * np.log(120)) / (seen + known)))
    assert vague.focal_spread[0] == pytest.approx((seen + known) ** -0.5) and exact.focal[0] < 105
    alone = canonical_pointmaps(observations, np.array([[20.0, 15]]), pins_of(1), 0, lambda: None, 0.5)
    assert alone.focal_spread[0] == pytest.approx(SPREAD_OF_ONE)  # of focals that nothing is known of beforehand


def test_own_pointmaps_are_those_of_edges_where_a_photo_is_first_without_what_is_behind_it():
    _, observations, _ = two_photos(((0, 1), (0, 1), (1, 0), (0, 1)), (1.0, 2.0, 1.0, 1.0))
    observations.points[1, 0, :5, 2] *= -1
    observations.weight[3, 0] = 0
    points, weight = _own_maps(observations, 0, np.array([20.0, 15]), pins_of(2), 0)
    assert len(points) == 2 and (points[0] == observations.points[0, 0]).all()
    assert (weight[1] == 0).tolist() == [True] * 5 + [False] * 55 and (weight[0] == 1).all()


def test_a_photo_whose_own_pointmap_lies_behind_it_is_posed_where_it_is_second():
    _, observations, own = two_photos(((0, 1), (1, 0)), (1.0, 1.0))
    observations.points[0, 0, :, 2] *= -1
    points, weight = _own_maps(observations, 0, own.principal_point[0], pins_of(2), 0)
    assert len(points) == 1 and (points[..., 2] > 0).all() and (weight == 1).all()


@pytest.mark.parametrize("known", [False, True])
def test_a_photo_that_is_never_first_is_posed_in_its_surest_edges(known, monkeypatch):
    _, observations, truth = two_photos(((0, 1),) * 6, (1.0, 1.1, 1.2, 1.3, 1.4, 1.5))
    observations.confidence[:, 0] = [1, 6, 5, 4, 3, 2]
    asked = []
    own = canonical.solve_pnp
    monkeypatch.setattr(canonical, "solve_pnp", lambda *a, **k: asked.append((a[0], a[5], k)) or own(*a, **k))
    pins = pins_of(2, p1=KnownCamera(focal=55.0)) if known else pins_of(2)
    points, weight = _posed_maps(observations, 1, truth.principal_point[1], pins, 3)
    assert len(points) == PNP_EDGES == 4 and (weight == 1).all()
    surest = [1, 2, 3, 4]
    assert all((given == observations.points[e, 1]).all() for e, (given, *_) in zip(surest, asked, strict=True))
    assert {focal for _, focal, _ in asked} == {55.0 if known else None} and asked[0][2] == {"seed": 3}
    rays = pixel_rays(observations.pixels[1:], truth.focal[1:], truth.principal_point[1:])[0]
    for one in points:
        ratio = one / (rays * truth.depth[1][:, None])
        assert ratio == pytest.approx(np.full((60, 3), np.median(ratio)), rel=1e-2)
    monkeypatch.setattr(canonical, "solve_pnp", lambda *a, **k: None)
    points, weight = _posed_maps(observations, 1, truth.principal_point[1], pins, 3)
    assert points.shape == (0, 60, 3) and weight.shape == (0, 60)


def test_depths_of_several_maps_are_fused_by_the_weighted_median_of_their_logs():
    depth = np.array([[2.0, 2, 2, 2, 2], [2, 2, 2, 2, 8], [2, 2, 2, 2, 2]])
    weight = np.array([[1.0, 1, 1, 1, 1], [1, 1, 1, 1, 3], [1, 1, 1, 1, 1]])
    fused, total = fuse_depths(depth, weight)
    assert fused.tolist() == pytest.approx([1, 1, 1, 1, 4]) and total.tolist() == pytest.approx([1, 1, 1, 1, 5 / 3])
    assert fuse_depths(depth[:1] * 3, weight[:1], rounds=0)[0] == pytest.approx(np.ones(5))
    hidden = weight.copy()
    hidden[1, 4] = 0
    assert fuse_depths(np.where(hidden > 0, depth, -1), hidden)[0] == pytest.approx(np.ones(5))


# what is known


def test_scale_is_known_from_two_poses_that_stand_apart_by_more_than_rounding():
    def scaled(*places):
        known = {}
        for k, place in enumerate(places):
            pose = np.eye(4)
            pose[:3, 3] = place
            known[f"p{k}"] = KnownCamera(pose)
        return pins_of(3, **known).scaled

    assert not scaled() and not scaled((0, 0, 5))
    assert scaled((0, 0, 1000), (0, 1.01e3 * SAME_PLACE, 1000)) and not scaled(
        (0, 0, 1000), (0, 0.9e3 * SAME_PLACE, 1000)
    )
    assert not scaled((0, 0, 0), (0, 0, 0)) and scaled((0, 0, 0), (1e-200, 0, 0))


def test_focals_come_from_the_surest_source_of_any_photo_that_shares_them():
    exif, known = KnownCamera(focal=50.0, focal_source="exif"), KnownCamera(focal=50.0)
    assert focal_sources([KnownCamera()] * 2, np.arange(2), np.zeros(2, bool)) == ("network", "network")
    cameras = [exif, KnownCamera(), known, KnownCamera(np.eye(4))]
    assert focal_sources(cameras, np.arange(4), np.zeros(4, bool)) == ("exif", "network", "known", "network")
    assert focal_sources(cameras, np.array([0, 0, 2, 2]), np.zeros(4, bool)) == ("exif", "exif", "known", "known")
    assert focal_sources(cameras, np.array([0, 0, 0, 0]), np.zeros(4, bool)) == ("known",) * 4
    assert focal_sources(cameras, np.array([0, 0, 2, 3]), np.array([True, False, False, False])) == (
        "network", "network", "known", "network",
    )  # fmt: skip


def test_what_is_gathered_is_what_each_photo_is_known_by_and_nothing_else():
    with pytest.raises(InputError, match="shared_focal exif needs photos"):
        focal_groups("exif", [(4, 3)], None)
    nothing = gather(None, None, np.arange(2))
    assert not nothing.posed.any() and (nothing.cam2world == np.eye(4)).all() and np.isnan(nothing.stood_depth).all()
    assert nothing.focal_spread.tolist() == [PINNED] * 2 and not nothing.focal_pinned.any()
    assert not nothing.focal_from_exif.any() and (nothing.stood == np.eye(4)).all()
    place = Placement(np.diag([1.0, -1, -1, 1]), 3.0, 5)
    pins = gather(None, [place, None, replace(place, component=6), place], np.arange(4))
    assert (
        pins.stood_depth.tolist()[:1] + pins.stood_depth.tolist()[3:] == [3, 3]
        and np.isnan(pins.stood_depth[1:3]).all()
    )
    assert (pins.stood[0] == place.cam2world).all() and (pins.stood[2] == np.eye(4)).all()
    part = pins.of(np.array([3, 2]))
    assert part.stood_depth[0] == 3 and np.isnan(part.stood_depth[1]) and part.focal_group.tolist() == [3, 2]
    posed = pins_of(2, p1=KnownCamera(np.eye(4)))
    assert posed.posed.tolist() == [False, True] and not posed.unposed.posed.any()


def test_one_known_pose_turns_and_shifts_the_world_to_itself():
    moved, pose = poses(3, 9), np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation_from_vector(np.array([0.3, 1, -0.5])), [4, 5, 6]
    found = into_known_world(moved, pins_of(3, p1=KnownCamera(pose)))
    assert (found.R[1] == pose[:3, :3]).all() and (found.translation[1] == [4, 5, 6]).all()
    turn = pose[:3, :3] @ moved.R[1].T
    assert pytest.approx(turn @ moved.R) == found.R
    assert found.translation == pytest.approx((moved.translation - moved.translation[1]) @ turn.T + [4, 5, 6])
    check_depth(np.full((3, 4), 1e9), pins_of(3, p1=KnownCamera(pose)))
