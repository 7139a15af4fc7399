"""Points in front of what another photo sees: found where they are, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.cleanup.find import find_flaws
from dust3r.core.cleanup.settings import CleanupSettings
from dust3r.core.errors import Cancelled
from dust3r.core.flaws import FLAWS
from dust3r.core.progress import WHOLE
from dust3r.tests.core.cleanup_scene import make_view, room_views
from dust3r.tests.synthetic import integer_mapping, synthetic_pairs


def floaters(views, **settings):
    """The maps (H, W) of this one flaw."""
    return [flaws & FLAWS["floaters"].bit != 0 for flaws in find_flaws(views, CleanupSettings(**settings))]


def share(maps):
    return np.concatenate([map_.ravel() for map_ in maps]).mean()


def with_blob(views, factor, confidence):
    """The views with a disc in the first at another depth and confidence, and the disc, (H, W) bool."""
    depth, sure = views[0].depth.copy(), views[0].confidence.copy()
    y, x = np.mgrid[: depth.shape[0], : depth.shape[1]]
    disc = (x - 63) ** 2 + (y - 54) ** 2 < 8**2  # some other photo sees through all of it
    depth[disc] *= factor
    sure[disc] = confidence
    return [replace(views[0], depth=depth, confidence=sure), *views[1:]], disc


def published_rule(views, tolerance):
    """Bad points by the rule of the published clean-up, in its order: each photo against each, confidences lowered at
    once; nearest pixel, in front by more than the tolerance, of a surface with more confidence."""
    confidence = [view.confidence.copy() for view in views]
    for i, view in enumerate(views):
        points = view.world_points().reshape(-1, 3)
        for j, other in enumerate(views):
            if i == j:
                continue
            world2cam = np.linalg.inv(other.cam2world)
            x, y, z = other.K @ (points @ world2cam[:3, :3].T + world2cam[:3, 3]).T
            with np.errstate(divide="ignore", invalid="ignore"):
                column, row = np.rint(x / z), np.rint(y / z)  # integer centres, as in these scenes
            height, width = other.depth.shape
            inside = np.flatnonzero((z > 0) & (column >= 0) & (column < width) & (row >= 0) & (row < height))
            at = row[inside].astype(int), column[inside].astype(int)
            worse = confidence[i].ravel()[inside] < confidence[j][at]
            confidence[i].reshape(-1)[inside[(z[inside] < (1 - tolerance) * other.depth[at]) & worse]] = 0
    return [bad == 0 for bad in confidence]


def test_true_depths_have_no_floaters():
    assert share(floaters(room_views())) < 1e-3


def test_a_disc_that_hangs_in_the_air_is_found_whole_and_alone():
    views, disc = with_blob(room_views(), 0.6, confidence=1.2)
    found = floaters(views)
    assert found[0][disc].mean() > 0.98
    assert found[0][~disc].mean() < 1e-3 and share(found[1:]) < 1e-3


def test_a_disc_that_is_surer_than_what_is_behind_it_stays():
    views, disc = with_blob(room_views(), 0.6, confidence=50.0)
    assert floaters(views)[0][disc].mean() < 0.02


def test_a_disc_behind_the_surface_is_no_floater():
    views, disc = with_blob(room_views(), 1.5, confidence=1.2)
    assert floaters(views)[0][disc].mean() < 0.02


def test_what_one_sure_photo_contradicts_and_two_others_confirm_stays():
    sideways = [np.eye(4) for _ in range(4)]
    for k, pose in enumerate(sideways):
        pose[0, 3] = 0.3 * k
    depths, sure = (7.0, 5.0, 5.0, 5.0), (9.0, 5.0, 5.0, 5.0)
    views = [
        make_view(np.full((48, 64), z), np.full((48, 64), c), cam2world=pose)
        for z, c, pose in zip(depths, sure, sideways, strict=True)
    ]
    assert not any(map_[:, 16:48].any() for map_ in floaters(views))


def test_photos_that_share_no_world_contradict_nobody():
    views, disc = with_blob(room_views(), 0.6, confidence=1.2)
    apart = [replace(views[0], component=1), *views[1:]]
    assert not floaters(apart)[0][disc].any()


def test_a_single_photo_has_no_floaters():
    assert not floaters(room_views(1))[0].any()


def test_the_order_of_the_photos_changes_nothing():
    views, _ = with_blob(room_views(noise=0.03), 0.6, confidence=1.2)
    order = [2, 0, 3, 1]
    found, shuffled = find_flaws(views), find_flaws([views[k] for k in order])
    for k, flaws in zip(order, shuffled, strict=True):
        np.testing.assert_array_equal(flaws, found[k])


def test_depth_edges_that_are_a_pixel_off_contradict_nobody():
    views = room_views()
    shifted = replace(views[0], depth=np.roll(views[0].depth, 1, axis=1), confidence=views[0].confidence * 10)
    assert share(floaters([shifted, *views[1:]])) < 2e-3


@pytest.mark.parametrize("noise", [0.03, 0.08])
def test_noise_alone_makes_no_floaters_where_the_published_rule_takes_many_points(noise):
    views = room_views(noise=noise)
    assert share(floaters(views)) < 0.02
    assert share(published_rule(views, 0.05)) > 0.1
    assert share(published_rule(views, 0.001)) > 0.2


def test_floaters_are_found_amid_noise():
    views, disc = with_blob(room_views(noise=0.03), 0.6, confidence=1.2)
    assert floaters(views)[0][disc].mean() > 0.95


def test_masked_pixels_and_missing_depths_have_no_flaws_and_contradict_nobody():
    views, disc = with_blob(room_views(), 0.6, confidence=1.2)
    holes = [replace(view, mask=np.zeros_like(view.mask)) for view in views[1:]]
    assert not floaters([views[0], *holes])[0].any()
    views[0].depth[disc] = np.nan
    assert not floaters(views)[0][disc].any()


def test_only_the_photos_that_see_most_of_one_are_asked():
    views, disc = with_blob(room_views(6), 0.6, confidence=1.2)
    turned = views[1].cam2world @ np.diag([-1.0, 1, -1, 1])  # looks away
    aside = [replace(views[1], cam2world=turned) for _ in range(10)]
    assert floaters([views[0], *aside, *views[2:]], neighbours=5)[0][disc].mean() > 0.95


def test_each_photo_is_reported_and_a_report_may_cancel():
    seen = []
    find_flaws(room_views(3), report=lambda stage, done, total: seen.append((done, total)))
    assert seen == [(round(WHOLE * step / 12), WHOLE) for step in range(13)]

    def cancel(stage, done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        find_flaws(room_views(2), report=cancel)


SCENES = {"ga_small": (24, 16), "ga_mixed_sizes": [(24, 16), (16, 24), (20, 20)]}


def golden_views(golden, name):
    """(the golden's arrays by name, the published run's result as views, the true depths), each a list by photo."""
    data = np.load(golden / f"{name}.npz")
    count = len(data["in.gt_poses"])
    arrays = {
        key: list(data[key]) if key in data else [data[f"{key}.{k}"] for k in range(count)]
        for key in ("cosine.final.depth", "cosine.final.im_conf", "clean_0.001.im_conf", "clean_0.05.im_conf")
    }
    truth = synthetic_pairs().make_scene(count, SCENES[name], seed=5, span=60.0)
    np.testing.assert_allclose(truth["poses"], data["in.gt_poses"])  # it is the stored truth
    views = [
        make_view(
            depth,
            arrays["cosine.final.im_conf"][k],
            cam2world=data["cosine.final.poses"][k].astype(np.float64),
            focal=float(data["cosine.final.focals"][k, 0]),
            mapping=integer_mapping(depth.shape[::-1]),
            centre=tuple(data["cosine.final.pp"][k]),
        )
        for k, depth in enumerate(arrays["cosine.final.depth"])
    ]
    return arrays, views, truth["depth"]


def depth_errors(views, truth):
    """Relative errors of all depths, after each photo's own scale."""
    ratios = [view.depth / true for view, true in zip(views, truth, strict=True)]
    return np.concatenate([np.abs(ratio / np.median(ratio) - 1).ravel() for ratio in ratios])


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("tolerance", [0.001, 0.05])
def test_the_rule_of_the_published_clean_up_is_as_described(golden, name, tolerance):
    arrays, views, _ = golden_views(golden, name)
    found = published_rule(views, tolerance)
    cleaned = arrays[f"clean_{tolerance}.im_conf"]
    assert all((a == (b == 0)).all() for a, b in zip(found, cleaned, strict=True))


