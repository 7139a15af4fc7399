"""COLMAP's models, read by COLMAP's own library: cameras, points and tracks are those of the reconstruction."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.cli.main import main
from dust3r.core.export.formats import export_reconstruction
from dust3r.core.export.settings import ExportSettings
from PIL import Image

from ...blender.synthetic_reconstruction import Shot, make_reconstruction
from ..export_scene import read_ply

pycolmap = pytest.importorskip("pycolmap", reason="requirements.txt brings it", exc_type=ImportError)
pycolmap.logging.logtostderr = True  # no files in the temporary folder

ALL = ExportSettings(min_confidence=1.0, max_points=0)
SHOTS = (
    Shot("landscape.png"),
    Shot("cropped.png", size=(200, 120), focal=(150, 150), view_size=(48, 32), scale=(3.5, 3.5), offset=(16, 4)),
    Shot("off centre.png", principal_point=(70.3, 12.9), focal=(65, 80)),
    Shot("turned right.png", size=(60, 90), orientation=6),
)


@pytest.fixture
def result(tmp_path):
    (tmp_path / "photos").mkdir()
    return make_reconstruction(tmp_path / "photos", SHOTS)


def read(folder):
    return pycolmap.Reconstruction(str(folder / "sparse" / "0"))


def image_of(model, view):
    (image,) = [image for image in model.images.values() if image.name == view.name.replace(" ", "_")]
    return image


@pytest.mark.parametrize("name", ["colmap", "colmap-text", "3dgs"])
def test_cameras_come_back_equal(result, tmp_path, name):
    export_reconstruction(result, tmp_path / "out", name)
    model = read(tmp_path / "out")
    assert model.num_reg_images() == len(SHOTS)
    for view in result.views:
        image = image_of(model, view)
        camera = model.cameras[image.camera_id]
        assert camera.model_name == "PINHOLE"
        assert (camera.width, camera.height) == view.mapping.photo_size
        np.testing.assert_array_equal(camera.calibration_matrix(), view.K)
        world2cam = np.vstack([image.cam_from_world().matrix(), [0, 0, 0, 1]])
        np.testing.assert_allclose(np.linalg.inv(world2cam), view.cam2world, atol=1e-12)
        assert (tmp_path / "out" / "images" / image.name).is_file()


@pytest.mark.parametrize("name", ["colmap", "colmap-text", "3dgs"])
def test_points_come_back_equal_each_seen_by_its_own_photo(result, tmp_path, name):
    export_reconstruction(result, tmp_path / "out", name, ALL)
    model = read(tmp_path / "out")
    assert model.num_points3D() == len(result.point_cloud().position)
    for view in result.views:
        seen = [point for point in image_of(model, view).points2D if point.has_point3D()]
        points = [model.points3D[point.point3D_id] for point in seen]
        kept = view.kept()
        np.testing.assert_allclose([point.xyz for point in points], view.world_points()[kept], atol=1e-12)
        np.testing.assert_array_equal([point.color for point in points], view.colors[kept])
        np.testing.assert_array_equal([point.xy for point in seen], view.mapping.photo_pixels()[kept])
        assert {point.track.length() for point in points} == {1}
    assert model.compute_mean_reprojection_error() < 1e-9


def test_text_and_binary_say_the_same(result, tmp_path):
    for name in ("colmap", "colmap-text"):
        export_reconstruction(result, tmp_path / name, name, ExportSettings(max_points=300))
    binary, text = read(tmp_path / "colmap"), read(tmp_path / "colmap-text")
    assert binary.num_points3D() == text.num_points3D() == 300
    for number, point in binary.points3D.items():
        np.testing.assert_array_equal(point.xyz, text.points3D[number].xyz)
        assert point.error == text.points3D[number].error


def flat_wall(tmp_path):
    """Three photos of one wall, each from its own place: where they overlap, every point is seen more than once."""
    result = make_reconstruction(tmp_path, tuple(Shot(f"{k}.png", flat=True) for k in range(3)))
    views = []
    for k, view in enumerate(result.views):
        pose = np.eye(4)
        pose[0, 3] = 0.25 * k  # ten pixels at depth 2 and focal 80
        views.append(replace(view, cam2world=pose, mask=np.ones_like(view.mask)))
    return replace(result, views=tuple(views))


def test_tracks_join_what_photos_of_a_wall_have_in_common(tmp_path):
    result = flat_wall(tmp_path)
    export_reconstruction(result, tmp_path / "out", "colmap", replace(ALL, tracks=True))
    model = read(tmp_path / "out")
    assert model.num_points3D() == 64 * (96 + 10 + 10)
    assert model.compute_mean_reprojection_error() < 1e-6
    for point in model.points3D.values():
        on_wall = (point.xyz[0] / 2 * 80 + 48) - 0.5  # columns of the first photo
        seen_by = {k for k in range(3) if -0.5 < on_wall - 10 * k < 95.5}
        images = [element.image_id - 1 for element in point.track.elements]
        assert sorted(images) == sorted(seen_by)


def test_a_point_of_a_track_lies_where_its_photos_say_on_the_average(tmp_path):
    result = flat_wall(tmp_path)
    nearer = replace(result.views[1], depth=result.views[1].depth * np.float32(0.999))
    result = replace(result, views=(result.views[0], nearer))
    export_reconstruction(result, tmp_path / "out", "colmap", replace(ALL, tracks=True))
    model = read(tmp_path / "out")
    joined = [point for point in model.points3D.values() if point.track.length() == 2]
    assert len(joined) > 5000
    np.testing.assert_allclose([point.xyz[2] for point in joined], 1.999, atol=1e-5)
    stated = {number: point.error for number, point in model.points3D.items()}
    model.update_point_3d_errors()
    found = [model.points3D[number].error for number in stated]
    np.testing.assert_allclose(list(stated.values()), found, atol=1e-9)


def test_surfaces_apart_are_not_joined_however_near_they_match(tmp_path):
    result = flat_wall(tmp_path)
    farther = replace(result.views[1], depth=result.views[1].depth * 3)
    result = replace(result, views=(result.views[0], farther))
    export_reconstruction(result, tmp_path / "out", "colmap", replace(ALL, tracks=True))
    assert {point.track.length() for point in read(tmp_path / "out").points3D.values()} == {1}


def test_the_points_that_a_splat_training_begins_with_are_the_models(result, tmp_path):
    export_reconstruction(result, tmp_path / "out", "3dgs", ExportSettings(max_points=400))
    model, ply = read(tmp_path / "out"), read_ply(tmp_path / "out" / "sparse" / "0" / "points3D.ply")
    assert ply.dtype.names == ("x", "y", "z", "nx", "ny", "nz", "red", "green", "blue")
    points = [model.points3D[number + 1] for number in range(400)]
    position = np.stack([ply[axis] for axis in "xyz"], axis=-1)
    np.testing.assert_array_equal(position, np.array([point.xyz for point in points], np.float32))
    colors = np.stack([ply[name] for name in ("red", "green", "blue")], axis=-1)
    np.testing.assert_array_equal(colors, [point.color for point in points])


def test_the_verb_takes_a_job_or_its_result(result, tmp_path, capsys):
    result.save(tmp_path / "job" / "result")
    for number, folder in enumerate((tmp_path / "job", tmp_path / "job" / "result")):
        out = tmp_path / f"out {number}"
        verb = ["export", str(folder), "--format", "colmap", "--output", str(out)]
        assert main([*verb, "--max-points", "50", "--no-photos"]) == 0
        assert f"4 photos -> {out}" in capsys.readouterr().out
        assert read(out).num_points3D() == 50
    assert main(["export", str(tmp_path), "--format", "ply", "--output", str(tmp_path)]) == 2
    assert "no complete reconstruction" in capsys.readouterr().err


def keypoints(out, name, **options):
    """What COLMAP finds in an exported photo: (N, 2), photo pixels."""
    database = out / "features.db"
    pycolmap.extract_features(database, out / "images", [name], reader_options=pycolmap.ImageReaderOptions(**options))
    with pycolmap.Database.open(database) as opened:
        (image,) = opened.read_all_images()
        found = opened.read_keypoints(image.image_id)
    database.unlink()
    return found[:, :2]


def test_colmap_finds_nothing_where_the_exported_masks_are_black(tmp_path):
    (tmp_path / "photos").mkdir()
    result = make_reconstruction(tmp_path / "photos", (Shot("speckled.png", size=(240, 160)),))
    noise = np.random.default_rng(0).integers(0, 2, (40, 60, 3), np.uint8) * 255
    Image.fromarray(noise).resize((240, 160)).save(tmp_path / "photos" / "speckled.png")
    (view,) = result.views
    mask = np.ones_like(view.mask)
    mask[:, :120] = False
    export_reconstruction(replace(result, views=(replace(view, mask=mask, sha256=""),)), tmp_path / "out", "colmap")
    everywhere = keypoints(tmp_path / "out", "speckled.png")
    masked = keypoints(tmp_path / "out", "speckled.png", mask_path=tmp_path / "out" / "masks")
    assert everywhere[:, 0].min() < 60 < 120 <= masked[:, 0].min() + 1
    assert len(masked) > 50
