"""A scene as a map: K of any camera as Blender frames it, depth where rays hit, and what is left out."""

import itertools
import math

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from dust3r.core.cameras.posed_images import read_depth, read_posed_photos
from dust3r.core.errors import Cancelled, InputError
from dust3r.core.localization.reference_settings import MapSettings
from dust3r.core.world.transform import OPENGL_TO_OPENCV
from dust3r.operators.scene.cameras import intrinsics_of
from dust3r.operators.scene.map_cameras import HIGHEST, LOWEST, directions_around, map_cameras, own_photo
from dust3r.operators.scene.map_views import render_map
from mathutils import Euler, Matrix, Vector
from PIL import Image

SMALL = MapSettings(size=64, samples=1)


def add_camera(name="Eye", location=(0, -8, 3), turn=(1.2, 0, 0)):
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    camera.matrix_world = Euler(turn).to_matrix().to_4x4()
    camera.matrix_world.translation = location
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.view_layer.update()
    return camera


@pytest.fixture
def block(empty_scene):
    """A block of 2 x 2 x 2 around the origin on a floor, lit, seen by one camera."""
    bpy.ops.mesh.primitive_cube_add(size=2)
    bpy.ops.mesh.primitive_plane_add(size=30, location=(0, 0, -1))
    bpy.context.object.name = "Floor"
    bpy.ops.object.light_add(type="SUN", location=(0, 0, 5))
    add_camera()
    return bpy.context.scene


def rays(photo):
    """Origin, and unit directions (H, W, 3) with their lengths per unit of z (H, W)."""
    x, y = np.meshgrid(np.arange(photo.size[0]) + 0.5, np.arange(photo.size[1]) + 0.5)
    directions = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(photo.K).T @ photo.cam2world[:3, :3].T
    lengths = np.linalg.norm(directions, axis=-1)
    return photo.cam2world[:3, 3], directions / lengths[..., None], lengths


def cast(scene, photo):
    """The depth that Blender's own ray caster finds, one ray at a time: an independent truth."""
    origin, directions, lengths = rays(photo)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    depth = np.zeros(lengths.shape)
    for at in np.ndindex(*lengths.shape):
        hit, place, *_ = scene.ray_cast(depsgraph, origin.tolist(), directions[at].tolist())
        depth[at] = np.linalg.norm(np.array(place) - origin) / lengths[at] if hit else 0
    return depth


def only_photo(folder):
    (photo,) = read_posed_photos(folder)
    return photo, read_depth(photo.depth)


@pytest.mark.parametrize(
    ("fit", "size"), itertools.product(("AUTO", "HORIZONTAL", "VERTICAL"), ((640, 480), (480, 640), (500, 500)))
)
def test_k_projects_as_blender_does(empty_scene, fit, size):
    camera = add_camera(location=(1, -5, 2), turn=(1.1, 0.2, 0.3))
    data, render = camera.data, empty_scene.render
    data.sensor_fit, data.sensor_width, data.sensor_height, data.lens = fit, 30, 22, 41
    data.shift_x, data.shift_y = 0.13, -0.07
    render.resolution_x, render.resolution_y = size
    K, world2cam = intrinsics_of(camera, size), np.linalg.inv(np.array(camera.matrix_world) @ OPENGL_TO_OPENCV)
    for point in ((0, 0, 0), (0.5, 1, -0.4), (-1, 2, 1)):
        u, v, _ = world_to_camera_view(empty_scene, camera, Vector(point))
        x, y, z = K @ (world2cam @ (*point, 1))[:3]
        assert (x / z, y / z) == pytest.approx((u * size[0], (1 - v) * size[1]), abs=1e-3)


def test_depth_is_where_rays_hit(block, tmp_path):
    assert render_map(block, tmp_path / "map", SMALL) == []
    photo, depth = only_photo(tmp_path / "map")
    assert photo.size == (64, 36)  # 1920 x 1080 by default
    truth = cast(block, photo)
    assert ((depth > 0) == (truth > 0)).mean() > 0.999
    seen = (depth > 0) & (truth > 0)
    assert np.quantile(np.abs(depth - truth)[seen] / truth[seen], 0.99) < 1e-5


