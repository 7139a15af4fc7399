"""How fast a config trains: pairs a second of every stage, eager and compiled, and what its workers deliver. Prints.

python3 benchmarks/training.py configs/h200.toml --device cuda [--updates 20] [--feed SECONDS]
Needs torch, NumPy, SciPy, Pillow, safetensors and, for --feed, Numba alone. The updates learn nothing.
"""

import argparse
import runpy
import time
from dataclasses import replace
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
runpy.run_path(str(ROOT / "headless.py"))["import_package"]()

from dust3r.core.runtime.device import pick_device  # noqa: E402
from dust3r.training.batch import blank_batch  # noqa: E402
from dust3r.training.config import Stage, TrainingConfig  # noqa: E402
from dust3r.training.config_file import read_config  # noqa: E402
from dust3r.training.feed import Delivery, Feed, make_request, prepare, usual_workers  # noqa: E402
from dust3r.training.meter import Meter  # noqa: E402
from dust3r.training.processes import Processes  # noqa: E402
from dust3r.training.stage_run import StageRun  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda")
    parser.add_argument("--updates", type=int, default=20, help="timed of each size")
    parser.add_argument("--feed", type=float, default=0.0, metavar="SECONDS", help="also time the workers so long")
    arguments = parser.parse_args()
    config = read_config(arguments.config)
    device = pick_device(arguments.device)
    torch.set_float32_matmul_precision("high")
    print("| stage | size | ms an update, eager | compiled | pairs/s, eager | compiled |\n" + "|---" * 6 + "|")
    for stage in config.stages:
        ways = [update_seconds(config, stage, device, arguments.updates, fuse) for fuse in (False, True)]
        pairs = stage.scenes * stage.pairs * (1 + stage.both_orders)
        for size, (eager, compiled) in zip(stage.sizes, zip(*ways, strict=True), strict=True):
            times = f"{eager * 1e3:.1f} | {compiled * 1e3:.1f} | {pairs / eager:.0f} | {pairs / compiled:.0f}"
            print(f"| {stage.name} | {size[0]}x{size[1]} | {times} |", flush=True)
    if device.type == "cuda":
        print(f"peak {torch.cuda.max_memory_allocated() / 1e9:.1f} GB")
    if arguments.feed:
        time_feed(config, usual_workers(device, 1), arguments.feed)


def update_seconds(config: TrainingConfig, stage: Stage, device: torch.device, updates: int, fuse: bool) -> list[float]:
    """Of each size, the mean over some updates from batches that lie ready."""
    run = StageRun(replace(config, compile=fuse), stage, device, Processes())
    print(f"{stage.name}, {'compiled' if fuse else 'eager'}: warmed up for {run.warm_up():.1f} s", flush=True)
    request = make_request(stage, config.sources_of(stage), 0, 0, 0.0)
    meter = Meter(device, 10**9)
    seconds = []
    for size in stage.sizes:
        batch = blank_batch(stage.scenes, stage.views, stage.pairs, size)
        delivery = Delivery(request, batch.pin_memory() if device.type == "cuda" else batch)
        run.update(iter([delivery] * stage.accumulation), 0.0, meter)
        _wait_for(device)
        began = time.perf_counter()
        for _ in range(updates):
            run.update(iter([delivery] * stage.accumulation), 0.0, meter)
        _wait_for(device)
        seconds.append((time.perf_counter() - began) / updates)
    return seconds


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def time_feed(config: TrainingConfig, workers: int, seconds: float) -> None:
    """How many ordered pairs a second the workers deliver of every stage."""
    began = time.perf_counter()
    prepare(config.sources)
    print(f"renderer and surfaces ready after {time.perf_counter() - began:.0f} s")
    for stage in config.stages:
        requests = (make_request(stage, config.sources_of(stage), 0, k, stage.difficulty[1]) for k in range(10**9))
        feed = Feed(requests, workers)
        deliveries = iter(feed)
        for _ in range(workers):
            next(deliveries)  # until all are at work
        began = time.perf_counter()
        count = 0
        while time.perf_counter() - began < seconds:
            next(deliveries)
            count += 1
        rate = count * stage.scenes * stage.pairs * (1 + stage.both_orders) / (time.perf_counter() - began)
        feed.close()
        print(f"{stage.name}: {workers} workers deliver {rate:.0f} ordered pairs/s", flush=True)


if __name__ == "__main__":
    main()
