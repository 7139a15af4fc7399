"""Free space by itself: rays into rooms whose walls are known by formula, and what is drawn from them."""

import math
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from dust3r.core.errors import InputError
from dust3r.operators.scene import free_space
from dust3r.operators.scene.free_space import (
    ALIKE,
    CLEARANCE,
    ENOUGH,
    FAR,
    GRID,
    NEAREST,
    SEEN,
    STEEPEST,
    TRIES,
    FreeCamera,
    _belongs,
    _directions,
    _layer,
    _Space,
    aimed,
    box_corners,
    evaluated,
    sample_cameras,
)
from dust3r.training.overlap import grid_intrinsics
from mathutils import Matrix

CENTRE = np.zeros(3)
COUNT = 24  # directions in which the room around a place is measured


def _dot(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


class Sphere:
    """Rays from anywhere inside hit a sphere around the origin, in the directions that `open_to` does not name."""

    name = "Sphere"

    def __init__(self, radius=3.0, open_to=lambda direction: False, back=lambda direction: False):
        self.radius, self.open_to, self.back = radius, open_to, back

    def ray_cast(self, depsgraph, origin, direction):
        assert abs(math.hypot(*direction) - 1) < 1e-9
        if self.open_to(direction):
            return False, (0, 0, 0), (0, 0, 0), 0
        along = _dot(origin, direction)
        reach = -along + math.sqrt(along**2 - _dot(origin, origin) + self.radius**2)
        place = [at + reach * step for at, step in zip(origin, direction, strict=True)]
        sign = 1 if self.back(direction) else -1
        return True, place, [sign * step for step in direction], 0


class Drawn:
    """A generator that draws what it is told, in turn."""

    def __init__(self, normal=(), uniform=(), integers=()):
        self._drawn = {"normal": list(normal), "uniform": list(uniform), "integers": list(integers)}

    def normal(self, size):
        return np.array(self._drawn["normal"].pop(0), float).reshape(size)

    def uniform(self, low, high):
        return low + (high - low) * self._drawn["uniform"].pop(0)

    def integers(self, count):
        index = self._drawn["integers"].pop(0)
        assert 0 <= index < count
        return index


def space_in(scene, rng=None, typical=1.0, free=(CENTRE,), targets=(), reach=10.0):
    space = object.__new__(_Space)
    space._scene, space._rng, space._depsgraph, space._typical = scene, rng, None, typical
    space._free, space._targets = list(free), [np.array(target, float) for target in targets]
    space._low, space._high = np.full(3, -reach), np.full(3, reach)
    space._lowest, space._highest = space._low, space._high
    return space


def test_a_distance_is_that_of_the_first_surface_and_infinite_without_one():
    space = space_in(Sphere(3.0, open_to=lambda direction: direction[2] > 0))
    assert space.distance(CENTRE, np.array([0, 0, -1.0])) == pytest.approx(3)
    assert space.distance(np.array([0, 1.0, 0]), np.array([0, 1.0, 0])) == pytest.approx(2)
    assert space.distance(CENTRE, np.array([0, 0, 1.0])) == math.inf


def test_the_room_is_the_clearance_where_surfaces_are_all_around_and_shows_its_front():
    assert space_in(Sphere(3.0))._room(CENTRE) == pytest.approx(3)
    aside = np.array([1.0, 0, 0])
    around = _directions(np.random.default_rng(0), COUNT)
    nearest = min(space_in(Sphere(3.0)).distance(aside, direction) for direction in around)
    assert space_in(Sphere(3.0))._room(aside) == pytest.approx(nearest)
    assert space_in(Sphere(open_to=lambda direction: True))._room(CENTRE) == 0


def test_the_room_shrinks_with_the_square_of_how_much_is_open():
    closed = (_directions(np.random.default_rng(0), COUNT)[:, 2] > 0.5).sum()
    found = space_in(Sphere(3.0, open_to=lambda direction: direction[2] <= 0.5))._room(CENTRE)
    assert 1 < closed < COUNT / 2 and found == pytest.approx(3 * (closed / COUNT) ** 2)


def test_the_room_inside_of_an_object_counts_a_twentieth():
    order = np.sort(_directions(np.random.default_rng(0), COUNT)[:, 0])[::-1]
    for backs, factor in ((0, 1), (12, 1), (13, 0.05), (24, 0.05)):  # half of all is not most
        least = order[backs - 1] if backs else 2
        space = space_in(Sphere(3.0, back=lambda direction, least=least: direction[0] >= least - 1e-9))
        assert space._room(CENTRE) == pytest.approx(3 * factor), backs


def test_of_random_places_the_roomiest_is_taken():
    space = space_in(Sphere(20.0), np.random.default_rng(0))
    space._lowest = np.array([2.0, -10, -10])
    space._room = lambda place: -np.linalg.norm(place)
    places = np.random.default_rng(0).uniform(space._lowest, space._highest, (400, 3))
    assert (space._roomiest() == places[np.argmin(np.linalg.norm(places, axis=1))]).all()


def test_the_clearance_is_the_least_distance_of_all_around():
    aside, around = np.array([1.0, 0, 0]), _directions(np.random.default_rng(1), COUNT)
    space = space_in(Sphere(3.0))
    assert space._clearance(CENTRE) == pytest.approx(3)
    assert space._clearance(aside) == pytest.approx(min(space.distance(aside, one) for one in around))


@pytest.mark.parametrize(("share", "way"), [(0.0, 0.2), (1.0, 0.8)])
def test_a_new_free_point_lies_on_a_free_line_of_sight_flattened_to_half(share, way):
    draw = {"normal": [[3, 0, 8]], "uniform": [share], "integers": [1]}  # (3, 0, 4) over 5 after flattening
    free, direction = (np.array([9.0, 9, 9]), np.array([0.5, 0, 0])), np.array([0.6, 0, 0.8])
    space = space_in(Sphere(4.0), Drawn(**draw), typical=10, free=free)
    space._typical = 2.5  # no wall is further than twice that
    space._wander()
    wall = space.distance(free[1], direction)
    assert wall < 2 * space._typical
    assert space._free[2] == pytest.approx(free[1] + way * wall * direction)
    far = space_in(Sphere(100.0), Drawn(**draw), typical=2.5, free=free)
    far._wander()
    assert far._free[2] == pytest.approx(free[1] + way * 5 * direction)


def test_points_near_a_surface_or_out_of_the_scene_are_not_free():
    draw = {"normal": [[1, 0, 0]], "uniform": [1.0], "integers": [0]}
    for radius, typical, reach, kept in (
        (3.0, 7.4, 10, True),  # 2.4 from the middle, 0.6 from the wall: over 0.08 times 7.4
        (3.0, 7.6, 10, False),
        (3.0, 7.4, 2.3, False),
    ):
        space = space_in(Sphere(radius), Drawn(**draw), typical=typical, reach=reach)
        space._clearance = lambda place: 3 - np.linalg.norm(place)
        space._wander()
        assert (len(space._free) == 2) == kept
    assert CLEARANCE == 0.08


def test_what_is_looked_at_lies_on_surfaces_all_around_and_within_the_box_of_all():
    space = space_in(Sphere(3.0), np.random.default_rng(0))
    space._typical = space._look_around()
    assert space._typical == pytest.approx(3)
    assert len(space._targets) == 400
    assert np.linalg.norm(space._targets, axis=1) == pytest.approx(np.full(400, 3.0))
    one_way = space_in(Sphere(3.0, open_to=lambda direction: direction[0] < 0.99), np.random.default_rng(0))
    one_way._low, one_way._high = np.array([9.0, -0.1, -0.1]), np.array([10.0, 0.1, 0.1])  # all of it that way
    one_way._look_around()
    assert 200 <= len(one_way._targets) < 220
    aside = space_in(Sphere(3.0, open_to=lambda direction: direction[0] < 0.9), np.random.default_rng(0))
    aside._free = [np.array([-2.0, 0, 0])]
    aside._low, aside._high = np.array([-1.0, -0.1, -0.1]), np.array([0.0, 0.1, 0.1])  # from there that way too
    aside._look_around()
    assert 200 <= len(aside._targets) < 220
    two = space_in(Sphere(3.0), np.random.default_rng(0), free=(CENTRE, np.array([1.0, 0, 0])))
    assert 2 < two._look_around() < 3.1 and len(two._targets) == 800


def test_all_surfaces_in_the_place_itself_have_no_direction_and_none_at_all_is_a_sentence():
    space = space_in(Sphere(3.0), np.random.default_rng(0), reach=0.0)
    space._look_around()
    assert len(space._targets) == 200
    with pytest.raises(InputError, match="'Sphere' shows no surface to look at"):
        space_in(Sphere(open_to=lambda direction: True), np.random.default_rng(0))._look_around()


def candidate(target, free=CENTRE, typical=1.0, field=0.0, roll=0.5, scene=None, size=(64, 48)):
    rng = Drawn(uniform=[field, roll], integers=[0, 0])
    space = space_in(scene or Sphere(3.0), rng, typical, [free], [target])
    space._wander = lambda: None
    space._depth_grid = lambda pose, K: (pose, K)
    return space.candidate(size)


@pytest.mark.parametrize("size", [(64, 48), (48, 64)])
def test_a_candidate_looks_at_its_target_through_the_lens_that_was_drawn(size):
    for field, degrees in ((0.0, 45), (1.0, 80)):
        found = candidate((3, 0, 0), field=field, size=size)
        focal = 32 / math.tan(math.radians(degrees / 2))
        assert pytest.approx(np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1]])) == found.K
        assert found.cam2world == pytest.approx(aimed(CENTRE, np.array([1.0, 0, 0]), 0.0))
        assert (found.depth[0] == found.cam2world).all() and (found.depth[1] == grid_intrinsics(found.K, size)).all()
    for roll, degrees in ((0.0, -5), (1.0, 5)):
        found = candidate((3, 0, 0), roll=roll, size=size)
        assert found.cam2world == pytest.approx(aimed(CENTRE, np.array([1.0, 0, 0]), math.radians(degrees)))


