"""Worlds: the floor found and brought down, scale, origin and north exact, a settled world kept by later solutions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dust3r.core.alignment.estimate import Placement
from dust3r.core.cameras.priors import KnownCamera
from dust3r.core.errors import InputError
from dust3r.core.geometry.rotation import rotation_from_vector
from dust3r.core.jobs.warm_start import onto_earlier
from dust3r.core.reconstruction.depth_sampling import point_at
from dust3r.core.reconstruction.result import Reconstruction
from dust3r.core.reconstruction.world_frame import CHOICES, WorldFrame, is_similarity, scale_of
from dust3r.core.world.ground_plane import Plane, cameras_up, find_ground, fit_plane
from dust3r.core.world.transform import (
    NORTH,
    UP,
    ground_through,
    grounded,
    moved,
    north_along,
    on_the_ground,
    onto_known,
    origin_at,
    scaled,
    scaled_between,
    scaled_to_height,
)
from dust3r.tests.box_room import EYES, intrinsics, look_at, render
from dust3r.tests.core.cleanup_scene import make_view, room_views

STUDIO = Path(__file__).resolve().parents[3] / "samples" / "studio"


def similarity(turn=(0.3, -0.8, 0.5), shift=(4, 5, 6), scale=1.0):
    found = np.eye(4)
    found[:3, :3], found[:3, 3] = scale * rotation_from_vector(np.array(turn)), shift
    return found


def applied(move, points):
    return points @ move[:3, :3].T + move[:3, 3]


@pytest.fixture
def room():
    """Within the cube from -2 to 2, whose floor is y = 2."""
    size, views = (112, 80), []
    for eye in EYES:
        K, pose = intrinsics(size, focal=50), look_at(eye)
        colors, depth, _ = render(K, pose, size)
        view = make_view(depth, cam2world=pose, focal=50, colors=colors, name=f"{len(views)}.png")
        views.append(view)
    return Reconstruction(tuple(views), "synthetic@0", None, "0.1.0")


def all_points(reconstruction):
    return np.concatenate([view.world_points().reshape(-1, 3) for view in reconstruction.views])


def test_a_move_carries_cameras_and_points_alike_and_the_gauge_remembers_it(room):
    move = similarity(scale=2.5)
    found = moved(room, move, ("scale",))
    np.testing.assert_allclose(all_points(found), applied(move, all_points(room)), rtol=1e-5, atol=1e-5)
    for view in found.views:
        np.testing.assert_allclose(view.cam2world[:3, :3] @ view.cam2world[:3, :3].T, np.eye(3), atol=1e-12)
    back = moved(found, np.linalg.inv(move), ("north",))
    np.testing.assert_allclose(back.world_frame.similarity, np.eye(4), atol=1e-12)
    assert back.world_frame.choices == ("scale", "north")


def test_what_a_gauge_says_is_read_back_and_nonsense_is_refused(tmp_path, room):
    room = moved(room, similarity(scale=0.3), ("ground",))
    room.save(tmp_path)
    found = Reconstruction.load(tmp_path)
    np.testing.assert_array_equal(found.world_frame.similarity, room.world_frame.similarity)
    assert found.world_frame.choices == ("ground",)
    assert WorldFrame.from_dict(None).choices == ()
    for matrix in (np.diag([1, 2, 1, 1]), np.diag([1, 1, -1, 1]), np.zeros((4, 4)), np.full((4, 4), np.nan), np.eye(3)):
        with pytest.raises(ValueError, match="moved"):
            WorldFrame.from_dict({"similarity": matrix.tolist(), "choices": []})
    with pytest.raises(ValueError, match="moved"):
        WorldFrame.from_dict({"similarity": np.eye(4).tolist(), "choices": ["colour"]})


@pytest.mark.parametrize("turn", [(0, 0, 0), (0.7, 0, 0), (0, 0, 2.0), (2.9, 0.4, -1)])
def test_the_floor_of_a_room_comes_down_however_its_world_is_turned(room, turn):
    found = moved(room, similarity(turn, scale=3))
    found = moved(found, on_the_ground(found))
    up = found.world_frame.similarity[:3, :3] / 3 @ UP
    assert np.degrees(np.arccos(min(1, up @ UP))) < 0.1
    heights = all_points(found) @ UP
    assert heights.min() == pytest.approx(0, abs=0.02)
    assert heights.max() == pytest.approx(12, abs=0.02)


def test_true_photos_of_the_studio_stand_on_their_true_floor():
    from dust3r.core.cameras.posed_images import read_depth, read_posed_photos
    from dust3r.core.geometry.camera import sample_depth
    from dust3r.core.images.pixel_mapping import PixelMapping
    from dust3r.core.reconstruction.result import AlignedView

    views, size = [], (128, 96)
    for photo in read_posed_photos(STUDIO):
        mapping = PixelMapping(photo.size, size, scale=(photo.size[0] / size[0], photo.size[1] / size[1]))
        depth = sample_depth(read_depth(photo.depth), mapping.photo_pixels(), 1.04, edges="none")
        shape, mask = depth.shape, np.isfinite(depth)
        arrays = depth.astype(np.float32), np.ones(shape, np.float32), np.zeros((*shape, 3), np.uint8), mask
        views.append(AlignedView(photo.name, photo.path, mapping, photo.K, photo.cam2world, *arrays))
    truth = Reconstruction(tuple(views), "truth", None, "0.1.0")
    found = on_the_ground(moved(truth, similarity())) @ similarity()
    up = np.array([0, 0, 1.0])  # of the studio, whose floor is z = 0, in metres
    assert np.degrees(np.arccos(found[:3, :3] @ up @ UP)) < 0.5
    assert abs(found[:3, 3] @ UP) < 0.02


def test_cameras_that_all_look_down_do_not_tilt_what_is_up():
    poses = np.tile(np.eye(4), (6, 1, 1))
    for k in range(6):
        heading, pitch = np.radians(20 * k), np.radians(50)
        poses[k, :3, :3] = rotation_from_vector(np.array([0, heading, 0])) @ rotation_from_vector(
            np.array([-pitch, 0, 0])
        )
    np.testing.assert_allclose(cameras_up(poses), UP, atol=0.02)
    assert np.degrees(np.arccos(-poses[:, :3, 1].mean(0) @ UP / np.linalg.norm(poses[:, :3, 1].mean(0)))) > 30


def test_cameras_of_one_heading_give_their_mean_up_and_contradicting_ones_none():
    tilted = np.tile(similarity((0.2, 0, 0)), (3, 1, 1))
    np.testing.assert_allclose(cameras_up(tilted), tilted[0, :3, :3] @ UP, atol=1e-9)
    turned = np.stack([np.eye(4), np.diag([-1.0, -1, 1, 1])])
    assert cameras_up(turned) is None


def test_a_table_is_no_ground_while_a_floor_shows_below_it():
    rng = np.random.default_rng(0)
    table = np.stack([rng.uniform(-1, 1, 3000), np.full(3000, -0.8), rng.uniform(-1, 1, 3000)], 1)
    floor = np.stack([rng.uniform(-3, 3, 2000), np.zeros(2000), rng.uniform(-3, 3, 2000)], 1)
    wall = np.stack([rng.uniform(-3, 3, 4000), rng.uniform(-3, 0, 4000), np.full(4000, 3.0)], 1)
    points = np.concatenate([table, floor, wall]) + 0.005 * rng.normal(size=(9000, 3))
    centres = np.array([[0, -1.7, -3], [1, -1.6, -3]])
    tilted = rotation_from_vector(np.array([0.3, 0, 0])) @ UP
    ground = find_ground(points, centres, tilted, 0.03)
    assert np.degrees(np.arccos(ground.normal @ UP)) < 0.3
    assert abs(ground.offset) < 0.01
    below = np.array([[0, 1.0, 0]])
    assert find_ground(floor, below, UP, 0.03) is None  # a ceiling, to that camera
    assert find_ground(rng.normal(size=(2000, 3)), centres, UP, 0.001) is None
    assert find_ground(points[:2], centres, UP, 0.03) is None


@pytest.mark.parametrize("count", [4, 6, 8, 14])
def test_a_handful_of_scattered_places_has_a_finite_ground_or_none(count):
    for seed in range(30):
        points = np.random.default_rng(seed).normal(size=(count, 3))
        for thickness in (0.03, 0.3):
            ground = find_ground(points, np.array([[0, -9.0, 0]]), UP, thickness)
            assert ground is None or np.isfinite([*ground.normal, ground.offset]).all()


def test_without_a_ground_the_world_is_levelled_by_the_cameras():
    """A wall alone, seen by a camera that looks down a little and one that does not."""
    views = room_views(2, size=(64, 48))
    views = [replace(view, mask=np.zeros_like(view.mask)) for view in views]
    blind = Reconstruction(tuple(views), "synthetic@0", None, "0.1.0")
    found = moved(blind, on_the_ground(blind))
    np.testing.assert_allclose(cameras_up(np.stack([view.cam2world for view in found.views])), UP, atol=1e-9)


def test_known_poses_settled_worlds_single_photos_and_off_are_not_moved(room):
    auto = room.with_settings(ground="auto")
    assert not np.array_equal(grounded(auto).world_frame.similarity, np.eye(4))
    for still in (
        room,
        auto.with_settings(ground="off"),
        replace(auto, priors={"known": {"a.jpg": {"cam2world": np.eye(4).tolist()}}}),
        replace(auto, views=auto.views[:1]),
    ):
        assert all(a is b for a, b in zip(grounded(still).views, still.views, strict=True))
    settled = moved(auto, similarity(), ("north",))
    assert grounded(settled) is settled
    back = grounded(grounded(auto).with_settings(ground="off"))
    np.testing.assert_allclose(back.views[0].cam2world, room.views[0].cam2world, atol=1e-12)


def test_three_points_span_the_ground_with_the_cameras_above_and_one_is_level():
    camera = similarity((0, 0, 0), (0, 5, 0))[None]  # upside down, as it were
    ground = ground_through(np.array([[0, 1, 0], [1, 1, 0], [0, 1, 1.0]]), camera)
    np.testing.assert_allclose(ground.normal, -UP, atol=1e-12)
    assert ground.height(camera[0, :3, 3]) == pytest.approx(4)
    level = ground_through(np.array([[7, -2, 3.0]]), camera)
    assert level.height(np.array([0, -3.0, 0])) == pytest.approx(1)
    with pytest.raises(InputError, match="Two points"):
        ground_through(np.eye(3)[:2], camera)
    with pytest.raises(InputError, match="one line"):
        ground_through(np.outer(np.arange(4.0), [1, 2, 3]), camera)


def test_a_plane_is_fitted_through_its_points():
    rng = np.random.default_rng(1)
    normal = np.array([2, -1, 2.0]) / 3
    points = rng.normal(size=(50, 3))
    points += (4 - points @ normal)[:, None] * normal
    plane = fit_plane(points)
    assert abs(plane.normal @ normal) == pytest.approx(1)
    np.testing.assert_allclose(plane.height(points), 0, atol=1e-12)
    assert Plane(UP, 0.5).height(np.array([[0, -2.0, 0]]))[0] == 1.5


def test_scale_origin_and_north_do_what_they_say():
    a, b = np.array([1, 2, 3.0]), np.array([1, 2, 7.0])
    scale = scaled_between(a, b, 10)
    assert np.linalg.norm(applied(scale, a) - applied(scale, b)) == pytest.approx(10)
    assert scale_of(scale) == pytest.approx(2.5) and is_similarity(scale)
    camera = similarity(shift=(3, -2, 1))
    assert applied(scaled_to_height(camera, 1.7), camera[:3, 3]) @ UP == pytest.approx(1.7)
    np.testing.assert_allclose(applied(origin_at(a), a), [0, 2, 0])
    np.testing.assert_allclose(applied(origin_at(a, height=True), a), 0)
    for direction in (np.array([1, 0, 0.0]), np.array([-2, 5, -1.0]), np.array([0, 0, -1.0])):
        turned = applied(north_along(direction), direction)
        np.testing.assert_allclose(turned[0], 0, atol=1e-12)
        assert turned[2] > 0 and turned[1] == direction[1]
        np.testing.assert_allclose(applied(north_along(direction), UP), UP)
    np.testing.assert_allclose(north_along(NORTH), np.eye(4))


def test_impossible_moves_are_sentences():
    a = np.ones(3)
    for call, sentence in (
        (lambda: scaled_between(a, a, 2), "are one"),
        (lambda: scaled(0), "would be 0; give one between 1e-09 and 1e\\+09"),
        (lambda: scaled(np.nan), "would be nan"),
        (lambda: scaled(1e300), "would be 1e\\+300"),
        (lambda: scaled_between(a, 2 * a, 1e-300), "give one between"),
        (lambda: scaled_to_height(np.eye(4), 2), "set the ground first"),
        (lambda: north_along(UP), "vertical"),
    ):
        with pytest.raises(InputError, match=sentence):
            call()


def test_a_world_that_could_not_be_read_again_is_refused(room):
    large = moved(room, scaled(1e8))
    with pytest.raises(InputError, match=r"1e\+16 times as large.*1e-09 to 1e\+09"):
        moved(large, scaled(1e8))
    with pytest.raises(InputError, match=r"1e\+20 units away"):
        moved(room, similarity(shift=(1e20, 0, 0)))


def test_a_photos_pixel_leads_to_the_point_it_shows_and_nowhere_else(room):
    view = room.views[1]
    x, y = view.mapping.photo_axes()
    np.testing.assert_allclose(point_at(view, (x[30], y[20])), view.world_points()[20, 30], rtol=1e-6)
    with pytest.raises(InputError, match="outside"):
        point_at(view, (-5, 10))
    with pytest.raises(InputError, match="no point"):
        point_at(replace(view, mask=np.zeros_like(view.mask)), (x[30], y[20]))


def placements_of(poses, depth=2.0):
    return {str(k): Placement(pose, depth, 0) for k, pose in enumerate(poses)}


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_new_solution_is_laid_onto_the_earlier_world_by_one_photo_or_more(count):
    rng = np.random.default_rng(count)
    poses = [similarity(rng.normal(size=3), rng.normal(size=3)) for _ in range(count)]
    move = similarity(scale=0.4)
    earlier = {}
    for name, place in placements_of(poses).items():
        pose = move @ place.cam2world
        pose[:3, :3] /= 0.4
        earlier[name] = Placement(pose, 0.8, 0)
    new = placements_of(poses) | {"added": Placement(np.eye(4), 1.0, 0)}
    np.testing.assert_allclose(onto_earlier(new, earlier), move, atol=1e-9)
    assert onto_earlier({"stranger": Placement(np.eye(4), 1.0, 0)}, earlier) is None


def test_photos_that_found_another_place_do_not_bend_the_world():
    rng = np.random.default_rng(4)
    poses = [similarity(rng.normal(size=3), rng.normal(size=3)) for _ in range(12)]
    new = placements_of(poses)
    earlier = placements_of(
        [similarity((1, 0, 0), (50, 0, 0)) if k in (3, 7) else pose for k, pose in enumerate(poses)]
    )
    np.testing.assert_allclose(onto_earlier(new, earlier), np.eye(4), atol=1e-3)


def test_known_cameras_carry_the_world_rigidly_where_one_is_known_and_to_scale_where_more_are():
    poses = {str(k): similarity((0.1 * k, k, 0), (k, k**2, 1)) for k in range(4)}
    for count, scale in ((1, 1.0), (3, 2.5)):
        move, known = similarity(scale=scale), {}
        for name in list(poses)[:count]:
            pose = move @ poses[name]
            pose[:3, :3] /= scale
            known[name] = KnownCamera(pose)
        np.testing.assert_allclose(onto_known(poses, known), move, atol=1e-9)
    assert onto_known(poses, {"0": KnownCamera(focal=500.0)}) is None
    assert set(CHOICES) >= {"ground", "scale", "origin", "north"}
