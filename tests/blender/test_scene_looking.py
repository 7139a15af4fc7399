"""Looking through photos and from between them, and the overlay of what is still coming together."""

import math
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from dust3r.core.errors import InputError
from dust3r.core.reconstruction.preview import Preview
from dust3r.operators.scene import add_reconstruction, preview_overlay, remembered_view, viewpoints
from dust3r.operators.scene.cameras import (
    INTRINSICS,
    SIZE,
)
from dust3r.operators.scene.reading import find_points
from mathutils import Quaternion, Vector

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
    collection = add_reconstruction(empty_scene, made, photo_frames=True)
    bpy.context.view_layer.update()
    return made, collection


# looking


def test_the_way_between_two_photos_keeps_its_own_up(added):
    turn = Quaternion((0, 0, 1), 0.3) @ Quaternion((1, 0, 0), 1.2)
    direction = Vector((0.3, 1, -0.2))
    found = np.array(viewpoints._turned_to(turn, direction).to_matrix())
    assert -found[:, 2] == pytest.approx(np.array(direction.normalized()), abs=1e-6)
    up = np.array(turn.to_matrix())[:, 1]
    assert found[:, 0] @ up == pytest.approx(0, abs=1e-6) and found[:, 1] @ up > 0
    assert np.linalg.det(found) == pytest.approx(1)
    above = turn.to_matrix() @ Vector((0, 1, 0))
    assert viewpoints._turned_to(turn, above) == turn  # along its own up there is no other


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_camera_between_photos_stands_on_the_way_with_the_firsts_lens(added, share):
    made, collection = added
    first, second = (collection.objects[name] for name in ("a.png", "b.png"))
    first.data.clip_start, first.data.clip_end, first.data.display_size = 0.3, 70, 0.7
    camera = viewpoints.add_between_camera(collection, first, second, share)
    place = first.matrix_world.translation.lerp(second.matrix_world.translation, share)
    assert tuple(camera.matrix_world.translation) == pytest.approx(tuple(place), abs=1e-6)
    fx = first[INTRINSICS][0]
    assert list(camera[INTRINSICS]) == [fx, 0, 12, 0, fx, 8, 0, 0, 1] and list(camera[SIZE]) == [24, 16]
    assert (camera.data.shift_x, camera.data.shift_y) == (0, 0) and camera.name in collection.objects
    assert (camera.data.clip_start, camera.data.clip_end, camera.data.display_size) == pytest.approx((0.3, 70, 0.7))
    sure = made.point_cloud(1.5).position
    middle = np.median(np.stack([sure[:, 0], sure[:, 2], -sure[:, 1]], axis=1), axis=0)
    toward = camera.matrix_world.to_3x3() @ Vector((0, 0, -1))
    assert np.dot(toward, (middle - np.array(place)) / np.linalg.norm(middle - np.array(place))) > 1 - 1e-5
    bpy.data.objects.remove(find_points(collection))
    plain = viewpoints.add_between_camera(collection, first, second, share)
    turn = first.matrix_world.to_quaternion().slerp(second.matrix_world.to_quaternion(), share)
    assert abs(plain.matrix_world.to_quaternion().dot(turn)) == pytest.approx(1, abs=1e-5)
    for strange in (bpy.data.objects.new("mesh", bpy.data.meshes.new("mesh")), new_camera()):
        with pytest.raises(InputError, match="is not a camera of a reconstruction"):
            viewpoints.add_between_camera(collection, first, strange)


def test_the_view_before_a_photo_comes_back_once(added, empty_scene):
    scene, render = empty_scene, empty_scene.render
    scene.frame_set(7)
    scene.camera = None
    render.resolution_x, render.resolution_y, render.resolution_percentage = 77, 55, 50
    assert not remembered_view.is_remembered(scene)
    remembered_view.remember_view(scene)
    scene.frame_set(2)
    scene.camera, render.resolution_x, render.resolution_percentage = bpy.data.objects["a.png"], 11, 100
    remembered_view.remember_view(scene)  # still that of before the first photo
    assert remembered_view.is_remembered(scene)
    remembered_view.restore_view(scene)
    assert scene.camera is None and scene.frame_current == 7
    assert (render.resolution_x, render.resolution_y, render.resolution_percentage) == (77, 55, 50)
    assert not remembered_view.is_remembered(scene)
    with pytest.raises(InputError, match="The view before the photo is not known"):
        remembered_view.restore_view(scene)
    scene.camera = bpy.data.objects["b.png"]
    remembered_view.remember_view(scene)
    scene.camera = bpy.data.objects["a.png"]
    remembered_view.restore_view(scene)
    assert scene.camera.name == "b.png"
    scene[remembered_view.BEFORE] = "damaged"
    with pytest.raises(InputError, match="The view before the photo is not known"):
        remembered_view.restore_view(scene)
    assert not remembered_view.is_remembered(scene)


