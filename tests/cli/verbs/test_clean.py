"""The verb `clean`, and --hide wherever points are written."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from dust3r.core.flaws import HIDDEN_AT_FIRST
from dust3r.core.jobs.messages import ProgressMessage, ResultMessage, decode
from dust3r.core.progress import WHOLE
from dust3r.core.reconstruction.result import Reconstruction
from dust3r.tests.core.cleanup_scene import room_views
from dust3r.tests.core.export_scene import read_ply

ROOT = Path(__file__).resolve().parents[3]
PHOTOS = [ROOT / "samples" / "studio" / "images" / f"studio_0{number}.jpg" for number in (1, 2)]


@pytest.fixture
def folder(tmp_path):
    """A result of an earlier version: a room with a disc hanging in the air, and nobody has looked."""
    views = room_views(3, size=(112, 80))
    depth, sure = views[0].depth.copy(), views[0].confidence.copy()
    depth[48:60, 57:69] *= 0.6
    sure[48:60, 57:69] = 1.2
    views[0] = replace(views[0], depth=depth, confidence=sure)
    Reconstruction(tuple(views), "synthetic@0", None, "0.1.0").save(tmp_path / "result")
    return tmp_path / "result"


def test_flaws_of_a_finished_result_are_found_and_kept_and_every_point_stays(run, folder):
    before = Reconstruction.load(folder)
    code, out, _ = run("clean", folder)
    after = Reconstruction.load(folder)
    assert code == 0
    assert "Floaters 1" in out and "hidden: floaters, edges, outliers" in out
    assert after.searched and after.hidden_flaws == HIDDEN_AT_FIRST
    assert len(after.point_cloud().position) == len(before.point_cloud().position)
    assert len(after.visible_points().position) < len(before.visible_points().position)


def test_hide_says_which_flaws_are_hidden_and_none_shows_all(run, folder):
    assert run("clean", folder, "--hide", "none")[0] == 0
    found = Reconstruction.load(folder)
    assert found.searched and found.hidden_flaws == ()
    assert run("clean", folder, "--hide", "sky,edges")[0] == 0
    assert Reconstruction.load(folder).hidden_flaws == ("sky", "edges")
    assert run("clean", folder)[0] == 0
    assert Reconstruction.load(folder).hidden_flaws == ("sky", "edges")


def test_a_jobs_result_is_found_in_its_folder(run, folder):
    assert run("clean", folder.parent)[0] == 0
    assert Reconstruction.load(folder).searched


def test_progress_is_reported_and_the_result_named(run, folder):
    messages = [decode(line) for line in run("clean", folder, "--json-progress")[1].splitlines()]
    steps = [(message.done, message.total) for message in messages if isinstance(message, ProgressMessage)]
    assert steps == sorted(steps) and steps[-1] == (WHOLE, WHOLE)
    assert messages[-1] == ResultMessage(str(folder))


def test_an_export_hides_what_it_is_told_and_leaves_the_result_alone(run, folder, tmp_path):
    before = Reconstruction.load(folder)
    for name in ("none", "floaters"):
        out = tmp_path / name
        assert run("export", folder, "--format", "ply", "--output", out, "--hide", name, "--max-points", 0)[0] == 0
    everything, some = (len(read_ply(tmp_path / name / "points.ply")) for name in ("none", "floaters"))
    assert everything == len(before.point_cloud().position)
    assert 100 < everything - some < 200
    assert not Reconstruction.load(folder).searched


def test_an_import_hides_what_it_is_told(run, folder, tmp_path):
    for name in ("none", "floaters"):
        assert run("import", folder.parent, "--points", tmp_path / f"{name}.ply", "--hide", name)[0] == 0
    assert len(read_ply(tmp_path / "floaters.ply")) < len(read_ply(tmp_path / "none.ply"))


def test_a_reconstruction_is_searched_at_its_end_and_hides_what_it_is_told(run, tmp_path):
    job = tmp_path / "job"
    arguments = (
        "reconstruct",
        *PHOTOS,
        "--model",
        ROOT / "models" / "small",
        "--iterations",
        5,
        "--cameras-from",
        "network",
        "--job",
        job,
    )
    assert run(*arguments, "--hide", "sky")[0] == 0
    found = Reconstruction.load(job / "result")
    assert found.searched and found.hidden_flaws == ("sky",)
    assert json.loads((job / "job.json").read_text())["settings"]["hide"] == ["sky"]
    cameras = found.cameras()
    assert run(*arguments, "--hide", "none")[0] == 0  # nothing is worked out again
    again = Reconstruction.load(job / "result")
    assert again.hidden_flaws == () and again.cameras()["photos"] == cameras["photos"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["clean", "nowhere"], "nowhere"), (["clean", "nowhere", "--hide", "clouds"], "clouds"), (["clean"], "FOLDER")],
)
def test_what_cannot_be_used_ends_with_a_sentence(run, arguments, named):
    code, _, err = run(*arguments)
    assert code == 2
    assert named in err and "\n" not in err.strip()
