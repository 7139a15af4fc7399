"""Marks, picked points and worlds that are moved."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from dust3r.core.cleanup.settings import CleanupSettings
from dust3r.core.errors import InputError
from dust3r.operators.scene import add_reconstruction, marks
from dust3r.operators.scene.axes import blender_camera
from dust3r.operators.scene.cameras import (
    INTRINSICS,
    SIZE,
)
from dust3r.operators.scene.reading import read_reconstruction
from dust3r.operators.scene.reconstruction import RECIPE
from dust3r.operators.scene.statistics import STATISTICS, read_statistics
from dust3r.operators.scene.world import add_pick, camera_pose, move_world, moved_since, picked_points, to_core
from mathutils import Matrix, Vector

from .synthetic_reconstruction import Shot, make_reconstruction

TWO = (Shot("a.png", size=(24, 16)), Shot("b.png", size=(24, 16)))


def new_camera(scene=None, name="Own"):
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    if scene is not None:
        scene.collection.objects.link(camera)
    return camera


@pytest.fixture
def added(tmp_path, empty_scene):
    made = make_reconstruction(tmp_path, TWO)
    collection = add_reconstruction(empty_scene, made)
    bpy.context.view_layer.update()
    return made, collection


# marks


def test_a_mark_is_where_the_pixel_is_on_the_symbols_frame_and_rays_lead_to_the_point(added):
    _made, collection = added
    cameras = [collection.objects[name] for name in ("a.png", "b.png")]
    place, found = marks.mark_point(collection, 0, (12.5, 8.5))
    assert [one.view for one in found if one.visible] == [0, 1]
    (group,) = [child for child in collection.children if marks.MARKS in child]
    size = marks.SIZE_OF_MARK * cameras[0].data.display_size
    point, rays = group.objects["Point"], group.objects["Rays"]
    assert point.location == place and point.empty_display_type == "SPHERE" and point.show_in_front
    assert point.empty_display_size == pytest.approx(size)
    assert rays.hide_render and rays.data.dimensions == "3D" and len(rays.data.splines) == 2
    bpy.context.view_layer.update()
    for camera, one, line in zip(cameras, found, rays.data.splines, strict=True):
        mark = group.objects[f"Mark {camera.name}"]
        assert mark.empty_display_type == "CIRCLE" and tuple(mark[marks.MARKS]) == pytest.approx(one.pixel)
        start, end = (np.array(point.co) for point in line.points)
        assert start == pytest.approx([*camera.matrix_world.translation, 1]) and end == pytest.approx([*place, 1])
        toward = (mark.location - camera.location).normalized()
        assert (place - camera.location).normalized().dot(toward) == pytest.approx(1, abs=1e-5)
        local = camera.matrix_world.inverted() @ mark.location
        assert -local.z == pytest.approx(camera.data.display_size * camera[INTRINSICS][0] / camera[SIZE][0], rel=1e-4)
        normal = mark.rotation_euler.to_matrix() @ Vector((0, 1, 0))  # a circle's
        assert abs(normal.dot(camera.matrix_world.to_3x3() @ Vector((0, 0, 1)))) == pytest.approx(1, abs=1e-5)
    assert marks.clear_marks(collection) == 4 and len(collection.children) == 0
    assert "Rays" not in bpy.data.curves and marks.clear_marks(collection) == 0
    for number in (-1, 2):
        with pytest.raises(InputError, match=f"no points of photo {number}"):
            marks.mark_point(collection, number, (1, 1))


def test_surfaces_may_differ_more_where_all_photos_do(monkeypatch):
    settings = CleanupSettings()
    for known, expected in (
        (None, settings.depth_tolerance),
        (SimpleNamespace(disagreement=1e-4), settings.depth_tolerance),
        (SimpleNamespace(disagreement=0.1), 0.1 * settings.noise_factor),
    ):
        monkeypatch.setattr(marks, "read_statistics", lambda collection, known=known: known)
        assert marks._tolerance(None) == pytest.approx(expected)


def test_statistics_that_cannot_be_read_are_none(added):
    _, collection = added
    assert read_statistics(collection) is not None
    for content in ("{}", "no JSON", 5):
        collection[STATISTICS] = content
        assert read_statistics(collection) is None


# worlds that are moved


def test_moved_worlds_say_by_what(added):
    _, collection = added
    frame = read_reconstruction(collection).world_frame
    assert (moved_since(collection, frame) == np.eye(4)).all()
    move = np.diag([2.0, 2, 2, 1])
    move[:3, 3] = 1, 2, 3
    move_world(collection, move, "scale")
    assert moved_since(collection, frame) == pytest.approx(move)
    assert moved_since(collection, read_reconstruction(collection).world_frame) == pytest.approx(np.eye(4))
    del collection[RECIPE]
    with pytest.raises(InputError, match="not a whole reconstruction"):
        moved_since(collection, frame)
    with pytest.raises(InputError, match="not a whole reconstruction"):
        move_world(collection, move, "scale")


def test_a_pick_is_half_as_large_as_the_cameras_and_goes_with_the_world_unscaled(added):
    _, collection = added
    camera = collection.objects["a.png"]
    pick = add_pick(collection, np.array([1.0, 2, 3]))
    assert pick.empty_display_size == pytest.approx(camera.data.display_size / 2) and pick.show_in_front
    assert pick.empty_display_type == "PLAIN_AXES" and tuple(pick.location) == (1, 2, 3)
    bare = bpy.data.collections.new("bare")
    assert add_pick(bare, np.zeros(3)).empty_display_size == pytest.approx(0.1)
    size, near, far = pick.empty_display_size, camera.data.clip_start, camera.data.clip_end
    bpy.context.view_layer.update()
    child = bpy.data.objects.new("child", None)
    child.parent, child.location = pick, (0, 0, 1)
    collection.objects.link(child)
    other = bpy.data.objects.new("other", None)
    other.location = (1, 0, 0)
    collection.objects.link(other)
    bpy.context.view_layer.update()
    move_world(collection, np.diag([2.0, 2, 2, 1]), "scale")
    bpy.context.view_layer.update()
    assert pick.empty_display_size == pytest.approx(2 * size) and tuple(pick.scale) == pytest.approx((1, 1, 1))
    assert tuple(pick.matrix_world.translation) == pytest.approx((2, 4, 6))
    assert tuple(child.location) == (0, 0, 1) and tuple(other.matrix_world.to_scale()) == pytest.approx((2, 2, 2))
    assert (camera.data.clip_start, camera.data.clip_end) == pytest.approx((2 * near, 2 * far))
    assert tuple(camera.matrix_world.to_scale()) == pytest.approx((1, 1, 1), abs=1e-5)


def test_core_and_blender_speak_of_the_same_places_and_poses(empty_scene):
    assert to_core(np.array([[1.0, 3, -2]])).tolist() == [[1, 2, 3]]
    camera = new_camera(empty_scene)
    pose = np.eye(4)
    pose[:3, 3] = 1, 2, 3
    camera.matrix_world = blender_camera(pose) @ Matrix.Scale(3, 4)
    bpy.context.view_layer.update()
    assert camera_pose(camera) == pytest.approx(pose, abs=1e-6)


def test_picked_points_are_the_selected_things_the_active_one_last(added, empty_scene):
    _, _collection = added
    assert len(picked_points(bpy.context)) == 0
    bpy.ops.object.select_all(action="SELECT")  # points and cameras of ours are no picks
    assert picked_points(bpy.context).shape == (0, 3)
    for name, x in (("b", 2), ("a", 1), ("c", 3)):
        thing = bpy.data.objects.new(name, None)
        thing.location = (x, 0, 0)
        empty_scene.collection.objects.link(thing)
        thing.select_set(True)
    bpy.context.view_layer.objects.active = bpy.data.objects["a"]
    bpy.context.view_layer.update()
    assert picked_points(bpy.context)[:, 0].tolist() == [2, 3, 1]
