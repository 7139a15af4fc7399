"""The published geometry's remaining goldens: focals by the median and within bounds, and poses by PnP."""

import numpy as np
import pytest
from dust3r.core.geometry.camera import estimate_focal, focal_bounds
from dust3r.core.geometry.pnp import solve_pnp
from dust3r.core.geometry.rotation import rotation_angle
from scipy.spatial import KDTree

SIZE = (32, 24)
CENTRE = np.array([16.0, 12.0])
PIXELS = np.stack(np.meshgrid(np.arange(32.0), np.arange(24.0)), axis=-1).reshape(-1, 2)


@pytest.fixture(scope="module")
def data(golden):
    with np.load(golden / "geometry.npz") as arrays:
        return dict(arrays)


def found_focal(data, points, bounds=None):
    X = data[points].reshape(-1, 3).astype(np.float64)
    usable = np.isfinite(X).all(-1).astype(np.float64)
    return float(estimate_focal(np.nan_to_num(X), PIXELS - CENTRE, usable, bounds or focal_bounds(SIZE)))


@pytest.mark.parametrize("points", ["focal.pts", "focal.pts_degenerate"])
def test_our_focal_is_nearer_to_the_truth_than_the_published_median(data, points):
    """The published median of single pixels' focals is not offered: Weiszfeld's mean is the better of the two."""
    true = float(data["focal.true"])
    assert abs(found_focal(data, points) - true) < abs(float(data[f"{points}.median"][0]) - true)


@pytest.mark.parametrize("bounds", [(0.5, 0.6), (2, 3)])
def test_a_focal_out_of_bounds_is_the_published_bound(data, bounds):
    usual = max(SIZE) / (2 * np.tan(np.radians(30)))
    found = found_focal(data, "focal.pts", (bounds[0] * usual, bounds[1] * usual))
    low, high = bounds
    assert found == pytest.approx(float(data[f"focal.pts.weiszfeld.clip_{low}_{high}"][0]), rel=1e-5)


def test_the_published_nearest_neighbours_are_a_trees(data):
    _, nearest = KDTree(data["recip.P1"]).query(data["recip.P2"])
    assert (nearest == data["recip.nn2_in_P1"]).all()


def pose_errors(cam2world, truth):
    turn = cam2world[:3, :3].T.astype(np.float64) @ truth[:3, :3]
    return np.array([float(rotation_angle(turn)), np.linalg.norm(cam2world[:3, 3] - truth[:3, 3])])


@pytest.mark.parametrize("case", ["known", "none", "known_pp", "iter100"])
def test_a_pose_by_pnp_is_nearer_to_the_truth_than_the_published_one(data, case):
    """Published: 10 tries of RANSAC and 5 pixels whatever the photo's size; ours refines over what lies near."""
    centre = np.array([15.0, 13.0]) if case == "known_pp" else CENTRE
    focal = None if case == "none" else float(data["pnp.true_focal"])
    weight = data["pnp.mask"].reshape(-1).astype(np.float64)
    found = solve_pnp(data["pnp.pts"].reshape(-1, 3).astype(np.float64), PIXELS, weight, centre, SIZE, focal)
    assert found is not None
    truth = data["pnp.true_cam2world"]
    assert (pose_errors(found.cam2world, truth) < 0.5 * pose_errors(data[f"pnp.{case}.cam2world"], truth)).all()
    off, published = (abs(f - data["pnp.true_focal"]) for f in (found.focal, data[f"pnp.{case}.focal"]))
    assert off <= published
