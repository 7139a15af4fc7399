"""The classical pipeline finds a textured room, counts what it lost, and its exam leaves nothing behind."""

import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
from dust3r.cli.main import main
from dust3r.core.cameras.posed_images import PosedPhoto, save_cameras, save_depth
from dust3r.core.errors import Cancelled, InputError, ReconstructionError
from dust3r.core.images.reader import EXIF_ORIENTATION
from dust3r.evaluation.exam import classical, pycolmap_pipeline
from dust3r.evaluation.exam.classical import examine_pycolmap
from dust3r.evaluation.exam.found import FoundPhoto, load_found, save_found
from dust3r.evaluation.exam.scoring import Exam
from dust3r.tests.box_room import intrinsics, look_at, render, write_scene
from PIL import Image
from scipy.ndimage import map_coordinates

from ...conftest import ROOT

EYES = ((-1.2, 0.2, 0.6), (-0.7, -0.4, -0.2), (0.0, 0.3, -0.9), (0.7, -0.2, -1.3))
CORNER = (1.6, 0.0, 1.6)
needs_pycolmap = pytest.mark.skipif(find_spec("pycolmap") is None, reason="requirements.txt brings pycolmap")


def _texture(points):
    """Grey from noise in space, two octaves: what features are found on, the same from everywhere."""
    noise = np.random.default_rng(0).random((40, 40, 40))
    octaves = (map_coordinates(noise, np.moveaxis(f * points, -1, 0), order=1, mode="wrap") / f for f in (8, 18))
    grey = np.clip(16 * sum(octaves) - 1, 0, 1)
    return Image.fromarray((255 * grey).astype(np.uint8)).convert("RGB")


def _write_room(folder, size=(240, 180)):
    """A posed folder with depth: photos of the room with textured walls, into the corner that the eyes go around."""
    photos = []
    for k, eye in enumerate(EYES):
        name = f"{k}.png"
        K, pose = intrinsics(size), look_at(eye, CORNER)
        _, depth, points = render(K, pose, size)
        (folder / "images").mkdir(parents=True, exist_ok=True)
        _texture(points).save(folder / "images" / name)
        save_depth(folder / "depth" / f"{k}.npz", depth)
        photos.append(PosedPhoto(name, folder / "images" / name, size, K, pose, None))
    save_cameras(folder, photos)
    return folder


@pytest.fixture
def room(tmp_path):
    """The textured room; one photo is stored lying on its side, as its EXIF tag says."""
    folder, exif = _write_room(tmp_path / "room"), Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    with Image.open(folder / "images" / "1.png") as upright:
        lying = upright.transpose(Image.Transpose.ROTATE_90)
    lying.save(folder / "images" / "1.png", exif=exif)
    return folder


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Where temporary folders are made."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@needs_pycolmap
@pytest.mark.parametrize("permissive", [False, True])
def test_a_textured_room_is_found_and_nothing_is_left_behind(room, scratch, permissive):
    stages = []
    figures = examine_pycolmap(room, lambda stage, *_: stages.append(stage), permissive=permissive).figures
    assert figures["registered"] == figures["placed"] == figures["photos"] == 4
    assert figures["rra5"] == figures["rta5"] == 100
    assert figures["focal"] < 5 and figures["point_error"] < 2 and figures["points"] > 1000
    assert figures["seconds"] > 0 and figures["memory"] > 50
    assert "absrel" not in figures
    assert set(stages) <= set(pycolmap_pipeline.STAGES)
    assert not list(scratch.iterdir())