@pytest.mark.parametrize("tolerance", [0.001, 0.05])
def test_ours_differs_from_the_published_clean_up_as_that_takes_good_points_more_readily_than_bad_ones(
    golden, tolerance
):
    arrays, views, truth = golden_views(golden, "ga_small")
    good = depth_errors(views, truth) < 0.1
    published = np.concatenate([cleaned.ravel() == 0 for cleaned in arrays[f"clean_{tolerance}.im_conf"]])
    ours = np.concatenate([map_.ravel() for map_ in floaters(views, depth_tolerance=tolerance)])
    assert published[good].mean() > published[~good].mean()
    assert ours[good].mean() < 0.2 * ours[~good].mean()


@pytest.mark.parametrize("tolerance", [0.001, 0.05])
def test_ours_takes_none_of_the_points_that_the_published_clean_up_takes_for_nothing(golden, tolerance):
    arrays, views, truth = golden_views(golden, "ga_mixed_sizes")
    published = [cleaned == 0 for cleaned in arrays[f"clean_{tolerance}.im_conf"]]
    taken = np.concatenate([map_.ravel() for map_ in published])
    assert taken.mean() > 0.02
    assert depth_errors(views, truth)[taken].max() < 0.06
    assert not any(map_.any() for map_ in floaters(views, depth_tolerance=tolerance))
