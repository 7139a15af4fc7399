"""NYU Depth v2 and the multi-view depth benchmark: figures against depth that can be averaged by hand."""

import os
import pickle
import sys
import types

import numpy as np
import pytest
import scipy.io
import torch
from dust3r.core.checkpoints.loading import LoadedModel
from dust3r.core.errors import InputError
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.inference.prediction import Prediction
from dust3r.core.networks.dust3r.config import ModelConfig
from dust3r.core.progress import silent
from dust3r.core.scene_graph.edges import Edge
from dust3r.core.settings import ReconstructionSettings
from dust3r.evaluation.protocols import multi_view_depth, single_photos
from dust3r.evaluation.protocols.depth_maps import on_photo, read_pfm_depth, read_png_depth, read_raw_depth
from dust3r.evaluation.protocols.multi_view_depth import fused_depth
from dust3r.evaluation.protocols.nyu import nyu_tasks
from dust3r.evaluation.protocols.robustmvd import READERS, Sample, read_samples, robustmvd_tasks
from dust3r.tests.protocol_folders import save_millimetres
from PIL import Image

MODEL = LoadedModel(None, ModelConfig(image_size=64, patch_size=16), "none", "0" * 64)


def figures_of(task):
    return task.examine(MODEL, ReconstructionSettings(), silent)


def prediction(edge, depth, confidence=2.0):
    """Of a pair whose first photo has this depth (H, W)."""
    points = torch.zeros(*depth.shape, 3)
    points[..., 2] = torch.from_numpy(np.asarray(depth, dtype=np.float32))
    ones = torch.full(depth.shape, float(confidence))
    return Prediction(edge, points, points, ones, ones)


@pytest.fixture
def flat_network(monkeypatch):
    """One that takes every photo for a wall 7 units away."""

    def predict(network, views, edges, report=silent):
        return [prediction(edge, np.full(views[edge.i].mask.shape, 7.0)) for edge in edges]

    monkeypatch.setattr(single_photos, "predict", predict)


def nyu_depth():
    """(480, 640), metres: in the counted crop of 426 x 560 pixels 3/5 at 2, 1/5 at 2.4, 1/5 at 3; beyond it 9."""
    depth = np.full((480, 640), 9.0)
    depth[45:471, 41:377], depth[45:471, 377:489], depth[45:471, 489:601] = 2.0, 2.4, 3.0
    return depth


NYU = {"absrel": 100 * (0.2 * 0.4 / 2.4 + 0.2 * 1 / 3), "delta125": 80}


def unpacked_nyu(root, depth):
    folder = root / "official_splits" / "test" / "bathroom"
    folder.mkdir(parents=True)
    Image.new("RGB", (640, 480)).save(folder / "rgb_00045.jpg")
    save_millimetres(folder / "sync_depth_00045.png", depth)
    return folder


def test_a_wall_for_a_room_is_as_far_off_as_worked_out(tmp_path, flat_network):
    unpacked_nyu(tmp_path, nyu_depth())
    (task,) = nyu_tasks(tmp_path)
    assert figures_of(task) == pytest.approx(NYU)


def test_depth_beyond_the_sensors_reach_or_unknown_does_not_count(tmp_path, flat_network):
    depth = nyu_depth()
    depth[100:120, 100:120], depth[200:220, 100:120] = 10.0, 0.0
    unpacked_nyu(tmp_path, depth)
    counted = 426 * 560 - 2 * 400
    assert figures_of(nyu_tasks(tmp_path)[0])["delta125"] == pytest.approx(100 * (1 - 426 * 112 / counted))


def test_the_labelled_file_gives_the_same(tmp_path, flat_network):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "nyu_depth_v2_labeled.mat", "w") as file:  # as HDF5 shows MATLAB's H x W x 3 x N
        file["images"] = np.zeros((3, 3, 640, 480), np.uint8)
        file["rawDepths"] = np.stack([np.ones((640, 480)), nyu_depth().T, np.ones((640, 480))]).astype(np.float32)
    scipy.io.savemat(tmp_path / "splits.mat", {"testNdxs": np.array([[2]], np.uint16)})
    (task,) = nyu_tasks(tmp_path)
    assert task.name == "00001" and figures_of(task) == pytest.approx(NYU)


