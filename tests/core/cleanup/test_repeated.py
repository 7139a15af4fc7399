"""Points that other photos show too: gone where the place stays covered, and only there."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.cleanup.find import find_flaws
from dust3r.core.export.formats import export_reconstruction
from dust3r.core.flaws import FLAWS
from dust3r.core.reconstruction.result import Reconstruction
from dust3r.core.settings import ReconstructionSettings
from dust3r.tests.core.cleanup_scene import make_view, room_views
from scipy.spatial import KDTree

SHAPE = (96, 128)


def repeated(views):
    """The maps (H, W) of this one flaw."""
    return [flaws & FLAWS["repeated"].bit != 0 for flaws in find_flaws(views)]


def wall(depth=4.0, back=0.0, **more):
    """A photo that looks straight at a wall, from so far behind the others."""
    cam2world = np.eye(4)
    cam2world[2, 3] = -back
    return make_view(np.full(SHAPE, depth + back), cam2world=cam2world, **more)


def test_of_the_same_photo_twice_the_first_stays():
    first, second = repeated([wall(), wall()])
    assert not first.any() and second.all()


def test_of_a_surface_stays_what_shows_it_finest_whatever_the_order():
    far, near = repeated([wall(back=2.0), wall()])
    assert not near.any()
    inside = np.zeros(SHAPE, bool)
    inside[16:-16, 21:-21] = True  # what the nearer photo shows, two thirds of each side
    np.testing.assert_array_equal(far, inside)


def test_from_the_same_distance_what_faces_the_surface_shows_it_finer():
    x = np.broadcast_to(np.arange(SHAPE[1]) + 0.5, SHAPE)
    slanted = make_view(4 / (1 - 1.5 * (x - 64) / 128))  # the wall z = 4 + 1.5 x
    turn = np.arctan(1.5)
    facing = np.eye(4)
    facing[:3, :3] = [[np.cos(turn), 0, -np.sin(turn)], [0, 1, 0], [np.sin(turn), 0, np.cos(turn)]]
    distance = 4 * np.cos(turn)
    facing[:3, 3] = np.array([0, 0, 4]) - 4 * facing[:3, 2]  # as far from the wall's middle
    square = make_view(np.full(SHAPE, 4.0), cam2world=facing)
    steep, straight = repeated([slanted, square])
    assert distance < 4 and steep[40:56, 56:72].all() and not straight[40:56, 56:72].any()


@pytest.mark.parametrize(("factor", "same"), [(1.0, True), (1.03, True), (1.08, False), (0.9, False)])
def test_a_surface_at_another_depth_is_another_surface(factor, same):
    assert repeated([wall(), wall(depth=4 * factor)])[1].any() == same


def test_what_photos_agree_on_is_compared_sharply_and_goes_before_the_networks_guess():
    agreed, guessed = np.zeros(SHAPE, np.uint8), np.full(SHAPE, FLAWS["unconfirmed"].bit, np.uint8)
    part = agreed.copy()
    part[:, :64] = FLAWS["unconfirmed"].bit
    assert not repeated([wall(flaws=part), wall(depth=4.08, flaws=agreed)])[1][:, 64:].any()
    assert repeated([wall(flaws=part), wall(depth=4.02, flaws=agreed)])[1][:, 64:].all()
    assert not repeated([wall(flaws=guessed), wall(back=2.0, flaws=agreed)])[1].any()


def test_what_the_network_is_surer_of_stays():
    sure = np.full(SHAPE, 5.0)
    sure[:, :64] = 6.0
    second = repeated([wall(), wall(confidence=sure)])[1]
    assert not second[:, :64].any() and second[:, 64:].all()


def test_masked_and_flawed_points_cover_nothing_and_are_not_repeated():
    mask = np.ones(SHAPE, bool)
    mask[:, :64] = False
    first, second = repeated([wall(mask=mask), wall()])
    assert not first.any() and not second[:, :64].any() and second[:, 64:].all()
    step = np.full(SHAPE, 4.0)
    step[:, 64] = 4.3
    step[:, 65:] = 4.6
    flaws = find_flaws([make_view(step), make_view(step)])[1]
    edges = flaws & FLAWS["edges"].bit != 0
    assert edges.any() and not (flaws[edges] & FLAWS["repeated"].bit).any()


def test_every_repeated_point_has_one_that_stays_beside_it_and_most_go():
    views = [replace(view, confidence=np.full_like(view.confidence, 5)) for view in room_views(count=5)]
    found = repeated(views)
    points = [view.world_points() for view in views]
    stay = np.concatenate([own[~gone] for own, gone in zip(points, found, strict=True)])
    go = np.concatenate([own[gone] for own, gone in zip(points, found, strict=True)])
    size = max(float(view.depth.max() / view.K[0, 0]) for view in views)
    assert len(go) > 0.4 * (len(go) + len(stay)) and np.quantile(KDTree(stay).query(go)[0], 0.999) < 3 * size


def test_clouds_leave_them_out_and_the_photos_own_surfaces_do_not(tmp_path):
    flaws = find_flaws([wall(), wall()])
    views = tuple(replace(wall(), flaws=own, name=f"{k}.png") for k, own in enumerate(flaws))
    result = Reconstruction(views, "any@0", ReconstructionSettings(), "0.1.0")
    assert len(result.visible_points().position) == views[0].depth.size
    assert all(view.mask.all() for view in result.without_flaws().views)
    export_reconstruction(result, tmp_path, "ply")
    assert f"element vertex {views[0].depth.size}".encode() in (tmp_path / "points.ply").read_bytes()
