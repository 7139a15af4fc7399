"""Cameras of a scene as pins of the next reconstruction: read exactly, refused where they are none, and kept."""

import json
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from dust3r.core.errors import InputError
from dust3r.core.world.transform import OPENGL_TO_OPENCV, WORLD_TO_Z_UP
from dust3r.operators.scene import add_reconstruction, read_recipe
from dust3r.operators.scene.known import known_camera, photo_of
from dust3r.tests.blender.synthetic_reconstruction import SHOTS, make_reconstruction, upright_photo, write_photo
from mathutils import Matrix
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
STUDIO = ROOT / "samples" / "studio" / "images"
NAMES = ("studio_01.jpg", "studio_02.jpg", "studio_03.jpg")


@pytest.fixture
def added(tmp_path, empty_scene):
    """(reconstruction, its collection) of every kind of photo."""
    reconstruction = make_reconstruction(tmp_path)
    collection = add_reconstruction(empty_scene, reconstruction)
    bpy.context.view_layer.update()
    return reconstruction, collection


def test_untouched_cameras_say_what_their_reconstruction_said_to_the_last_bit(added):
    reconstruction, collection = added
    for view in reconstruction.views:
        camera = collection.objects[view.name]
        found = known_camera(camera, photo_of(camera), "both")
        assert photo_of(camera) == view.path
        assert (found.cam2world == view.cam2world).all()
        assert (found.K == view.K).all()


def test_a_moved_camera_says_where_it_stands_now(added):
    reconstruction, collection = added
    camera = collection.objects[SHOTS[0].name]
    camera.location.x += 1e-3
    bpy.context.view_layer.update()
    found = known_camera(camera, photo_of(camera), "pose").cam2world
    expected = WORLD_TO_Z_UP.T @ np.array(camera.matrix_world) @ OPENGL_TO_OPENCV
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found[0, 3] == pytest.approx(reconstruction.views[0].cam2world[0, 3] + 1e-3, abs=1e-6)


def test_another_lens_is_read_and_keeps_the_pixels_aspect(added):
    _, collection = added
    camera = collection.objects["tall pixels.png"]
    camera.data.lens *= 1.5
    K = known_camera(camera, photo_of(camera), "lens").K
    np.testing.assert_allclose(K, [[120, 0, 48], [0, 97.5, 32], [0, 0, 1]], atol=1e-4)


def test_pixels_that_are_not_square_keep_an_optical_centre_aside(tmp_path, empty_scene):
    shot = replace(next(shot for shot in SHOTS if shot.name == "tall pixels.png"), principal_point=(41.0, 36.5))
    collection = add_reconstruction(empty_scene, make_reconstruction(tmp_path, (shot,)))
    camera = collection.objects[shot.name]
    assert (known_camera(camera, photo_of(camera), "lens").K == [[80, 0, 41], [0, 65, 36.5], [0, 0, 1]]).all()
    camera.data.lens *= 1.5
    K = known_camera(camera, photo_of(camera), "lens").K
    np.testing.assert_allclose(K, [[120, 0, 41], [0, 97.5, 36.5], [0, 0, 1]], atol=1e-4)


def test_a_scaled_world_moves_a_camera_and_does_not_bend_it(added):
    reconstruction, collection = added
    camera = collection.objects[SHOTS[1].name]
    parent = bpy.data.objects.new("metres", None)
    collection.objects.link(parent)
    camera.parent, parent.scale = parent, (2.5, 2.5, 2.5)
    bpy.context.view_layer.update()
    found = known_camera(camera, photo_of(camera), "pose").cam2world
    true = reconstruction.views[1].cam2world
    np.testing.assert_allclose(found[:3, :3], true[:3, :3], atol=1e-6)
    np.testing.assert_allclose(found[:3, 3], 2.5 * true[:3, 3], atol=1e-5)
    np.testing.assert_allclose(found[:3, :3] @ found[:3, :3].T, np.eye(3), atol=1e-12)


def test_a_cameras_own_scale_is_none_of_its_pose(added):
    reconstruction, collection = added
    camera = collection.objects[SHOTS[1].name]
    camera.scale = (1, 2, 0.5)
    bpy.context.view_layer.update()
    found = known_camera(camera, photo_of(camera), "pose").cam2world
    np.testing.assert_allclose(found, reconstruction.views[1].cam2world, atol=1e-6)


