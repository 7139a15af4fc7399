"""What photos make of a full-size network's cameras: the truth about the studio with noise like DUSt3R's."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.cameras.posed_images import read_depth, read_posed_photos
from dust3r.core.geometry.camera import sample_depth
from dust3r.core.images.preprocessing import load_views
from dust3r.core.inference.array_store import MemoryStore
from dust3r.core.pipeline.reconstruct import framing_of, reconstruct
from dust3r.core.settings import ReconstructionSettings
from dust3r.evaluation.metrics.poses import auc, pair_errors
from dust3r.tests.perfect_network import Shot, perfect_model

pytest.importorskip("pycolmap")


@pytest.fixture(scope="module")
def truth(pytestconfig):
    return read_posed_photos(pytestconfig.rootpath / "samples" / "studio")


def shot(view, photo):
    """What is true of a photo at the network's pixels."""
    pixels = view.mapping.photo_pixels()
    true = read_depth(photo.depth)
    z = sample_depth(true, pixels * np.array(true.shape[::-1]) / photo.size)
    rays = np.concatenate([pixels, np.ones((*z.shape, 1))], axis=-1) @ np.linalg.inv(photo.K).T
    return Shot(view.image, z[..., None] * rays, photo.cam2world)


def test_cameras_a_degree_or_more_off_become_exact(truth):
    model = perfect_model([], "medium")
    paths = [photo.path for photo in truth]
    views, _ = load_views(paths, framing_of(model.config))
    model.network.shots = [shot(view, photo) for view, photo in zip(views, truth, strict=True)]
    settings = ReconstructionSettings(ground="off", surfaces="network")
    store = MemoryStore()
    found = {}
    for cameras in ("network", "auto"):
        views = reconstruct(paths, model, replace(settings, cameras=cameras), store=store).views
        poses = np.stack([view.cam2world for view in views])
        errors = pair_errors(poses, np.stack([photo.cam2world for photo in truth]))
        found[cameras] = auc(np.maximum(*errors), 5)
    assert found["network"] < 60 and found["auto"] > 90, found