def test_modifiers_and_instances_count_and_objects_hidden_in_renders_do_not(block, tmp_path):
    cube = block.objects["Cube"]
    cube.modifiers.new("Row", "ARRAY").count = 3
    parts = bpy.data.collections.new("Parts")
    ball = bpy.data.objects.new("Ball", bpy.data.meshes.new_from_object(cube))
    parts.objects.link(ball)
    copy = bpy.data.objects.new("Copy", None)
    copy.instance_type, copy.instance_collection, copy.location = "COLLECTION", parts, (-4, 0, 0)
    block.collection.objects.link(copy)
    bpy.ops.mesh.primitive_plane_add(size=30, location=(0, -5, 0), rotation=(math.pi / 2, 0, 0))
    bpy.context.object.hide_render = True
    render_map(block, tmp_path / "map", SMALL)
    photo, depth = only_photo(tmp_path / "map")
    bpy.data.objects.remove(bpy.context.object)
    bpy.context.view_layer.update()
    truth = cast(block, photo)
    assert np.mean(np.abs(depth - truth) < 1e-4 * truth) > 0.98
    origin, directions, lengths = rays(photo)
    points = origin + directions * (lengths * depth)[..., None]
    above = points[(depth > 0) & (points[..., 2] > 0.5)]
    assert above[:, 0].min() < -3 and above[:, 0].max() > 3  # the instance, and the array's last


def test_a_camera_sees_what_its_clipping_lets_it_see(block, tmp_path):
    block.objects["Eye"].data.clip_start = 9.0
    render_map(block, tmp_path / "map", SMALL)
    _, depth = only_photo(tmp_path / "map")
    assert depth[depth > 0].min() >= 9


def test_the_scene_stays_as_it_was_and_a_cancel_leaves_an_empty_folder(block, tmp_path):
    def stop(stage, done, total):
        if done:
            raise Cancelled

    kinds = ("scenes", "objects", "cameras", "meshes", "images", "node_groups")
    before = {kind: sorted(one.name for one in getattr(bpy.data, kind)) for kind in kinds}
    with pytest.raises(Cancelled):
        render_map(block, tmp_path / "map", SMALL, stop)
    assert list((tmp_path / "map").iterdir()) == []
    assert {kind: sorted(one.name for one in getattr(bpy.data, kind)) for kind in kinds} == before


def test_views_around_a_model_look_at_it_and_show_all_of_it(block, tmp_path):
    block.objects["Floor"].hide_render = True
    settings = MapSettings(around=("Cube",), views=8, size=64, samples=1)
    bpy.data.objects.remove(block.objects["Floor"])
    assert render_map(block, tmp_path / "map", settings) == []
    photos = read_posed_photos(tmp_path / "map")
    assert len(photos) == 8
    for photo in photos:
        shown = read_depth(photo.depth) > 0
        assert shown[24, 32]
        assert 0.1 < shown.mean() < 0.6
        assert not (shown[0].any() or shown[-1].any() or shown[:, 0].any() or shown[:, -1].any())


def test_directions_around_are_evenly_spread():
    found = directions_around(24)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    nearest = np.sort(np.degrees(np.arccos(np.clip(found @ found.T, -1, 1))), axis=1)[:, 1]
    assert nearest.min() > 0.5 * nearest.max() > 10
    low, high = (np.sin(np.radians(angle)) for angle in (LOWEST, HIGHEST))
    heights = np.linspace(low, high, 49)[1::2]  # as much of the sphere between each and the next
    np.testing.assert_allclose(np.sort(found[:, 2]), heights)


