import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from dust3r.core.errors import InputError
from dust3r.operators.scene import add_between_camera, add_reconstruction, look_through
from dust3r.tests.blender.synthetic_reconstruction import SHOTS, Shot, make_reconstruction, upright_photo
from mathutils import Vector
from PIL import Image


def read(mesh, name, field, dtype, width=1):
    values = np.empty(len(mesh.vertices) * width, dtype)
    mesh.attributes[name].data.foreach_get(field, values)
    return values.reshape(-1, width) if width > 1 else values


def points_of(collection):
    return next(thing for thing in collection.objects if thing.type == "MESH")


@pytest.fixture
def added(tmp_path, empty_scene):
    reconstruction = make_reconstruction(tmp_path)
    return reconstruction, add_reconstruction(empty_scene, reconstruction, photo_frames=True)


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
    collection = add_reconstruction(empty_scene, make_reconstruction(tmp_path, shots), photo_frames=True)
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


def test_a_new_result_leaves_camera_frames_markers_and_format_to_the_artist(tmp_path, empty_scene):
    own = bpy.data.objects.new("Own", bpy.data.cameras.new("Own"))
    empty_scene.collection.objects.link(own)
    empty_scene.camera, empty_scene.frame_start, empty_scene.frame_end = own, 10, 90
    empty_scene.frame_set(33)
    empty_scene.render.resolution_x, empty_scene.render.resolution_y = 640, 480
    add_reconstruction(empty_scene, make_reconstruction(tmp_path))
    assert empty_scene.camera == own and not empty_scene.timeline_markers
    assert (empty_scene.frame_start, empty_scene.frame_end, empty_scene.frame_current) == (10, 90, 33)
    assert (empty_scene.render.resolution_x, empty_scene.render.resolution_y) == (640, 480)
    empty_scene.frame_set(2)
    assert empty_scene.camera == own


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


def drawn(background):
    """What Blender shows of a background, rows from the top, and its (width, height) where the frame's width is 1.

    With "Crop" it fills the frame with the image as stored, mirrors and scales it, and turns it clockwise then.
    """
    image = background.image
    rows = np.array(image.pixels).reshape(image.size[1], image.size[0], -1)[::-1, :, :3]
    render, quarters = bpy.context.scene.render, round(background.rotation / (np.pi / 2))
    frame = (render.resolution_y * render.pixel_aspect_y) / (render.resolution_x * render.pixel_aspect_x)
    stored = image.size[1] * image.display_aspect[1] / (image.size[0] * image.display_aspect[0])
    size = np.array([1, stored] if stored > frame else [frame / stored, frame]) * background.scale
    assert (background.rotation, background.use_flip_y, *background.offset) == (
        pytest.approx(quarters * np.pi / 2), False, 0, 0,
    )  # fmt: skip
    rows = rows[:, ::-1] if background.use_flip_x else rows
    return np.rot90(rows, -quarters), size[::-1] if quarters % 2 else size


TURNED = [Shot(f"{k}.png", size, (80, 65), orientation=k) for k in range(1, 9) for size in ((60, 90), (90, 60))]


@pytest.mark.parametrize("shot", [*SHOTS, *TURNED], ids=lambda shot: f"{shot.name} {shot.size}")
def test_the_background_is_the_upright_photo_and_fills_the_frame(tmp_path, empty_scene, shot):
    collection = add_reconstruction(empty_scene, make_reconstruction(tmp_path, (shot,)), photo_frames=True)
    camera = collection.objects[shot.name].data
    (background,) = camera.background_images
    assert camera.show_background_images
    assert (background.frame_method, background.display_depth, background.alpha) == ("CROP", "BACK", 0.5)
    assert background.image.packed_file is None
    rows, size = drawn(background)
    tolerance = 4 / 255 if shot.name.endswith(".jpg") else 0.5 / 255  # re-encoded once
    assert np.abs(rows - upright_photo(shot.size) / 255).max() < tolerance
    render = empty_scene.render
    frame = render.resolution_y * render.pixel_aspect_y / (render.resolution_x * render.pixel_aspect_x)
    assert size == pytest.approx([1, frame], rel=1e-6)


@pytest.mark.parametrize("shot", [Shot("a.png"), Shot("b.jpg"), Shot("c.jpg", orientation=6)], ids=lambda s: s.name)
def test_no_background_is_decoded_before_it_is_drawn(tmp_path, empty_scene, shot):
    collection = add_reconstruction(empty_scene, make_reconstruction(tmp_path, (shot,)))
    image = collection.objects[shot.name].data.background_images[0].image
    assert not image.has_data
    assert tuple(image.size) in {shot.size, shot.size[::-1]}
    assert image.has_data


@pytest.mark.parametrize("name", ["a.bmp", "b.tif", "c.webp", "turned.webp", "turned.tif", "cmyk.jpg"])
def test_files_whose_header_does_not_tell_are_compared_or_copied(tmp_path, empty_scene, name):
    shot = Shot(name, orientation=6 if name.startswith("turned") else 1)
    reconstruction = make_reconstruction(tmp_path, (shot,))
    if name.startswith("cmyk"):
        Image.fromarray(upright_photo(shot.size)).convert("CMYK").save(tmp_path / name, quality=100, subsampling=0)
    collection = add_reconstruction(empty_scene, reconstruction)
    (background,) = collection.objects[name].data.background_images
    rows, _ = drawn(background)
    assert rows.shape[:2] == shot.size[::-1]
    if not name.endswith("webp"):  # which is lossy
        assert np.abs(rows - upright_photo(shot.size) / 255).max() < 6 / 255


def test_photos_in_a_saved_file_are_named_from_where_it_lies(tmp_path, empty_scene):
    (tmp_path / "project" / "photos").mkdir(parents=True)
    shots = (Shot("a.png"), Shot("b.jpg", orientation=6))
    reconstruction = make_reconstruction(tmp_path / "project" / "photos", shots)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "project" / "scene.blend"))
    collection = add_reconstruction(bpy.context.scene, reconstruction)
    images = [collection.objects[shot.name].data.background_images[0].image for shot in shots]
    assert [image.filepath for image in images] == ["//photos/a.png", "//photos/b.jpg"]
    bpy.ops.wm.save_mainfile()
    (tmp_path / "project").rename(tmp_path / "moved")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "moved" / "scene.blend"))
    background = bpy.data.objects["b.jpg"].data.background_images[0]
    assert tuple(background.image.size) == (64, 96)


def test_photos_are_named_in_full_where_the_file_is_not_saved_or_the_user_wants_it(tmp_path, empty_scene):
    reconstruction = make_reconstruction(tmp_path, (Shot("a.png"),))
    collections = [add_reconstruction(empty_scene, reconstruction)]
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"), relative_remap=False)
    preferences = bpy.context.preferences.filepaths
    preferences.use_relative_paths = False
    try:
        collections.append(add_reconstruction(bpy.context.scene, reconstruction))
    finally:
        preferences.use_relative_paths = True
    cameras = [thing for one in collections for thing in one.objects if thing.type == "CAMERA"]
    paths = {camera.data.background_images[0].image.filepath for camera in cameras}
    assert paths == {str(tmp_path / "a.png")}


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
