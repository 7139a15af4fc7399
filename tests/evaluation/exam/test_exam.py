"""The exam gives full marks to the truth, and takes off what is wrong."""

import json

import numpy as np
import pytest
import torch
from dust3r.cli.main import main
from dust3r.core.cameras.posed_images import read_depth, read_posed_photos
from dust3r.core.checkpoints.loading import LoadedModel
from dust3r.core.errors import InputError
from dust3r.core.geometry.rotation import rotation_from_vector
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.inference.prediction import Prediction
from dust3r.core.networks.dust3r.config import ModelConfig
from dust3r.core.reconstruction.result import AlignedView, Reconstruction
from dust3r.core.settings import AlignmentSettings, ReconstructionSettings
from dust3r.evaluation.exam import photos, scenes
from dust3r.evaluation.exam.photos import examine_photos
from dust3r.evaluation.exam.scenes import exam_size, examine_scenes
from dust3r.tests.box_room import BoxRoomSource, write_scene
from dust3r.tests.depth_anything_3 import TINY, seeded_network
from PIL import Image

NETWORK = torch.nn.Linear(1, 1)
MODEL = LoadedModel(NETWORK, ModelConfig(image_size=64, patch_size=16), "none", "0" * 64)
RECALLS = {f"{name}{degrees}": 100 for name in ("rra", "rta") for degrees in (5, 15, 30)}
FULL = {"auc5": 100, "auc10": 100, "auc30": 100, "maa30": 100, **RECALLS}
FULL_DEPTH = {"absrel": 0, "delta125": 100, "tau103": 100}
COUNTS = {"registered": 5, "placed": 5, "photos": 5, "focal": 0}


@pytest.fixture
def room(tmp_path):
    return write_scene(tmp_path / "room")


def _truth_as_result(truth, scale=3.0, left_out=(), apart=(), zoom=1.0):
    """A reconstruction that is right up to the unit, and the focals' zoom, of the photos that are not left out."""
    views = []
    for k, photo in enumerate(truth):
        if k not in left_out:
            mapping = PixelMapping(photo.size, photo.size)
            depth = scale * read_depth(photo.depth) if photo.depth else np.ones(photo.size[::-1])
            pose = photo.cam2world.copy()
            pose[:3, 3] *= scale
            K, one = photo.K * [[zoom], [zoom], [1]], np.ones(depth.shape)
            K[:2, 2] = photo.K[:2, 2]
            colors = np.zeros((*depth.shape, 3), np.uint8)
            component = int(k in apart)
            views.append(AlignedView(photo.name, photo.path, mapping, K, pose, depth, one, colors, one > 0, component))
    return Reconstruction(tuple(views), "none", None, "0")


@pytest.fixture
def examine(room, monkeypatch):
    """The exam of a reconstruction that differs from the truth as given."""

    def call(**errors):
        result = _truth_as_result(read_posed_photos(room), **errors)
        monkeypatch.setattr(photos, "reconstruct", lambda *_: result)
        return examine_photos(room, MODEL, ReconstructionSettings()).figures

    return call


def test_the_truth_gets_full_marks(examine):
    figures = examine()
    assert figures.pop("seconds") >= 0 <= figures.pop("cpu_seconds")
    assert figures.pop("memory") > 10
    assert figures.pop("points") == 5 * 96 * 72
    assert figures.pop("point_error") < 0.1  # true depth is kept in millimetres
    assert figures == pytest.approx(FULL | FULL_DEPTH | COUNTS, abs=1e-4)


def test_a_photo_left_out_costs_all_its_pairs(examine):
    figures = examine(left_out=[2])
    assert figures["auc5"] == pytest.approx(100 * 6 / 10, abs=1e-4)
    assert (figures["registered"], figures["placed"], figures["photos"]) == (4, 4, 5)
    assert figures["delta125"] == 100


