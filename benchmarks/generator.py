"""How fast training scenes are made and rendered: prints a table and writes benchmarks/results/generator.md.

.venv/bin/python benchmarks/generator.py [--machine "2-core x86 CPU"] [--cores 1 2]
"""

import argparse
import runpy
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
runpy.run_path(str(ROOT / "headless.py"))["import_package"]()

from dust3r.training.scenes.library import load_atlas  # noqa: E402
from dust3r.training.scenes.source import ProceduralSource, make_shoot  # noqa: E402

SIZES = ((128, 96), (224, 160))
VIEWS, PAIRS = 8, 16
SCENES = 6  # in one timed batch
REPEATS = 3  # the best counts: others may use the machine


def seconds_of(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """The shortest of REPEATS runs, after one that compiles and fills caches."""
    work()
    times = []
    for _ in range(REPEATS):
        start = clock()
        work()
        times.append(clock() - start)
    return min(times)


def _batch(number: int, size: tuple[int, int]) -> None:
    torch.set_num_threads(1)
    ProceduralSource(1, 0.5).batch(number, SCENES, VIEWS, PAIRS, size)


def _worker(task: tuple[int, tuple[int, int]]) -> float:
    return seconds_of(lambda: _batch(*task), time.process_time)


def batch_rows(cores: Sequence[int]) -> list[str]:
    """One row per size and number of worker processes, all at work at once."""
    rows = []
    for size in SIZES:
        for count in cores:
            with ProcessPoolExecutor(count, get_context("spawn")) as pool:
                seconds = list(pool.map(_worker, [(number, size) for number in range(count)]))
            rows.append(_row("whole batch", f"{count}", size, 1 / sum(1 / s for s in seconds)))
    return rows


def making_row() -> str:
    """Only scenes, cameras and pairs, without pictures."""
    atlas = load_atlas(None)
    seconds = seconds_of(
        lambda: [make_shoot(atlas, (1, 0, s), (0.5, 0.5), VIEWS, PAIRS, SIZES[1]) for s in range(SCENES)],
        time.process_time,
    )
    return _row("without pictures", "1", SIZES[1], seconds)


def _row(name: str, cores: str, size: tuple[int, int], seconds: float) -> str:
    rates = f"{SCENES * VIEWS / seconds:.0f} | {SCENES * PAIRS / seconds:.0f}"
    return f"| {name} | {cores} | {size[0]}x{size[1]} | {rates} |"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machine", default="2-core x86 CPU")
    parser.add_argument("--cores", type=int, nargs="+", default=(1, 2))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = [*batch_rows(arguments.cores), making_row()]
    text = "\n".join(
        [
            "# The generator's speed",
            "",
            f"{arguments.machine}; difficulty 0.5, {VIEWS} views and {PAIRS} pairs a scene, best of {REPEATS} batches;",
            "scenes, cameras, overlap, pictures and film all counted. Seconds are of CPU time, which other programs",
            "beside do not lengthen much. Made by `benchmarks/generator.py`.",
            "",
            "| work | cores | size | views/s | pairs/s |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )
    print(text)
    (ROOT / "benchmarks" / "results" / "generator.md").write_text(text)


if __name__ == "__main__":
    main()
