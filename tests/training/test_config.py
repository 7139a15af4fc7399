"""Configs: every key known and of its type, every size possible, or one sentence that names the key."""

import json
import re
import shlex
from dataclasses import fields, is_dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from dust3r.cli.parser import make_parser
from dust3r.core.errors import InputError
from dust3r.training.config import NetworkShape, SourceSettings, Stage, TrainingConfig
from dust3r.training.config_file import read_config
from dust3r.training.schedule import Clock, difficulty, learning_rate, share_done

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def read(tmp_path):
    def call(text: str) -> TrainingConfig:
        (tmp_path / "c.toml").write_text(text)
        return read_config(tmp_path / "c.toml")

    return call


def test_what_a_config_leaves_out_has_its_default(read):
    config = read("seed = 5\n[[stages]]\nsteps = 7\nsizes = [[32, 48]]\n")
    assert config == TrainingConfig(stages=(Stage(steps=7, sizes=((32, 48),)),), seed=5)


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.toml")), ids=lambda path: path.name)
def test_the_configs_that_come_along_are_read(path):
    assert read_config(path).stages


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sed = 1\n[[stages]]\nsteps = 1", "sed is an unknown key"),
        ("[[stages]]\nsteps = 1\nhead_type = 'dpt'", r"stages\[0\].head_type is an unknown key"),
        ("seed = 1", "stages is missing"),
        ("stages = []", "stages must be at least one"),
        ("seed = 'one'\n[[stages]]\nsteps = 1", "seed must be a whole number, got 'one'"),
        ("seed = true\n[[stages]]\nsteps = 1", "seed must be a whole number, got True"),
        ("stages = 3", "stages must be a list"),
        ("[[stages]]\nsteps = 1.5", r"stages\[0\].steps must be a whole number"),
        ("[[stages]]\nsteps = 1\nhead = 'mlp'", r"stages\[0\].head must be one of linear, dpt, got 'mlp'"),
        ("[[stages]]\nsteps = 1\nsizes = [[30, 32]]", r"sizes of stage main must be multiples of patch_size \(16\)"),
        ("[[stages]]\nsteps = 1\nsizes = [[0, 32]]", "sizes of stage main must be multiples"),
        ("[[stages]]\nsteps = 1\nsizes = [[32]]", r"stages\[0\].sizes\[0\] must have 2 entries"),
        ("[[stages]]\nname = 'a'", r"stages\[0\].steps must be or minutes above 0"),
        ("[[stages]]\nsteps = 1\nminutes = 2", r"stages\[0\].steps must be or minutes"),
        ("[[stages]]\nsteps = 1\nviews = 1", r"stages\[0\].views must be at least 2, got 1"),
        ("[[stages]]\nsteps = 1\ndifficulty = [0, 2]", r"stages\[0\].difficulty must be from 0 to 1"),
        ("[[stages]]\nsteps = 1\nname = '../x'", r"stages\[0\].name must be letters"),
        ("[[stages]]\nsteps = 1\n[[stages]]\nsteps = 1", "stages must be all of different names"),
        ("[network]\nencoder_width = 50\n[[stages]]\nsteps = 1", "network.encoder_width must be a multiple of 4 times"),
        ("[network]\nencoder_depth = 0\n[[stages]]\nsteps = 1", "network.encoder_depth must be from 1 to 16384"),
        (
            "[network]\npatch_size = 4\n[[stages]]\nsteps = 1\nhead = 'dpt'\nsizes = [[32, 32]]",
            "patch_size must be 8 or 16 for the dpt head",
        ),
        ("[[sources]]\nkind = 'folder'\n[[stages]]\nsteps = 1", r"sources\[0\].path must be given for kind 'folder'"),
        ("[[sources]]\nweight = 0.0\n[[stages]]\nsteps = 1", r"sources\[0\].weight must be above 0"),
        ("seed = = 1", "is no TOML"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_key(read, text, told):
    with pytest.raises(InputError, match=told) as refused:
        read(text)
    assert "c.toml" in str(refused.value) and "\n" not in str(refused.value)


def test_a_config_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.toml"):
        read_config(tmp_path / "nowhere.toml")


def test_the_learning_rate_rises_to_the_top_and_falls_to_the_last():
    stage = Stage(steps=100, learning_rate=1e-3, final_learning_rate=1e-5, warm_up=0.1)
    rates = [learning_rate(stage, share / 100) for share in range(101)]
    assert rates[10] == pytest.approx(1e-3) == max(rates)
    assert rates[5] == pytest.approx(5e-4) and rates[100] == pytest.approx(1e-5)
    assert rates[55] == pytest.approx((1e-3 + 1e-5) / 2)
    assert all(a > b for a, b in pairwise(rates[10:]))


def test_a_stage_in_minutes_is_done_when_its_minutes_are():
    stage = Stage(minutes=4.0)
    assert share_done(stage, Clock(10_000, 1.0)) == 0.25 and share_done(stage, Clock(1, 9.0)) == 1
    assert share_done(Stage(steps=10), Clock(5, 100.0)) == 0.5


def test_difficulty_arrives_before_the_stage_ends():
    stage = Stage(steps=10, difficulty=(0.2, 0.6))
    assert [difficulty(stage, share) for share in (0.0, 0.4, 0.8, 1.0)] == [0.2, 0.4, 0.6, 0.6]


def test_minutes_given_for_the_whole_run_are_shared_out_as_the_stages_are_long():
    config = TrainingConfig(stages=(Stage(name="a", steps=100), Stage(name="b", steps=300)))
    assert [stage.minutes for stage in config.lasting(8).stages] == [2, 6]
    with pytest.raises(InputError, match="above 0"):
        config.lasting(0)
    with pytest.raises(InputError, match="mixed"):
        TrainingConfig(stages=(Stage(name="a", steps=1), Stage(name="b", minutes=1))).lasting(8)


def test_the_documentation_names_every_key_with_its_default():
    text = (ROOT / "docs" / "training.md").read_text()
    kinds = {"": TrainingConfig, "network.": NetworkShape, "sources[].": SourceSettings, "stages[].": Stage}
    told = dict(re.findall(r"^\| `([a-z_.\[\]]+)` \| ([^|]*) \|", text, re.M))
    for start, kind in kinds.items():
        for field in fields(kind):
            if not is_dataclass(field.type) and field.name not in ("stages", "sources", "network"):
                default = json.dumps(field.default)
                assert json.loads(told[start + field.name].strip("` ")) == json.loads(default), field.name


def test_the_commands_of_the_documentation_can_be_read():
    text = (ROOT / "docs" / "training.md").read_text()
    commands = re.findall(r"headless\.py (train .*?)(?: +#.*)?$", text, re.M)
    assert len(commands) >= 4
    for command in commands:
        arguments = make_parser("headless.py").parse_args(shlex.split(command))
        assert (ROOT / arguments.config).is_file()
