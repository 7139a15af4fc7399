"""A model trained further on posed views: a new model beside the old, or one sentence and nothing."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from dust3r.cli.main import main
from dust3r.core.checkpoints.loading import load_model
from dust3r.core.checkpoints.local import find_model
from dust3r.core.networks.dust3r.config import ModelConfig
from dust3r.tests.box_room import write_scene
from dust3r.training.fine_tune import LARGE, fine_tune_config

SMALL = load_model(find_model("small"), torch.device("cpu"))


@pytest.fixture
def views(tmp_path):
    return write_scene(tmp_path / "views", size=(160, 120), depth="npz")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The folder of a model "Room" that was made from the bundled one, and the folder of its run."""
    folder = tmp_path_factory.mktemp("fine-tune")
    views = write_scene(folder / "views", size=(160, 120), depth="npz")
    recipe = ("--name", "Room", "--minutes", "0.02", "--run", str(folder / "run"))
    assert _fine_tune(views, folder / "models", *recipe) == 0
    return folder / "models"


def _fine_tune(views, models, *more):
    return main(["fine-tune", str(views), "--model", "small", "--models-folder", str(models), *more])


def test_the_result_is_a_model_of_the_same_shape_with_other_weights(models):
    made = load_model(find_model("Room", models), torch.device("cpu"))
    assert made.config == SMALL.config and made.synthetic and SMALL.synthetic
    before, after = SMALL.network.state_dict(), made.network.state_dict()
    assert before.keys() == after.keys()
    change = max(float((after[name] - before[name]).abs().max()) for name in before)
    assert 0 < change < 0.1
    assert [path.name for path in models.iterdir()] == ["Room"]


def test_the_card_names_what_it_was_made_from(models):
    card = (models / "Room" / "README.md").read_text()
    assert card.startswith("# Room\n")
    assert f"Fine-tuned from small@{SMALL.sha256[:16]}" in card
    assert (models.parent / "run" / "losses.csv").is_file()
    sources = json.loads((models / "Room" / "training.json").read_text())["config"]["sources"]
    assert [source["kind"] for source in sources] == ["folder", "procedural"]


@pytest.mark.parametrize(
    ("spoil", "arguments", "code", "sentence"),
    [
        (lambda views, models: None, ("--name", "a/b"), 2, "cannot be a model's name"),
        (lambda views, models: (models / "Room").mkdir(parents=True), ("--name", "Room"), 2, "already"),
        (lambda views, models: (views / "cameras.json").unlink(), ("--name", "Room"), 2, "holds no scene"),
        (lambda views, models: None, ("--name", "Room", "--minutes", "0"), 2, "minutes"),
        (lambda views, models: None, ("--name", "Room", "--model", "none"), 3, "no model 'none'"),
    ],
)
def test_what_cannot_begin_is_a_sentence_and_leaves_no_model(views, tmp_path, capsys, spoil, arguments, code, sentence):
    models = tmp_path / "models"
    spoil(views, models)
    assert _fine_tune(views, models, *arguments) == code
    assert sentence in capsys.readouterr().err
    assert not (models / "Room" / "config.json").exists()


def test_without_numba_it_learns_from_the_views_alone(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert [source.kind for source in fine_tune_config(ModelConfig(), 1, Path("views"), 5, 0).sources] == ["folder"]


@pytest.mark.parametrize(("parameters", "accumulation"), [(LARGE // 2, 1), (2 * LARGE, 4)])
def test_the_recipe_keeps_head_patch_and_sizes_of_the_model(parameters, accumulation):
    config = fine_tune_config(ModelConfig(), parameters, Path("views"), 5, 0)
    (stage,) = config.stages
    assert (stage.head, config.network.patch_size, stage.accumulation) == ("dpt", 16, accumulation)
    assert stage.sizes == ((512, 384), (384, 512))
    square = fine_tune_config(ModelConfig(image_size=224, head="linear"), parameters, Path("views"), 5, 0)
    assert square.stages[0].sizes == ((224, 224),)
