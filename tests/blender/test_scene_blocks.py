"""What we put into a scene, number by number: cameras, backgrounds, and blocks that are shared and taken back."""

import math
import os
import sys
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from dust3r.core.errors import InputError, ReconstructionError
from dust3r.core.world.scale import SceneScale
from dust3r.operators.scene.axes import blender_camera
from dust3r.operators.scene.backgrounds import add_background, turn_background
from dust3r.operators.scene.cameras import (
    INTRINSICS,
    SIZE,
    _set_extent,
    intrinsics_of,
    pixel_of_direction,
    set_intrinsics,
    use_photo_format,
)
from dust3r.operators.scene.found_again import Place, collection_again, scene_again
from dust3r.operators.scene.loaded_images import image_file, loaded_photos
from dust3r.operators.scene.quiet import blender_silenced
from dust3r.operators.scene.shared import STAMP, check_own, shared_block, taken_back_on_failure
from mathutils import Matrix, Vector

from .synthetic_reconstruction import Shot, make_reconstruction

TWO = (Shot("a.png", size=(24, 16)), Shot("b.png", size=(24, 16)))


def new_camera(scene=None, name="Own"):
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    if scene is not None:
        scene.collection.objects.link(camera)
    return camera


# cameras


@pytest.mark.parametrize(("fx", "fy"), [(80.0, 80.0), (80.0, 65.0), (65.0, 80.0)])
def test_lens_shifts_and_pixels_are_those_of_k(empty_scene, fx, fy):
    camera = new_camera(empty_scene)
    data = camera.data
    data.sensor_fit, data.sensor_width = "VERTICAL", 20
    set_intrinsics(camera, (96, 64), [fx, 0, 50, 0, fy, 20, 0, 0, 1])
    assert (data.sensor_fit, data.sensor_width, data.lens) == ("HORIZONTAL", 36, pytest.approx(fx * 36 / 96))
    assert data.shift_x == pytest.approx((48 - 50) / 96) and data.shift_y == pytest.approx((20 - 32) / 96 * fx / fy)
    assert list(camera[SIZE]) == [96, 64] and list(camera[INTRINSICS]) == [fx, 0, 50, 0, fy, 20, 0, 0, 1]
    empty_scene.render.resolution_percentage = 50
    use_photo_format(empty_scene, camera)
    render = empty_scene.render
    assert (render.resolution_x, render.resolution_y, render.resolution_percentage) == (96, 64, 100)
    assert (render.pixel_aspect_x, render.pixel_aspect_y) == pytest.approx((max(1, fy / fx), max(1, fx / fy)))
    camera.matrix_world = Matrix.Rotation(0.3, 4, "Y") @ Matrix.Rotation(0.2, 4, "X")
    ray = np.array([(70 - 50) / fx, -(11 - 20) / fy, -1])
    direction = Vector((np.array(camera.matrix_world)[:3, :3] @ ray).tolist())
    assert pixel_of_direction(camera, direction) == pytest.approx((70, 11), abs=1e-4)


def test_clipping_and_symbol_go_with_the_scenes_depths(empty_scene):
    data = bpy.data.cameras.new("Own")
    _set_extent(data, SceneScale(depth=4.0, farthest=30.0, spacing=1.0))
    assert (data.clip_start, data.clip_end, data.display_size) == pytest.approx((0.004, 3000, 0.4))


def test_a_camera_that_looks_forward_in_core_looks_along_y_in_blender():
    found = np.array(blender_camera(np.eye(4)))
    assert found[:3, 2] == pytest.approx([0, -1, 0]) and found[:3, 1] == pytest.approx([0, 0, 1])
    moved = np.eye(4)
    moved[:3, 3] = 1, 2, 3
    assert np.array(blender_camera(moved))[:3, 3] == pytest.approx([1, 3, -2])


@pytest.mark.parametrize("kind", ["ORTHO", "PANO"])
def test_only_pinholes_have_intrinsics(empty_scene, kind):
    camera = new_camera()
    camera.data.type = kind
    with pytest.raises(InputError, match=f"'Own' is no perspective camera \\({kind.lower()}\\)"):
        intrinsics_of(camera, (64, 48))


# backgrounds


@pytest.mark.parametrize(("quarters", "scale"), [(0, 1.0), (1, 2 / 3), (2, 1.0), (3, 2 / 3)])
def test_a_background_on_its_side_is_scaled_to_fill_the_frame(empty_scene, quarters, scale):
    for size in ((90.0, 60.0), (60.0, 90.0)):
        background = bpy.data.cameras.new("Own").background_images.new()
        turn_background(background, quarters, size)
        assert background.rotation == pytest.approx(quarters * math.pi / 2) and background.scale == pytest.approx(scale)


def test_a_background_has_the_aspect_of_the_cameras_pixels(tmp_path, empty_scene):
    for number, orientation in enumerate((1, 6)):
        folder = tmp_path / str(number)
        folder.mkdir()
        (view,) = make_reconstruction(folder, (Shot("a.png", focal=(80, 40), orientation=orientation),)).views
        image = add_background(bpy.data.cameras.new("Own"), view)
        assert tuple(image.display_aspect) == ((1, 2) if orientation == 1 else (2, 1))


# blocks that are shared, and taking back


