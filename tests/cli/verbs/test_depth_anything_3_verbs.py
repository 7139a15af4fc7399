"""Every verb with a network that sees all photos at once."""

import json

import numpy as np
import pytest
from dust3r.tests.depth_anything_3 import model_folder, overlapping_photos

QUICK = ("--cameras-from", "network", "--surfaces-from", "network", "--device", "cpu")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return model_folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return overlapping_photos(tmp_path_factory.mktemp("photos"), count=3, height=56, step=30)


@pytest.fixture(scope="module")
def job(model, photos, tmp_path_factory):
    from dust3r.cli.main import main

    folder = tmp_path_factory.mktemp("jobs") / "job"
    arguments = ["reconstruct", *photos, "--model", model, "--job", folder, *QUICK]
    assert main([str(argument) for argument in arguments]) == 0
    return folder


@pytest.mark.parametrize("count", [1, 2, 3])
def test_predict_writes_depths_and_cameras_of_any_number_of_photos(run, model, photos, tmp_path, count):
    path = tmp_path / "out.npz"
    code, _, _ = run("predict", *photos[:count], "--model", model, "--output", path, "--device", "cpu")
    assert code == 0
    with np.load(path) as arrays:
        assert {name: arrays[name].shape for name in arrays} == {
            "depth": (count, 98, 504),
            "confidence": (count, 98, 504),
            "world2cam": (count, 3, 4),
            "K": (count, 3, 3),
        }
        assert (arrays["depth"] > 0).all() and (arrays["confidence"] >= 1).all()
        np.testing.assert_allclose(np.linalg.det(arrays["world2cam"][:, :, :3]), 1, atol=1e-5)
        np.testing.assert_allclose(arrays["K"][:, :2, 2], [[252, 49]] * count)


def test_a_model_of_pairs_predicts_two_photos(run, photos, tmp_path):
    code, _, said = run("predict", *photos, "--model", "small", "--output", tmp_path / "out.npz", "--device", "cpu")
    assert code == 2 and "takes pairs of photos, got 3" in said
    assert not (tmp_path / "out.npz").exists()


def test_matches_of_two_photos_are_written(run, model, photos, tmp_path):
    code, _, _ = run("match", *photos[:2], "--model", model, "--output", tmp_path / "m.csv", "--device", "cpu")
    assert code == 0 and len((tmp_path / "m.csv").read_text().splitlines()) > 1


def test_a_result_goes_through_mesh_export_report_and_matches(run, job, tmp_path):
    assert run("match", "--job", job, "--output", tmp_path / "matches.csv")[0] == 0
    rough = ("--max-slope", 89.9, "--min-island", 0, "--min-confidence", 1, "--no-texture")  # what seeded weights show
    code, _, said = run("mesh", job, "--output", tmp_path / "mesh.obj", *rough)
    assert code == 0, said
    for format_ in ("ply", "colmap"):
        code, _, said = run("export", job, "--format", format_, "--output", tmp_path / format_)
        assert code == 0, said
    assert run("clean", job)[0] == 0
    code, out, _ = run("report", job, "--json")
    assert code == 0 and json.loads(out)


def test_a_photo_is_placed_or_refused_in_a_sentence(run, model, job, photos, tmp_path):
    code, _, said = run(
        "localize", job, photos[1], "--model", model, "--output", tmp_path / "placed", "--device", "cpu"
    )
    assert code == 0 or "cannot be placed" in said