def test_photos_in_another_world_cost_the_pairs_between_the_two(examine):
    figures = examine(apart=[3, 4])
    assert figures["rra15"] == figures["rta15"] == pytest.approx(40)
    assert figures["registered"] == figures["placed"] == 3
    assert figures["points"] == 3 * 96 * 72


def test_photos_each_in_a_world_of_their_own_are_not_registered(examine):
    figures = examine(left_out=[1, 2, 3, 4])
    assert (figures["registered"], figures["placed"], figures["auc30"], figures["rra30"]) == (0, 0, 0, 0)
    assert "points" not in figures


def test_a_wrong_focal_shows_as_such_and_bends_the_points(examine):
    figures = examine(zoom=1.25)
    assert figures["focal"] == pytest.approx(25)
    assert figures["absrel"] == pytest.approx(0, abs=1e-4)
    assert figures["point_error"] > 1


def test_without_true_depth_there_are_no_depth_figures(examine, room):
    (room / "depth").rename(room / "elsewhere")
    assert set(examine()) == {*FULL, *COUNTS, "seconds", "cpu_seconds", "memory"}


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda room: (room / "cameras.json").unlink(), "cameras.json does not exist"),
        (lambda room: (room / "cameras.json").write_text("{"), "is no cameras.json"),
        (lambda room: (room / "images").rename(room / "pictures"), "holds none of the 5 photos"),
        (lambda room: (room / "depth" / "room_1.png").write_bytes(b"\x89PNG"), r"room_1\.png is not an image"),
        (lambda room: Image.new("RGB", (4, 4)).save(room / "depth" / "room_1.png"), "no 16-bit greyscale PNG"),
    ],
)
def test_a_folder_that_cannot_be_used_is_a_sentence(room, spoil, sentence):
    spoil(room)
    with pytest.raises(InputError, match=sentence):
        examine_photos(room, MODEL, ReconstructionSettings())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"K": None}, "room_0.png has a K "),
        ({"cam2world": np.diag([2.0, 1, 1, 1]).tolist()}, "not rigid"),
        ({"cam2world": np.diag([-1.0, 1, 1, 1]).tolist()}, "not rigid"),
        ({"width": None}, "no width and height"),
    ],
)
def test_a_camera_that_cannot_be_used_is_a_sentence(room, change, sentence):
    cameras = json.loads((room / "cameras.json").read_text())
    cameras["photos"]["room_0.png"] |= change
    (room / "cameras.json").write_text(json.dumps(cameras))
    with pytest.raises(InputError, match=sentence):
        read_posed_photos(room)


