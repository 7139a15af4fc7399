"""What the bundled model finds of photos with true cameras, beside what the classical pipeline finds."""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..cli.main import main as run_verb
from ..evaluation.exam.classical import METHODS, examine_pycolmap
from ..evaluation.table import OWN, Row, means
from .suite.report import write_section

OTHERS = ("pycolmap", "pycolmap-permissive")
ALONE = "network alone"
MODEL = "small"
RUNS = 3
COLUMNS = {
    "registered": "registered",
    "placed": "placed",
    "AUC@5/10/30": ("auc5", "auc10", "auc30"),
    "RRA@5/15/30": ("rra5", "rra15", "rra30"),
    "RTA@5/15/30": ("rta5", "rta15", "rta30"),
    "mAA(30)": "maa30",
    "focal %": "focal",
    "abs-rel %": "absrel",
    "δ1.25": "delta125",
    "τ1.03": "tau103",
    "points %": "point_error",
    "s": "seconds",
    "CPU s": "cpu_seconds",
    "MiB": "memory",
}

SHORT = ("registered", "placed", "AUC@5/10/30", "RRA@5/15/30", "RTA@5/15/30", "mAA(30)", "points %")
SHORT += ("s", "CPU s", "MiB")
MORE = "[benchmarks/results/against_pycolmap.md](../benchmarks/results/against_pycolmap.md) has every figure."

ABOUT = f"""`headless.py evaluate … --model {MODEL} --against {" ".join(OTHERS)}`, of the {ALONE} with `--cameras-from
network`, on a 2-core x86 CPU. Of pycolmap medians of {RUNS} runs, since its threads make its figures differ from run to
run; ours are the same every time, seconds aside. Permissive: the thresholds of ours, guided matches, one camera for all
photos. Focal, depth and points are of what a method found, and their means over the sets of which it found something;
all other columns count what was lost as wrong. MiB are of the process with the network, without the one with
pycolmap."""


def main(root: Path) -> None:
    more = [Path(folder) for folder in sys.argv[1:]]
    folders = [root / "samples" / name for name in ("studio", "buddha")] + list(more)
    rows = _examine(folders)
    rows += means(rows)
    text = f"# The bundled model against the classical pipeline\n\n{_table(rows, tuple(COLUMNS))}\n\n{ABOUT}\n"
    (root / "benchmarks" / "results" / "against_pycolmap.md").write_text(text, encoding="utf-8")
    write_section(root / "docs" / "evaluation.md", "against pycolmap", f"{_table(rows, SHORT)}\n\n{ABOUT}\n{MORE}")


def _table(rows: Sequence[Row], columns: Sequence[str]) -> str:
    head = f"| set | method | {' | '.join(columns)} |"
    lines = [[row.name, row.method, *(_cell(row, COLUMNS[column]) for column in columns)] for row in rows]
    return "\n".join([head, "|---" * (len(columns) + 2) + "|", *(f"| {' | '.join(line)} |" for line in lines)])


def _examine(folders: Sequence[Path]) -> list[Row]:
    """Set by set: the network's cameras alone, those of the photos and the network, the classical pipeline's."""
    alone = _figures(folders, "--cameras-from", "network", "--surfaces-from", "network")
    ours = _figures(folders)
    rows = []
    for folder, name in zip(folders, ours, strict=True):
        rows += [Row(name, ALONE, alone[name][OWN]), Row(name, OWN, ours[name][OWN])]
        for method in OTHERS:
            runs = [
                Row(name, method, examine_pycolmap(folder, permissive=METHODS[method]).figures) for _ in range(RUNS)
            ]
            rows.append(_median(runs))
    return rows


def _figures(folders: Sequence[Path], *options: str) -> dict[str, Any]:
    """What `evaluate` writes of every set, by method."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "figures.json"
        arguments = ["evaluate", *map(str, folders), "--model", MODEL, *options, "--json", str(path)]
        if run_verb(arguments) != 0:
            raise SystemExit(1)
        return json.loads(path.read_text(encoding="utf-8"))["sets"]


def _median(runs: Sequence[Row]) -> Row:
    """Of every figure the median over the runs that have it."""
    keys = dict.fromkeys(key for row in runs for key in row.figures)
    figures = {key: float(np.median([row.figures[key] for row in runs if key in row.figures])) for key in keys}
    return Row(runs[0].name, runs[0].method, figures)


def _cell(row: Row, keys: str | tuple[str, ...]) -> str:
    if isinstance(keys, tuple):
        return " / ".join(f"{row.figures[key]:.0f}" for key in keys)
    if keys not in row.figures:
        return "–"
    number = f"{row.figures[keys]:.3g}" if row.figures[keys] < 100 else f"{row.figures[keys]:.0f}"
    return f"{number} of {row.figures['photos']:.3g}" if keys in {"registered", "placed"} else number
