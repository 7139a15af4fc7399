"""What other programs on the same cores cost: prints a table and writes benchmarks/results/busy_machine.md.

.venv/bin/python benchmarks/busy_machine.py [--machine "2-core x86 CPU"] [--loads 0 1 4] [--rounds 3]

A reconstruction of the sample studio and a short training run, in processes of their own, beside busy loops; with
OpenMP's threads sleeping while they wait (`core/runtime/environment.py`) and spinning, as GNU's runtime does by itself.
"""

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SPIN = {"GOMP_SPINCOUNT": "300000"}  # libgomp's own number where no policy is set
WAYS = {"spinning": SPIN, "sleeping": {}}
VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_NUM_THREADS")
RECIPE = """
workers = 0  # one process, whose torch has all cores
held_out = 1

[network]  # of models/small
encoder_width = 192
encoder_depth = 8
encoder_heads = 3
decoder_width = 192
decoder_depth = 6
decoder_heads = 3
patch_size = 16

[[stages]]
name = "busy"
steps = 5
sizes = [[128, 96]]
difficulty = [0.0, 0.15]
scenes = 4
views = 5
pairs = 5
"""


@dataclass(frozen=True)
class Cost:
    """Of one run."""

    cpu: float  # seconds, user and system
    wall: float  # seconds


def reconstruction(folder: Path) -> list[str]:
    """What reconstructs the studio."""
    photos = ROOT / "samples" / "studio" / "images"
    return ["reconstruct", str(photos), "--device", "cpu", "--precision", "float32", "--cameras", f"{folder}/c.json"]


def training(folder: Path) -> list[str]:
    """What trains for 5 updates of 20 pairs."""
    (folder / "config.toml").write_text(RECIPE)
    return ["train", str(folder / "config.toml"), "--device", "cpu", "--output", str(folder / "run")]


WORK: dict[str, Callable[[Path], list[str]]] = {"reconstruct": reconstruction, "train": training}


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """So many programs that take all the time they get."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def run(work: str, way: str) -> Cost:
    """One run in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES} | WAYS[way]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "headless.py"), *WORK[work](Path(folder)), "--quiet"]
        began = time.monotonic()
        process = subprocess.Popen(command, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, time.monotonic() - began)


def measure(loads: list[int], rounds: int) -> dict[tuple[str, int, str], Cost]:
    """The medians of each work, load and way, all of them in turns."""
    cases = list(itertools.product(WORK, loads, WAYS))
    found: dict[tuple[str, int, str], list[Cost]] = {case: [] for case in cases}
    for _ in range(rounds):
        for work, load, way in cases:
            with busy_loops(load):
                found[work, load, way].append(run(work, way))
            print(work, load, way, found[work, load, way][-1], flush=True)
    return {
        case: Cost(statistics.median(one.cpu for one in costs), statistics.median(one.wall for one in costs))
        for case, costs in found.items()
    }


def table(found: dict[tuple[str, int, str], Cost]) -> Iterator[str]:
    """Rows of CPU-seconds and seconds, and what each costs of the same work's cheapest way without a load."""
    yield "| work | busy loops | threads | CPU s | times idle | s |"
    yield "|---|---|---|---|---|---|"
    for (work, load, way), cost in found.items():
        idle = found[work, min(load for _, load, _ in found), "sleeping"]
        yield f"| {work} | {load} | {way} | {cost.cpu:.1f} | {cost.cpu / idle.cpu:.2f} | {cost.wall:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machine", default=f"{os.cpu_count()}-core CPU")
    parser.add_argument("--loads", type=int, nargs="+", default=[0, 1, 4])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rows = "\n".join(table(measure(sorted(arguments.loads), arguments.rounds)))
    text = (
        f"# Beside other programs\n\n{arguments.machine}; `headless.py reconstruct` of the eight photos of "
        "`samples/studio`, and `headless.py train`:\n5 updates of the network of `models/small`, in one process "
        "(`workers = 0`). Busy loops are programs that do nothing but take\ntime. CPU-seconds are user and system, "
        f"Python's start included; rounds: {arguments.rounds} (medians), all rows in turns. Times idle:\nover the "
        f"CPU-seconds of sleeping threads with the fewest busy loops. Made by `benchmarks/busy_machine.py`.\n\n{rows}\n"
    )
    (ROOT / "benchmarks" / "results" / "busy_machine.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
