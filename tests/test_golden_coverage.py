"""Every key of the geometry and alignment goldens has a test: a new one fails here until it has its own."""

import re
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
# What holds the camera of a published run, and what shows how it went.
RUN = r"(cosine|linear|l2|conf_sqrt|pp|adaptors|modular|modular_fxfy)"
KNOWN = r"known_poses|modular_two_known"

# By golden: pattern of keys -> (test file, test).
TESTS = {
    "geometry": {
        r"focal\.(true|pts|pts_degenerate)": ("core/geometry/test_published", "test_our_focal_is_nearer_to_the_truth"),
        r"focal\..*\.median": ("core/geometry/test_published", "test_our_focal_is_nearer_to_the_truth"),
        r"focal\.(pts|pts_degenerate)\.weiszfeld(\.pp_off)?": (
            "core/geometry/test_camera",
            "test_focal_agrees_with_the_published_weiszfeld",
        ),
        r"focal\.pts\.weiszfeld\.clip_.*": (
            "core/geometry/test_published",
            "test_a_focal_out_of_bounds_is_the_published",
        ),
        r"recip\.(P1|P2|reciprocal_in_P2|num)": (
            "core/localization/test_matching",
            "test_mutual_neighbours_are_the_published_ones",
        ),
        r"recip\.nn2_in_P1": ("core/geometry/test_published", "test_the_published_nearest_neighbours_are_a_trees"),
        r"rigid\..*": ("core/geometry/test_similarity", "test_registration_agrees_with_the_published_one"),
        r"pnp\..*": ("core/geometry/test_published", "test_a_pose_by_pnp_is_nearer_to_the_truth"),
    },
    "pair_viewer": {
        r"in\..*": ("test_golden_truth", "test_the_stored_pointmaps_are_of_that_scenes_depth"),
        r"out\.(poses|pts|pp|K)": ("core/alignment/test_published", "test_two_photos_are_seen_nearer_to_the_truth"),
        r"out\.focals": ("core/alignment/test_published", "test_focals_of_two_photos_hold_against_wild_points"),
        r"out\.depth": ("core/alignment/test_published", "test_depth_is_nearer_to_the_truth"),
        r"out\.im_conf": ("core/alignment/test_published", "test_confidence_is_the_published_one_to_the_last_bit"),
    },
}
ALIGNMENT = {
    r"in\..*": ("test_golden_truth", "test_the_stored_pointmaps_are_of_that_scenes_depth"),
    r"mst\.edges": ("core/alignment/test_baseline", "test_the_start_is_the_published_one"),
    r"mst\.focals": ("core/alignment/test_baseline", "test_the_published_slip_in_the_focals_is_left_out"),
    r"mst\.poses": ("core/alignment/test_published", "test_our_start_is_nearer_to_the_truth"),
    r"(mst|cosine\.final)\.pts(\.\d)?": ("core/alignment/test_published", "test_points_are_nearer_to_the_truth"),
    r"cosine\.init\.depth(\.\d)?": ("core/alignment/test_published", "test_our_start_is_nearer_to_the_truth"),
    rf"{RUN}\.init\.(loss|poses|focals)": ("core/alignment/test_published_runs", "test_the_loss_that_a_run_began_with"),
    rf"({RUN[1:-1]}|{KNOWN})\.lrs": (
        "core/alignment/test_published_runs",
        "test_the_steps_of_every_run_follow_our_schedules",
    ),
    rf"{RUN}\.losses": (
        "core/alignment/test_published_runs",
        "test_by_its_own_objective_our_result_is_better_than_every_run",
    ),
    rf"{RUN}\.final\.(poses|focals|pp)": ("core/alignment/test_published", "test_cameras_are_nearer_to_the_truth"),
    rf"({RUN[1:-1]}|{KNOWN})\.(init|final)\.pw_poses": (
        "core/alignment/test_published_runs",
        "test_edges_stand_nearer_to_their_first_cameras",
    ),
    r"cosine\.final\.K": ("core/alignment/test_published", "test_calibrations_are_built_as_the_published_ones"),
    r"cosine\.final\.depth(\.\d)?": ("core/alignment/test_published", "test_depth_is_nearer_to_the_truth"),
    r"cosine\.final\.im_conf(\.\d)?": (
        "core/alignment/test_published",
        "test_confidence_is_the_published_one_to_the_last_bit",
    ),
    r"known_poses\.(losses|(init|final)\..*(?<!pw_poses))": (
        "core/alignment/test_published",
        "test_all_poses_and_focals_known",
    ),
    r"modular_two_known\.(losses|(init|final)\..*(?<!pw_poses))": (
        "core/alignment/test_published",
        "test_two_known_poses_come_back_to_the_last_bit",
    ),
    r"clean_0\.(001|05)\.im_conf(\.\d)?": (
        "core/cleanup/test_floaters",
        "test_ours_differs_from_the_published_clean_up",
    ),
}
TESTS |= {"ga_small": ALIGNMENT, "ga_mixed_sizes": ALIGNMENT}


@pytest.mark.parametrize("name", TESTS)
def test_every_golden_key_has_exactly_one_line_in_the_table(golden, name):
    with np.load(golden / f"{name}.npz") as stored:
        lines = {key: [p for p in TESTS[name] if re.fullmatch(p, key)] for key in stored.files}
    assert {key: found for key, found in lines.items() if len(found) != 1} == {}


def test_every_line_of_the_table_names_a_test_that_is_there():
    for file, test in {place for table in TESTS.values() for place in table.values()}:
        assert f"def {test}" in (HERE / f"{file}.py").read_text(), f"{file}.py has no {test}"


def test_every_golden_with_arrays_is_in_the_table_or_is_the_networks(golden):
    assert {path.stem for path in golden.glob("*.npz")} == set(TESTS)
