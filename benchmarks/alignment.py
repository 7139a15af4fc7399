"""`make bench-alignment`: both solvers on the same synthetic predictions in one run."""

import argparse
import json
import os
import time
from dataclasses import asdict
from pathlib import Path

from .suite.cells import STEPS, TIMED_STEPS, Cell, Inputs, full_cells, goal_cells, inputs, quick_cells, speed_cells
from .suite.measure import Run, mean_run, run_dense, run_ours
from .suite.report import Row, cells_table, chain_lines, goals_table, machine, speed_lines, verdict, write_section

ABOUT = f"""Inputs: `tests/golden/synthetic_pairs.py`, cameras on an arc of 100 degrees around a room, both
directions of every edge, swin and chain not closed to a ring, star around the middle photo. Dense:
`benchmarks/baseline`, the published solver in our own words ({STEPS} Adam steps over all pixels,
spanning-tree start without the published slip in the focals); it repeats the published runs step for
step (`tests/core/alignment/test_baseline.py`). It is the cheaper one: the published code was measured
at 1.77 CPU-s a step for N=16, 224x160, on two threads of a busy machine
(`tests/golden/published_aligner.md`). Every run is a process of its own with one thread, on the same
arrays; ours includes the dense depth maps. Peak memory is what comes on top of the inputs. CPU s, wall,
memory, loss, rotation (mean) and focal (mean error): ours / dense. Loss: the published objective in its
units. AUC: exact, of the larger of rotation and direction error of all pairs. A star (*): the dense
solver was timed over {TIMED_STEPS} steps and extrapolated to {STEPS}; no accuracy then. One seed a cell
unless said otherwise: differences of a point or two are chance."""


def main(root: Path) -> None:
    parser = argparse.ArgumentParser(description="Ours against the published dense solver on synthetic predictions")
    parser.add_argument("--full", action="store_true", help="the whole grid (about half an hour), not a few minutes")
    parser.add_argument("--output", type=Path, default=root / "benchmarks" / "results" / "alignment.md")
    parser.add_argument(
        "--keep-dense",
        type=Path,
        help="a JSON file to reuse the dense solver's runs from, which never change, and add to",
    )
    arguments = parser.parse_args()
    began = time.process_time()
    kept = _Kept(arguments.keep_dense)
    goals = [(cell, _say(cell, run_ours(inputs(cell)))) for cell in goal_cells(arguments.full)]
    speed = [_row(cell, _Kept(None)) for cell in speed_cells()]  # both at one time: their ratio is a goal
    rows = [_row(cell, kept) for cell in (full_cells() if arguments.full else quick_cells())]
    spent = time.process_time() - began + sum(os.times()[2:4])
    text = f"""{machine(root)} {"Whole" if arguments.full else "Quick"} set, {spent:.0f} CPU-s in all.{kept.note}

## Goals: complete graphs, ours

{goals_table(goals)}

CPU-seconds against {STEPS} dense steps, depth maps included:

{speed_lines(speed)}

Long chains (swin-1), goal "without collapse":

{chain_lines(rows)}

{verdict(rows)}

## All cells

{cells_table([*speed, *rows])}

{ABOUT}"""
    print(text)
    write_section(arguments.output, "synthetic", text)


class _Kept:
    """The dense solver's runs in a file, by cell; without a file nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._reused = 0
        self._runs = json.loads(path.read_text()) if path and path.exists() else {}

    @property
    def note(self) -> str:
        return f" {self._reused} dense runs are of an earlier pass on the same machine." if self._reused else ""

    def run(self, cell: Cell, given: Inputs) -> Run:
        key = json.dumps({name: value for name, value in asdict(cell).items() if name != "seeds"}, sort_keys=True)
        if key in self._runs:
            self._reused += 1
            return Run(**self._runs[key])
        run = run_dense(given, cell.steps)
        self._runs[key] = asdict(run)
        if self._path:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(json.dumps(self._runs, indent=1))
        return run


def _row(cell: Cell, kept: _Kept) -> Row:
    ours = []
    dense = []
    for single in cell.singles():
        given = inputs(single)
        ours.append(_say(single, run_ours(given)))
        dense.append(_say(single, kept.run(single, given)))
    return Row(cell, mean_run(ours), mean_run(dense))


def _say(cell: Cell, run: Run) -> Run:
    accuracy = "" if run.auc30 is None else f" AUC@30 {run.auc30:5.1f}"
    where = f"{cell.graph} {cell.count} {cell.size[0]}x{cell.size[1]} {cell.noise} {cell.share:.0%} seed {cell.seed}"
    print(f"{where:48} {run.cpu_s:8.2f} CPU-s {run.peak_mb:7.0f} MB{accuracy}", flush=True)
    return run
