"""A run from config to model: it learns, resumes bit for bit, refuses to overwrite, and stops on a NaN."""

import errno
import json
import os
import runpy
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from dust3r.cli.main import main
from dust3r.core.checkpoints.catalogue import is_synthetic
from dust3r.core.checkpoints.loading import load_model
from dust3r.core.errors import Cancelled, InputError, ReconstructionError
from dust3r.core.io import atomic as files
from dust3r.core.networks.dust3r.config import ModelConfig
from dust3r.training import feed, stage_run
from dust3r.training.artifacts import read_artifacts
from dust3r.training.config import NetworkShape, SourceSettings, Stage, TrainingConfig
from dust3r.training.ema import MovingAverage
from dust3r.training.feed import make_request
from dust3r.training.learners import Learner
from dust3r.training.pairs import photos, random_numbers
from dust3r.training.processes import Processes
from dust3r.training.trainer import Options, train
from PIL import Image
from safetensors import safe_open

HERE = Path(__file__).resolve().parent
CPU = torch.device("cpu")
FLOOR = runpy.run_path(str(HERE / "training_source.py"))
TINY = NetworkShape(24, 1, 2, 16, 4, 1, 16, (8, 8, 8, 8), 8, 8)
STAGE = Stage(
    name="one", steps=6, sizes=((32, 32), (48, 32)), scenes=2, views=3, pairs=2, learning_rate=1e-3, warm_up=0.2
)
CONFIG = TrainingConfig(
    stages=(STAGE,), network=TINY, seed=3, precision="float32", workers=0, evaluate_every=4, held_out=2, log_every=2
)


@pytest.fixture(autouse=True)
def floors(monkeypatch):
    """The source under all configs here; one thread, so that nothing depends on the machine's load."""
    monkeypatch.setattr(feed, "open_source", FLOOR["open_floor"])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def cancel_after(steps: int):
    seen = []

    def report(stage: str, done: int, total: int) -> None:
        seen.append(done)
        if len(seen) == steps:
            raise Cancelled

    return report


def curves(folder: Path) -> tuple[str, str]:
    return (folder / "losses.csv").read_text(), (folder / "held_out.csv").read_text()