def _perfect(seed, turned=0.0):
    """The predictions of a network that knows the room of BoxRoomSource(seed): exact, in a unit of its own."""
    seen = iter(range(10**6))
    turn = torch.from_numpy(rotation_from_vector(np.radians([0, turned, 0]))).float()
    turns = (turn, turn.T)  # else the two directions of a pair would agree on no turn at all

    def predict(network, views, edges):
        k = next(seen)
        width, height = views[0].mapping.view_size
        batch = BoxRoomSource(seed).batch(k // scenes.SCENES, scenes.SCENES, 2, 1, (width, height))
        k %= scenes.SCENES
        found = []
        for edge in edges:
            world2cam = torch.linalg.inv(batch.cam2world[k, edge.i])
            i, j = (batch.points[k, v] @ world2cam[:3, :3].T + world2cam[:3, 3] for v in edge)
            found.append(Prediction(edge, 0.3 * i, 0.3 * j @ turns[edge.i].T, *(torch.full(i.shape[:2], 5.0),) * 2))
        return found

    return predict


def test_a_network_that_knows_the_scene_gets_full_marks(monkeypatch):
    monkeypatch.setattr(scenes, "predict", _perfect(5))
    figures = examine_scenes(BoxRoomSource(5), MODEL, 8, AlignmentSettings()).figures
    assert figures["pairs"] == 8
    assert {key: figures[key] for key in FULL_DEPTH} == pytest.approx(FULL_DEPTH, abs=1e-3)
    assert figures["pointmap"] < 1e-5
    assert figures["rotation"] < 0.1 and figures["direction"] < 0.5
    assert figures["rra5"] == figures["rta15"] == 100


def test_a_turn_between_the_views_shows_in_the_relative_pose_and_the_pointmap(monkeypatch):
    monkeypatch.setattr(scenes, "predict", _perfect(5, turned=10))
    figures = examine_scenes(BoxRoomSource(5), MODEL, 8, AlignmentSettings()).figures
    assert figures["absrel"] < 1e-3
    assert figures["pointmap"] > 0.05
    assert figures["rra5"] == 0 and figures["rra15"] == 100


def test_what_confidence_means_is_part_of_the_exam(monkeypatch):
    perfect = _perfect(5)

    def half_wrong(network, views, edges):
        """The left half 20 % too far and unsure; the unit is the right half's."""
        found = perfect(network, views, edges)
        for one in found:
            middle = one.points_i.shape[1] // 3
            one.points_i[:, :middle] *= 1.2
            one.confidence_i[:, :middle] = 2.0
        return found

    monkeypatch.setattr(scenes, "predict", half_wrong)
    bins = examine_scenes(BoxRoomSource(5), MODEL, 8, AlignmentSettings()).confidence
    assert (bins[0].confidence, bins[-1].confidence) == (2, 5)
    assert bins[0].error == pytest.approx(20, abs=4) and bins[-1].error < 4


def test_a_network_of_many_photos_is_examined_too():
    model = LoadedModel(seeded_network(), TINY, "none", "0" * 64)
    exam = examine_scenes(BoxRoomSource(5), model, 1, AlignmentSettings(iterations=3))
    assert exam.figures["pairs"] == 1 and exam.figures["absrel"] > 0
    assert len(exam.confidence) == 5 and exam.confidence[0].confidence >= 1


def test_exam_views_have_the_shape_of_the_models_photos():
    assert exam_size(ModelConfig(image_size=512)) == (512, 384)
    assert exam_size(TINY) == (504, 378)
    assert exam_size(ModelConfig(image_size=224)) == (224, 224)
    assert exam_size(ModelConfig(image_size=128)) == (128, 96)


def test_the_verb_prints_a_table_and_writes_json(room, tmp_path, capsys):
    code = main(["evaluate", str(room), "--model", "small", "--iterations", "3", "--json", str(tmp_path / "out.json")])
    assert code == 0
    assert "maa30" in capsys.readouterr().out
    written = json.loads((tmp_path / "out.json").read_text())
    assert {*FULL, *FULL_DEPTH, "placed", "photos", "seconds"} <= set(written["sets"]["room"]["dust3r"])
    assert {"mean", "model", "settings"} <= set(written)


def test_several_folders_are_a_row_each_and_a_row_of_means(room, tmp_path, capsys):
    other = write_scene(tmp_path / "other", count=3)
    command = ["evaluate", str(room), str(other), "--model", "small", "--iterations", "3", "--degrees", "10,45"]
    assert main([*command, "--json", str(tmp_path / "out.json")]) == 0
    header, *rows = (line.split() for line in capsys.readouterr().out.splitlines()[-5:-1])
    assert [row[0] for row in rows] == ["room", "other", "mean"]
    assert [row[header.index("photos")] for row in rows] == ["5", "3", "4"]
    assert {"rra10", "rta45"} < set(header) and "rra15" not in header


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "one of the three"),
        (("nowhere",), "cameras.json does not exist"),
        (("nowhere", "--degrees", "0,15"), "names no angles"),
        (("nowhere", "nowhere"), "named twice"),
        (("--synthetic", "-1"), "0 or more"),
        (("--synthetic", "1", "--pairs", "0"), "--pairs must be at least 1"),
    ],
)
def test_wrong_arguments_are_a_sentence(arguments, sentence, capsys):
    assert main(["evaluate", *arguments]) == 2
    assert sentence in capsys.readouterr().err