def test_without_its_reader_the_labelled_file_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "nyu_depth_v2_labeled.mat").touch()
    scipy.io.savemat(tmp_path / "splits.mat", {"testNdxs": np.array([[1]])})
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError, match="needs the package h5py"):
        figures_of(nyu_tasks(tmp_path)[0])


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda folder: (folder / "rgb_00045.jpg").unlink(), "holds no test photos of NYU Depth v2"),
        (lambda folder: (folder / "sync_depth_00045.png").unlink(), r"sync_depth_00045\.png cannot be read"),
        (lambda folder: (folder / "sync_depth_00045.png").write_bytes(b"no"), "is not an image"),
        (lambda folder: save_millimetres(folder / "sync_depth_00045.png", np.ones((4, 4))), "true depth of shape"),
    ],
)
def test_what_is_wrong_with_nyu_is_a_sentence(tmp_path, flat_network, spoil, sentence):
    spoil(unpacked_nyu(tmp_path, nyu_depth()))
    with pytest.raises(InputError, match=sentence):
        figures_of(nyu_tasks(tmp_path)[0])


def test_predicted_depth_lies_where_the_network_saw_it():
    mapping = PixelMapping((8, 4), (2, 2), scale=(2.0, 2.0), offset=(2.0, 0.0))  # the middle half of a photo
    found = on_photo(np.array([[1, 2], [3, 4]], np.float32), mapping, (4, 8))
    unseen = [np.nan] * 2
    rows = [[*unseen, 1, 1, 2, 2, *unseen], [*unseen, 3, 3, 4, 4, *unseen]]
    np.testing.assert_array_equal(found, np.repeat(np.array(rows, np.float32), 2, axis=0))
    np.testing.assert_array_equal(
        on_photo(found[:2, 2:6], PixelMapping((8, 4), (4, 2), (2, 2)), (2, 4)), found[:2, 2:6]
    )


def test_depths_of_pairs_are_averaged_by_confidence_in_one_unit():
    depth = np.array([[1.0, 2.0, 4.0]])
    near = np.array([[1.0, 2.0, 8.0]])
    fused = fused_depth([prediction(Edge(0, 1), depth, 1), prediction(Edge(0, 2), 10 * near, 3)])
    assert fused[0] == pytest.approx([1, 2, (1 * 4 + 3 * 8) / 4])


# The benchmark's lists are pickles of these classes, among others.
class _Stored:
    def __init__(self, **fields):
        self.__dict__.update(fields)


def sample_list(path, entries, protocol):
    """A pickle of samples as the benchmark makes them, under the names that its classes have there."""
    module = types.ModuleType("rmvd.data.kitti")
    for name in ("KITTISample", "KITTIImage", "KITTIDepth"):
        setattr(module, name, type(name, (_Stored,), {"__module__": module.__name__, "__qualname__": name}))
    parents = {"rmvd": types.ModuleType("rmvd"), "rmvd.data": types.ModuleType("rmvd.data"), module.__name__: module}
    samples = []
    for name, images, key, depth in entries:
        data = {"images": [module.KITTIImage(path=image) for image in images], "keyview_idx": key}
        data |= {"poses": [np.eye(4, dtype=np.float32)] * len(images), "depth": module.KITTIDepth(path=depth)}
        samples.append(module.KITTISample(name=name, data=data))
    before = set(sys.modules)
    sys.modules.update(parents)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(samples, protocol=protocol))
    finally:
        for name in set(parents) - before:
            del sys.modules[name]


def kitti(root, true, protocol=4, key=1):
    """A sample of a key view and two source views."""
    folder = root / "kitti" / "raw"
    folder.mkdir(parents=True)
    for number in range(3):
        Image.new("RGB", (64, 48)).save(folder / f"{number}.png")
    Image.fromarray(np.rint(256 * true).astype(np.uint16)).save(root / "kitti" / "depth.png")
    images = [f"raw/{number}.png" for number in range(3)]
    sample_list(root / "sample_lists" / "kitti.robustmvd.mvd.pickle", [("drive 1", images, key, "depth.png")], protocol)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("key", [1, np.int64(1)])
