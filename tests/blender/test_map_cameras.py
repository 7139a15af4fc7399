"""From where a model is seen, by itself: sizes, names, distances, and whose photo fills a frame."""

import math
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from dust3r.core.errors import InputError
from dust3r.core.localization.reference_settings import MapSettings
from dust3r.operators.scene import map_cameras as mapping
from dust3r.operators.scene.cameras import INTRINSICS, SIZE
from dust3r.operators.scene.free_space import aimed
from dust3r.operators.scene.map_cameras import (
    ASPECT,
    FIELD_OF_VIEW,
    HIGHEST,
    LOWEST,
    ROOM,
    _file_name,
    _fitted,
    _frame,
    _in_sight,
    _looking_at,
    directions_around,
    map_cameras,
    own_photo,
)
from dust3r.operators.scene.posed_render import CLIP
from mathutils import Matrix
from PIL import Image

from .synthetic_reconstruction import upright_photo, write_photo


def add_camera(name="Eye", place=(0, -8, 3), scale=1.0):
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    camera.matrix_world = Matrix.Translation(place) @ Matrix.Rotation(1.2, 4, "X") @ Matrix.Scale(scale, 4)
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.view_layer.update()
    return camera


@pytest.mark.parametrize(
    ("frame", "longest", "size"),
    [((4, 3), 64, (64, 48)), ((300, 400), 64, (48, 64)), ((1000, 1), 64, (64, 1)), ((1, 1000), 64, (1, 64)),
     ((1.5, 1), 100, (100, 67))],
)  # fmt: skip
def test_a_frames_longer_side_has_so_many_pixels_and_none_has_fewer_than_one(frame, longest, size):
    assert _fitted(frame, longest) == size


def test_names_are_fit_for_files_and_numbered_in_their_order():
    assert _file_name("Camera.001", 7) == "07_Camera.001"
    assert _file_name("ein Haus/außen", 12) == "12_ein_Haus_au_en"


@pytest.mark.parametrize("count", [1, 12, 40])
def test_directions_go_up_in_even_steps_of_height_and_turn_by_the_golden_angle(count):
    found = directions_around(count)
    low, high = math.sin(math.radians(LOWEST)), math.sin(math.radians(HIGHEST))
    steps = np.diff([low, *found[:, 2], high])
    assert steps == pytest.approx([(high - low) / count * (0.5 if k in (0, count) else 1) for k in range(count + 1)])
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(count))
    turns = np.diff(np.unwrap(np.arctan2(found[:, 1], found[:, 0]))) % (2 * math.pi)
    assert turns == pytest.approx(np.full(count - 1, math.pi * (3 - math.sqrt(5))))
    assert np.arctan2(found[0, 1], found[0, 0]) == 0


@pytest.mark.parametrize("size", [(64, 48), (48, 64)])
def test_a_view_around_a_model_has_its_sphere_and_a_twentieth_of_room_in_its_shorter_side(size):
    middle, direction = np.array([1.0, 2, 3]), np.array([0.6, 0, 0.8])
    at = _looking_at(middle, 2.0, direction, size)
    focal = at.K[0, 0]
    assert 2 * math.degrees(math.atan(32 / focal)) == pytest.approx(FIELD_OF_VIEW)
    assert pytest.approx(np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1]])) == at.K
    away = at.cam2world[:3, 3] - middle
    distance = np.linalg.norm(away)
    assert away == pytest.approx(distance * direction)
    assert math.asin(ROOM * 2.0 / distance) == pytest.approx(math.atan(24 / focal))  # the sphere's edge
    assert at.cam2world == pytest.approx(aimed(middle + distance * direction, -direction, 0.0))
    assert at.size == size and at.clip == CLIP


