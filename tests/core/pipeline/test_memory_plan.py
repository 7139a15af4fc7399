"""What a reconstruction will need, foretold."""

import json
import subprocess
import sys

import pytest
import torch
from dust3r.core.errors import InputError
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.inference.forward import BATCH_PIXELS
from dust3r.core.networks.dust3r.config import ModelConfig
from dust3r.core.pipeline.memory_plan import plan
from dust3r.core.scene_graph.edges import make_edges

CPU, GPU = torch.device("cpu"), torch.device("cuda")
LARGE = ModelConfig()
GROWING = ((2, "complete"), (8, "swin-1"), (8, "complete"), (40, "swin-1"), (40, "complete"))
CASES = [("linear", 4, "memory"), ("linear", 12, "memory"), ("linear", 12, "disk"), ("dpt", 3, "disk")]
CASE = """
import runpy, sys
from pathlib import Path
runpy.run_path("headless.py")["import_package"]()
sys.path.insert(0, "tests/core/pipeline")
import memory_case
memory_case.main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])
"""


def photos(count: int) -> list[PixelMapping]:
    return [PixelMapping((4000, 3000), (512, 384))] * count


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux says of a process")
@pytest.mark.parametrize(("kind", "count", "storage"), CASES)
def test_every_stage_needs_what_was_foretold_within_a_fifth(kind, count, storage, tmp_path, pytestconfig):
    command = [sys.executable, "-c", CASE, str(tmp_path), kind, str(count), storage]
    process = subprocess.run(command, cwd=pytestconfig.rootpath, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    found = json.loads(process.stdout.splitlines()[-1])
    for stage, planned in found["planned"].items():
        assert planned == pytest.approx(found["needed"][stage], rel=0.2), stage


def test_what_fits_stays_in_memory_and_what_does_not_goes_to_disk():
    edges = make_edges(30)
    roomy = plan(photos(30), edges, LARGE, CPU, torch.float32, int(24e9))
    tight = plan(photos(30), edges, LARGE, CPU, torch.float32, int(roomy.peak * 1.05))
    assert (roomy.storage, tight.storage) == ("memory", "disk")
    assert tight.peak < roomy.peak


def test_a_hundred_photos_of_a_complete_graph_fit_into_eight_gigabytes():
    found = plan(photos(100), make_edges(100), LARGE, CPU, torch.float32, int(8e9))
    assert found.peak < 8e9


def test_a_gpu_with_little_memory_gets_smaller_batches():
    arguments = photos(8), make_edges(8), LARGE, GPU, torch.bfloat16, int(16e9)
    usual, small = plan(*arguments, int(80e9)), plan(*arguments, int(4e9))
    assert usual.batch_pixels == BATCH_PIXELS["cuda"]
    assert small.batch_pixels < usual.batch_pixels
    assert small.device_peak < 4e9


def test_what_cannot_fit_is_refused_with_numbers_and_a_way_out():
    with pytest.raises(InputError, match=r"needs about 1\d\.\d GB .* 5\.4 GB can be used; use at most \d+ photos"):
        plan(photos(2000), make_edges(2000, "swin-3"), LARGE, CPU, torch.float32, int(6e9))
    with pytest.raises(InputError, match="use a smaller model"):
        plan(photos(2), make_edges(2), LARGE, CPU, torch.float32, int(2e9))
    with pytest.raises(InputError, match="choose the CPU"):
        plan(photos(2), make_edges(2), LARGE, GPU, torch.bfloat16, int(16e9), int(1e9))


def test_where_nobody_knows_the_memory_nothing_is_refused():
    assert plan(photos(2), make_edges(2), LARGE, CPU, torch.float32, None).storage == "memory"


def test_more_photos_and_more_pairs_need_more():
    peaks = [plan(photos(n), make_edges(n, graph), LARGE, CPU, torch.float32, None).peak for n, graph in GROWING]
    assert peaks == sorted(set(peaks))
