"""The scenes behind the alignment goldens can be made again, so that depth and points have a truth too."""

import numpy as np
import pytest
from dust3r.tests.synthetic import TRUTHS, golden_truth


@pytest.mark.parametrize("name", TRUTHS)
def test_the_scene_behind_a_golden_has_its_cameras_to_the_last_digits(golden, name):
    with np.load(golden / f"{name}.npz") as stored:
        truth = golden_truth(name)
        assert truth["poses"] == pytest.approx(stored["in.gt_poses"], abs=1e-12)  # which numpys round differently
        assert truth["focals"] == pytest.approx(stored["in.gt_focals"], rel=1e-12)


@pytest.mark.parametrize("name", TRUTHS)
def test_the_stored_pointmaps_are_of_that_scenes_depth(golden, name):
    with np.load(golden / f"{name}.npz") as stored:
        for e, (i, _) in enumerate(stored["in.edges"]):
            points = stored["in.pts_i"][e] if "in.pts_i" in stored else stored[f"in.pts_i.{e}"]
            ratio = points[..., 2] / golden_truth(name)["depth"][i]
            assert np.median(np.abs(ratio / np.median(ratio) - 1)) < 0.05
