"""The verbs `match`, `relative-pose` and `localize`: their line of JSON, their files, and what they refuse."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from dust3r.cli.main import main
from dust3r.core.reconstruction.result import Reconstruction

ROOT = Path(__file__).resolve().parents[3]
PHOTOS = sorted((ROOT / "samples" / "studio" / "images").iterdir())
OTHER = next((ROOT / "samples" / "buddha" / "images").iterdir())
MODEL = ("--model", ROOT / "models" / "small")


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A finished job of three photos."""
    folder = tmp_path_factory.mktemp("job")
    arguments = [
        "reconstruct",
        *PHOTOS[:3],
        *MODEL,
        "--iterations",
        5,
        "--cameras-from",
        "network",
        "--job",
        folder,
        "--quiet",
    ]
    assert main(list(map(str, arguments))) == 0
    return folder


def last_json(out):
    return json.loads(out.splitlines()[-1])


def test_two_photos_are_matched_by_the_network(run, tmp_path):
    outputs = ("--output", tmp_path / "m.csv", "--colmap", tmp_path / "colmap")
    code, out, _ = run("match", *PHOTOS[:2], *MODEL, *outputs)
    assert code == 0
    (pair,) = last_json(out)["pairs"]
    assert pair["photos"] == [photo.name for photo in PHOTOS[:2]]
    with (tmp_path / "m.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == pair["matches"] > 100
    assert {path.name for path in (tmp_path / "colmap").iterdir()} == {
        "matches.txt",
        *(f"{photo.name}.txt" for photo in PHOTOS[:2]),
    }


def test_fewer_pixels_are_matched_above_a_higher_confidence(run):
    few, many = (last_json(run("match", *PHOTOS[:2], *MODEL, "--min-confidence", c)[1])["pairs"] for c in (1.2, 1.0))
    assert few[0]["matches"] < many[0]["matches"]


def test_the_photos_of_a_job_are_matched_in_its_world_without_the_network(run, job):
    code, out, _ = run("match", "--job", job, "--models-folder", "nowhere")
    assert code == 0
    pairs = last_json(out)["pairs"]
    assert [pair["photos"] for pair in pairs] == [[PHOTOS[i].name, PHOTOS[j].name] for i, j in ((0, 1), (0, 2), (1, 2))]
    (one,) = last_json(run("match", "--job", job, PHOTOS[2].name, PHOTOS[0].name)[1])["pairs"]
    assert one["matches"] == pairs[1]["matches"]


def test_the_relative_pose_is_told_by_all_three_methods(run, tmp_path):
    code, out, _ = run("relative-pose", *PHOTOS[:2], *MODEL, "--output", tmp_path / "pose.json")
    assert code == 0
    found = last_json(out)
    assert found == json.loads((tmp_path / "pose.json").read_text())
    assert set(found["poses"]) == {"essential", "procrustes", "pnp"}
    for pose in found["poses"].values():
        R = np.array(pose["cam2world"])[:3, :3]
        np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-9)
        assert 0 < pose["inliers"] <= pose["of"]


def test_known_focals_are_taken_and_one_method_can_be_asked_for(run):
    _, out, _ = run("relative-pose", *PHOTOS[:2], *MODEL, "--focals", 440, 450, "--method", "pnp")
    found = last_json(out)
    assert [K[0][0] for K in found["K"]] == [440, 450]
    assert list(found["poses"]) == ["pnp"]


@pytest.mark.parametrize("way", ["matches", "relative"])
def test_a_photo_is_localised_in_a_job_that_stays_as_it_was(run, job, tmp_path, way):
    before = {path: path.read_bytes() for path in (job / "result").iterdir()}
    least = ("--min-inlier-share", 0.05, "--way", way)
    code, out, _ = run("localize", job, PHOTOS[3], *least, "--output", tmp_path / "placed")
    assert code == 0
    found = last_json(out)
    assert found["photo"] == PHOTOS[3].name
    assert 50 <= found["inliers"] <= found["matches"]
    (camera,) = json.loads((tmp_path / "placed" / "cameras.json").read_text())["photos"].values()
    (view,) = Reconstruction.load(tmp_path / "placed").views
    assert camera["cam2world"] == found["cam2world"] == view.cam2world.tolist()
    assert {path: path.read_bytes() for path in (job / "result").iterdir()} == before