@needs_pycolmap
def test_what_pycolmap_logs_leaves_no_file(tmp_path):
    program = f"import runpy; runpy.run_path({str(ROOT / 'headless.py')!r})['import_package'](); "
    program += "from dust3r.evaluation.exam.pycolmap_pipeline import import_pycolmap; "
    program += "import_pycolmap().logging.error('an error')"
    environment = os.environ | {"TMPDIR": str(tmp_path), "TMP": str(tmp_path), "TEMP": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert "an error" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@needs_pycolmap
def test_cancelling_ends_the_process_and_clears_its_files(room, scratch, monkeypatch):
    workers = []

    class Seen(classical.WorkerJob):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            workers.append(self)

    def cancel(*_):
        raise Cancelled

    monkeypatch.setattr(classical, "WorkerJob", Seen)
    with pytest.raises(Cancelled):
        examine_pycolmap(room, cancel)
    assert [worker.running for worker in workers] == [False]
    assert not list(scratch.iterdir())


@needs_pycolmap
def test_a_folder_is_used_once(room, tmp_path, capsys):
    (tmp_path / "database.db").touch()
    assert main(["classical", str(room / "images"), "--output", str(tmp_path)]) == 2
    assert "name a new folder" in capsys.readouterr().err


def test_photos_without_features_are_all_lost(tmp_path, monkeypatch):
    folder = write_scene(tmp_path / "plain", size=(40, 30), count=3)

    def nothing(worker, report):
        save_found(worker, {}, {"seconds": 1.0})

    monkeypatch.setattr(classical, "WorkerJob", lambda arguments: classical.Path(arguments[-1]) / classical.FOUND)
    monkeypatch.setattr(classical, "_supervise", nothing)
    figures = examine_pycolmap(folder).figures
    assert (figures["photos"], figures["registered"], figures["placed"]) == (3, 0, 0)
    assert figures["rra30"] == figures["rta30"] == figures["maa30"] == figures["auc30"] == 0
    assert not {"focal", "points", "point_error"} & set(figures)


def _image(name):
    matrix = SimpleNamespace(matrix=lambda: np.eye(4)[:3])
    camera = SimpleNamespace(calibration_matrix=lambda: np.eye(3))
    empty = {"get_observation_points2D": lambda: [], "has_pose": True, "cam_from_world": lambda: matrix}
    return SimpleNamespace(name=name, camera=camera, **empty)


def _model(*names):
    images = {k: _image(name) for k, name in enumerate(names)}
    return SimpleNamespace(images=images, points3D={}, num_reg_images=lambda: len(images))


def test_a_photo_of_two_models_belongs_to_the_larger_one():
    found = pycolmap_pipeline._read({0: _model("a", "b"), 1: _model("b", "c", "d")})
    assert {name: photo.component for name, photo in found.items()} == {"b": 0, "c": 0, "d": 0, "a": 1}


def test_without_pycolmap_a_sentence_comes_before_the_work(room, monkeypatch, capsys):
    monkeypatch.setattr(classical, "find_spec", lambda name: None)
    assert main(["evaluate", str(room), "--model", "small", "--against", "pycolmap"]) == 2
    assert "pip install pycolmap" in capsys.readouterr().err


def test_both_methods_are_columns_side_by_side(room, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(classical, "check_pycolmap", lambda: None)
    monkeypatch.setattr(classical, "examine_pycolmap", lambda *_: Exam({"photos": 4, "auc5": 62.5, "seconds": 1.0}))
    command = ["evaluate", str(room), "--model", "small", "--iterations", "3", "--against", "pycolmap"]
    assert main([*command, "--json", str(tmp_path / "out.json")]) == 0
    lines = {words[0]: words[1:] for words in map(str.split, capsys.readouterr().out.splitlines()) if words}
    assert lines["dust3r"] == ["pycolmap"]
    assert lines["auc5"][1] == "62.5" and lines["absrel"][1] == "-"
    written = json.loads((tmp_path / "out.json").read_text())
    assert set(written["mean"]) == {"dust3r", "pycolmap"} == set(written["sets"]["room"]) - {"folder"}


def test_what_was_found_is_read_back_the_same(tmp_path):
    rng = np.random.default_rng(0)
    found = {
        name: FoundPhoto(rng.random((3, 3)), rng.random((4, 4)), k, rng.random((n, 2)), rng.random((n, 3)))
        for k, (name, n) in enumerate({"ä b.jpg": 3, "none.png": 0, "c.jpg": 2}.items())
    }
    save_found(tmp_path / "found.npz", found, {"seconds": 1.5})
    again, figures = load_found(tmp_path / "found.npz")
    assert list(again) == list(found) and figures == {"seconds": 1.5}
    for name, photo in found.items():
        for field in ("K", "cam2world", "component", "pixels", "points"):
            np.testing.assert_array_equal(getattr(again[name], field), getattr(photo, field))


def test_what_holds_no_cameras_is_a_sentence(tmp_path):
    (tmp_path / "found.npz").write_bytes(b"PK")
    with pytest.raises(ReconstructionError, match="does not hold found cameras"):
        load_found(tmp_path / "found.npz")


def test_the_pipeline_says_how_to_get_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pycolmap", None)
    with pytest.raises(InputError, match="pip install pycolmap"):
        pycolmap_pipeline.run_pycolmap({}, tmp_path)