def weights(folder: Path) -> bytes:
    return (folder / "models" / "one" / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """The run of CONFIG that nothing interrupts."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "open_source", FLOOR["open_floor"])
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        assert train(CONFIG, folder).finished
        torch.set_num_threads(threads)
    return folder


def test_a_run_leaves_curves_a_picture_a_model_and_its_recipe(whole):
    losses, held_out = curves(whole)
    assert len(losses.splitlines()) == 1 + 6 and len(held_out.splitlines()) == 1 + 2
    with Image.open(whole / "curves.png") as picture:
        assert len(picture.getcolors(100_000)) > 10
    recipe = json.loads((whole / "models" / "one" / "training.json").read_text())
    assert recipe["pairs"] == 6 * 2 * 2 * 2 and recipe["config"]["seed"] == 3
    with safe_open(whole / "models" / "one" / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}  # what other readers of the format ask for
    assert recipe["synthetic"] is True and is_synthetic(whole / "models" / "one")
    assert "million parameters" in (whole / "models" / "one" / "README.md").read_text()
    assert not list(whole.glob(".*")) and not list((whole / "models" / "one").glob(".*"))


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(whole, tmp_path):
    with pytest.raises(Cancelled):
        train(CONFIG, tmp_path, Options(report=cancel_after(3)))
    assert len(curves(tmp_path)[0].splitlines()) == 1 + 3
    train(CONFIG, tmp_path, Options(resume=True))
    assert curves(tmp_path) == curves(whole)
    assert weights(tmp_path) == weights(whole)


def test_a_batch_that_is_learned_from_twice_comes_in_other_colours_and_resumes_in_between(tmp_path):
    config = replace(CONFIG, stages=(replace(STAGE, repeats=2),))
    train(config, tmp_path / "whole")
    with pytest.raises(Cancelled):
        train(config, tmp_path / "halves", Options(report=cancel_after(3)))
    train(config, tmp_path / "halves", Options(resume=True))
    assert curves(tmp_path / "halves") == curves(tmp_path / "whole")
    maker = feed._Maker()
    deliveries = (maker.make(make_request(STAGE, CONFIG.sources, 7, number, 0.5)) for number in range(2))
    found = list(feed.repeated(deliveries, times=2, skipped=1))
    assert [(one.request.number, one.repetition) for one in found] == [(0, 1), (1, 0), (1, 1)]
    first, second = (photos(found[1].batch, 0.3, random_numbers(7, 1, repetition)) for repetition in (0, 1))
    assert not torch.equal(first, second)


def test_a_run_that_was_killed_after_its_last_save_repeats_what_was_lost(whole, tmp_path, monkeypatch):
    update, done = stage_run.StageRun.update, []

    def killed(self, *arguments):
        done.append(1)
        if len(done) == 5:
            raise RuntimeError("power cut")
        return update(self, *arguments)

    config = replace(CONFIG, save_minutes=1e-6)
    with monkeypatch.context() as patch:
        patch.setattr(stage_run.StageRun, "update", killed)
        with pytest.raises(RuntimeError, match="power cut"):
            train(config, tmp_path)
    with (tmp_path / "losses.csv").open("a") as file:
        file.write("5,one,0.123,0.1,0.2,0.0\n6,on")  # written after the save, the last row not whole
    train(config, tmp_path, Options(resume=True))
    assert curves(tmp_path) == curves(whole)
    assert weights(tmp_path) == weights(whole)


def test_a_killed_process_is_resumed_by_another(whole, tmp_path):
    script = f"""
import os, runpy, sys
sys.path.insert(0, {str(HERE)!r})
runpy.run_path({str(HERE.parents[1] / "headless.py")!r})["import_package"]()
import torch
torch.set_num_threads(1)
from dust3r.training import feed
from dust3r.training.trainer import Options, train
feed.open_source = runpy.run_path({str(HERE / "training_source.py")!r})["open_floor"]
config = runpy.run_path({str(HERE / "test_run.py")!r})["CONFIG"]
from dataclasses import replace
reports = []
def report(*progress):
    reports.append(progress)
    if len(reports) == 5:
        os.kill(os.getpid(), 9)
train(replace(config, save_minutes=1e-6), __import__("pathlib").Path(sys.argv[1]), Options(report=report))
"""
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path / "run")], capture_output=True, text=True)
    assert killed.returncode == -9, killed.stderr
    train(CONFIG, tmp_path / "run", Options(resume=True))
    assert curves(tmp_path / "run") == curves(whole)


def test_time_that_is_up_saves_and_leaves_and_the_run_goes_on_elsewhere(whole, tmp_path):
    config = replace(CONFIG, part_size=0.05)  # MiB
    first = train(config, tmp_path / "here", Options(stop_after=1e-6))
    assert not first.finished and first.position.steps == 2
    parts = sorted((tmp_path / "here").glob("state-*.part"))
    assert len(parts) > 2 and max(part.stat().st_size for part in parts) <= 0.05 * 2**20
    shutil.copytree(tmp_path / "here", tmp_path / "elsewhere")
    assert train(CONFIG, tmp_path / "elsewhere", Options(resume=True)).finished
    assert curves(tmp_path / "elsewhere") == curves(whole)
    parts[1].unlink()
    with pytest.raises(InputError, match=f"{parts[1].name}.*copy all parts"):
        train(CONFIG, tmp_path / "here", Options(resume=True))
    parts[1].write_bytes(b"x" * 100)
    with pytest.raises(InputError, match=f"{parts[1].name} is damaged"):
        train(CONFIG, tmp_path / "here", Options(resume=True))


def test_nothing_is_overwritten_and_no_other_config_resumed(whole, tmp_path):
    before = curves(whole)
    with pytest.raises(InputError, match="is not empty; give --resume"):
        train(CONFIG, whole)
    with pytest.raises(InputError, match="another config: seed differs"):
        train(replace(CONFIG, seed=4), whole, Options(resume=True))
    with pytest.raises(InputError, match="no run to resume"):
        train(CONFIG, tmp_path, Options(resume=True))
    assert curves(whole) == before and train(CONFIG, whole, Options(resume=True)).finished


def test_the_loss_of_a_learning_network_falls(tmp_path):
    config = replace(CONFIG, stages=(replace(STAGE, steps=60, learning_rate=3e-3),), evaluate_every=20)
    train(config, tmp_path)
    held_out = [float(line.split(",")[2]) for line in curves(tmp_path)[1].splitlines()[1:]]
    assert held_out[-1] < 0.75 * held_out[0]


def test_completion_hands_its_weights_to_regression_and_on_to_a_dpt_head(tmp_path):
    completion = replace(STAGE, name="croco", objective="completion", steps=2, mask_ratio=0.75)
    later = (replace(STAGE, name="linear", steps=2), replace(STAGE, name="dpt", head="dpt", steps=2))
    said: list[str] = []
    config = replace(CONFIG, stages=(completion, *later))
    train(config, tmp_path, Options(say=said.append))
    whole_network = len(Learner(TINY, later[0]).network.state_dict())
    kept = [line for line in said if "tensors it has from before" in line]
    assert kept[0] == f"linear: begins with {whole_network} of {whole_network} tensors it has from before"
    assert f"begins with {whole_network - 4} of " in kept[1]  # all but the two linear heads
    for name in ("croco", "linear", "dpt"):
        trained = load_model(tmp_path / "models" / name, CPU).config
        assert isinstance(trained, ModelConfig) and trained.head == ("dpt" if name == "dpt" else "linear")


@pytest.mark.parametrize(("patch", "head"), [(8, "linear"), (8, "dpt"), (16, "linear"), (16, "dpt")])
def test_an_exported_model_loads_and_predicts_what_was_trained(tmp_path, patch, head):
    stage = replace(STAGE, steps=1, head=head)
    config = replace(CONFIG, network=replace(TINY, patch_size=patch), stages=(stage,))
    with pytest.MonkeyPatch.context() as watch:
        runs = []
        init = stage_run.StageRun.__init__
        watch.setattr(stage_run.StageRun, "__init__", lambda self, *a: (runs.append(self), init(self, *a))[1])
        trained = train(config, tmp_path)
    assert trained.model is not None
    loaded = load_model(trained.model, CPU)
    assert isinstance(loaded.config, ModelConfig)
    assert (loaded.config.patch_size, loaded.config.head) == (patch, head)
    learner = runs[0].learner
    learner.load_state_dict(runs[0].average.shadow)
    images = torch.rand(2, 3, 32, 48, generator=random_numbers(1, 1)) * 2 - 1
    with torch.no_grad():
        expected, found = learner.network(images[:1], images[1:]), loaded.network(images[:1], images[1:])
    torch.testing.assert_close(found.points_j, expected.points_j, rtol=2e-2, atol=2e-3)  # half precision
    torch.testing.assert_close(found.confidence_i, expected.confidence_i, rtol=2e-2, atol=2e-3)


def test_a_run_begins_with_a_given_model_or_says_why_it_cannot(whole, tmp_path):
    model = whole / "models" / "one"
    said: list[str] = []
    train(replace(CONFIG, stages=(replace(STAGE, steps=1),)), tmp_path / "a", Options(start=model, say=said.append))
    assert "begins with" in said[0] and said[0].split()[3] == said[0].split()[5]
    wider = replace(CONFIG, network=replace(TINY, encoder_width=32))
    with pytest.raises(InputError, match="encoder_width is 24, the config says 32"):
        train(wider, tmp_path / "b", Options(start=model))


def test_a_loss_that_is_no_number_stops_the_run_names_the_batch_and_keeps_the_save(tmp_path, monkeypatch):
    class Poisoned(FLOOR["FloorSource"]):
        def batch(self, number, *arguments, **more):
            made = super().batch(number, *arguments, **more)
            if number == 4:
                made.points[made.valid] = torch.nan
            return made

    config = replace(CONFIG, save_minutes=1e-6, log_every=1, evaluate_every=100)
    monkeypatch.setattr(feed, "open_source", lambda settings, seed, difficulty, turning: Poisoned(seed, difficulty))
    with pytest.raises(ReconstructionError, match=r"loss became nan .* at update 5, batch 4 of stage one"):
        train(config, tmp_path)
    assert len(curves(tmp_path)[0].splitlines()) == 1 + 4
    monkeypatch.setattr(feed, "open_source", FLOOR["open_floor"])
    assert train(config, tmp_path, Options(resume=True)).finished


def test_a_full_disk_is_one_sentence_and_the_save_before_stays(tmp_path, monkeypatch):
    with pytest.raises(Cancelled):
        train(CONFIG, tmp_path, Options(report=cancel_after(3)))
    before = (tmp_path / "state.json").read_text()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises(InputError, match=r"No space left on device .*; free some space"):
            train(CONFIG, tmp_path, Options(resume=True))
    assert (tmp_path / "state.json").read_text() == before
    assert train(CONFIG, tmp_path, Options(resume=True)).finished


def test_an_empty_data_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.undo()
    (tmp_path / "data").mkdir()
    config = replace(CONFIG, sources=(SourceSettings("folder", path=str(tmp_path / "data")),))
    with pytest.raises(InputError, match="data is empty; put scenes into it"):
        train(config, tmp_path / "run")
    textures = replace(CONFIG, sources=(SourceSettings(textures=str(tmp_path / "none")),))
    with pytest.raises(InputError, match="none is no folder"):
        train(textures, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_average_follows_the_weights_and_forgets_the_start():
    module = torch.nn.Linear(1, 1, bias=False)
    average = MovingAverage(module, decay=0.9)
    expected = module.weight.item()
    for update in range(1, 40):
        torch.nn.init.constant_(module.weight, update)
        average.update(module)
        decay = min(0.9, (1 + update) / (10 + update))
        expected = decay * expected + (1 - decay) * update
    assert average.shadow["weight"].item() == pytest.approx(expected, rel=1e-5)


def test_norms_and_biases_are_not_decayed():
    learner = Learner(TINY, replace(STAGE, objective="completion"))
    decayed, free = stage_run.make_optimizer(learner, CONFIG).param_groups
    names = {parameter: name for name, parameter in learner.named_parameters()}
    assert decayed["weight_decay"] == 0.05 and free["weight_decay"] == 0
    assert all("norm" not in names[p] and not names[p].endswith("bias") for p in decayed["params"])
    assert "completion.mask_token" in {names[p] for p in free["params"]}


def test_two_processes_learn_what_one_learns_from_the_same_batches(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(f"""
import os, pathlib, runpy, sys
runpy.run_path({str(HERE.parents[1] / "headless.py")!r})["import_package"]()
import torch
torch.set_num_threads(1)
from dataclasses import replace
from dust3r.training import feed
from dust3r.training.trainer import train
feed.open_source = runpy.run_path({str(HERE / "training_source.py")!r})["open_floor"]
config = runpy.run_path({str(HERE / "test_run.py")!r})["CONFIG"]
train(replace(config, held_out=1), pathlib.Path({str(tmp_path / "two")!r}))
""")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    ran = subprocess.run(launcher, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if "without libuv" in ran.stderr:
        pytest.skip("this torch, such as Debian's, is built without libuv, which its launcher asks for")
    assert ran.returncode == 0, ran.stderr[-2000:]
    one = replace(CONFIG, stages=(replace(STAGE, accumulation=2),), held_out=1)
    train(one, tmp_path / "one")
    for mine, its in zip(*(curves(tmp_path / name)[0].splitlines()[1:] for name in ("one", "two")), strict=True):
        a, b = ([float(value) for value in (*line.split(",")[2:4],)] for line in (mine, its))
        assert a == pytest.approx(b, rel=1e-4)
    states = [load_model(tmp_path / name / "models" / "one", CPU).network.state_dict() for name in ("one", "two")]
    for name in states[0]:
        torch.testing.assert_close(states[0][name], states[1][name], rtol=1e-2, atol=2e-3)


def test_the_smoke_config_learns_from_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.undo()  # the real generator
    code = main(["train", str(HERE.parents[1] / "configs" / "smoke.toml"), "--output", str(tmp_path / "run")])
    said = capsys.readouterr()
    assert code == 0, said.err
    assert "pairs/s" in said.out and "of the time waiting for data" in said.out
    losses = [float(line.split(",")[2]) for line in curves(tmp_path / "run")[0].splitlines()[1:]]
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])
    assert load_model(tmp_path / "run" / "models" / "smoke", CPU).config.image_size == 64
    again = main(["train", str(HERE.parents[1] / "configs" / "smoke.toml"), "--output", str(tmp_path / "run")])
    assert again == 2 and "is not empty; give --resume" in capsys.readouterr().err


def test_a_warm_up_passes_every_size_and_learns_nothing(monkeypatch):
    run = stage_run.StageRun(CONFIG, replace(STAGE, matching=0.5), CPU, Processes())
    before = {name: value.clone() for name, value in run.learner.state_dict().items()}
    seen, forward = [], Learner.forward
    monkeypatch.setattr(
        Learner, "forward", lambda self, batch, *rest: (seen.append(batch.images.shape), forward(self, batch, *rest))[1]
    )
    assert run.warm_up() > 0
    assert seen == [(2, 3, 3, 32, 32), (2, 3, 3, 32, 48)]
    assert all(torch.equal(value, before[name]) for name, value in run.learner.state_dict().items())
    assert all(parameter.grad is None for parameter in run.learner.parameters()) and not run.optimizer.state


def test_warm_up_and_evaluation_count_as_no_minutes_of_training(tmp_path, monkeypatch):
    monkeypatch.setattr(stage_run.StageRun, "warms_up", True)
    for name in ("warm_up", "held_out_loss"):
        work = getattr(stage_run.StageRun, name)
        monkeypatch.setattr(stage_run.StageRun, name, lambda *a, work=work: (time.sleep(2), work(*a))[1])
    said: list[str] = []
    began = time.monotonic()
    trained = train(CONFIG, tmp_path, Options(say=said.append))
    assert time.monotonic() - began - 60 * trained.position.total_minutes > 6  # one warm-up and two evaluations
    assert said[0].startswith("one: warmed up for ") and said[0].endswith("which its minutes do not count")


def test_a_run_of_two_stages_leaves_few_and_small_artifacts_to_start_from(tmp_path):
    stages = tuple(replace(STAGE, name=name, steps=4) for name in ("one", "two"))
    config, out = replace(CONFIG, stages=stages, part_size=0.05), tmp_path / "out"
    trained = train(config, tmp_path / "run", Options(artifacts=out))
    files = list(out.iterdir())
    assert 2 < len(files) <= 8 and max(file.stat().st_size for file in files) <= 0.05 * 2**20
    read_artifacts(out, tmp_path / "model")
    weights = [folder / "model.safetensors" for folder in (tmp_path / "model", trained.model)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    rows = (tmp_path / "model" / "losses.csv").read_text().splitlines()
    assert len(rows) == 1 + 8
    again = train(CONFIG, tmp_path / "next", Options(start=tmp_path / "model"))
    assert again.finished