def test_a_results_own_folder_serves_as_well(run, job):
    code, out, _ = run("localize", job / "result", PHOTOS[3], *MODEL, "--min-inlier-share", 0.05)
    assert code == 0
    assert set(last_json(out)["neighbours"]) == {photo.name for photo in PHOTOS[:3]}


def test_several_photos_are_placed_each_by_itself(run, job, tmp_path):
    code, out, _ = run("localize", job, *PHOTOS[3:5], "--min-inlier-share", 0, "--output", tmp_path / "placed")
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()[-2:]]
    assert [line["photo"] for line in lines] == [photo.name for photo in PHOTOS[3:5]]
    result = Reconstruction.load(tmp_path / "placed")
    assert {view.name for view in result.views} == {photo.name for photo in result.localization.photos}
    alone = last_json(run("localize", job, PHOTOS[4], "--min-inlier-share", 0)[1])
    assert alone["cam2world"] == lines[1]["cam2world"]


def test_photos_with_cameras_and_depth_are_a_world_too(run, tmp_path):
    studio, world = PHOTOS[0].parents[1], tmp_path / "world"
    for name in ("images", "depth"):
        (world / name).mkdir(parents=True)
    for photo in PHOTOS[:3]:
        for path in (photo, *(studio / "depth").glob(f"{photo.stem}.*")):
            shutil.copy(path, world / path.parent.name)
    entries = json.loads((studio / "cameras.json").read_text())["photos"]
    posed = {"photos": {photo.name: entries[photo.name] for photo in PHOTOS[:3]}}
    (world / "cameras.json").write_text(json.dumps(posed))
    code, out, _ = run("localize", world, PHOTOS[0], *MODEL, "--min-inlier-share", 0)
    assert code == 0
    assert last_json(out)["neighbours"][0] == PHOTOS[0].name
    assert run("localize", world, OTHER, *MODEL, "--min-inlier-share", 0.5)[0] == 2


def test_one_photo_gives_its_focal_depth_and_points(run, tmp_path):
    job, cameras, points = tmp_path / "job", tmp_path / "c.json", tmp_path / "p.ply"
    outputs = ("--job", job, "--cameras", cameras, "--points", points)
    assert run("reconstruct", PHOTOS[0], *MODEL, *outputs)[0] == 0
    assert run("export", job, "--format", "exr", "--output", tmp_path / "exr")[0] == 0
    (camera,) = json.loads(cameras.read_text())["photos"].values()
    assert 0.2 < camera["K"][0][0] / camera["width"] < 11
    assert (tmp_path / "exr" / "depth" / f"{PHOTOS[0].name}.exr").is_file()
    result = Reconstruction.load(job / "result")
    shown = len(result.visible_points().position)
    assert (result.views[0].depth > 0).all()
    assert f"element vertex {shown}" in points.read_bytes()[:200].decode(errors="ignore")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["match", PHOTOS[0], *MODEL], "two photos"),
        (["match", PHOTOS[0], PHOTOS[0], *MODEL], "twice"),
        (["match", "--job", "JOB", "gone.jpg", PHOTOS[0].name], "gone.jpg"),
        (["match", "--job", "JOB", PHOTOS[0].name], PHOTOS[0].name),
        (["match", PHOTOS[0], "gone.jpg", *MODEL], "gone.jpg"),
        (["match", PHOTOS[0], PHOTOS[1], *MODEL, "--min-confidence", "high"], "high"),
        (["relative-pose", PHOTOS[0], "gone.jpg", *MODEL], "gone.jpg"),
        (["relative-pose", PHOTOS[0], PHOTOS[1], *MODEL, "--focals", 0, 400], "'0'"),
        (["localize", "JOB", "gone.jpg"], "gone.jpg"),
        (["localize", "nowhere", PHOTOS[3]], "nowhere"),
        (["localize", "JOB", OTHER], "cannot be placed"),
        (["localize", "JOB", PHOTOS[3], "--neighbours", 0], "neighbours"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(run, job, arguments, named):
    code, _, err = run(*(job if argument == "JOB" else argument for argument in arguments))
    assert code == 2
    assert named in err
    assert len(err.strip().splitlines()) == 1
