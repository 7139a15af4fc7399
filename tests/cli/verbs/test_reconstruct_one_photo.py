"""One photo alone: its depth, its focal and its points, from the command line."""

import json

import numpy as np
import pytest
from dust3r.core.jobs.job import find_result

from ...conftest import ROOT
from ...core.export.test_files import read_exr

PHOTO = ROOT / "samples" / "studio" / "images" / "studio_01.jpg"


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    from dust3r.cli.main import main

    folder = tmp_path_factory.mktemp("one") / "job"
    model = str(ROOT / "models" / "small")
    assert main(["reconstruct", str(PHOTO), "--model", model, "--job", str(folder), "--quiet"]) == 0
    return folder


def test_one_photo_gives_a_camera_at_the_origin_with_a_focal_near_the_true_one(job):
    (view,) = find_result(job).views
    true = json.loads((PHOTO.parents[1] / "cameras.json").read_text())["photos"][PHOTO.name]["K"]
    assert (view.cam2world == np.eye(4)).all()
    assert view.K[0, 0] == view.K[1, 1] == pytest.approx(true[0][0], rel=0.1)
    assert view.K[:2, 2].tolist() == [256, 192]


def test_its_depth_comes_out_as_exr(job, tmp_path, run):
    assert run("export", job, "--format", "exr", "--output", tmp_path / "out")[0] == 0
    (view,) = find_result(job).views
    depth = read_exr(tmp_path / "out" / "depth" / f"{PHOTO.name}.exr")
    assert (depth == view.depth).all()
    assert (depth > 0).all()


def test_the_verb_counts_one_photo(job, tmp_path, run):
    code, said, _ = run("export", job, "--format", "ply", "--output", tmp_path / "out")
    assert (code, said) == (0, f"1 photo -> {tmp_path / 'out'}\n")
