"""7-Scenes and Cambridge Landmarks: photos are placed by a network that knows the room, and counted by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch
from dust3r.core.checkpoints.loading import load_model
from dust3r.core.checkpoints.local import find_model
from dust3r.core.errors import InputError
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.progress import silent
from dust3r.core.settings import ReconstructionSettings
from dust3r.evaluation.protocols import cambridge, photo_map, seven_scenes
from dust3r.evaluation.protocols.cambridge import SparseView, cambridge_tasks, read_nvm, sparse_depth
from dust3r.evaluation.protocols.files import quaternion_matrix
from dust3r.evaluation.protocols.photo_map import summarise_placements
from dust3r.evaluation.protocols.seven_scenes import seven_scenes_tasks
from dust3r.tests import protocol_folders
from dust3r.tests.box_room import render
from dust3r.tests.protocol_folders import ExactRoom
from PIL import Image
from scipy.spatial.transform import Rotation

SIZE = (128, 96)  # of a view of a 4:3 photo


@pytest.fixture(scope="module")
def model():
    """The bundled one: it tells which photos are alike."""
    return load_model(find_model("small", Path()), torch.device("cpu"))


@pytest.fixture
def room(monkeypatch):
    exact = ExactRoom()
    monkeypatch.setattr(photo_map, "predict", exact.predict)
    read_nvm.cache_clear()
    return exact


def figures_of(tasks, model):
    return [task.examine(model, ReconstructionSettings(), silent) for task in tasks]


def test_7scenes_photos_are_placed_within_a_centimetre_or_two(tmp_path, room, model):
    protocol_folders.seven_scenes(tmp_path, room)
    tasks = seven_scenes_tasks(tmp_path)
    assert [(task.group, task.name) for task in tasks] == [
        ("chess", "seq-02/frame-000000"),
        ("chess", "seq-02/frame-000001"),
    ]
    found = summarise_placements(figures_of(tasks, model))
    assert found["median_cm"] < 2 and found["median_deg"] < 0.5
    assert found["recall_5cm_5deg"] == 100


def test_a_wrong_truth_shows_as_far_as_it_is_off(tmp_path, room, model):
    protocol_folders.seven_scenes(tmp_path, room)
    path = tmp_path / "chess" / "seq-02" / "frame-000001.pose.txt"
    pose = np.loadtxt(path)
    pose[:3, 3] += pose[:3, :3] @ [0.4, 0, 0]
    np.savetxt(path, pose)
    results = figures_of(seven_scenes_tasks(tmp_path), model)
    assert results[1]["metres"] == pytest.approx(0.4, abs=0.03)
    found = summarise_placements(results)
    assert (found["recall_5cm_5deg"], found["recall_25cm_2deg"], found["recall_50cm_5deg"]) == (50, 50, 100)


def test_raw_depth_is_brought_to_the_colour_cameras_pixels(tmp_path, room):
    protocol_folders.seven_scenes(tmp_path, room)
    frame, mapping = tmp_path / "chess" / "seq-01" / "frame-000000", PixelMapping((640, 480), SIZE, (5.0, 5.0))
    K, pose = room.cameras[frame.with_name("frame-000000.color.png").resolve()]
    true = render(K * [[0.2], [0.2], [1]], pose, SIZE)[1]  # at the centres of the network's pixels
    found = seven_scenes._depth(frame, mapping)
    known = np.isfinite(found)
    assert 0.7 < known.mean() < 1  # the mark for unknown, in the upper rows, is no depth
    assert np.abs(found / true - 1)[known].max() < 0.01
    protocol_folders.save_millimetres(frame.with_name("frame-000000.depth.proj.png"), np.full((480, 640), 1.25))
    assert (seven_scenes._depth(frame, mapping) == 1.25).all()


def test_cambridge_photos_are_placed_by_sparse_points(tmp_path, room, model):
    protocol_folders.cambridge(tmp_path, room)
    tasks = cambridge_tasks(tmp_path)
    assert [task.name for task in tasks] == ["seq2/frame00004.png", "seq2/frame00005.png"]
    found = summarise_placements(figures_of(tasks, model))
    assert found["median_cm"] < 5 and found["median_deg"] < 1


def test_sparse_points_have_their_depth_at_the_pixel_that_measured_them():
    view = SparseView(100.0, np.array([[0, 0, 4.0], [0, 0, 3], [0, 0, -1]]), np.array([[-6, -6], [-6, -6], [5, 5.0]]))
    depth = sparse_depth(view, np.eye(4), Path("photo.png"), PixelMapping((16, 16), (4, 4), (4.0, 4.0)))
    assert depth[0, 0] == 3 and np.isfinite(depth).sum() == 1  # the nearer; what is behind the camera is none


def test_photos_that_were_made_smaller_are_a_sentence(tmp_path, room, model):
    protocol_folders.cambridge(tmp_path, room)
    protocol_folders.seven_scenes(tmp_path, room)
    for photo in tmp_path.glob("*/seq*1/*[0-9].*png"):
        if "depth" not in photo.name:
            with Image.open(photo) as image:
                small = image.resize((320, 200))
            small.save(photo)
    with pytest.raises(InputError, match=r"frame0000\d\.png is smaller than the photo"):
        figures_of(cambridge_tasks(tmp_path), model)
    with pytest.raises(InputError, match=r"is \(320, 200\) pixels large"):
        figures_of(seven_scenes_tasks(tmp_path), model)


def test_quaternions_turn_as_scipys_do():
    for wxyz in np.random.default_rng(0).normal(size=(5, 4)):
        expected = Rotation.from_quat(wxyz[[1, 2, 3, 0]]).as_matrix()
        np.testing.assert_allclose(quaternion_matrix(wxyz, Path()), expected, atol=1e-12)


def test_a_photo_that_nothing_matches_is_lost_and_not_an_error(tmp_path, room, model):
    protocol_folders.seven_scenes(tmp_path, room)
    for path in (tmp_path / "chess" / "seq-01").glob("*.depth.png"):
        protocol_folders.save_millimetres(path, np.zeros((480, 640)))
    results = figures_of(seven_scenes_tasks(tmp_path)[:1], model)
    assert results == [{"metres": None, "degrees": None}]
    assert summarise_placements(results)["median_cm"] == np.inf


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda scene: (scene / "TestSplit.txt").unlink(), "holds no scene of 7-Scenes"),
        (lambda scene: (scene / "TestSplit.txt").write_text("seq-02"), "should be like sequence1"),
        (lambda scene: (scene / "seq-02").rename(scene / "x"), "unpack the scene's"),
        (lambda scene: (scene / "seq-02" / "frame-000000.pose.txt").write_text("1 2"), "holds 2 numbers where 16"),
        (lambda scene: (scene / "seq-02" / "frame-000000.pose.txt").write_text("2 " * 16), "is no rotation"),
        (lambda scene: (scene / "TrainSplit.txt").unlink(), r"TrainSplit\.txt does not exist"),
    ],
)
def test_what_is_wrong_with_7scenes_is_a_sentence(tmp_path, room, model, spoil, sentence):
    protocol_folders.seven_scenes(tmp_path, room)
    spoil(tmp_path / "chess")
    with pytest.raises(InputError, match=sentence):
        figures_of(seven_scenes_tasks(tmp_path), model)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda scene: (scene / "dataset_test.txt").unlink(), "holds no scene of Cambridge Landmarks"),
        (lambda scene: (scene / "dataset_test.txt").write_text("\n\n\na.png 1 2"), "holds 2 numbers where 7"),
        (lambda scene: (scene / "dataset_test.txt").write_text("\n\n\na.png" + " 0" * 7), "four zeros"),
        (lambda scene: (scene / "reconstruction.nvm").write_text("NVM_V3\n\n3\n"), "ends early"),
        (lambda scene: (scene / "reconstruction.nvm").write_text("PLY\n"), "begin with NVM_V3"),
        (lambda scene: (scene / "reconstruction.nvm").write_text("NVM_V3\n0\n1\n1 2 x"), "no VisualSFM model"),
        (lambda scene: (scene / "reconstruction.nvm").write_text("NVM_V3\n0\n0\n"), "has points of none"),
    ],
)
def test_what_is_wrong_with_cambridge_is_a_sentence(tmp_path, room, model, spoil, sentence):
    protocol_folders.cambridge(tmp_path, room)
    spoil(tmp_path / "ShopFacade")
    with pytest.raises(InputError, match=sentence):
        figures_of(cambridge_tasks(tmp_path), model)


def test_the_network_compares_a_query_with_the_most_alike_photos_of_the_map(tmp_path, room, model, monkeypatch):
    monkeypatch.setattr(cambridge, "NEIGHBOURS", 2)
    protocol_folders.cambridge(tmp_path, room)
    (photo,) = tmp_path.glob("*/seq1/frame00002.png")
    (query,) = tmp_path.glob("*/seq2/frame00004.png")
    query.write_bytes(photo.read_bytes())
    seen = []

    def predict(network, views, edges, report):
        seen.append([view.path for view in views])
        return room.predict(network, views, edges)

    monkeypatch.setattr(photo_map, "predict", predict)
    figures_of(cambridge_tasks(tmp_path)[:1], model)
    assert seen[0][:2] == [query, photo] and len(seen[0]) == 3
