"""CO3Dv2 and RealEstate10K: a network that knows the room gets full marks; a wrong truth costs what it should."""

import gzip
import json

import numpy as np
import pytest
from dust3r.core.checkpoints.loading import LoadedModel
from dust3r.core.errors import InputError
from dust3r.core.geometry.rotation import rotation_from_vector
from dust3r.core.networks.dust3r.config import ModelConfig
from dust3r.core.progress import silent
from dust3r.core.settings import ReconstructionSettings
from dust3r.evaluation.protocols import co3d, relative_poses
from dust3r.evaluation.protocols.co3d import co3d_tasks
from dust3r.evaluation.protocols.re10k import re10k_tasks
from dust3r.evaluation.protocols.task import drawn
from dust3r.tests import protocol_folders
from dust3r.tests.protocol_folders import ExactRoom, write_jgz

MODEL = LoadedModel(None, ModelConfig(image_size=32, patch_size=16), "none", "0" * 64)
FULL = {f"{way}{key}": 100 for way in ("pnp_", "") for key in ("rra15", "rta15", "maa30")}


@pytest.fixture
def room(monkeypatch):
    exact = ExactRoom()
    monkeypatch.setattr(relative_poses, "predict", exact.predict)
    co3d._cameras.cache_clear()
    return exact


def figures_of(task):
    return task.examine(MODEL, ReconstructionSettings(), silent)


def test_a_network_that_knows_the_object_gets_full_marks_on_co3d(tmp_path, room):
    protocol_folders.co3d(tmp_path, room)
    (task,) = co3d_tasks(tmp_path)  # neither the blurred sequence nor the one without a score
    assert (task.group, task.name) == ("apple", "110_1")
    assert figures_of(task) == pytest.approx(FULL)


def test_a_camera_turned_by_twenty_degrees_and_a_half_costs_its_nine_pairs(tmp_path, room):
    paths = list(protocol_folders.co3d(tmp_path, room))
    chosen = paths[drawn(10, 50, "apple/110_1", 0)[3]]
    annotations = tmp_path / "apple" / "frame_annotations.jgz"
    with gzip.open(annotations) as file:
        frames = json.load(file)
    viewpoint = next(frame for frame in frames if frame["image"]["path"] == chosen)["viewpoint"]
    turn = rotation_from_vector(np.radians([20.5, 0, 0]))
    viewpoint["R"] = (np.array(viewpoint["R"]) @ turn).tolist()  # about its own axis, its centre kept
    viewpoint["T"] = (turn.T @ viewpoint["T"]).tolist()
    write_jgz(annotations, frames)
    figures = figures_of(co3d_tasks(tmp_path)[0])
    assert figures["rra15"] == figures["pnp_rra15"] == pytest.approx(100 * 36 / 45)
    assert figures["maa30"] == figures["pnp_maa30"] == pytest.approx(100 * (36 + 9 * 10 / 30) / 45)


def test_a_sequence_whose_cameras_went_astray_is_left_out(tmp_path, room):
    protocol_folders.co3d(tmp_path, room)
    annotations = tmp_path / "apple" / "frame_annotations.jgz"
    with gzip.open(annotations) as file:
        frames = json.load(file)
    frames[7]["viewpoint"]["T"] = [2e5, 0, 0]
    write_jgz(annotations, frames)
    assert figures_of(co3d_tasks(tmp_path)[0]) == {}


def test_the_same_frames_are_drawn_every_time():
    assert drawn(10, 50, "apple/110_1", 0).tolist() == drawn(10, 50, "apple/110_1", 0).tolist()
    assert drawn(10, 50, "apple/110_1", 0).tolist() != drawn(10, 50, "apple/110_2", 0).tolist()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda apple: (apple / "frame_annotations.jgz").write_bytes(b"{}"), r"frame_annotations\.jgz cannot be read"),
        (lambda apple: (apple / "frame_annotations.jgz").unlink(), r"frame_annotations\.jgz does not exist"),
        (lambda apple: write_jgz(apple / "frame_annotations.jgz", [{"image": 3}]), "no list of CO3Dv2 frames"),
        (lambda apple: write_jgz(apple / "frame_annotations.jgz", []), "has no camera of apple/110_1"),
        (lambda apple: write_jgz(apple / "sequence_annotations.jgz", {"a": 1}), "no list of CO3Dv2 sequences"),
        (lambda apple: (apple / "set_lists" / "set_lists_fewview_dev.json").write_text("["), "is no JSON"),
        (lambda apple: (apple / "set_lists" / "set_lists_fewview_dev.json").unlink(), "no test sequence of CO3Dv2"),
        (lambda apple: (apple / "110_1" / "images").rename(apple / "elsewhere"), r"frame\d+\.jpg cannot be read"),
    ],
)
def test_what_is_wrong_with_co3d_is_a_sentence(tmp_path, room, spoil, sentence):
    protocol_folders.co3d(tmp_path, room)
    spoil(tmp_path / "apple")
    with pytest.raises(InputError, match=sentence):
        figures_of(co3d_tasks(tmp_path)[0])


def test_a_list_cannot_lead_out_of_the_data_set(tmp_path, room):
    inside = tmp_path / "data"
    protocol_folders.co3d(inside, room)
    listing = inside / "apple" / "set_lists" / "set_lists_fewview_dev.json"
    annotations = inside / "apple" / "frame_annotations.jgz"
    listing.write_text(listing.read_text().replace("apple/110_1/images", "../outside"))
    with gzip.open(annotations, "rt") as file:
        content = file.read().replace("apple/110_1/images", "../outside")
    write_jgz(annotations, json.loads(content))
    with pytest.raises(InputError, match="names a file outside of itself"):
        figures_of(co3d_tasks(inside)[0])


def test_a_network_that_knows_the_house_gets_full_marks_on_realestate10k(tmp_path, room):
    protocol_folders.re10k(tmp_path, room)
    (task,) = re10k_tasks(tmp_path)
    assert figures_of(task) == pytest.approx(FULL)


def test_a_clip_of_too_few_frames_is_left_out_and_one_without_any_is_no_task(tmp_path, room):
    protocol_folders.re10k(tmp_path, room, "few", shown=9)
    protocol_folders.re10k(tmp_path, room, "none", shown=0)
    (task,) = re10k_tasks(tmp_path)
    assert task.name == "few" and figures_of(task) == {}


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda root: (root / "test").rename(root / "elsewhere"), "holds no trajectories of RealEstate10K"),
        (lambda root: (root / "frames").rename(root / "elsewhere"), "holds no frames of the clips"),
        (lambda root: (root / "test" / "000c3ab189999a83.txt").write_text("url\n1 2 3\n"), "holds 3 numbers where 19"),
        (lambda root: (root / "test" / "000c3ab189999a83.txt").write_text("url\n" + "x " * 19), "where numbers belong"),
    ],
)
def test_what_is_wrong_with_realestate10k_is_a_sentence(tmp_path, room, spoil, sentence):
    protocol_folders.re10k(tmp_path, room)
    spoil(tmp_path)
    with pytest.raises(InputError, match=sentence):
        figures_of(re10k_tasks(tmp_path)[0])
