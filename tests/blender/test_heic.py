"""HEIC photos, which Blender cannot read: in the list, behind their cameras, on meshes, from a folder to the scene."""

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

pytest.importorskip("pillow_heif")

from dust3r.core.io.atomic import file_digest
from dust3r.core.meshing.meshes import make_meshes
from dust3r.core.meshing.settings import MeshSettings
from dust3r.operators.photos import thumbnails
from dust3r.operators.scene import add_reconstruction
from dust3r.operators.scene.map_cameras import own_photo
from dust3r.operators.scene.meshes import add_meshes
from dust3r.tests.blender.synthetic_reconstruction import Shot, make_reconstruction, upright_photo
from dust3r.tests.blender.test_scene_cameras import drawn
from dust3r.tests.heic_photos import write_heic
from PIL import Image

STUDIO = Path(__file__).resolve().parents[2] / "samples" / "studio" / "images"
CLOSE = 12 / 255  # lossy twice


def as_heic(folder, shot, turn):
    """A reconstruction of one photo, whose file is a HEIC that its container turns."""
    result = make_reconstruction(folder, (shot,))
    path = folder / "IMG_0001.HEIC"
    write_heic(path, upright_photo(shot.size), turn)
    return replace(result, views=(replace(result.views[0], name=path.name, path=path, sha256=file_digest(path)),))


@pytest.mark.parametrize("size", [(120, 90), (90, 120), (96, 96)])
@pytest.mark.parametrize("turn", [1, 2, 3, 6, 8])
def test_the_background_is_the_upright_photo_and_fills_the_frame(tmp_path, empty_scene, size, turn):
    collection = add_reconstruction(empty_scene, as_heic(tmp_path, Shot("a.png", size), turn), photo_frames=True)
    (background,) = collection.objects["IMG_0001.HEIC"].data.background_images
    rows, shown = drawn(background)
    assert rows.shape[:2] == size[::-1]
    assert np.abs(rows - upright_photo(size) / 255).max() < CLOSE
    render = empty_scene.render
    frame = render.resolution_y * render.pixel_aspect_y / (render.resolution_x * render.pixel_aspect_x)
    assert shown == pytest.approx([1, frame], rel=1e-6)


def test_the_photo_is_found_again_by_what_sees_through_its_camera(tmp_path, empty_scene):
    result = as_heic(tmp_path, Shot("a.png"), 6)
    collection = add_reconstruction(empty_scene, result)
    assert own_photo(empty_scene, collection.objects["IMG_0001.HEIC"]) == result.views[0].path


def test_a_mesh_has_the_upright_photo_as_its_texture(tmp_path, empty_scene):
    result = as_heic(tmp_path, Shot("a.png", (96, 64)), 8)
    collection = add_reconstruction(empty_scene, result)
    (mesh,), _ = make_meshes(result, MeshSettings(kind="grid"))
    (thing,), warnings = add_meshes(empty_scene, collection, [mesh])
    (image,) = (node.image for node in thing.data.materials[0].node_tree.nodes if node.type == "TEX_IMAGE")
    rows = np.array(image.pixels).reshape(64, 96, -1)[::-1, :, :3]
    assert np.abs(rows - upright_photo((96, 64)) / 255).max() < CLOSE and not warnings
    (mesh,), warnings = make_meshes(result, MeshSettings(kind="fused"))
    assert mesh.texture is not None and not warnings


def test_a_folder_of_heic_photos_becomes_a_scene(extension, tmp_path):
    for number, turn in ((1, 1), (2, 6), (3, 8)):
        with Image.open(STUDIO / f"studio_0{number}.jpg") as image:
            write_heic(tmp_path / f"IMG_{number}.HEIC", np.asarray(image.convert("RGB").resize((160, 120))), turn)
    assert bpy.ops.dust3r.add_photos(directory=str(tmp_path)) == {"FINISHED"}
    assert [photo.size_text for photo in extension.photos] == ["160 × 120"] * 3
    assert bpy.ops.dust3r.reconstruct(model="small", iterations=0) == {"FINISHED"}
    cameras = [thing for thing in bpy.data.objects if thing.type == "CAMERA"]
    assert sorted(camera.name for camera in cameras) == ["IMG_1.HEIC", "IMG_2.HEIC", "IMG_3.HEIC"]
    for camera in cameras:
        (background,) = camera.data.background_images
        assert tuple(background.image.size) == (160, 120) and background.image.packed_file


def test_the_list_shows_the_small_picture_that_the_phone_put_into_the_file(extension, tmp_path):
    write_heic(tmp_path / "a.heic", upright_photo((160, 120)), 6, thumbnails=[128])
    (tmp_path / "b.heic").write_bytes((tmp_path / "a.heic").read_bytes()[:900])
    for name in ("a.heic", "b.heic"):
        thumbnails.icon(str(tmp_path / name))
    shown = thumbnails._previews[str(tmp_path / "a.heic")]
    assert tuple(shown.image_size) == (128, 96)
    pixels = np.array(shown.image_pixels_float).reshape(96, 128, 4)[::-1]
    expected = np.asarray(Image.fromarray(upright_photo((160, 120))).resize((128, 96)), float) / 255
    assert np.abs(pixels[..., :3] - expected).max() < 0.1
    assert tuple(thumbnails._previews[str(tmp_path / "b.heic")].image_size) == (0, 0)


def test_heic_photos_can_be_chosen_and_dropped(extension):
    handlers = {handler.bl_import_operator: handler for handler in bpy.types.FileHandler.__subclasses__()}
    assert {".heic", ".heif"} <= set(handlers["dust3r.add_photos"].bl_file_extensions.split(";"))
    for name in ("add_photos", "localize_photo"):
        chosen = getattr(bpy.ops.dust3r, name).get_rna_type().properties["filter_glob"].default
        assert {"*.heic", "*.heif"} <= set(chosen.split(";"))