@pytest.mark.parametrize("scale", [(1, 2, 1), (-1, 1, 1), (0, 1, 1)])
def test_a_camera_that_parents_bend_is_refused_in_a_sentence(added, scale):
    _, collection = added
    camera = collection.objects[SHOTS[1].name]
    parent = bpy.data.objects.new("bent", None)
    collection.objects.link(parent)
    camera.parent, parent.scale = parent, scale
    camera.location, camera.rotation_euler = (1, 2, 3), (0.4, 0.5, 0.6)
    bpy.context.view_layer.update()
    with pytest.raises(InputError, match=r"portrait\.png.*scale"):
        known_camera(camera, photo_of(camera), "pose")


@pytest.mark.parametrize(("fit", "size"), [("AUTO", (96, 64)), ("AUTO", (60, 90)), ("VERTICAL", (96, 64))])
def test_any_camera_with_a_background_photo_will_do(tmp_path, empty_scene, fit, size):
    path = tmp_path / "wall.png"
    write_photo(path, upright_photo(size), 1)
    camera = bpy.data.objects.new("mine", bpy.data.cameras.new("mine"))
    empty_scene.collection.objects.link(camera)
    camera.data.background_images.new().image = bpy.data.images.load(str(path))
    camera.data.sensor_fit, camera.data.lens, camera.data.sensor_width, camera.data.sensor_height = fit, 30, 36, 24
    camera.matrix_world = Matrix.Translation((1, 2, 3))
    bpy.context.view_layer.update()
    found = known_camera(camera, photo_of(camera), "both")
    focal = 30 / 24 * size[1] if fit == "VERTICAL" else 30 / 36 * max(size)
    np.testing.assert_allclose(found.K, [[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1]], atol=1e-5)
    np.testing.assert_allclose(found.cam2world[:3, 3], (1, -3, 2), atol=1e-6)


@pytest.fixture
def reconstructed(extension):
    """The collection of the list's three photos."""
    bpy.ops.dust3r.add_photos(directory=str(STUDIO), files=[{"name": name} for name in NAMES])
    extension.model, extension.iterations = "small", 3
    extension.cameras = extension.surfaces = "network"
    return _reconstruct()


def _reconstruct():
    before = set(bpy.context.scene.collection.children)
    assert bpy.ops.dust3r.reconstruct() == {"FINISHED"}
    (new,) = set(bpy.context.scene.collection.children) - before
    return new


def _select(collection, *names):
    bpy.ops.object.select_all(action="DESELECT")
    for name in names:
        collection.objects[name].select_set(True)


def _stands(camera):
    return np.array(camera.matrix_world)


def test_the_next_reconstruction_stands_where_the_known_cameras_stand(reconstructed, extension):
    for k, name in enumerate(NAMES[:2]):
        camera = reconstructed.objects[name]
        camera.matrix_world = (
            Matrix.Translation((5 + 3 * k, 1, 2)) @ Matrix.Rotation(0.2 * k, 4, "Z") @ Matrix.Rotation(1.5, 4, "X")
        )
    _select(reconstructed, *NAMES[:2])
    assert bpy.ops.dust3r.use_as_known() == {"FINISHED"}
    assert [(photo.is_pose_known, photo.is_lens_known) for photo in extension.photos] == [(True,) * 2] * 2 + [
        (False,) * 2
    ]
    again = _reconstruct()
    for name in NAMES[:2]:
        (camera,) = (thing for thing in again.objects if thing.get("dust3r_photo") == name)
        np.testing.assert_allclose(_stands(camera), _stands(reconstructed.objects[name]), atol=1e-5)
        assert list(camera["dust3r_K"]) == list(reconstructed.objects[name]["dust3r_K"])
    recipe = read_recipe(again)
    assert set(recipe["known"]) == set(NAMES[:2])
    for name, said in recipe["known"].items():
        assert said["cam2world"] == recipe["photos"][name]["cam2world"]
        assert said["K"] == recipe["photos"][name]["K"]


