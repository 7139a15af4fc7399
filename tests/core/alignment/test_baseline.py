"""The benchmarks' dense solver is the published one: it repeats the published runs step for step."""

import numpy as np
import pytest
from dust3r.benchmarks.baseline.dense_adam import align_densely, scheduled_rate
from dust3r.benchmarks.baseline.start import Start, spanning_tree_start, tree_edges
from dust3r.core.geometry.similarity import Similarity
from dust3r.core.settings import AlignmentSettings
from dust3r.tests.synthetic import golden_scene

RUNS = [
    ("ga_small", "cosine", {}),
    ("ga_small", "linear", {"schedule": "linear"}),
    ("ga_small", "l2", {"distance": "l2"}),
    ("ga_small", "pp", {"optimize_principal_point": True}),
    ("ga_mixed_sizes", "cosine", {}),
]


def published_start(data, tag, count):
    """The unknowns that a published run began with."""
    edges = data[f"{tag}.init.pw_poses"].astype(np.float64)
    scale = np.cbrt(np.linalg.det(edges[:, :3, :3]))
    name = "cosine.init.depth"
    depth = data[name] if name in data else [data[f"{name}.{photo}"] for photo in range(count)]
    return Start(
        data[f"{tag}.init.poses"].astype(np.float64),
        data[f"{tag}.init.focals"][:, 0].astype(np.float64),
        Similarity(scale, edges[:, :3, :3] / scale[:, None, None], edges[:, :3, 3]),
        tuple(photo.ravel().astype(np.float64) for photo in depth),
    )


@pytest.mark.parametrize(("name", "tag", "settings"), RUNS)
def test_the_losses_of_published_runs_are_repeated_step_for_step(golden, name, tag, settings):
    data, mappings, predictions, centres = golden_scene(golden / f"{name}.npz")
    losses = data[f"{tag}.losses"]
    chosen = AlignmentSettings(iterations=len(losses) - 1, **settings)
    begin = published_start(data, tag, len(mappings))
    found = align_densely(mappings, predictions, chosen, np.array(centres), start=begin)
    off = np.abs(found.losses / losses - 1)
    assert off[:40].max() < 1e-4
    assert off.max() < 0.01  # rounding grows in hundreds of steps
    assert found.focal == pytest.approx(data[f"{tag}.final.focals"][:, 0], rel=1e-3)
    assert np.abs(found.cam2world - data[f"{tag}.final.poses"]).max() < 0.02
    rates = [scheduled_rate(step, chosen) for step in range(chosen.iterations)]
    assert rates == pytest.approx(data[f"{tag}.lrs"].tolist(), rel=1e-9)


@pytest.mark.parametrize("name", ["ga_small", "ga_mixed_sizes"])
def test_the_start_is_the_published_one(golden, name):
    data, mappings, predictions, centres = golden_scene(golden / f"{name}.npz")
    assert [tuple(predictions[e].edge) for e in tree_edges(len(mappings), predictions)] == [
        *map(tuple, data["mst.edges"])
    ]
    begin = spanning_tree_start(mappings, predictions, np.array(centres), stale_focal=True)
    moved = np.abs(begin.cam2world - data["cosine.init.poses"]).max((1, 2))
    assert sorted(moved)[1] < 0.003  # exactly the published poses, but for PnP's
    assert moved.max() < 0.03
    linear = begin.frames.scale[:, None, None] * begin.frames.R
    assert linear == pytest.approx(data["cosine.init.pw_poses"][:, :3, :3], abs=1e-5)
    assert begin.frames.translation == pytest.approx(data["cosine.init.pw_poses"][:, :3, 3], abs=1e-5)
    assert np.sort(begin.focal) == pytest.approx(np.sort(data["cosine.init.focals"][:, 0]), rel=1e-3)


def test_the_published_slip_in_the_focals_is_left_out_unless_asked_for(golden):
    data, mappings, predictions, centres = golden_scene(golden / "ga_small.npz")
    right, slipped = (
        spanning_tree_start(mappings, predictions, np.array(centres), stale_focal=stale).focal / data["in.gt_focals"]
        for stale in (False, True)
    )
    assert np.abs(right - 1).max() < 0.02 < 0.1 < np.abs(slipped - 1).max()


def test_photos_that_hang_apart_are_refused_instead_of_looping_for_ever(golden):
    _, mappings, predictions, centres = golden_scene(golden / "ga_small.npz")
    apart = [prediction for prediction in predictions if sum(prediction.edge) in (1, 5)]
    assert len(apart) == 4
    with pytest.raises(ValueError, match="connected"):
        spanning_tree_start(mappings, apart, np.array(centres))
