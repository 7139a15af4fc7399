"""A new photo's camera in a collection that is there, and matches to look at."""

import json
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from dust3r.operators.scene import add_reconstruction, look_through
from dust3r.operators.scene.localized import LOCALIZATION, add_localized
from dust3r.operators.scene.match_curves import add_match_curves
from dust3r.tests.blender.synthetic_reconstruction import SHOTS, as_placed, make_reconstruction
from mathutils import Matrix, Vector

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"


@pytest.fixture
def added(tmp_path, empty_scene):
    """(the world of all shots but the last, its collection, the last shot alone in that world)."""
    whole = make_reconstruction(tmp_path, SHOTS)
    known = replace(whole, views=whole.views[:-1])
    return known, add_reconstruction(empty_scene, known), as_placed(replace(whole, views=whole.views[-1:]), 90)


def _placed(collection):
    return {thing.name: [list(row) for row in thing.matrix_world] for thing in collection.objects}


def test_the_new_camera_stands_where_the_photo_was_taken_and_nothing_else_moves(added, empty_scene):
    _, collection, placed = added
    before, active = _placed(collection), empty_scene.camera
    (camera,), warnings = add_localized(empty_scene, collection, placed)
    x, y, z = placed.views[0].cam2world[:3, 3]
    assert tuple(camera.matrix_world.translation) == pytest.approx((x, z, -y), abs=1e-6)
    assert {name: place for name, place in _placed(collection).items() if name in before} == before
    assert (set(_placed(collection)) - set(before), empty_scene.camera) == ({camera.name}, active)
    assert warnings == []
    assert camera.data.background_images[0].image is not None
    assert json.loads(camera[LOCALIZATION])["inliers"] == 90


def test_the_camera_goes_where_the_points_were_moved_to(added, empty_scene):
    _, collection, placed = added
    cloud = next(thing for thing in collection.objects if thing.type == "MESH")
    (plain,), _ = add_localized(empty_scene, collection, placed)
    cloud.matrix_world = Matrix.Translation((1, 2, 3)) @ Matrix.Rotation(0.5, 4, "Z") @ Matrix.Scale(2, 4)
    (moved,), _ = add_localized(empty_scene, collection, placed)
    expected = cloud.matrix_world @ plain.matrix_world.translation
    assert tuple(moved.matrix_world.translation) == pytest.approx(tuple(expected), abs=1e-5)


def test_a_photo_that_is_gone_leaves_a_camera_and_a_warning(added, empty_scene):
    _, collection, placed = added
    placed.views[0].path.unlink()
    (camera,), warnings = add_localized(empty_scene, collection, placed)
    assert len(warnings) == 1
    assert camera.name in collection.objects


def test_curves_begin_and_end_on_their_pixels(added, empty_scene):
    known, collection, _ = added
    views = known.views[0], known.views[3]
    cameras = tuple(collection.objects[view.name] for view in views)
    pixels = tuple(np.array([[10.0, 5.0], [30.0, 50.0], [57.0, 20.0]]) for _ in views)
    lines = add_match_curves(collection, cameras, pixels)
    assert len(lines.data.splines) == 3
    for side, (camera, view) in enumerate(zip(cameras, views, strict=True)):
        look_through(empty_scene, camera)
        width, height = view.mapping.photo_size
        for spline, (x, y) in zip(lines.data.splines, pixels[side], strict=True):
            u, v, depth = world_to_camera_view(empty_scene, camera, Vector(spline.points[side].co[:3]))
            assert (u * width, (1 - v) * height) == pytest.approx((x, y), abs=0.02)
            assert 0 < depth < 2 * camera.data.display_size


def test_curves_are_coloured_by_height_in_the_first_photo(added):
    known, collection, _ = added
    cameras = tuple(collection.objects[view.name] for view in known.views[:2])
    height = cameras[0]["dust3r_size"][1]
    rows = np.array([[5.0, 0.0], [5.0, height / 2], [5.0, height]])
    lines = add_match_curves(collection, cameras, (rows, rows))
    colors = [tuple(lines.data.materials[s.material_index].diffuse_color) for s in lines.data.splines]
    assert len(set(colors)) == 3


@pytest.fixture
def reconstructed(extension):
    """The collection of three sample photos, reconstructed with the bundled model."""
    extension.model = "small"
    files = [{"name": f"studio_0{k}.jpg"} for k in (1, 2, 3)]
    folder = str(SAMPLES / "studio" / "images")
    assert bpy.ops.dust3r.reconstruct(directory=folder, files=files, iterations=3, cameras="network") == {"FINISHED"}
    return bpy.context.scene.collection.children[0]


def test_localise_a_photo_adds_its_camera_or_says_why_not(reconstructed):
    before = _placed(reconstructed)
    photo = SAMPLES / "studio" / "images" / "studio_04.jpg"
    assert bpy.ops.dust3r.localize_photo(filepath=str(photo), min_inlier_share=0.05) == {"FINISHED"}
    after = _placed(reconstructed)
    assert set(after) - set(before) == {"studio_04.jpg"}
    assert {name: after[name] for name in before} == before
    other = next((SAMPLES / "buddha" / "images").iterdir())
    with pytest.raises(RuntimeError, match="cannot be placed"):
        bpy.ops.dust3r.localize_photo(filepath=str(other), min_inlier_share=0.5)
    assert _placed(reconstructed) == after


def test_matches_are_shown_between_two_selected_cameras(reconstructed):
    assert not bpy.ops.dust3r.show_matches.poll()
    for name in ("studio_01.jpg", "studio_02.jpg"):
        reconstructed.objects[name].select_set(True)
    assert bpy.ops.dust3r.show_matches(count=25) == {"FINISHED"}
    (lines,) = (thing for thing in reconstructed.objects if thing.type == "CURVE")
    assert len(lines.data.splines) == 25


def test_without_a_reconstruction_nothing_can_be_localised(extension):
    assert not bpy.ops.dust3r.localize_photo.poll()