def test_pose_and_lens_are_chosen_joined_and_forgotten(reconstructed, extension):
    assert not bpy.ops.dust3r.forget_known.poll()
    _select(reconstructed, NAMES[0])
    bpy.ops.dust3r.use_as_known(part="lens")
    assert set(json.loads(extension.photos[0].known)) == {"K"}
    bpy.ops.dust3r.use_as_known(part="pose")
    assert set(json.loads(extension.photos[0].known)) == {"K", "cam2world"}
    extension.active_photo = 1
    bpy.ops.dust3r.forget_known()
    assert extension.photos[0].known
    bpy.ops.dust3r.forget_known(everything=True)
    assert not any(photo.known for photo in extension.photos)


def test_what_cannot_be_used_is_a_sentence_and_changes_nothing(reconstructed, extension):
    assert not bpy.ops.dust3r.use_as_known.poll() or bpy.context.selected_objects
    bpy.ops.dust3r.remove_photo()
    _select(reconstructed, *NAMES)
    with pytest.raises(RuntimeError, match=r"studio_01\.jpg.*not in the list"):
        bpy.ops.dust3r.use_as_known()
    empty = bpy.data.objects.new("bare", bpy.data.cameras.new("bare"))
    reconstructed.objects.link(empty)
    _select(reconstructed, NAMES[1], "bare")
    with pytest.raises(RuntimeError, match="background"):
        bpy.ops.dust3r.use_as_known()
    assert not any(photo.known for photo in extension.photos)


def test_known_cameras_are_read_from_a_file(extension, tmp_path):
    bpy.ops.dust3r.add_photos(directory=str(STUDIO), files=[{"name": name} for name in NAMES])
    cameras = json.loads((STUDIO.parent / "cameras.json").read_text())["photos"]
    file = tmp_path / "cameras.json"
    file.write_text(json.dumps({"photos": {NAMES[1]: cameras[NAMES[1]]}}))
    assert bpy.ops.dust3r.read_known(filepath=str(file)) == {"FINISHED"}
    assert [bool(photo.known) for photo in extension.photos] == [False, True, False]
    file.write_text(json.dumps({"photos": {"other.jpg": cameras[NAMES[1]]}}))
    with pytest.raises(RuntimeError, match=r"other\.jpg"):
        bpy.ops.dust3r.read_known(filepath=str(file))


def test_the_panels_masks_leave_points_out(extension, tmp_path):
    mask = np.zeros((384, 512), np.uint8)
    mask[:, 256:] = 255
    Image.fromarray(mask).save(tmp_path / "studio_01.png")
    bpy.ops.dust3r.add_photos(directory=str(STUDIO), files=[{"name": NAMES[0]}])
    extension.model, extension.iterations = "small", 3
    whole = _reconstruct()
    extension.masks = str(tmp_path)
    half = _reconstruct()
    count = [next(thing for thing in made.objects if thing.type == "MESH") for made in (whole, half)]
    points = [len(thing.data.vertices) or len(thing.data.attributes["view"].data) for thing in count]
    assert points[1] == points[0] / 2
    assert Path(read_recipe(half)["masks"][NAMES[0]]) == tmp_path / "studio_01.png"
    extension.masks = str(tmp_path / "none")
    with pytest.raises(RuntimeError, match="folder"):
        bpy.ops.dust3r.reconstruct()
    others = {"directory": str(STUDIO), "files": [{"name": NAMES[1]}], "model": "small", "iterations": 1}
    assert bpy.ops.dust3r.reconstruct(**others) == {"FINISHED"}
    with pytest.raises(RuntimeError, match="holds no mask"):
        bpy.ops.dust3r.reconstruct(masks=str(tmp_path), **others)


@pytest.mark.skipif(bpy.app.version >= (5, 0), reason="5.0 puts what registered properties keep out of sight")
@pytest.mark.parametrize("old", [False, True])
def test_a_file_of_before_keeps_its_shared_focal(extension, old):
    extension.exif_focal = old  # kept as the checkbox was
    kept = bpy.context.scene["dust3r"]
    kept["shared_focal"] = kept["exif_focal"]
    assert extension.shared_focal == ("size" if old else "off")
