"""What the stages are expected to take, which the progress bar begins with."""

from dataclasses import replace

import pytest
import torch
from dust3r.core.adjustment.adjust import STAGES as ADJUSTMENT_STAGES
from dust3r.core.checkpoints.loading import LoadedModel, load_model
from dust3r.core.checkpoints.local import find_model
from dust3r.core.inference.forward import ENCODING, PREDICTING
from dust3r.core.pipeline.stages import SETTLING, STAGES, SURFACES, expected_seconds
from dust3r.core.settings import ReconstructionSettings


@pytest.fixture(scope="module")
def small():
    return load_model(find_model("small"), torch.device("cpu"))


def test_every_stage_takes_some_time_and_more_with_more_photos(small):
    few, many = (expected_seconds(count, small, ReconstructionSettings()) for count in (3, 9))
    assert list(few) == list(STAGES)
    assert all(0 < few[stage] < many[stage] for stage in STAGES)


def test_stages_that_the_settings_leave_out_take_none(small):
    found = expected_seconds(4, small, ReconstructionSettings(cameras="network", surfaces="network"))
    assert {stage for stage, seconds in found.items() if not seconds} == {*ADJUSTMENT_STAGES, SETTLING, SURFACES}


def test_finer_surfaces_and_a_larger_network_take_longer(small, monkeypatch):
    usual, fine = (expected_seconds(4, small, ReconstructionSettings(surface_resolution=n)) for n in (512, 1024))
    assert fine[SURFACES] == 4 * usual[SURFACES]
    larger = replace(small, config=replace(small.config, image_size=2 * small.config.image_size))
    more = expected_seconds(4, larger, ReconstructionSettings())
    assert more[ENCODING] > usual[ENCODING] and more[PREDICTING] > usual[PREDICTING]
    monkeypatch.setattr(LoadedModel, "parameters", 577_000_000)
    full = expected_seconds(4, replace(small, config=replace(small.config, image_size=512)), ReconstructionSettings())
    assert full[PREDICTING] > 0.5 * sum(full.values())  # as of a full model on a CPU
