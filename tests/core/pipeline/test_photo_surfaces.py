"""A reconstruction whose surfaces come from the photos, with the bundled network."""

import re

import numpy as np
import pytest
import torch
from dust3r.core.cameras.posed_images import read_depth, read_posed_photos
from dust3r.core.cameras.priors import KnownCamera, Priors
from dust3r.core.checkpoints.loading import load_model
from dust3r.core.checkpoints.local import find_model
from dust3r.core.geometry.camera import project, sample_depth
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.pipeline import photo_surfaces
from dust3r.core.pipeline.photo_surfaces import affordable_side, photos_at_once
from dust3r.tests.core.pipeline.studio import solver

pytest.importorskip("pycolmap")


@pytest.fixture(scope="module")
def truth(pytestconfig):
    return read_posed_photos(pytestconfig.rootpath / "samples" / "studio")[:3]


@pytest.fixture(scope="module")
def solve(truth, pytestconfig):
    return solver(truth, pytestconfig.rootpath)


@pytest.fixture(scope="module")
def by_photos(solve):
    return solve()


@pytest.fixture(scope="module")
def by_network(solve):
    return solve(surfaces="network")


def errors(view, photo):
    """Relative errors of a photo's depths, in the unit of their median ratio."""
    true = read_depth(photo.depth)
    ratio = view.depth / sample_depth(true, view.mapping.photo_pixels() * np.array(true.shape[::-1]) / photo.size)
    return np.abs(ratio / np.nanmedian(ratio) - 1)


def test_surfaces_are_nearer_to_the_truth_than_the_networks(truth, by_photos, by_network):
    for photo, found, network in zip(truth, by_photos.views, by_network.views, strict=True):
        assert max(found.mapping.view_size) == 512 > max(network.mapping.view_size)
        off = errors(found, photo)
        assert np.nanmedian(off) < 0.5 * np.nanmedian(errors(network, photo))
        confirmed = found.confidence > max(view.confidence.max() for view in by_network.views)
        assert confirmed.mean() > 0.3 and np.nanmean(off[confirmed] < 0.03) > 0.85


def test_cameras_are_the_same_to_the_last_bit(by_photos, by_network):
    for found, network in zip(by_photos.views, by_network.views, strict=True):
        assert found.K.tobytes() == network.K.tobytes() and found.cam2world.tobytes() == network.cam2world.tobytes()


def test_points_lie_on_the_rays_of_their_pixels(by_photos):
    for view in by_photos.views:
        pixels, depth = project(view.world_points(), view.K, view.cam2world)
        assert np.abs(pixels - view.mapping.photo_pixels()).max() < 1e-6
        assert depth == pytest.approx(view.depth, rel=1e-6)


def test_the_surfaces_are_the_same_to_the_last_bit(solve, by_photos):
    for first, second in zip(by_photos.views, solve().views, strict=True):
        for name in ("depth", "confidence", "colors", "mask"):
            assert getattr(first, name).tobytes() == getattr(second, name).tobytes()


def test_a_known_camera_comes_back_to_the_last_bit(solve, truth):
    known = {
        photo.path.resolve(): KnownCamera(photo.cam2world, photo.K[0, 0], tuple(photo.K[:2, 2])) for photo in truth
    }
    for view, photo in zip(solve(priors=Priors(cameras=known)).views, truth, strict=True):
        assert np.array_equal(view.cam2world, photo.cam2world) and max(view.mapping.view_size) == 512
        assert (view.K[0, 0], tuple(view.K[:2, 2])) == (photo.K[0, 0], tuple(photo.K[:2, 2]))


def test_a_single_photo_and_the_networks_cameras_keep_the_networks_surfaces(solve):
    for settings in ({"count": 1}, {"cameras": "network"}):
        for found, network in zip(solve(**settings).views, solve(**settings, surfaces="network").views, strict=True):
            for name in ("depth", "confidence", "colors", "mask"):
                assert getattr(found, name).tobytes() == getattr(network, name).tobytes()


def test_known_cameras_of_other_photos_are_contradicted_and_true_ones_are_not(solve, truth):
    poses = [photo.cam2world for photo in truth]

    def warned(given):
        known = {
            photo.path.resolve(): KnownCamera(pose, photo.K[0, 0], tuple(photo.K[:2, 2]))
            for photo, pose in zip(truth, given, strict=True)
        }
        sentences = solve(priors=Priors(cameras=known)).warnings
        return any(sentence.startswith("The photos contradict the known cameras") for sentence in sentences)

    assert warned([*poses[1:], poses[0]]) and not warned(poses)


TWELVE = [PixelMapping((4000, 3000), (192, 144), (4000 / 192, 3000 / 144))] * 12


@pytest.mark.parametrize(("gigabytes", "cores", "photos"), [(None, 16, 4), (None, 2, 2), (5, 16, 2), (1.6, 16, 1)])
def test_as_many_photos_are_searched_at_once_as_cores_and_memory_allow(monkeypatch, gigabytes, cores, photos):
    monkeypatch.setattr(photo_surfaces, "reachable_memory", lambda: gigabytes and int(gigabytes * 1e9))
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores)
    small = load_model(find_model("small"), torch.device("cpu"))
    assert photos_at_once(TWELVE, 2048, small) == photos


@pytest.mark.parametrize(
    ("gigabytes", "side", "said"),
    [
        (None, 2048, ""),
        (8, 2048, ""),
        (1.6, 1152, r"have 1152 pixels .* rather than 2048: 2\.5 GB would"),
        (0.3, None, "alone"),
    ],
)
def test_surfaces_are_as_fine_as_memory_allows(monkeypatch, gigabytes, side, said):
    monkeypatch.setattr(photo_surfaces, "reachable_memory", lambda: gigabytes and int(gigabytes * 1e9))
    small = load_model(find_model("small"), torch.device("cpu"))
    found, notices = affordable_side(TWELVE, 2048, small)
    assert found == side
    assert [re.search(said, notice) is not None for notice in notices] == ([True] if said else [])
