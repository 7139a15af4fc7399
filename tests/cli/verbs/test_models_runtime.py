"""The verbs `models` and `runtime`, as somebody types them."""

import json
from pathlib import Path

import pytest
from dust3r.cli.main import main

ROOT = Path(__file__).resolve().parents[3]
SMALL = ROOT / "models" / "small"
PHOTO = ROOT / "samples" / "studio" / "images" / "studio_01.jpg"


@pytest.fixture
def run(capsys):
    """Run one line; the exit code, and what was said on both streams."""

    def call(*arguments) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return call


def test_a_model_is_added_listed_verified_used_and_removed(run, tmp_path):
    folder = ("--models-folder", tmp_path / "models")
    assert run("models", "--add", SMALL, "--name", "mine", "--licence", "Ours", *folder)[0] == 0
    assert "Ours" in run("models", *folder)[1]
    code, out, _ = run("models", "--verify", "mine", *folder)
    assert code == 0 and "mine is whole" in out
    cameras = tmp_path / "cameras.json"
    code, *_ = run("reconstruct", PHOTO, "--model", "mine", *folder, "--iterations", 0, "--cameras", cameras)
    written = json.loads(cameras.read_text())
    assert code == 0 and written["licence"] == "Ours" and written["model"].startswith("mine@")
    assert run("models", "--remove", "mine", *folder)[0] == 0
    assert list((tmp_path / "models").iterdir()) == []


def test_only_models_for_commercial_use_are_listed_when_asked_for(run, tmp_path):
    _, out, _ = run("models", "--commercial", "--json", "--models-folder", tmp_path)
    free = ["da3_base", "da3_small", "small"]
    assert [(entry["name"], entry["commercial"]) for entry in json.loads(out)] == [(name, True) for name in free]
    folder = ("--models-folder", tmp_path)
    for name, more in (("a", ()), ("b", ("--commercial",))):
        run("models", "--add", SMALL, "--name", name, "--licence", "Ours", *more, *folder)
    assert {entry["name"] for entry in json.loads(run("models", "--commercial", "--json", *folder)[1])} == {*free, "b"}


def test_by_hand_says_what_to_copy_where_and_offline_says_it_as_the_error(run, tmp_path):
    _, out, _ = run("models", "--by-hand", "512_dpt", "--models-folder", tmp_path)
    code, _, error = run("models", "--download", "512_dpt", "--offline", "--models-folder", tmp_path)
    assert code == 3
    for said in (out, error):
        assert "512_dpt/resolve/main/model.safetensors" in said
        assert str(tmp_path / "DUSt3R_ViTLarge_BaseDecoder_512_dpt") in said


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["--verify", "none"], 3, "none"),
        (["--remove", "small"], 2, "only those there can be removed"),
        (["--add", "nothing.pth"], 3, "nothing.pth"),
        (["--by-hand", "vggt"], 3, "vggt"),
        (["--verify", "small", "--remove", "small"], 2, "not allowed with"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(run, tmp_path, arguments, code, named):
    found, _, error = run("models", *arguments, "--models-folder", tmp_path)
    assert found == code and named in error and error.count("\n") == 1


def test_the_runtime_is_said_tested_and_written(run, tmp_path):
    code, out, _ = run("runtime", "--self-test", "--device", "cpu", "--output", tmp_path / "runtime.json")
    assert code == 0
    assert "torch " in out and "Self-test passed on CPU" in out
    assert json.loads((tmp_path / "runtime.json").read_text())["self_test"]["seconds"] > 0


def test_a_failed_self_test_ends_with_1_and_says_by_how_much(run, monkeypatch, tmp_path):
    from dust3r.core.inference import self_test

    monkeypatch.setattr(
        self_test, "sample", lambda model: self_test.read_expected(SMALL / "self_test.npz", model.sha256) * 2
    )
    code, _, error = run("runtime", "--self-test", "--device", "cpu")
    assert code == 1 and "off by 100.00%" in error


def test_a_device_that_is_not_there_is_named(run):
    code, _, error = run("runtime", "--self-test", "--device", "mps")
    assert code == 2 and "No mps device" in error