def test_views_that_something_hides_are_left_out(block):
    block.objects["Floor"].location.z = -0.5
    bpy.context.view_layer.update()
    above = map_cameras(block, MapSettings(around=("Cube",), views=8))
    assert 0 < len(above) < 8
    assert all(camera.at.cam2world[2, 3] > -0.5 for camera in above)
    bpy.ops.mesh.primitive_cube_add(size=4)
    with pytest.raises(InputError, match="hide 'Cube' from all sides"):
        map_cameras(block, MapSettings(around=("Cube",), views=8))


def test_children_of_an_empty_are_gone_around(block):
    parent = bpy.data.objects.new("Parent", None)
    block.collection.objects.link(parent)
    block.objects["Cube"].parent = parent
    bpy.context.view_layer.update()
    names = ("Cube", "Parent")
    one, other = (map_cameras(block, MapSettings(around=(name,), views=3)) for name in names)
    assert [(a.at.cam2world == b.at.cam2world).all() for a, b in zip(one, other, strict=True)] == [True] * len(one)


def with_background(camera, path, size):
    Image.new("RGB", size, (200, 30, 30)).save(path)
    camera.data.show_background_images = True
    background = camera.data.background_images.new()
    background.image = bpy.data.images.load(str(path))
    return background


def test_a_photo_that_fills_its_cameras_frame_is_taken_for_the_render(block, tmp_path):
    background = with_background(block.objects["Eye"], tmp_path / "photo.png", (192, 108))
    assert own_photo(block, block.objects["Eye"]) == tmp_path / "photo.png"
    render_map(block, tmp_path / "map", SMALL)
    photo, _ = only_photo(tmp_path / "map")
    with Image.open(photo.path) as image:
        assert image.size == (64, 36)
        assert image.getpixel((30, 20)) == (200, 30, 30)
    background.scale = 1.5
    assert own_photo(block, block.objects["Eye"]) is None


def test_a_photo_of_another_shape_is_not_the_cameras_own(block, tmp_path):
    with_background(block.objects["Eye"], tmp_path / "photo.png", (100, 100))
    assert own_photo(block, block.objects["Eye"]) is None


def test_workbench_needs_no_light(block, tmp_path):
    for light in [thing for thing in block.objects if thing.type == "LIGHT"]:
        bpy.data.objects.remove(light)
    with pytest.raises(InputError, match="black"):
        render_map(block, tmp_path / "dark", SMALL)
    render_map(block, tmp_path / "map", MapSettings(size=64, samples=1, engine="workbench"))
    photo, _ = only_photo(tmp_path / "map")
    with Image.open(photo.path) as image:
        assert np.asarray(image).mean() > 50


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (MapSettings(cameras=("Gone",)), "no camera 'Gone'"),
        (MapSettings(cameras=("Cube",)), "no camera 'Cube'"),
        (MapSettings(around=("Gone",)), "no object 'Gone'"),
        (MapSettings(around=("Eye",)), "shows no surface"),
    ],
)
def test_names_that_are_not_there_are_a_sentence(block, tmp_path, settings, sentence):
    with pytest.raises(InputError, match=sentence):
        render_map(block, tmp_path / "map", settings)


def test_other_cameras_than_pinholes_and_views_of_nothing_are_refused(block, tmp_path):
    camera = block.objects["Eye"]
    camera.matrix_world = Matrix.Translation((0, 0, 9)) @ Matrix.Rotation(math.pi, 4, "X")
    with pytest.raises(InputError, match="shows a surface"):
        render_map(block, tmp_path / "map", SMALL)
    camera.data.type = "ORTHO"
    with pytest.raises(InputError, match="no perspective camera"):
        render_map(block, tmp_path / "map", SMALL)
    bpy.data.objects.remove(camera)
    with pytest.raises(InputError, match="has no camera"):
        render_map(block, tmp_path / "map", SMALL)


@pytest.mark.parametrize(("name", "value"), [("views", 0), ("size", 8), ("samples", 0), ("engine", "povray")])
def test_settings_that_cannot_be_are_refused(name, value):
    with pytest.raises(InputError, match=name):
        MapSettings(**{name: value})
