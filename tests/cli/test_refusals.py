"""Arguments that would be ignored, or taken for something else, are refused in one sentence."""

import pytest
from dust3r.tests.faults.small_job import ROOT, write_photos

NOWHERE = "nowhere"


@pytest.mark.parametrize(
    "said",
    [
        ("reconstruct", NOWHERE, "--job", ""),
        ("reconstruct", NOWHERE, "--job="),
        ("reconstruct", NOWHERE, "--cameras", ""),
        ("export", NOWHERE, "--format", "ply", "--output", ""),
        ("work", ""),
    ],
)
def test_an_empty_path_is_not_the_current_folder(run, tmp_path, monkeypatch, said):
    monkeypatch.chdir(tmp_path)
    code, _, error = run(*said)
    assert code == 2 and "is empty" in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "said",
    [
        ("reconstruct", NOWHERE, "--job", NOWHERE),
        ("align", NOWHERE, "--cameras", "c.json"),
        ("match", NOWHERE, NOWHERE),
        ("export", NOWHERE, "--format", "ply", "--output", NOWHERE),
        ("mesh", NOWHERE, "--output", "m.ply"),
    ],
)
@pytest.mark.parametrize("value", ["nan", "0", "0.99", "inf", "-1", "high"])
def test_a_confidence_below_one_is_none(run, tmp_path, monkeypatch, said, value):
    monkeypatch.chdir(tmp_path)
    code, _, error = run(*said, "--min-confidence", value)
    assert code == 2 and f"'{value}' is no confidence; give 1 or more" in error


def test_what_is_taken_from_known_cameras_needs_known_cameras(run, tmp_path):
    (tmp_path / "a.jpg").touch()
    code, _, error = run("reconstruct", tmp_path, "--job", tmp_path / "job", "--pin", "pose")
    assert code == 2 and "give --known" in error
    assert not (tmp_path / "job").exists()


def test_a_threshold_that_hides_every_point_names_the_highest_confidence_and_writes_nothing(run, tmp_path):
    photos, small = write_photos(tmp_path / "photos"), ("--model", ROOT / "models" / "small", "--iterations", 2)
    outputs = ("--cameras", tmp_path / "c.json", "--points", tmp_path / "p.ply", "--job", tmp_path / "job")
    code, _, error = run("reconstruct", *photos, *outputs, *small, "--min-confidence", 1e6)
    assert code == 2 and "the highest is" in error and "lower the minimum confidence" in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job", "photos"]
    assert run("reconstruct", *photos, *outputs, *small, "--quiet")[0] == 0
