"""DTU: cameras taken from projections, points from PLY, and a surface that is off by a known length."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from dust3r.core.checkpoints.loading import load_model
from dust3r.core.checkpoints.local import find_model
from dust3r.core.errors import InputError
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.progress import silent
from dust3r.core.reconstruction.result import AlignedView, Reconstruction
from dust3r.core.settings import AlignmentSettings, ReconstructionSettings
from dust3r.evaluation.protocols import dtu
from dust3r.evaluation.protocols.dtu import camera_of, dtu_tasks, read_cameras
from dust3r.evaluation.protocols.ply_points import read_ply_points
from dust3r.tests.box_room import look_at, render
from PIL import Image

SIZE = (64, 48)
K = np.array([[51.0, 0, 33.0], [0, 50.0, 23.2], [0, 0, 1]])  # pixels are not square, and off the centre
POSES = [look_at(eye) for eye in ((-0.6, 0.1, -0.9), (0.0, 0.0, -1.1), (0.6, -0.1, -1.0))]
MILLIMETRES = 100.0  # the room, 4 units wide, is an object of 40 cm


def save_ply(path, points, kind="binary_little_endian"):
    head = f"ply\nformat {kind} 1.0\nelement vertex {len(points)}\n"
    head += "".join(f"property float {axis}\n" for axis in "xyz")
    head += "property uchar red\nelement face 0\nproperty list uchar int vertex_indices\nend_header\n"
    order = {"binary_little_endian": "<", "binary_big_endian": ">"}.get(kind)
    rows = np.zeros(len(points), [(axis, f"{order or '<'}f4") for axis in "xyz"] + [("red", "u1")])
    for number, axis in enumerate("xyz"):
        rows[axis] = points[:, number]
    body = rows.tobytes() if order else "".join(f"{x} {y} {z} 7\n" for x, y, z in points).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head.encode() + body)


def wall_points():
    """(N, 3), mm: what the three photos show."""
    return MILLIMETRES * np.concatenate([render(K, pose, SIZE)[2].reshape(-1, 3) for pose in POSES])


def write_dtu(root):
    """Scan 1 in the benchmark's layout."""
    for folder in ("Rectified/scan1", "Calibration/cal18", "ObsMask"):
        (root / folder).mkdir(parents=True)
    half = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    for number, pose in enumerate(POSES, start=1):
        colors, _, _ = render(K, pose, SIZE)
        Image.fromarray(colors).save(root / "Rectified" / "scan1" / f"rect_{number:03d}_max.png")
        world2cam = np.linalg.inv(pose)
        world2cam[:3, 3] *= MILLIMETRES
        projection = -3 * (K - half) @ world2cam[:3]  # up to scale, whole numbers at pixel centres
        np.savetxt(root / "Calibration" / "cal18" / f"pos_{number:03d}.txt", projection)
    save_ply(root / "Points" / "stl" / "stl001_total.ply", wall_points())
    box = {"ObsMask": np.ones((50, 50, 50), np.uint8), "BB": np.array([[-250.0] * 3, [240.0] * 3]), "Res": 10.0}
    scipy.io.savemat(root / "ObsMask" / "ObsMask1_10.mat", box)
    scipy.io.savemat(root / "ObsMask" / "Plane1.mat", {"P": np.array([[0.0], [0], [0], [1]])})


def result_of(shift):
    """A reconstruction of the room's walls, every one of its points moved."""
    views = []
    for number, pose in enumerate(POSES):
        moved = pose.copy()
        moved[:3, 3] = MILLIMETRES * pose[:3, 3] + shift
        depth = (MILLIMETRES * render(K, pose, SIZE)[1]).astype(np.float32)
        ones, colors = np.ones(depth.shape, np.float32), np.zeros((*depth.shape, 3), np.uint8)
        mapping, name = PixelMapping(SIZE, SIZE), str(number)
        views.append(AlignedView(name, Path(name), mapping, K, moved, depth, ones, colors, ones > 0))
    return Reconstruction(tuple(views), "none", None, "0")


def test_a_projection_comes_apart_into_its_camera(tmp_path):
    write_dtu(tmp_path)
    cameras = read_cameras(tmp_path, 1)
    assert [path.name for path in cameras] == [f"rect_00{k}_max.png" for k in (1, 2, 3)]
    for camera, pose in zip(cameras.values(), POSES, strict=True):
        np.testing.assert_allclose(camera.K, K, atol=1e-9)
        np.testing.assert_allclose(camera.cam2world[:3, :3], pose[:3, :3], atol=1e-9)
        np.testing.assert_allclose(camera.cam2world[:3, 3], MILLIMETRES * pose[:3, 3], atol=1e-6)