def test_a_shared_block_is_of_its_version_and_of_this_file(empty_scene):
    made = []

    def make(name):
        made.append(name)
        return bpy.data.materials.new(name)

    one = shared_block(bpy.data.materials, "Ours", 2, make)
    assert shared_block(bpy.data.materials, "Ours", 2, make) == one and one[STAMP] == 2
    other = shared_block(bpy.data.materials, "Ours", 3, make)
    assert other != one and other.name == "Ours.001" and made == ["Ours", "Ours"]
    assert shared_block(bpy.data.materials, "Ours", 3, make) == other
    block = SimpleNamespace(name="Ours", library="elsewhere", get=lambda key: 2)
    assert shared_block([block], "Ours", 2, make) not in (block, one, other)


def test_a_failure_takes_back_blocks_markers_and_settings(empty_scene):
    scene = empty_scene
    kept = new_camera(scene, "Kept")
    scene.timeline_markers.new("kept", frame=3)
    scene.camera, scene.frame_start, scene.frame_end, scene.frame_current = kept, 2, 9, 5
    render = scene.render
    render.resolution_x, render.pixel_aspect_y = 77, 2
    with pytest.raises(ZeroDivisionError), taken_back_on_failure(scene):
        scene.timeline_markers.new("new", frame=4)
        scene.camera = new_camera(scene, "New")
        scene.frame_start, scene.frame_end, scene.frame_current = 1, 100, 50
        render.resolution_x = render.resolution_y = render.resolution_percentage = 11
        render.pixel_aspect_x = render.pixel_aspect_y = 3
        for blocks in (bpy.data.meshes, bpy.data.collections, bpy.data.materials):
            blocks.new("new")
        raise ZeroDivisionError
    assert [marker.name for marker in scene.timeline_markers] == ["kept"] and scene.camera == kept
    assert (scene.frame_start, scene.frame_end, scene.frame_current) == (2, 9, 5)
    assert (render.resolution_x, render.resolution_y, render.resolution_percentage) == (77, 1080, 100)
    assert (render.pixel_aspect_x, render.pixel_aspect_y) == (1, 2)
    assert len(bpy.data.meshes) == len(bpy.data.collections) == len(bpy.data.materials) == 0
    assert [thing.name for thing in bpy.data.objects] == ["Kept"]
    with taken_back_on_failure(scene):
        bpy.data.meshes.new("new")
    assert len(bpy.data.meshes) == 1


def block(library=None, data=None, objects=(), override=None):
    return SimpleNamespace(library=library, data=data, objects=objects, override_library=override, name="Ours")


def test_what_belongs_to_a_library_in_any_of_its_blocks_is_not_ours_to_change():
    library = SimpleNamespace(filepath="//folder/theirs.blend")
    check_own(block(objects=[block(), block(data=block())]))
    for foreign in (
        block(library),
        block(objects=[block(), block(library)]),
        block(objects=[block(data=block(library))]),
        block(override=SimpleNamespace(reference=block(library))),
    ):
        with pytest.raises(InputError, match="'Ours' belongs to theirs\\.blend"):
            check_own(foreign)


def test_a_place_is_found_whatever_it_is_called_until_it_is_gone(empty_scene):
    collection = bpy.data.collections.new("Ours")
    other = bpy.data.collections.new("Other")
    scene_place, place = Place.of(empty_scene), Place.of(collection)
    collection.name, empty_scene.name = "Renamed", "Shot"
    assert scene_again(scene_place) == empty_scene and collection_again(place) == collection
    assert place.name == "Ours" and collection_again(Place.of(other)) == other
    bpy.data.collections.remove(collection)
    with pytest.raises(ReconstructionError, match="The reconstruction Ours is gone"):
        collection_again(place)
    with pytest.raises(ReconstructionError, match="The scene Ours is gone"):
        scene_again(place)
    with pytest.raises(ReconstructionError, match="The reconstruction Scene is gone"):
        collection_again(scene_place)


# images and output


def test_images_of_the_file_that_may_be_photos_are_files_packed_or_not(tmp_path, empty_scene):
    make_reconstruction(tmp_path, TWO)
    linked = bpy.data.images.load(str(tmp_path / "a.png"))
    packed = bpy.data.images.load(str(tmp_path / "b.png"))
    packed.name = "b c.d.png"
    packed.pack()
    made = bpy.data.images.new("made", 2, 2)
    assert set(loaded_photos()) == {linked, packed}
    assert image_file(linked, tmp_path) == tmp_path / "a.png"
    out = tmp_path / "out"
    out.mkdir()
    file = image_file(packed, out)
    assert file.read_bytes() == (tmp_path / "b.png").read_bytes() and file.suffix == ".png"
    assert file.name.startswith("b_c_d-") and len(file.stem) == len("b_c_d-") + 10
    file.write_bytes(b"kept")
    assert image_file(packed, out) == file and file.read_bytes() == b"kept"  # written once
    with pytest.raises(InputError, match="was made here and is no photo"):
        image_file(made, out)
    (tmp_path / "a.png").unlink()
    with pytest.raises(InputError, match="is gone"):
        image_file(linked, out)


def test_blenders_chatter_does_not_reach_our_output(capfd, monkeypatch):
    sys.stdout.write("before\n")
    with blender_silenced():
        os.write(1, b"chatter\n")
    os.write(1, b"after\n")
    with pytest.raises(ZeroDivisionError), blender_silenced():
        raise ZeroDivisionError
    os.write(1, b"end\n")
    assert capfd.readouterr().out == "before\nafter\nend\n"
    monkeypatch.setattr("sys.stdout", None)
    with blender_silenced():
        os.write(1, b"no console\n")
    assert capfd.readouterr().out == "no console\n"