def test_targets_that_are_near_steep_or_hidden_make_no_candidate():
    assert candidate((3, 0, 0), typical=2.99 / NEAREST) and candidate((3, 0, 0), typical=3.01 / NEAREST) is None
    for steep, good in ((STEEPEST - 0.1, True), (STEEPEST + 0.1, False)):
        for sign in (1, -1):
            angle = sign * math.radians(steep)
            assert (candidate((3 * math.cos(angle), 0, 3 * math.sin(angle))) is not None) == good
    assert candidate((3.3, 0, 0)) and candidate((3.4, 0, 0)) is None  # a tenth nearer is on the surface still
    aside = np.array([0, 1.0, 0])
    assert candidate((2.8, 1, 0), aside).cam2world[:3, 3].tolist() == [0, 1, 0]
    assert candidate((0, 0, 0), CENTRE) is None


def depth_of(pose, scene, focal=40.0):
    K = np.array([[focal, 0, GRID[0] / 2], [0, focal, GRID[1] / 2], [0, 0, 1]])
    return space_in(scene)._depth_grid(pose, K)


def test_the_small_depth_map_is_z_at_the_centres_of_its_pixels_and_0_where_nothing_is():
    pose = aimed(np.array([0.5, 0.2, 0.1]), np.array([1.0, 0, 0]), 0.0)
    depth = depth_of(pose, Sphere(3.0))
    assert depth.shape == (GRID[1], GRID[0])
    x, y = np.meshgrid(np.arange(GRID[0]) + 0.5 - GRID[0] / 2, np.arange(GRID[1]) + 0.5 - GRID[1] / 2)
    points = np.stack([x, y, np.full_like(x, 40)], axis=-1) / 40 * depth[..., None] @ pose[:3, :3].T + pose[:3, 3]
    assert np.linalg.norm(points, axis=-1) == pytest.approx(np.full(depth.shape, 3.0))
    above = depth_of(pose, Sphere(3.0, open_to=lambda direction: direction[2] < 0))
    assert (above[: GRID[1] // 2] > 0).all() and (above[GRID[1] // 2 :] == 0).all()
    right = depth_of(pose, Sphere(3.0, open_to=lambda direction: direction[1] > 0))  # y is to the left of x
    assert (right[:, GRID[0] // 2 :] > 0).all() and (right[:, : GRID[0] // 2] == 0).all()


def test_a_view_is_worthwhile_that_shows_enough_and_not_from_too_near():
    space = space_in(None, typical=5.0)

    def worthwhile(depth):
        return space.worthwhile(FreeCamera(np.eye(4), np.eye(3), np.array(depth, float)))

    enough = int(SEEN * 1000)
    assert worthwhile([2.0] * enough + [0.0] * (1000 - enough))
    assert not worthwhile([2.0] * (enough - 1) + [0.0] * (1001 - enough))
    assert not worthwhile([NEAREST * 5.0] * 10) and worthwhile([NEAREST * 5.01] * 10)
    assert worthwhile([0.5] * 99 + [2.0] * 901) and not worthwhile([0.5] * 102 + [2.0] * 898)


def test_a_camera_belongs_to_others_that_see_the_same_but_not_nearly_all_of_it(monkeypatch):
    camera = FreeCamera(np.eye(4), np.eye(3), np.ones(GRID[::-1]))
    assert _belongs(camera, [], (64, 48))

    def belongs(*overlaps):
        made = []

        class Overlaps:
            def __init__(self, depth, K, cam2world):
                made.append((len(depth), K))

            def row(self, index):
                assert index == len(overlaps)
                return np.array([*overlaps, 1.0])

        monkeypatch.setattr(free_space, "Overlaps", Overlaps)
        found = _belongs(camera, [camera] * len(overlaps), (64, 48))
        assert made[0][0] == len(overlaps) + 1 and made[0][1][0, 0, 0] == GRID[0] / 64
        return found

    assert belongs(2 * ENOUGH) and not belongs(1.99 * ENOUGH)
    assert belongs(0.99 * ALIKE) and not belongs(ALIKE)
    assert belongs(0.1, 0.5) and not belongs(0.9, 0.5)


def test_so_many_candidates_are_tried_and_no_more_cameras_kept_than_wanted(monkeypatch):
    tried = []

    class Space:
        def __init__(self, scene, rng):
            pass

        def candidate(self, size):
            tried.append(size)
            return next(self.draws)

        def worthwhile(self, camera):
            return camera != "dull"

    monkeypatch.setattr(free_space, "_Space", Space)
    monkeypatch.setattr(free_space, "_belongs", lambda camera, found, size: camera != "elsewhere")
    Space.draws = iter([None, "a", "dull", "elsewhere", "b", "c", *[None] * 500])
    assert sample_cameras(None, 3, (64, 48), None) == ["a", "b", "c"] and len(tried) == 6
    tried.clear()
    Space.draws = iter([None] * 1000)
    assert sample_cameras(None, 2, (64, 48), None) == [] and tried == [(64, 48)] * (2 * TRIES)


def test_a_camera_aimed_looks_there_with_z_up_and_rolls_about_its_axis():
    forward = np.array([0.6, 0, 0.8])
    pose = aimed(np.array([1.0, 2, 3]), forward, 0.0)
    assert pose[:3, 3].tolist() == [1, 2, 3] and pose[3].tolist() == [0, 0, 0, 1]
    right, down = np.array([0, -1.0, 0]), np.array([0.8, 0, -0.6])
    assert pose[:3, :3] == pytest.approx(np.stack([right, down, forward], axis=1))
    rolled = aimed(CENTRE, forward, 0.1)[:3, :3]
    assert rolled[:, 0] == pytest.approx(math.cos(0.1) * right + math.sin(0.1) * down)
    assert rolled[:, 1] == pytest.approx(math.cos(0.1) * down - math.sin(0.1) * right)
    assert rolled[:, 2] == pytest.approx(forward)


def test_directions_are_unit_vectors_all_around():
    found = _directions(np.random.default_rng(0), 4000)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(4000))
    assert np.abs(found.mean(0)).max() < 0.03 and (found**2).mean(0) == pytest.approx([1 / 3] * 3, rel=0.05)


@pytest.fixture
def cubes(empty_scene):
    """A cube of 2 around (1, 2, 3), one of 4 around (11, 2, 3) that renders hide, and a light."""
    bpy.ops.mesh.primitive_cube_add(size=2, location=(1, 2, 3))
    bpy.ops.mesh.primitive_cube_add(size=4, location=(11, 2, 3))
    bpy.context.object.hide_render = True
    bpy.ops.object.light_add(location=(0, 0, 90))
    return empty_scene


def test_boxes_are_those_of_what_renders_show_and_has_a_surface(cubes):
    one, hidden, light = bpy.data.objects["Cube"], bpy.data.objects["Cube.001"], bpy.data.objects["Point"]
    corners = box_corners(evaluated(cubes))
    assert corners.shape == (8, 3)
    assert corners.min(0) == pytest.approx([0, 1, 2]) and corners.max(0) == pytest.approx([2, 3, 4])
    assert len(box_corners(evaluated(cubes), {one})) == 8
    assert box_corners(evaluated(cubes), {hidden, light}).shape == (0, 3)
    group = bpy.data.collections.new("group")
    group.objects.link(bpy.data.objects.new("copied", one.data))
    carrier = bpy.data.objects.new("carrier", None)
    carrier.instance_type, carrier.instance_collection, carrier.location = "COLLECTION", group, (50, 0, 0)
    cubes.collection.objects.link(carrier)
    bpy.context.view_layer.update()
    found = box_corners(evaluated(cubes), {carrier})
    assert len(found) == 8 and found.mean(0) == pytest.approx([50, 0, 0])
    assert len(box_corners(evaluated(cubes))) == 16


def test_the_layer_is_the_first_one_that_is_rendered(empty_scene):
    first, second = empty_scene.view_layers[0], empty_scene.view_layers.new("second")
    assert _layer(empty_scene) == first
    first.use = False
    assert _layer(empty_scene) == second
    second.use = False
    assert _layer(empty_scene) == first


def test_free_space_begins_with_the_cameras_that_are_not_somewhere_else(cubes):
    for name, x in (("near", 2 + 1.9 * FAR), ("far", 2 + 2.1 * FAR)):  # the cubes' box is 2 wide and ends at x = 2
        camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
        camera.matrix_world = Matrix.Translation((x, 2, 3))
        cubes.collection.objects.link(camera)
    bpy.context.view_layer.update()
    space = _Space(cubes, np.random.default_rng(0))
    assert space._low == pytest.approx([0, 1, 2]) and space._high == pytest.approx([2, 3, 4])
    assert [place.tolist() for place in space._free] == [pytest.approx([2 + 1.9 * FAR, 2, 3])]
    assert space._lowest == pytest.approx([-1, 0, 2]) and space._highest == pytest.approx([2 + 1.9 * FAR, 4, 5])
    bpy.data.objects.remove(bpy.data.objects["near"])
    alone = _Space(cubes, np.random.default_rng(0))
    assert len(alone._free) == 1 and alone._highest == pytest.approx([3, 4, 5])
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    with pytest.raises(InputError, match=f"{cubes.name!r} shows no surface to look at; add objects first"):
        _Space(cubes, SimpleNamespace())
