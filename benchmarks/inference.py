"""Ours against pair-by-pair float32 prediction: prints a table and writes benchmarks/results/inference.md.

.venv/bin/python benchmarks/inference.py [--machine "2-core x86 CPU"] [--turns 5] [--threads 1]
python3 benchmarks/inference.py --device cuda [--machine H200] [--teraflops 790] [--compile] [--rehearse]

The second needs torch, NumPy, SciPy, Pillow and safetensors alone, and under a minute; what it takes is printed.
"""

import argparse
import runpy
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
runpy.run_path(str(ROOT / "headless.py"))["import_package"]()

from dust3r.benchmarks.suite.gpu import complete_graph  # noqa: E402
from dust3r.benchmarks.suite.inference import Turn, Way  # noqa: E402
from dust3r.core.networks.dust3r.config import DPTWidths, ModelConfig  # noqa: E402
from dust3r.core.runtime.device import pick_device, pick_precision  # noqa: E402

CONFIG, SIZE = ModelConfig(), (512, 384)  # the published 512 DPT network, its photos of 4:3
REHEARSED = ModelConfig(48, 2, 2, 32, 4, 2, dpt=DPTWidths((16, 16, 16, 16), 16, 8)), (64, 48)
PHOTOS = {"cpu": 8, "cuda": 16}  # of the complete graph
GOALS = {"float32": 1.9, "bfloat16": 7.0}  # times as fast as the baseline
GPU_GOAL = 4.0  # milliseconds an ordered pair
BEGIN, END = "<!-- {} -->", "<!-- end of {} -->"


def main() -> None:
    arguments = _arguments()
    began = time.monotonic()
    if arguments.device == "cpu":
        text = _cpu_section(arguments.machine, arguments.turns, arguments.threads)
    else:
        shown = REHEARSED if arguments.rehearse else (CONFIG, SIZE)
        device = pick_device("cpu" if arguments.rehearse else "cuda")
        text = _gpu_section(*shown, device, arguments.machine, arguments.teraflops, arguments.compile)
    print(f"{text}\n\n{time.monotonic() - began:.0f} s")
    if arguments.rehearse:
        return
    _replace(ROOT / "benchmarks" / "results" / "inference.md", arguments.device, text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=list(PHOTOS), default="cpu")
    parser.add_argument("--machine", default="2-core x86 CPU", help="what to call it in the table")
    parser.add_argument("--turns", type=int, default=5, help="each way's, of which the median counts")
    parser.add_argument("--threads", type=int, default=1, help="of each way; CPU-seconds compare best on one")
    parser.add_argument("--teraflops", type=float, default=790.0, help="what the GPU reaches in large products")
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    parser.add_argument("--rehearse", action="store_true", help="of cuda: on the CPU, cut small; nothing is written")
    return parser.parse_args()


def _cpu_section(machine: str, turns: int, threads: int) -> str:
    names = ["baseline", "float32"] + ["bfloat16"] * (pick_precision("auto", torch.device("cpu")) == torch.bfloat16)
    ways = {name: Way(name, CONFIG, SIZE, threads) for name in names}
    seen: dict[str, list[Turn]] = {name: [] for name in names}
    for turn in range(turns + 1):
        for name, way in ways.items():
            found = way.turn()
            seen[name] += [found] if turn else []  # the first fills caches
    for way in ways.values():
        way.end()
    photos = PHOTOS["cpu"]
    lines = [
        f"## A pair of photos on a {machine}",
        "",
        f"512 DPT network with seeded random weights, {SIZE[0]}x{SIZE[1]}, {threads} thread(s), the three ways taking",
        f"turns in processes of their own; median of {turns} turns after one that fills caches. A turn is one photo",
        f"encoded and one pair decoded; the complete graph of {photos} ({photos * (photos - 1)} ordered pairs) is",
        "extrapolated from it: each photo is encoded once. Difference: root mean square of the pointmap's deviation",
        "from the baseline's, over its own. Goals: times as fast as the baseline.",
        "",
        f"| way | CPU-s a photo | a pair | an ordered pair of {photos} photos | faster | goal | peak MB | difference |",
        "|---" * 8 + "|",
        *(_row(name, seen[name], seen["baseline"], photos) for name in names),
    ]
    return "\n".join(lines)


def _row(name: str, turns: Sequence[Turn], baseline: Sequence[Turn], photos: int) -> str:
    encoding, pair = median(turn.encoding for turn in turns), median(turn.pair for turn in turns)
    cost, usual = (median(turn.per_pair(photos) for turn in some) for some in (turns, baseline))
    goal = f"{GOALS[name]}: {'met' if usual / cost >= GOALS[name] else 'missed'}" if name in GOALS else "–"
    label = "pair by pair, float32" if name == "baseline" else f"ours, {name}"
    photo = f"{encoding:.2f}" if encoding else "in the pair"
    peak, difference = max(turn.peak_mb for turn in turns), _difference(turns[0].points, baseline[0].points)
    figures = f"{pair:.2f} | {cost:.2f} | {usual / cost:.1f}x | {goal} | {peak:.0f} | {difference:.0e}"
    return f"| {label} | {photo} | {figures} |"


def _difference(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.sqrt(np.square(found - expected).sum() / np.square(expected).sum()))


def _gpu_section(
    config: ModelConfig, size: tuple[int, int], device: torch.device, machine: str, teraflops: float, fuse: bool
) -> str:
    photos = PHOTOS["cuda"]
    found = complete_graph(config, size, photos, device, pick_precision("half", device), fuse)
    verdict = "met" if found.milliseconds <= GPU_GOAL else "missed"
    lines = [
        f"## A complete graph of {photos} photos on a {machine}",
        "",
        f"DPT network with seeded random weights, {size[0]}x{size[1]}, half precision, copies to and from the GPU",
        f"included{', torch.compile' if fuse else ''}. Roofline: {found.gigaflops:.0f} GFLOP an ordered pair at",
        f"{teraflops:.0f} TFLOP/s.",
        "",
        f"| ms an ordered pair | goal | roofline, ms | share of it | peak GB |\n{'|---' * 5}|",
        f"| {found.milliseconds:.2f} | {GPU_GOAL}: {verdict} | {found.roofline(teraflops):.2f} | "
        f"{found.roofline(teraflops) / found.milliseconds:.0%} | {found.peak_gb:.1f} |",
    ]
    return "\n".join(lines)


def _replace(path: Path, name: str, text: str) -> None:
    """Write a section between its marks, others' left as they are."""
    begin, end = BEGIN.format(name), END.format(name)
    whole = path.read_text() if path.exists() else "# Inference, measured\n\nWritten by `make bench`.\n"
    if begin in whole:
        before, after = whole.split(begin)[0], whole.split(end)[1]
    else:
        before, after = whole + "\n", "\n"
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}")


if __name__ == "__main__":
    main()
