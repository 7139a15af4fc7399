"""The verb `world`, --ground, and what a job's next run makes of a world that was settled."""

import json

import numpy as np
import pytest
from dust3r.core.jobs.job import find_result
from dust3r.core.reconstruction.depth_sampling import point_at
from dust3r.core.world.transform import UP

from ...conftest import ROOT

STUDIO = ROOT / "samples" / "studio"
PHOTOS = [STUDIO / "images" / f"studio_0{number}.jpg" for number in (1, 2, 3)]
NETWORK = ("--cameras-from", "network", "--surfaces-from", "network")
QUICK = ("--model", ROOT / "models" / "small", "--iterations", 3, "--quiet", *NETWORK)
A, B, C = "studio_01.jpg:100,300", "studio_01.jpg:400,310", "studio_02.jpg:256,330"


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    from dust3r.cli.main import main

    folder = tmp_path_factory.mktemp("world") / "job"
    assert main(list(map(str, ("reconstruct", *PHOTOS[:2], "--job", folder, *QUICK)))) == 0
    return folder


@pytest.fixture
def job(solved, tmp_path):
    import shutil

    return shutil.copytree(solved, tmp_path / "job")


def point(result, text):
    name, _, pixel = text.partition(":")
    return point_at(next(view for view in result.views if view.name == name), tuple(map(float, pixel.split(","))))


def test_distance_ground_origin_and_north_are_set_at_once(run, job):
    said = ("--ground", A, B, C, "--distance", A, B, 2.5, "--origin", A, "--north", A, B)
    code, out, _ = run("world", job, *said)
    assert code == 0 and "ground, scale, origin, north settled" in out
    result = find_result(job)
    a, b, c = (point(result, text) for text in (A, B, C))
    np.testing.assert_allclose([p @ UP for p in (a, b, c)], 0, atol=1e-5)
    assert np.linalg.norm(b - a) == pytest.approx(2.5, rel=1e-5)
    np.testing.assert_allclose(a, 0, atol=1e-5)
    np.testing.assert_allclose(b, [0, 0, 2.5], atol=1e-5)
    assert result.views[0].cam2world[:3, 3] @ UP > 0
    assert result.world_frame.choices == ("ground", "scale", "origin", "north")


def test_the_next_run_with_another_photo_keeps_the_world_and_the_same_run_every_bit(run, job):
    assert run("world", job, "--distance", A, B, 100, "--origin", B)[0] == 0
    before = find_result(job)
    assert run("reconstruct", *PHOTOS[:2], "--job", job, *QUICK)[0] == 0
    again = find_result(job)
    for one, other in zip(before.views, again.views, strict=True):
        np.testing.assert_array_equal(one.cam2world, other.cam2world)
        np.testing.assert_array_equal(one.depth, other.depth)
    assert run("reconstruct", *PHOTOS, "--job", job, *QUICK)[0] == 0
    more = find_result(job)
    assert more.world_frame.choices == ("scale", "origin") and len(more.views) == 3
    for one, other in zip(before.views, more.views[:2], strict=True):
        depth = np.median(one.depth)
        assert np.median(other.depth) == pytest.approx(depth, rel=0.2)
        assert np.linalg.norm(one.cam2world[:3, 3] - other.cam2world[:3, 3]) < 0.2 * depth


def test_ground_off_leaves_the_frame_of_a_camera_and_auto_brings_the_floor_back(run, job):
    grounded = find_result(job)
    assert run("reconstruct", *PHOTOS[:2], "--job", job, *QUICK, "--ground", "off")[0] == 0
    plain = find_result(job)
    assert any(np.allclose(view.cam2world, np.eye(4), atol=1e-9) for view in plain.views)
    assert not any(np.allclose(view.cam2world, np.eye(4), atol=1e-3) for view in grounded.views)
    assert run("world", job, "--ground", "auto")[0] == 0
    np.testing.assert_allclose(find_result(job).views[0].cam2world, grounded.views[0].cam2world, atol=1e-6)


def test_true_cameras_give_place_and_metres_and_a_height_the_scale(run, job):
    assert run("world", job, "--known", STUDIO)[0] != 0  # it names photos that are not there
    true = json.loads((STUDIO / "cameras.json").read_text())["photos"]
    known = job / "known.json"
    known.write_text(json.dumps({"photos": {name: {"cam2world": true[name]["cam2world"]} for name in list(true)[:1]}}))
    assert run("world", job, "--known", known)[0] == 0
    np.testing.assert_allclose(find_result(job).views[0].cam2world, true["studio_01.jpg"]["cam2world"], atol=1e-6)
    assert run("world", job, "--ground", "auto", "--camera-height", "studio_02.jpg", 1.44)[0] == 0
    assert find_result(job).views[1].cam2world[:3, 3] @ UP == pytest.approx(1.44)


def test_known_poses_are_not_moved(run, tmp_path):
    known = tmp_path / "known.json"
    true = json.loads((STUDIO / "cameras.json").read_text())["photos"]
    known.write_text(json.dumps({"photos": {"studio_01.jpg": {"cam2world": true["studio_01.jpg"]["cam2world"]}}}))
    assert run("reconstruct", *PHOTOS[:2], "--known", known, "--cameras", tmp_path / "c.json", *QUICK)[0] == 0
    found = json.loads((tmp_path / "c.json").read_text())
    assert found["photos"]["studio_01.jpg"]["cam2world"] == true["studio_01.jpg"]["cam2world"]
    assert found["world"] == {"similarity": np.eye(4).tolist(), "choices": []}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ((), "Nothing would be moved"),
        (("--scale", 0), "The scale would be 0"),
        (("--distance", A, B, "far"), "no length"),
        (("--distance", A, "studio_01.jpg", 1), "no point"),
        (("--distance", A, "nobody.jpg:1,1", 1), "none of the 2 photos"),
        (("--origin", "studio_01.jpg:9999,1"), "outside"),
        (("--ground", A, B), "Two points span no ground"),
        (("--known", "nothing.json"), "does not exist"),
    ],
)
def test_what_cannot_be_used_is_a_sentence_and_changes_nothing(run, job, said, sentence):
    before = (job / "result" / "reconstruction.json").read_bytes()
    code, _, error = run("world", job, *said)
    assert code == 2 and sentence in error
    assert (job / "result" / "reconstruction.json").read_bytes() == before
