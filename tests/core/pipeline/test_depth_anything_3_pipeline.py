"""A network that sees all photos at once goes through everything that is done with photos."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from dust3r.core.cameras.priors import KnownCamera
from dust3r.core.checkpoints.loading import LoadedModel, load_model
from dust3r.core.errors import InputError
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.images.preprocessing import load_views
from dust3r.core.inference import group_predictor
from dust3r.core.inference.array_store import FolderStore, MemoryStore
from dust3r.core.inference.group_prediction import GroupPrediction
from dust3r.core.inference.group_predictor import GroupPredictor
from dust3r.core.networks.depth_anything_3.config import DepthAnything3Config
from dust3r.core.pipeline import group_plan
from dust3r.core.pipeline.group_plan import MOST_TOGETHER, plan_groups
from dust3r.core.pipeline.reconstruct import framing_of, infer, posed, reconstruct
from dust3r.core.scene_graph.edges import Edge, make_edges
from dust3r.core.scene_graph.shard import Shard
from dust3r.core.settings import ReconstructionSettings
from dust3r.tests.depth_anything_3 import BASE, SMALL, model_folder, overlapping_photos
from PIL import Image

CPU = torch.device("cpu")
SETTINGS = ReconstructionSettings(ground="off", cameras="network", surfaces="network")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> LoadedModel:
    """Small photos will do for it."""
    found = load_model(model_folder(tmp_path_factory.mktemp("models") / "tiny"), CPU)
    return replace(found, config=replace(found.config, image_size=112))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return overlapping_photos(tmp_path_factory.mktemp("photos"), count=5, height=210, step=20)


@pytest.fixture
def passes(monkeypatch) -> list[tuple[int, ...]]:
    """The groups that the network is asked about from now on."""
    asked, predict = [], group_predictor.predict_group

    def counted(network, views, photos, known=None, step=lambda share: None):
        asked.append(photos)
        return predict(network, views, photos, known, step)

    monkeypatch.setattr(group_predictor, "predict_group", counted)
    return asked


def views_of(photos, model):
    return load_views(photos, framing_of(model.config))[0]


def two_cameras() -> GroupPrediction:
    """A plane at depth 4 before camera 0; camera 1 stands half a unit to the right of it."""
    K = np.array([[40.0, 0, 20], [0, 50, 15], [0, 0, 1]])
    world2cam = np.stack([np.eye(4)[:3], np.hstack([np.eye(3), [[-0.5], [0], [0]]])])
    depth = np.full((2, 30, 40), 4, np.float32)
    return GroupPrediction((3, 7), depth, np.full((2, 30, 40), 2, np.float32), world2cam, np.stack([K, K]))


def test_a_pair_of_a_group_has_both_pointmaps_in_the_first_ones_frame():
    pair = two_cameras().pair(Edge(7, 3))
    own, other = (pair.dense(side)[0].reshape(30, 40, 3) for side in (0, 1))
    np.testing.assert_allclose(own[10, 12], 4 * np.array([(12.5 - 20) / 40, (10.5 - 15) / 50, 1]), rtol=1e-6)
    np.testing.assert_allclose(other, own - np.array([0.5, 0, 0]), atol=1e-6)
    pixels = np.array([5, 700])
    np.testing.assert_array_equal(pair.at(1, pixels)[0], other.reshape(-1, 3)[pixels])
    assert pair.shape(0) == (30, 40) and pair.edge == (7, 3)
    whole = pair.prediction()
    np.testing.assert_array_equal(whole.points_j.numpy(), other)
    assert float(whole.confidence_i.min()) == 2


def test_photos_of_a_group_see_of_each_other_what_lies_in_their_view():
    seen = two_cameras().seen()
    np.testing.assert_allclose(seen.diagonal(), 1)
    # half a unit at depth 4 and a focal of 40 are 5 columns, which of the first of those looked at leave the photo
    assert seen[0, 1] == pytest.approx(1.0) and seen[1, 0] == pytest.approx(0.8)


def test_photos_become_cameras_and_points_of_one_world(model, photos, passes):
    result = reconstruct(photos, model, SETTINGS)
    assert passes == [(0, 1, 2, 3, 4)]
    assert [view.name for view in result.views] == [path.name for path in photos]
    assert {view.component for view in result.views} == {0}
    for view in result.views:
        assert view.mapping.view_size == (112, 84) and view.mapping.photo_size == (280, 210)
        assert (view.depth[view.mask] > 0).all()
    assert result.model.startswith("tiny@")


@pytest.mark.parametrize("graph", ["complete", "swin-1", "oneref-0"])
def test_every_scene_graph_is_one_pass(model, photos, passes, graph):
    result = reconstruct(photos[:3], model, replace(SETTINGS, scene_graph=graph))
    assert passes == [(0, 1, 2)] and len(result.views) == 3


def test_one_photo_is_a_group_of_one(model, photos, passes):
    result = reconstruct(photos[:1], model, SETTINGS)
    assert passes == [(0,)] and len(result.views) == 1


def test_landscape_and_portrait_are_cut_to_what_both_show(model, photos, tmp_path):
    with Image.open(photos[0]) as photo:
        photo.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "high.png")
    result = reconstruct([photos[0], tmp_path / "high.png"], model, SETTINGS)
    assert [view.mapping.view_size for view in result.views] == [(84, 84)] * 2
    assert result.views[0].mapping.offset == (35, 0) and result.views[1].mapping.offset == (0, 35)


def test_what_was_predicted_is_not_predicted_again(model, photos, passes, tmp_path):
    first = reconstruct(photos[:3], model, SETTINGS, store=FolderStore(tmp_path))
    again = reconstruct(photos[:3], model, SETTINGS, store=FolderStore(tmp_path))
    assert len(passes) == 1
    for view, same in zip(first.views, again.views, strict=True):
        np.testing.assert_array_equal(view.depth, same.depth)


def test_the_same_photo_in_other_company_is_predicted_anew(model, photos, passes):
    store = MemoryStore()
    reconstruct(photos[:2], model, SETTINGS, store=store)
    reconstruct(photos[:3], model, SETTINGS, store=store)
    assert passes == [(0, 1), (0, 1, 2)]


def test_known_cameras_guide_the_network_and_are_part_of_what_its_words_are_kept_under(model, photos, passes):
    views, store, poses = views_of(photos[:3], model), MemoryStore(), [np.eye(4) for _ in range(3)]
    for number, pose in enumerate(poses):
        pose[:3, 3] = 0.1 * number, 0.02 * number**2, 0
    known = posed(views, [KnownCamera(pose, 250.0) for pose in poses])
    assert known[0].focal == (250 * 112 / 280, 250 * 84 / 210)  # in the network's pixels
    together = {"together": 3}
    free = GroupPredictor(model.network, views, store, **together).predict([Edge(0, 1)])
    told = GroupPredictor(model.network, views, store, **together, known=known).predict([Edge(0, 1)])
    partly = GroupPredictor(model.network, views, store, **together, known=[*known[:2], None]).predict([Edge(0, 1)])
    assert len(passes) == 2  # where not all cameras are known, none is told
    assert not np.allclose(free[0].dense(0)[0], told[0].dense(0)[0])
    np.testing.assert_array_equal(free[0].dense(0)[0], partly[0].dense(0)[0])


def test_a_camera_whose_focal_is_a_guess_is_not_told(model, photos):
    views = views_of(photos[:1], model)
    for camera in (KnownCamera(np.eye(4)), KnownCamera(focal=250.0), KnownCamera(np.eye(4), 250.0, focal_spread=0.1)):
        assert posed(views, [camera]) == [None]


def test_a_damaged_group_in_the_store_is_predicted_again(model, photos, passes, tmp_path):
    reconstruct(photos[:2], model, SETTINGS, store=FolderStore(tmp_path))
    (maps,) = (tmp_path / "group_maps").glob("*.npy")
    maps.write_bytes(maps.read_bytes()[:-100])
    reconstruct(photos[:2], model, SETTINGS, store=FolderStore(tmp_path))
    assert len(passes) == 2


def test_photos_that_do_not_fit_go_in_groups_that_share_photos(model, photos, passes):
    predictor = GroupPredictor(model.network, views_of(photos, model), MemoryStore(), together=3)
    edges = predictor.pairs()
    assert len(passes) >= 2 and all(len(group) <= 3 for group in passes)
    assert {photo for edge in edges for photo in edge} == set(range(5))
    predictions = predictor.predict(make_edges(5))
    assert {pair.edge for pair in predictions} == set(predictor.shared(make_edges(5)))
    assert {tuple(sorted(pair.edge)) for pair in predictions} == set(edges)
    whole = {pair.edge[side] for pair in predictions for side in (0, 1) if pair.dense(side) is not None}
    assert whole == set(range(5))


def test_another_photo_costs_one_group(model, photos, passes):
    store = MemoryStore()
    GroupPredictor(model.network, views_of(photos[:4], model), store, together=4).pairs()
    GroupPredictor(model.network, views_of(photos, model), store, together=4).pairs()
    assert len(passes) == 2 and 4 in passes[1]


def test_parts_of_the_work_are_groups_and_together_all_of_it(model, photos, passes, monkeypatch):
    monkeypatch.setattr(group_plan, "MOST_TOGETHER", 3)
    store = MemoryStore()
    for part in (1, 2):
        infer(photos, model, SETTINGS, store, Shard(part, 2))
    done = len(passes)
    reconstruct(photos, model, SETTINGS, store=store)
    assert done >= 2 and len(passes) == done


def test_the_plan_takes_all_photos_at_once_where_they_fit():
    views = [PixelMapping((4000, 3000), (504, 378))] * 30
    edges = make_edges(30, "auto")
    roomy = plan_groups(views, edges, SMALL, CPU, torch.float32, 8 * 10**9)
    assert roomy.together == 30
    tight = plan_groups(views, edges, SMALL, CPU, torch.float32, 2 * 10**9)
    assert 2 <= tight.together < 30 and tight.peak <= 0.9 * 2e9
    base = plan_groups(views, edges, BASE, CPU, torch.float32, 2 * 10**9)
    assert base.together < tight.together
    many = plan_groups(views * 20, make_edges(600, "auto"), SMALL, CPU, torch.float32, None)
    assert many.together == MOST_TOGETHER


def test_too_little_memory_is_one_sentence():
    views = [PixelMapping((4000, 3000), (504, 378))] * 3
    with pytest.raises(InputError, match=r"needs about .* GB of memory and 0\.\d GB can be used; use"):
        plan_groups(views, make_edges(3), DepthAnything3Config(), CPU, torch.float32, 300_000_000)