def test_a_model_is_in_sight_where_nothing_stands_before_its_sphere():
    asked = []

    def ray_cast(depsgraph, origin, direction, distance):
        asked.append((depsgraph, origin, direction, distance))
        return hit, None, None, None

    scene, eye = SimpleNamespace(ray_cast=ray_cast), np.array([0.0, 0, 5])
    hit = False
    assert _in_sight(scene, "graph", eye, np.zeros(3), 2.0) is True
    hit = True
    assert _in_sight(scene, "graph", eye, np.zeros(3), 6.0) is False  # from inside of the sphere nothing is before it
    assert asked == [("graph", [0, 0, 5], [0, 0, -1], 3.0), ("graph", [0, 0, 5], [0, 0, -1], 0.0)]


def test_a_camera_is_seen_from_where_it_stands_however_it_is_scaled(empty_scene):
    camera = add_camera(scale=3.0)
    camera.data.clip_start, camera.data.clip_end = 0.5, 60
    empty_scene.render.resolution_x, empty_scene.render.resolution_y = 1000, 500
    (found,) = map_cameras(empty_scene, MapSettings(size=100, photos=False))
    assert found.name == "00_Eye" and found.at.size == (100, 50) and found.photo is None and found.at.clip == (0.5, 60)
    assert found.at.cam2world[:3, 3] == pytest.approx([0, -8, 3])
    turn = np.array(Matrix.Rotation(1.2, 3, "X"))
    assert found.at.cam2world[:3, :3] == pytest.approx(turn @ np.diag([1, -1, -1]), abs=1e-6)
    empty_scene.render.pixel_aspect_x = 2
    assert map_cameras(empty_scene, MapSettings(size=100))[0].at.size == (100, 25)
    empty_scene.render.pixel_aspect_y = 2
    assert _frame(empty_scene, camera) == (2000, 1000)


def test_cameras_are_seen_in_the_order_of_their_names_or_in_that_of_the_settings(empty_scene):
    for name in ("c", "a", "b"):
        add_camera(name)
    assert [one.name for one in map_cameras(empty_scene, MapSettings())] == ["00_a", "01_b", "02_c"]
    assert [one.name for one in map_cameras(empty_scene, MapSettings(cameras=("c", "a")))] == ["00_c", "01_a"]
    bpy.ops.mesh.primitive_cube_add()
    with pytest.raises(InputError, match="has no camera 'Cube'; check the name"):
        map_cameras(empty_scene, MapSettings(cameras=("Cube",)))
    with pytest.raises(InputError, match="has no object 'Sphere'; check the name"):
        map_cameras(empty_scene, MapSettings(around=("Sphere",)))
    assert len(map_cameras(empty_scene, MapSettings(around=("Cube",), views=4))) == 4


def test_a_scene_without_cameras_is_a_sentence(empty_scene):
    with pytest.raises(InputError, match="has no camera to see the model from; add one"):
        map_cameras(empty_scene, MapSettings())


def test_views_around_are_those_of_the_box_of_all_that_is_named(empty_scene, monkeypatch):
    bpy.ops.mesh.primitive_cube_add(size=2, location=(10, 0, 0))
    bpy.ops.mesh.primitive_cube_add(size=2, location=(14, 0, 0))
    bpy.ops.mesh.primitive_cube_add(size=2, location=(90, 0, 0))
    asked = []
    seen = lambda scene, depsgraph, eye, middle, radius: asked.append((middle, radius)) or len(asked) != 2  # noqa: E731
    monkeypatch.setattr(mapping, "_in_sight", seen)
    found = map_cameras(empty_scene, MapSettings(around=("Cube", "Cube.001"), views=5, size=80))
    assert [one.name for one in found] == ["00_around", "02_around", "03_around", "04_around"]
    assert asked[0][0] == pytest.approx([12, 0, 0]) and asked[0][1] == pytest.approx(math.sqrt(9 + 1 + 1))
    assert found[0].at.size == (80, round(80 / ASPECT)) and found[0].photo is None
    middle = np.array([12.0, 0, 0])
    expected = _looking_at(middle, math.sqrt(11), directions_around(5)[2], (80, 60))
    assert found[1].at.cam2world == pytest.approx(expected.cam2world)
    monkeypatch.setattr(mapping, "_in_sight", lambda *place: False)
    with pytest.raises(InputError, match="Other objects hide 'Cube' from all sides"):
        map_cameras(empty_scene, MapSettings(around=("Cube", "Cube.001")))
    bpy.data.objects["Cube"].hide_render = True
    with pytest.raises(InputError, match="'Cube' shows no surface in renders"):
        map_cameras(empty_scene, MapSettings(around=("Cube",)))