class Space(SimpleNamespace):
    """A 3D viewport."""

    def __init__(self, **changes):
        region = {"view_location": [1, 2, 3], "view_rotation": [1, 0, 0, 0], "view_distance": 5.0}
        region |= {"view_camera_zoom": 0.0, "view_camera_offset": [0, 0]}
        super().__init__(use_local_camera=True, region_3d=SimpleNamespace(**region, view_perspective="PERSP"))
        vars(self).update(changes)


def windows(monkeypatch, module, *areas):
    """Windows of (scene, kind of area, space), one area each."""
    made = [
        SimpleNamespace(
            scene=scene,
            screen=SimpleNamespace(
                name="Layout", areas=[SimpleNamespace(type=kind, spaces=SimpleNamespace(active=space))]
            ),
        )
        for scene, kind, space in areas
    ]
    context = SimpleNamespace(window_manager=SimpleNamespace(windows=made), space_data=None)
    fake = SimpleNamespace(context=context, types=bpy.types, data=bpy.data)
    monkeypatch.setattr(module, "bpy", fake)


def test_viewports_of_the_scene_come_back_as_they_were_and_no_others(empty_scene, monkeypatch):
    own, other, flat = Space(), Space(), Space(region_3d=None)
    windows(
        monkeypatch, remembered_view,
        (empty_scene, "VIEW_3D", own), (None, "VIEW_3D", other), (empty_scene, "VIEW_3D", flat),
        (empty_scene, "IMAGE_EDITOR", other),
    )  # fmt: skip
    remembered_view.remember_view(empty_scene)
    for space in (own, other):
        space.use_local_camera = False
        space.region_3d = SimpleNamespace(
            view_location=[9, 9, 9],
            view_rotation=[0, 1, 0, 0],
            view_distance=1.0,
            view_perspective="CAMERA",
            view_camera_zoom=20.0,
            view_camera_offset=[0.5, 0],
        )
    remembered_view.restore_view(empty_scene)
    assert vars(own) == vars(Space())
    assert other.region_3d.view_perspective == "CAMERA" and not other.use_local_camera


def test_looking_through_a_photo_turns_the_scenes_viewports_to_its_camera(added, empty_scene, monkeypatch):
    _, collection = added
    own, other, flat = Space(), Space(), Space(region_3d=None)
    windows(
        monkeypatch, viewpoints,
        (empty_scene, "VIEW_3D", own), (None, "VIEW_3D", other), (empty_scene, "VIEW_3D", flat),
        (empty_scene, "IMAGE_EDITOR", other),
    )  # fmt: skip
    viewpoints.look_through(empty_scene, collection.objects["b.png"])
    assert empty_scene.frame_current == 2 and empty_scene.camera.name == "b.png"
    assert not own.use_local_camera and own.region_3d.view_perspective == "CAMERA" and not flat.use_local_camera
    assert other.use_local_camera and other.region_3d.view_perspective == "PERSP"
    empty_scene.timeline_markers.clear()
    empty_scene.frame_set(40)
    viewpoints.look_through(empty_scene, collection.objects["a.png"])
    assert empty_scene.frame_current == 40 and empty_scene.camera.name == "a.png"


# the overlay of what is still coming together


