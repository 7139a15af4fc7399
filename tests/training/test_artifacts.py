"""What a lent machine gives back: few files, none too large, that become the model and its logs again."""

import json
import zipfile

import pytest
from dust3r.core.errors import InputError
from dust3r.training.artifacts import ARCHIVE, check_artifacts, read_artifacts, write_artifacts

MODEL_FILES = ("config.json", "model.safetensors", "training.json", "README.md")


@pytest.fixture
def run(tmp_path):
    """A run's folder with a model of 1000 bytes."""
    model = tmp_path / "run" / "models" / "one"
    model.mkdir(parents=True)
    for name in MODEL_FILES:
        (model / name).write_bytes(name.encode() * 10)
    (model / "model.safetensors").write_bytes(bytes(range(250)) * 4)
    for name in ("run.json", "losses.csv", "held_out.csv", "speed.csv", "curves.png", "state-3-000.part", "state.json"):
        (tmp_path / "run" / name).write_text(name)
    return tmp_path / "run"


def test_a_model_in_parts_comes_together_again_with_its_logs(run, tmp_path):
    model, out = run / "models" / "one", tmp_path / "out"
    write_artifacts(out, run, model, 3, 300)
    assert sorted(path.name for path in out.iterdir()) == [ARCHIVE, *(f"weights-3-00{k}.part" for k in range(4))]
    assert max(path.stat().st_size for path in out.glob("*.part")) == 300
    read_artifacts(out, tmp_path / "again")
    for name in MODEL_FILES:
        assert (tmp_path / "again" / name).read_bytes() == (model / name).read_bytes()
    assert (tmp_path / "again" / "losses.csv").read_text() == "losses.csv"
    assert not list((tmp_path / "again").glob("state*"))  # a save is too large to come back
    with pytest.raises(InputError, match="name a new folder"):
        read_artifacts(out, tmp_path / "again")


def test_a_newer_model_takes_the_place_of_the_one_before(run, tmp_path):
    model, out = run / "models" / "one", tmp_path / "out"
    write_artifacts(out, run, model, 3, 100)
    (model / "model.safetensors").write_bytes(b"newer")
    write_artifacts(out, run, model, 7, 100)
    assert sorted(path.name for path in out.iterdir()) == [ARCHIVE, "weights-7-000.part"]
    read_artifacts(out, tmp_path / "again")
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == b"newer"


def test_logs_are_kept_before_there_is_a_model(run, tmp_path):
    write_artifacts(tmp_path / "out", run, None, 0, 100)
    with zipfile.ZipFile(tmp_path / "out" / ARCHIVE) as archive:
        assert {"losses.csv", "curves.png", "run.json"} < set(archive.namelist())
        assert json.loads(archive.read("parts.json")) == []
    with pytest.raises(InputError, match="no model yet"):
        read_artifacts(tmp_path / "out", tmp_path / "again")


def test_missing_and_damaged_artifacts_are_named(run, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"run\.zip cannot be read"):
        read_artifacts(out, tmp_path / "again")
    write_artifacts(out, run, run / "models" / "one", 3, 300)
    with pytest.raises(InputError, match="holds the artifacts of a run already"):
        check_artifacts(out, resume=False)
    check_artifacts(out, resume=True)
    (out / "weights-3-001.part").write_bytes(b"x" * 300)
    with pytest.raises(InputError, match=r"weights-3-001\.part is damaged"):
        read_artifacts(out, tmp_path / "again")
    assert not (tmp_path / "again").exists()