@pytest.fixture
def shown(empty_scene, tmp_path):
    """A camera with a photo of 60 x 40 behind it, which fills the render's frame of 600 x 400."""
    write_photo(tmp_path / "photo.png", upright_photo((60, 40)), 1)
    camera = add_camera()
    camera.data.show_background_images = True
    background = camera.data.background_images.new()
    background.image = bpy.data.images.load(str(tmp_path / "photo.png"))
    empty_scene.render.resolution_x, empty_scene.render.resolution_y = 600, 400
    return empty_scene, camera, background, tmp_path / "photo.png"


def test_a_photo_that_fills_the_frame_unmoved_is_the_cameras_own(shown):
    scene, camera, _background, path = shown
    assert own_photo(scene, camera) == path
    for size in ((603, 400), (600, 403)):
        scene.render.resolution_x, scene.render.resolution_y = size
        assert own_photo(scene, camera) == path  # whole pixels round
    for size in ((612, 400), (600, 410), (400, 600)):
        scene.render.resolution_x, scene.render.resolution_y = size
        assert own_photo(scene, camera) is None


@pytest.mark.parametrize(
    ("setting", "value"),
    [("scale", 2), ("rotation", 0.1), ("use_flip_x", True), ("use_flip_y", True), ("offset", (0.1, 0)),
     ("offset", (0, 0.1)), ("source", "MOVIE_CLIP"), ("image", None)],
)  # fmt: skip
def test_a_photo_that_was_moved_turned_or_replaced_is_not(shown, setting, value):
    scene, camera, background, _ = shown
    setattr(background, setting, value)
    assert own_photo(scene, camera) is None


def test_a_photo_that_is_switched_off_gone_packed_or_no_photo_is_not(shown, tmp_path):
    scene, camera, background, path = shown
    camera.data.show_background_images = False
    assert own_photo(scene, camera) is None
    camera.data.show_background_images = True
    background.image.pack()
    assert own_photo(scene, camera) is None  # what is in the .blend need not be what lies on disk
    background.image = bpy.data.images.load(str(path), check_existing=False)
    assert own_photo(scene, camera) == path
    path.write_bytes(b"no picture")
    assert own_photo(scene, camera) is None
    path.unlink()
    assert own_photo(scene, camera) is None
    background.image = bpy.data.images.new("made", 60, 40)
    assert own_photo(scene, camera) is None
    camera.data.background_images.clear()
    assert own_photo(scene, camera) is None


def test_a_photo_that_exif_turns_is_not_one_that_any_camera_took_but_one_of_ours_did(shown, tmp_path):
    scene, camera, _background, path = shown
    write_photo(path, upright_photo((60, 40)), 3)
    assert own_photo(scene, camera) is None
    camera[SIZE], camera[INTRINSICS] = [60, 40], [50.0, 0, 30, 0, 50, 20, 0, 0, 1]
    assert own_photo(scene, camera) == path and _frame(scene, camera) == (60, 40)
    camera[SIZE] = [61, 40]
    assert own_photo(scene, camera) is None
    camera[INTRINSICS] = [50.0, 0, 30, 0, 40, 20, 0, 0, 1]  # of pixels that are not square
    assert _frame(scene, camera) == (600, 400)
    assert Image.open(path).size == (60, 40)
