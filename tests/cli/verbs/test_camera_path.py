"""The verb `camera-path`: cameras for every frame, through the photos or on a movie's own frames."""

import json
from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.cameras.priors import read_named
from dust3r.core.images.video import Clip, ClipFrames
from dust3r.core.reconstruction.result import Reconstruction
from dust3r.tests.core.cleanup_scene import room_views


@pytest.fixture
def folder(tmp_path):
    views = []
    for view in room_views(4, size=(64, 48)):
        (tmp_path / view.name).write_bytes(b"")
        views.append(replace(view, path=tmp_path / view.name))
    Reconstruction(tuple(views), "synthetic@0", None, "0.1.0").save(tmp_path / "result")
    return tmp_path / "result"


def cameras(path):
    photos = json.loads(path.read_text())["photos"]
    return list(photos), np.array([entry["cam2world"] for entry in photos.values()])


def test_every_frame_has_a_camera_and_each_photo_its_own(run, folder, tmp_path):
    out = tmp_path / "path.json"
    code, said, _ = run("camera-path", folder, "--output", out, "--frames-per-photo", 5, "--smoothing", 0)
    assert code == 0 and "16 frames through 4 photos" in said
    names, poses = cameras(out)
    assert names[0] == "frame_000001" and names[-1] == "frame_000016"
    views = Reconstruction.load(folder).views
    np.testing.assert_allclose(poses[::5], [view.cam2world for view in views], atol=1e-9)
    assert len(read_named(out, dict.fromkeys(names, views[0].mapping.photo_size))) == 16


def test_a_number_of_frames_and_a_loop_end_where_they_should(run, folder, tmp_path):
    out = tmp_path / "path.json"
    assert run("camera-path", folder, "--output", out, "--frames", 31, "--loop", "--smoothing", 0)[0] == 0
    names, poses = cameras(out)
    assert len(names) == 31
    np.testing.assert_allclose(poses[0], poses[-1], atol=1e-6)


def test_footage_gives_the_frames_their_numbers(run, folder, tmp_path):
    numbers = {"0.png": 2, "1.png": 5, "2.png": 9, "3.png": 10}
    ClipFrames(Clip(tmp_path / "walk.mp4", 25.0, 12, (64, 48)), numbers).save(tmp_path)
    assert run("camera-path", folder, "--output", tmp_path / "path.json", "--footage")[0] == 0
    names, poses = cameras(tmp_path / "path.json")
    assert len(names) == 12
    for view in Reconstruction.load(folder).views:
        np.testing.assert_allclose(poses[numbers[view.name] - 1], view.cam2world, atol=1e-9)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (("--output", "path.txt"), ".blend or .json"),
        (("--output", "path.json", "--footage"), "no frames of one movie"),
        (("--output", "path.json", "--footage", "--loop"), "does not go back"),
        (("--output", "path.json", "--frames-per-photo", "0"), "do not rise"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(run, folder, tmp_path, monkeypatch, said, sentence):
    monkeypatch.chdir(tmp_path)
    code, _, error = run("camera-path", folder, *said)
    assert code == 2 and sentence in error
    assert not (tmp_path / "path.json").exists()
