import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from dust3r.core.errors import InputError
from dust3r.operators.scene import add_between_camera, add_reconstruction, look_through, show_colors
from dust3r.tests.blender.synthetic_reconstruction import SHOTS, Shot, make_reconstruction, upright_photo
from mathutils import Vector


def read(mesh, name, field, dtype, width=1):
    values = np.empty(len(mesh.vertices) * width, dtype)
    mesh.attributes[name].data.foreach_get(field, values)
    return values.reshape(-1, width) if width > 1 else values


def points_of(collection):
    return next(thing for thing in collection.objects if thing.type == "MESH")


@pytest.fixture
def added(tmp_path, empty_scene):
    reconstruction = make_reconstruction(tmp_path)
    return reconstruction, add_reconstruction(empty_scene, reconstruction)


@pytest.mark.parametrize("index", range(len(SHOTS)), ids=[shot.name for shot in SHOTS])
def test_every_point_lies_on_its_own_pixel(added, empty_scene, index):
    reconstruction, collection = added
    view, mesh = reconstruction.views[index], points_of(collection).data
    camera = collection.objects[view.name]
    look_through(empty_scene, camera)
    own = read(mesh, "view", "value", np.int32) == index
    seen = [
        world_to_camera_view(empty_scene, camera, Vector(p))
        for p in read(mesh, "position", "vector", np.float32, 3)[own]
    ]
    width, height = view.mapping.photo_size
    pixels = np.array([(u * width, (1 - v) * height) for u, v, _ in seen])
    expected = view.mapping.photo_pixels()[view.mask]
    assert np.abs(pixels - expected).max() < 0.05
    assert [depth for *_, depth in seen] == pytest.approx(view.depth[view.mask], abs=1e-4)


def test_a_camera_is_named_by_its_photo_and_stands_where_the_photo_was_taken(added):
    reconstruction, collection = added
    for view in reconstruction.views:
        x, y, z = view.cam2world[:3, 3]
        assert tuple(collection.objects[view.name].matrix_world.translation) == pytest.approx((x, z, -y), abs=1e-6)


def test_up_in_the_first_photo_is_up_in_blender(added):
    reconstruction, collection = added
    up = collection.objects[reconstruction.views[0].name].matrix_world.to_3x3() @ Vector((0, 1, 0))
    assert tuple(up) == pytest.approx((0, 0, 1), abs=1e-6)


def test_every_photo_has_a_frame_on_which_its_camera_is_the_scene_s(added, empty_scene):
    reconstruction, collection = added
    names = [view.name for view in reconstruction.views]
    assert (empty_scene.frame_start, empty_scene.frame_end) == (1, len(names))
    for frame, name in enumerate(names, 1):
        empty_scene.frame_set(frame)
        assert empty_scene.camera == collection.objects[name]


def test_the_render_has_the_format_of_the_first_photo(tmp_path, empty_scene):
    shots = (Shot("a.png", size=(90, 60), focal=(50, 40)), Shot("b.png", size=(60, 90)))
    collection = add_reconstruction(empty_scene, make_reconstruction(tmp_path, shots))
    render = empty_scene.render
    assert empty_scene.camera == collection.objects["a.png"]
    assert (render.resolution_x, render.resolution_y, render.resolution_percentage) == (90, 60, 100)
    assert (render.pixel_aspect_x, render.pixel_aspect_y) == pytest.approx((1, 50 / 40))


def test_looking_through_a_photo_sets_camera_frame_format_and_viewport(added, empty_scene):
    _, collection = added
    camera = collection.objects["wide pixels.png"]
    look_through(bpy.context, camera)
    render = empty_scene.render
    assert empty_scene.camera == camera
    assert empty_scene.frame_current == 7
    assert (render.resolution_x, render.resolution_y) == (96, 64)
    assert (render.pixel_aspect_x, render.pixel_aspect_y) == pytest.approx((80 / 65, 1))
    areas = [area for window in bpy.context.window_manager.windows for area in window.screen.areas]
    viewports = [area.spaces.active for area in areas if area.type == "VIEW_3D"]
    assert viewports and all(space.region_3d.view_perspective == "CAMERA" for space in viewports)


def test_showing_colors_leaves_no_viewport_in_solid(added, empty_scene):
    show_colors(empty_scene)
    areas = [area for window in bpy.context.window_manager.windows for area in window.screen.areas]
    assert {area.spaces.active.shading.type for area in areas if area.type == "VIEW_3D"} == {"MATERIAL"}


def test_a_foreign_camera_is_refused_with_its_name(empty_scene):
    camera = bpy.data.objects.new("Mine", bpy.data.cameras.new("Mine"))
    with pytest.raises(InputError, match="'Mine' is not a camera of a reconstruction"):
        look_through(empty_scene, camera)


def test_points_are_inside_the_clipping_whatever_the_unit(tmp_path, empty_scene):
    tiny = make_reconstruction(tmp_path, (Shot("a.png"),))
    view = tiny.views[0]
    view.depth[:] *= np.float32(1e-3)
    camera = add_reconstruction(empty_scene, tiny).objects["a.png"].data
    assert camera.clip_start < view.depth.min() and view.depth.max() < camera.clip_end


@pytest.mark.parametrize("shot", SHOTS, ids=[shot.name for shot in SHOTS])
def test_the_background_is_the_upright_photo(tmp_path, empty_scene, shot):
    collection = add_reconstruction(empty_scene, make_reconstruction(tmp_path, (shot,)))
    camera = collection.objects[shot.name].data
    (background,) = camera.background_images
    assert camera.show_background_images
    assert (background.frame_method, background.display_depth, background.alpha) == ("CROP", "BACK", 0.5)
    image = background.image
    rows = np.array(image.pixels).reshape(image.size[1], image.size[0], -1)
    tolerance = 4 / 255 if shot.name.endswith(".jpg") else 0.5 / 255  # re-encoded once
    assert np.abs(rows[::-1, :, :3] - upright_photo(shot.size) / 255).max() < tolerance
    assert (image.packed_file is not None) == (shot.orientation != 1)


def test_the_background_has_the_camera_frame_s_aspect(added, empty_scene):
    _, collection = added
    for camera in (thing for thing in collection.objects if thing.type == "CAMERA"):
        look_through(empty_scene, camera)
        image, render = camera.data.background_images[0].image, empty_scene.render
        drawn = image.size[0] * image.display_aspect[0] / (image.size[1] * image.display_aspect[1])
        frame = render.resolution_x * render.pixel_aspect_x / (render.resolution_y * render.pixel_aspect_y)
        assert drawn == pytest.approx(frame)


def test_the_camera_between_two_photos_stands_between_and_looks_at_their_points(added, empty_scene):
    reconstruction, collection = added
    first, second = (collection.objects[reconstruction.views[k].name] for k in (0, 2))
    camera = add_between_camera(collection, first, second)
    middle = (first.matrix_world.translation + second.matrix_world.translation) / 2
    assert tuple(camera.matrix_world.translation) == pytest.approx(tuple(middle), abs=1e-6)
    look_through(empty_scene, camera)
    mesh = points_of(collection).data
    shown = np.isin(read(mesh, "view", "value", np.int32), (0, 2)) & (
        read(mesh, "confidence", "value", np.float32) >= 1.5
    )
    target = np.median(read(mesh, "position", "vector", np.float32, 3)[shown], axis=0)
    assert tuple(world_to_camera_view(empty_scene, camera, Vector(target)))[:2] == pytest.approx((0.5, 0.5), abs=1e-4)
