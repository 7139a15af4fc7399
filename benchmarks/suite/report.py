"""The Markdown of the benchmark: sections between marks, each made by one command."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .cells import STEPS, USUAL, Cell
from .measure import Run

WORSE = 0.1  # AUC points: smaller differences are noise of the arithmetic
WITHIN = 8.0  # AUC points: goal for the worst seed below the mean
LESS_CPU = 300
LONG = 50  # photos of a chain
GOALS = {
    ("low", 4): 98,
    ("low", 8): 98,
    ("low", 16): 98,
    ("medium", 4): 93,
    ("medium", 8): 94,
    ("medium", 16): 95,
    ("high", 4): 80,
    ("high", 16): 88,
}


def machine(root: Path) -> str:
    """Where and what was measured."""
    describe = ["git", "-C", str(root), "log", "-1", "--format=%h", "--", "core", "benchmarks/baseline"]
    commit = subprocess.run(describe, capture_output=True, text=True, check=True).stdout.strip()
    return f"Measured on a 2-core x86 CPU, one thread a run, the machine shared; commit {commit}."


@dataclass(frozen=True, slots=True)
class Row:
    """One cell with both runs."""

    cell: Cell
    ours: Run
    dense: Run

    @property
    def cheaper(self) -> float:
        return self.dense.cpu_s / self.ours.cpu_s

    @property
    def lead(self) -> float | None:
        """AUC@30 points that ours is ahead; None where the dense run was not carried to its end."""
        if self.ours.auc30 is None or self.dense.auc30 is None:
            return None
        return self.ours.auc30 - self.dense.auc30


def goals_table(runs: Sequence[tuple[Cell, Run]]) -> str:
    """AUC@30 of ours over the seeds."""
    head = "| noise | N | size | seeds | AUC@30 mean | worst seed | goal | worst within 8 | CPU s |"
    lines = [head, "|---" * 9 + "|"]
    for noise in ("low", "medium", "high"):
        for count in (4, 8, 16):
            chosen = [(cell, run) for cell, run in runs if (cell.noise, cell.count) == (noise, count)]
            found = np.array([run.auc30 for _, run in chosen], dtype=np.float64)
            goal, mean, worst = GOALS.get((noise, count)), float(found.mean()), float(found.min())
            verdict = "–" if goal is None else f"{goal}: {_met(mean >= goal)}"
            near = f"{mean - worst:.1f}: {_met(mean - worst <= WITHIN)}"
            cpu, size = np.mean([run.cpu_s for _, run in chosen]), _size(chosen[0][0])
            line = f"{noise} | {count} | {size} | {len(found)} | {mean:.1f} | {worst:.1f} | {verdict} | {near}"
            lines.append(f"| {line} | {cpu:.2f} |")
    return "\n".join(lines)


def speed_lines(rows: Sequence[Row]) -> str:
    return "\n".join(
        f"- N={row.cell.count}, {_size(row.cell)}: {row.dense.cpu_s:.0f} CPU-s against {row.ours.cpu_s:.2f}: "
        f"**{row.cheaper:.0f} times fewer** (goal {LESS_CPU}: {_met(row.cheaper >= LESS_CPU)})"
        for row in rows
    )


def chain_lines(rows: Sequence[Row]) -> str:
    """How long chains end."""
    return "\n".join(
        f"- chain of {row.cell.count}, noise {row.cell.noise}: AUC@30 {_number(row.ours.auc30, 1)}, rotation "
        f"{_number(row.ours.rotation, 1)}° (dense {_number(row.dense.auc30, 1)}, {_number(row.dense.rotation, 1)}°)"
        for row in rows
        if row.cell.graph == "chain" and row.cell.count >= LONG
    )


def cells_table(rows: Sequence[Row]) -> str:
    """Both solvers on every cell."""
    head = (
        "| graph | N | size | noise | outliers | CPU s | ratio | wall s | peak MB | loss | AUC 5/10/30, ours | dense "
    )
    head += "| rotation ° | focal % |"
    return "\n".join([head, "|---" * 14 + "|", *(_cell_line(row) for row in rows)])


def verdict(rows: Sequence[Row]) -> str:
    """On which cells ours is worse than the dense solver."""
    leads = [(row.lead, row) for row in rows if row.lead is not None]
    worse = sorted((pair for pair in leads if pair[0] < -WORSE), key=lambda pair: pair[0])
    if not worse:
        return f"Ours is not worse (AUC@30, by more than {WORSE}) on any of the {len(leads)} cells compared."
    lines = [f"Ours is worse in AUC@30 by more than {WORSE} on {len(worse)} of {len(leads)} cells:", ""]
    lines += [f"- {_name(row.cell)}: {row.ours.auc30:.1f} against {row.dense.auc30:.1f}" for _, row in worse]
    return "\n".join(lines)


def write_section(path: Path, name: str, text: str) -> None:
    """Put the text between the marks of this name, at the end where there are none yet."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    old = path.read_text(encoding="utf-8") if path.exists() else "# Alignment: ours against the published solver\n"
    section = f"{begin}\n{text.strip()}\n{end}"
    if begin in old:
        before, rest = old.split(begin, 1)
        new = before + section + rest.split(end, 1)[1]
    else:
        new = f"{old.rstrip()}\n\n{section}\n"
    path.write_text(new, encoding="utf-8")


def _cell_line(row: Row) -> str:
    cell, ours, dense = row.cell, row.ours, row.dense
    mark = "" if cell.steps >= STEPS else "*"
    columns = [
        cell.graph,
        str(cell.count),
        _size(cell),
        cell.noise,
        f"{cell.share:.0%}{_seeds(cell)}",
        f"{ours.cpu_s:.2f} / {dense.cpu_s:.1f}{mark}",
        f"{row.cheaper:.0f}{mark}",
        f"{ours.wall_s:.2f} / {dense.wall_s:.1f}{mark}",
        f"{ours.peak_mb:.0f} / {dense.peak_mb:.0f}",
        f"{_number(ours.loss, 4)} / {_number(dense.loss, 4)}",
        _aucs(ours),
        _aucs(dense),
        f"{_number(ours.rotation, 2)} / {_number(dense.rotation, 2)}",
        f"{_number(ours.focal, 2)} / {_number(dense.focal, 2)}",
    ]
    return "| " + " | ".join(columns) + " |"


def _aucs(run: Run) -> str:
    return "/".join(_number(value, 1) for value in (run.auc5, run.auc10, run.auc30))


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _met(yes: bool) -> str:
    return "met" if yes else "**missed**"


def _size(cell: Cell) -> str:
    return f"{cell.size[0]}x{cell.size[1]}"


def _name(cell: Cell) -> str:
    where = "" if cell.size == USUAL else f" {_size(cell)}"
    return f"{cell.graph} N={cell.count}{where}, noise {cell.noise}, outliers {cell.share:.0%}{_seeds(cell)}"


def _seeds(cell: Cell) -> str:
    return f", {cell.seeds} seeds" if cell.seeds > 1 else ""