@pytest.mark.parametrize("kind", ["binary_little_endian", "binary_big_endian", "ascii"])
def test_points_come_out_of_every_kind_of_ply(tmp_path, kind):
    points = np.random.default_rng(0).integers(-99, 99, (7, 3)) / 4
    save_ply(tmp_path / "points.ply", points, kind)
    np.testing.assert_array_equal(read_ply_points(tmp_path / "points.ply"), points)


@pytest.mark.parametrize("content", [b"", b"ply\n", b"ply\nformat ascii 1.0\nelement face 1\nend_header\n1\n"])
def test_what_is_no_ply_is_a_sentence(tmp_path, content):
    (tmp_path / "points.ply").write_bytes(content)
    with pytest.raises(InputError, match=r"points\.ply is no point cloud"):
        read_ply_points(tmp_path / "points.ply")


@pytest.mark.parametrize("kind", ["binary_little_endian", "ascii"])
def test_a_ply_that_ends_early_is_a_sentence(tmp_path, kind):
    save_ply(tmp_path / "points.ply", np.ones((9, 3)), kind)
    (tmp_path / "points.ply").write_bytes((tmp_path / "points.ply").read_bytes()[:-20])
    with pytest.raises(InputError, match=r"points\.ply is no point cloud"):
        read_ply_points(tmp_path / "points.ply")


@pytest.mark.parametrize("kind", ["max", "3_r5000"])
def test_a_surface_moved_off_the_wall_is_off_by_as_much(tmp_path, monkeypatch, kind):
    write_dtu(tmp_path)
    for path in (tmp_path / "Rectified" / "scan1").iterdir():
        path.rename(path.with_name(path.name.replace("max", kind)))
    pinned = []

    def reconstruct(photos, model, settings, report, priors):
        pinned.append((photos, list(priors.cameras)))
        return result_of([0, 0, -2.0])

    monkeypatch.setattr(dtu, "reconstruct", reconstruct)
    (task,) = dtu_tasks(tmp_path)
    found = task.examine(None, ReconstructionSettings(), silent)
    assert pinned[0][0] == pinned[0][1] and len(pinned[0][0]) == 3
    monkeypatch.setattr(dtu, "reconstruct", lambda *_, **__: result_of([0, 0, 0]))
    exact = task.examine(None, ReconstructionSettings(), silent)
    assert exact == pytest.approx({"accuracy": 0, "completeness": 0, "overall": 0}, abs=0.06)  # thinned to 0.2 mm
    assert 1 < found["accuracy"] <= 2.01 and 1 < found["completeness"] <= 2.01  # walls along the shift are less off


def test_a_model_runs_through_with_the_true_cameras(tmp_path):
    write_dtu(tmp_path)
    settings = ReconstructionSettings(alignment=AlignmentSettings(iterations=2))
    model = load_model(find_model("small", Path()), torch.device("cpu"))
    figures = dtu_tasks(tmp_path)[0].examine(model, settings, silent)
    assert all(0 < value <= 20 for value in figures.values())
    assert figures["overall"] == pytest.approx((figures["accuracy"] + figures["completeness"]) / 2)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda root: (root / "Rectified").rename(root / "x"), "holds none of the 22 scans"),
        (lambda root: (root / "Points").rename(root / "x"), r"stl001_total\.ply does not exist"),
        (lambda root: (root / "ObsMask" / "Plane1.mat").unlink(), r"Plane1\.mat does not exist"),
        (lambda root: (root / "ObsMask" / "Plane1.mat").write_bytes(b"no"), r"Plane1\.mat does not give the arrays P"),
        (
            lambda root: scipy.io.savemat(root / "ObsMask" / "Plane1.mat", {"P": [1]}),
            "other arrays than the benchmark's",
        ),
        (lambda root: (root / "Calibration" / "cal18" / "pos_002.txt").unlink(), r"pos_002\.txt does not exist"),
        (
            lambda root: (root / "Calibration" / "cal18" / "pos_002.txt").write_text("0 " * 12),
            "projection of no camera",
        ),
    ],
)
def test_what_is_wrong_with_dtu_is_a_sentence(tmp_path, monkeypatch, spoil, sentence):
    write_dtu(tmp_path)
    spoil(tmp_path)
    monkeypatch.setattr(dtu, "reconstruct", lambda *_, **__: result_of([0, 0, 0]))
    with pytest.raises(InputError, match=sentence):
        dtu_tasks(tmp_path)[0].examine(None, ReconstructionSettings(), silent)


def test_a_matrix_without_a_camera_in_it_is_a_sentence():
    with pytest.raises(InputError, match=r"pos\.txt holds a projection of no camera"):
        camera_of(np.ones((3, 4)), Path("pos.txt"))