def test_sample_lists_are_read_without_running_them(tmp_path, protocol, key):
    kitti(tmp_path, np.ones((48, 64)), protocol, key)
    (sample,) = read_samples(tmp_path / "sample_lists" / "kitti.robustmvd.mvd.pickle", tmp_path / "kitti")
    raw = tmp_path / "kitti" / "raw"
    assert sample == Sample(
        "0000 drive 1", raw / "1.png", (raw / "0.png", raw / "2.png"), tmp_path / "kitti" / "depth.png"
    )


def test_a_pickle_that_would_run_something_runs_nothing(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    path = tmp_path / "list.pickle"
    path.write_bytes(pickle.dumps([Trap()]))
    with pytest.raises(InputError, match="no list of the benchmark's samples"):
        read_samples(path, tmp_path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"no", pickle.dumps({"a": 1}), pickle.dumps([3]), pickle.dumps([])[:-3]])
def test_what_is_no_sample_list_is_a_sentence(tmp_path, content):
    path = tmp_path / "list.pickle"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"list\.pickle is no list"):
        read_samples(path, tmp_path)


def test_a_sample_cannot_lead_out_of_its_data_set(tmp_path):
    path = tmp_path / "list.pickle"
    sample_list(path, [("1", ["../../secret.png"], 0, "depth.png")], 4)
    with pytest.raises(InputError, match="outside of itself"):
        read_samples(path, tmp_path)


def test_the_best_of_the_first_source_views_counts(tmp_path, monkeypatch):
    true = np.full((48, 64), 2.0)
    true[:, 32:], true[0] = 4.0, 0.0  # the first row is unknown
    kitti(tmp_path, true)
    good, bad = true / 4, true / 4
    good[0] = bad[0] = 1.0
    bad[24:] = 3 - bad[24:]

    def predict(network, views, edges, report=silent):
        assert views[0].name == "1.png" and edges == [Edge(0, 1), Edge(0, 2)]
        return [prediction(Edge(0, 1), bad), prediction(Edge(0, 2), good)]

    monkeypatch.setattr(multi_view_depth, "predict", predict)
    (task,) = robustmvd_tasks(tmp_path)
    assert (task.group, figures_of(task)) == ("kitti", pytest.approx({"absrel": 0, "tau103": 100}, abs=1e-4))


def test_a_view_without_true_depth_gives_no_figures(tmp_path, monkeypatch):
    kitti(tmp_path, np.zeros((48, 64)))
    pairs = [prediction(Edge(0, k), np.ones((48, 64))) for k in (1, 2)]
    monkeypatch.setattr(multi_view_depth, "predict", lambda *_: pairs)
    assert figures_of(robustmvd_tasks(tmp_path)[0]) == {}


def test_every_data_sets_depth_is_read_in_metres(tmp_path):
    true = np.array([[0.0, 1.5, 2.0], [3.0, 4.25, 0.0]], np.float32)
    Image.new("RGB", (3, 2)).save(tmp_path / "key.png")
    Image.fromarray(np.rint(256 * true).astype(np.uint16)).save(tmp_path / "kitti", format="PNG")
    Image.fromarray(np.rint(1000 * true).astype(np.uint16)).save(tmp_path / "scannet", format="PNG")
    (tmp_path / "dtu").write_bytes(b"Pf\n3 2\n-1.0\n" + np.flipud(1000 * true).astype("<f4").tobytes())
    with (tmp_path / "tanks_and_temples").open("wb") as file:
        np.savez(file, np.where(true > 0, true, np.nan))
    np.where(true > 0, true, np.inf).astype("<f4").tofile(tmp_path / "eth3d")
    for name, read in READERS.items():
        found = read(Sample("", tmp_path / "key.png", (), tmp_path / name))
        np.testing.assert_allclose(found, true, err_msg=name)


@pytest.mark.parametrize(
    ("read", "content", "sentence"),
    [
        (lambda path: read_png_depth(path, 1.0), b"\x89PNG", "is not an image"),
        (lambda path: read_pfm_depth(path, 1.0), b"Pf\n3 2\n-1\n1234", "is no grey PFM"),
        (lambda path: read_pfm_depth(path, 1.0), b"PF", "is no grey PFM"),
        (lambda path: read_raw_depth(path, ((2, 3),)), b"1234", "has 4 bytes, which are not float32 of 3 x 2 pixels"),
    ],
)
def test_depth_that_cannot_be_read_is_a_sentence(tmp_path, read, content, sentence):
    path = tmp_path / "depth"
    path.write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        read(path)
