"""A compiled stage: few compilations whatever sizes it has, none for evaluation, and the same losses as without."""

import runpy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from dust3r.training import feed
from dust3r.training.config import NetworkShape, SourceSettings, Stage, TrainingConfig
from dust3r.training.feed import Delivery, make_request
from dust3r.training.meter import Meter
from dust3r.training.processes import Processes
from dust3r.training.stage_run import StageRun

CPU = torch.device("cpu")
FLOOR = runpy.run_path(str(Path(__file__).resolve().parent / "training_source.py"))
STAGE = Stage(
    steps=6, sizes=((64, 48), (48, 64), (64, 64)), matching=0.5, scenes=2, views=3, pairs=2, learning_rate=1e-3
)
NETWORK = NetworkShape(24, 3, 2, 16, 2, 2, 16)
CONFIG = TrainingConfig(stages=(STAGE,), network=NETWORK, seed=3, precision="float32", workers=0, compile=True)


@pytest.fixture
def graphs(monkeypatch):
    """The number of compilations so far; they are made by the tracer alone, without a compiler of machine code."""
    compile_module = torch.nn.Module.compile
    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda self, **how: compile_module(self, backend="aot_eager", **how)
    )
    monkeypatch.setattr(feed, "open_source", FLOOR["open_floor"])
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    yield lambda: torch._dynamo.utils.counters["stats"]["unique_graphs"]
    torch._dynamo.reset()


def deliveries() -> list[Delivery]:
    maker = feed._Maker()
    return [maker.make(make_request(STAGE, (SourceSettings(),), 7, number, 0.5)) for number in range(6)]


def losses(config: TrainingConfig) -> list[float]:
    torch.manual_seed(0)
    run, made = StageRun(config, config.stages[0], CPU, Processes()), deliveries()
    assert len({delivery.request.size for delivery in made}) == 3
    run.warm_up()
    meter = Meter(CPU, 1)
    found = [float(run.update(iter([delivery]), 1e-3, meter).loss) for delivery in made]
    return [*found, run.held_out_loss(made[:3])]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_stage_of_three_sizes_compiles_each_kind_of_block_once(graphs, precision):
    config = replace(CONFIG, precision=precision)
    compiled, count = losses(config), graphs()
    assert count == 3  # an encoder's block, a decoder's, and the map between
    assert losses(config) == compiled and graphs() == count  # of the next stage's network none
    plain = losses(replace(config, compile=False))
    assert compiled == pytest.approx(plain, rel=1e-5 if precision == "float32" else 2e-2)