class Graphics:
    """Stands for the graphics card, and for Blender with a window."""

    def __init__(self, monkeypatch, version=(4, 5, 0), background=False):
        self.calls, self.handlers = [], []
        state = SimpleNamespace(
            **{name: lambda value, name=name: self.calls.append((name, value)) for name in (
                "depth_test_set", "point_size_set", "line_width_set")}
        )  # fmt: skip
        shader = SimpleNamespace(from_builtin=self.shader)
        monkeypatch.setattr(preview_overlay, "gpu", SimpleNamespace(state=state, shader=shader))
        monkeypatch.setattr(preview_overlay, "batch_for_shader", self.batch)
        space = SimpleNamespace(
            draw_handler_add=lambda *handler: self.handlers.append(handler) or len(self.handlers),
            draw_handler_remove=lambda *handler: self.handlers.remove(next(iter(self.handlers))),
        )
        self.context = SimpleNamespace(scene=None)
        types = SimpleNamespace(SpaceView3D=space, Scene=bpy.types.Scene)
        app = SimpleNamespace(version=version, background=background)
        monkeypatch.setattr(preview_overlay, "bpy", SimpleNamespace(types=types, app=app, context=self.context))
        self.values = {}

    def shader(self, name):
        return SimpleNamespace(name=name, uniform_float=lambda key, value: self.calls.append((key, value)))

    def batch(self, shader, kind, values):
        self.values[kind] = values
        return SimpleNamespace(draw=lambda drawn: self.calls.append((kind, drawn.name)))


PREVIEW = Preview(
    np.array([[1, 2, 3], [4, 5, 6]], np.float32),
    np.array([[255, 0, 51], [0, 102, 255]], np.uint8),
    np.arange(15, dtype=np.float32).reshape(1, 5, 3),
)


@pytest.mark.parametrize(("version", "points"), [((4, 5, 0), "POINT_FLAT_COLOR"), ((4, 2, 0), "FLAT_COLOR")])
def test_a_preview_is_drawn_in_its_own_scene_with_its_colours(empty_scene, monkeypatch, version, points):
    card = Graphics(monkeypatch, version)
    preview_overlay.show(PREVIEW, empty_scene)
    try:
        assert preview_overlay.is_shown() and len(card.handlers) == 1
        preview_overlay.show(PREVIEW, empty_scene)
        assert len(card.handlers) == 1
        (draw, arguments, *place) = card.handlers[0]
        assert arguments == () and place == ["WINDOW", "POST_VIEW"]
        draw()
        assert card.calls == []
        card.context.scene = bpy.data.scenes.new("Other")
        draw()
        assert card.calls == []
        card.context.scene = empty_scene
        draw()
        assert card.calls == [
            ("depth_test_set", "LESS_EQUAL"), ("point_size_set", 3.0), ("line_width_set", 1.0), ("POINTS", points),
            ("color", (1.0, 0.6, 0.1, 1.0)), ("LINES", "UNIFORM_COLOR"), ("depth_test_set", "NONE"),
            ("point_size_set", 1.0),
        ]  # fmt: skip
        assert card.values["POINTS"]["pos"].tolist() == [[1, 3, -2], [4, 6, -5]]
        expected = np.array([[1, 0, 0.2, 1], [0, 0.4, 1, 1]])
        assert card.values["POINTS"]["color"] == pytest.approx(expected)
        lines = card.values["LINES"]["pos"].reshape(-1, 2, 3)
        ends = [(int(start[0] / 3), int(end[0] / 3)) for start, end in lines]
        assert ends == list(preview_overlay.OUTLINE) and len(lines) == 8
        card.values.clear()
        draw()
        assert card.values == {}  # the graphics card has it
    finally:
        preview_overlay.hide()
    assert not preview_overlay.is_shown() and card.handlers == []
    draw()
    preview_overlay.hide()


def test_without_a_window_nothing_is_drawn(empty_scene, monkeypatch):
    card = Graphics(monkeypatch, background=True)
    preview_overlay.show(PREVIEW, empty_scene)
    assert not preview_overlay.is_shown() and card.handlers == []


@pytest.mark.parametrize("covered", [0, 200, 1000])
def test_a_frame_leaves_the_room_that_the_sidebar_covers(covered):
    view, region = SimpleNamespace(view_camera_zoom=20.0, view_camera_offset=(0.0, 0.0)), SimpleNamespace(width=1000)
    before = (20 / 50 + math.sqrt(2)) ** 2 / 4
    viewpoints._make_room(view, region, covered)
    if covered in (0, region.width):
        assert view.view_camera_zoom == 20 and view.view_camera_offset == (0, 0)
        return
    factor = (view.view_camera_zoom / 50 + math.sqrt(2)) ** 2 / 4
    assert factor == pytest.approx(before * (1 - covered / region.width))
    assert view.view_camera_offset[0] * 2 * factor * region.width == pytest.approx(covered / 2)
