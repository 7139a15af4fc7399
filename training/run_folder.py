"""The folder of a run: its recipe, its curves, its saves. Nothing in it is ever overwritten by another run."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.errors import InputError
from ..core.io.atomic import replacing
from ..core.version import VERSION
from .config import OPERATIONAL, TrainingConfig
from .plot import draw_curves

RECIPE, PLOT = "run.json", "curves.png"
LOSSES, HELD_OUT, SPEED = "losses.csv", "held_out.csv", "speed.csv"
COLUMNS = {
    LOSSES: ("update", "stage", "loss", "learning_rate", "gradient", "difficulty"),
    HELD_OUT: ("update", "stage", "held_out"),
    SPEED: ("update", "stage", "pairs_per_second", "waiting", "minutes"),
}


class RunFolder:
    """Opened for a new run or to go on with the one that lies there."""

    def __init__(self, path: Path, config: TrainingConfig, resume: bool, minutes: float | None = None) -> None:
        """minutes: what the whole run was limited to, to be remembered.

        Raises InputError where a run would be overwritten, is missing, or was made with another config.
        """
        self.path = path
        recipe = path / RECIPE
        if resume:
            _check_same(recipe, config)
            return
        if path.is_file() or (path.is_dir() and any(path.iterdir())):
            raise InputError(f"{path} is not empty; give --resume to go on with its run, or name another folder")
        self._write(RECIPE, json.dumps({"version": VERSION, "minutes": minutes, "config": config.as_dict()}, indent=1))
        for name, columns in COLUMNS.items():
            self._write(name, ",".join(columns) + "\n")

    def log(self, name: str, rows: Sequence[Sequence[object]]) -> None:
        """Append rows to a curve; raises InputError when the disk is full."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        path = self.path / name
        try:
            with path.open("a") as file:
                file.write(text.getvalue())
        except OSError as error:
            raise InputError(f"Cannot write {path}: {error.strerror or error}; free some space and --resume") from error

    def rows(self, name: str) -> list[dict[str, str]]:
        """The whole rows of a curve so far."""
        path = self.path / name
        if not path.is_file():
            return []
        with path.open(newline="") as file:
            return [row for row in csv.DictReader(file) if None not in row.values()]

    def forget_after(self, update: int) -> None:
        """Drop the rows that a killed run wrote after its last save: they will come again."""
        for name, columns in COLUMNS.items():
            kept = [row for row in self.rows(name) if int(row["update"]) <= update]
            lines = [",".join(columns), *(",".join(row[column] for column in columns) for row in kept)]
            self._write(name, "\n".join(lines) + "\n")

    def draw(self) -> None:
        """Write the picture of the curves."""
        losses, held_out = self.rows(LOSSES), self.rows(HELD_OUT)
        if losses:
            draw_curves(self.path / PLOT, losses, held_out)

    def _write(self, name: str, text: str) -> None:
        with replacing(self.path / name) as file:
            file.write(text.encode())


def recorded_minutes(path: Path) -> float | None:
    """What the run in this folder was limited to by --minutes."""
    return _recipe(path / RECIPE)["minutes"]


def _recipe(recipe: Path) -> dict[str, Any]:
    try:
        content = json.loads(recipe.read_text())
        return {"minutes": content["minutes"], "config": dict(content["config"])}
    except OSError as error:
        raise InputError(f"There is no run to resume in {recipe.parent}; leave --resume out to begin one") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{recipe} is damaged, so its run cannot be resumed; begin another") from error


def _check_same(recipe: Path, config: TrainingConfig) -> None:
    before = _recipe(recipe)["config"]
    now: dict[str, Any] = json.loads(json.dumps(config.as_dict()))
    for key in now:
        if key not in OPERATIONAL and before.get(key) != now[key]:
            raise InputError(
                f"The run in {recipe.parent} was begun with another config: {key} differs; resume it with its own "
                "config and --minutes, or begin another run in another folder"
            )
