"""The verb `evaluate`: an exam on photos with known cameras, on scenes made for it, or by a published protocol."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.checkpoints.loading import LoadedModel, load_model
from ..core.checkpoints.local import default_model_folder, find_model
from ..core.errors import InputError
from ..core.io.atomic import replacing
from ..core.pipeline.reconstruct import STAGES
from ..core.progress import Report, Timeline
from ..core.runtime.device import pick_device
from ..evaluation.exam.classical import check_pycolmap, examine_pycolmap
from ..evaluation.exam.photos import examine_photos
from ..evaluation.exam.pycolmap_pipeline import STAGES as CLASSICAL
from ..evaluation.exam.scenes import STAGE, examine_scenes
from ..evaluation.exam.scoring import Exam, read_truth
from .exam_table import OWN, Row, means, table
from .output import Output
from .outputs import FIGURES
from .settings import read_alignment, read_settings
from .writing import check_written


def evaluate(arguments: argparse.Namespace, output: Output) -> None:
    """The exam that the arguments name: a table of figures, and the same as JSON."""
    if bool(arguments.folders) + (arguments.synthetic is not None) + (arguments.protocol is not None) != 1:
        raise InputError("Give folders with images/ and cameras.json, --protocol or --synthetic; one of the three")
    check_written(arguments, {"json": FIGURES})
    if arguments.protocol is not None:
        from .protocols import evaluate_protocol

        evaluate_protocol(arguments, output)
    elif arguments.folders:
        _photos(arguments, output)
    else:
        _synthetic(arguments, output)


def load_examined(arguments: argparse.Namespace) -> LoadedModel:
    """The model that the arguments name, on their device."""
    path: Path = find_model(arguments.model, arguments.models_folder or default_model_folder())
    return load_model(path, pick_device(arguments.device))


def finish(arguments: argparse.Namespace, output: Output, model: LoadedModel, content: Mapping[str, Any]) -> None:
    """Write the JSON that was asked for, with the model's name, and say that all is done."""
    if arguments.json:
        with replacing(arguments.json) as file:
            file.write(json.dumps({**content, "model": f"{model.name}@{model.sha256[:16]}"}, indent=1).encode())
    written = f" -> {arguments.json}" if arguments.json else ""
    output.result(str(arguments.json or ""), f"{model.name} examined{written}")


def _photos(arguments: argparse.Namespace, output: Output) -> None:
    settings, sets = read_settings(arguments), _named(arguments.folders)
    for folder in sets.values():
        read_truth(folder)  # what is wrong with a folder is worth knowing before the model is loaded
    if arguments.against:
        check_pycolmap()
    model, report = load_examined(arguments), _report(sets, arguments.against, output)
    rows: list[Row] = []
    for name, folder in sets.items():
        part = _within(report, name)
        exam = examine_photos(folder, model, settings, part, arguments.degrees)
        rows.append(_row(name, OWN, exam, output))
        if arguments.against:
            exam = examine_pycolmap(folder, part, arguments.degrees)
            rows.append(_row(name, arguments.against, exam, output))
    output.say(table(rows))
    finish(arguments, output, model, _content(sets, rows) | {"settings": settings.as_dict()})


def _named(folders: list[Path]) -> dict[str, Path]:
    """A name for each: the folder's own, or its path where two would be called the same."""
    names = [folder.resolve().name for folder in folders]
    named = {
        name if names.count(name) == 1 else str(folder): folder for name, folder in zip(names, folders, strict=True)
    }
    if len(named) < len(folders):
        raise InputError("A folder was named twice; name every set of photos once")
    return named


def _report(sets: Mapping[str, Path], against: str | None, output: Output) -> Report:
    """Progress over all sets; their stages carry their names."""
    stages = STAGES | (CLASSICAL if against else {})
    return Timeline({f"{name}: {stage}": weight for name in sets for stage, weight in stages.items()}, output.progress)


def _within(report: Report, name: str) -> Report:
    def part(stage: str, done: int, total: int) -> None:
        report(f"{name}: {stage}", done, total)

    return part


def _row(name: str, method: str, exam: Exam, output: Output) -> Row:
    for warning in exam.warnings:
        output.warning(f"{name}: {warning}")
    return Row(name, method, exam.figures)


def _content(sets: Mapping[str, Path], rows: list[Row]) -> dict[str, Any]:
    content: dict[str, Any] = {name: {"folder": str(folder)} for name, folder in sets.items()}
    for row in rows:
        content[row.name][row.method] = row.figures
    return {"sets": content, "mean": {row.method: row.figures for row in means(rows)}}


def _synthetic(arguments: argparse.Namespace, output: Output) -> None:
    if arguments.synthetic < 0:
        raise InputError(f"--synthetic must be 0 or more, got {arguments.synthetic}")
    if arguments.pairs < 1:
        raise InputError(f"--pairs must be at least 1, got {arguments.pairs}")
    from ..training.scenes.source import HELD_OUT_SEEDS, ProceduralSource  # it brings Numba

    seed = arguments.synthetic + (HELD_OUT_SEEDS if arguments.synthetic < HELD_OUT_SEEDS else 0)
    source, model = ProceduralSource(seed, arguments.difficulty), load_examined(arguments)
    report = Timeline({STAGE: 1}, output.progress)
    exam = examine_scenes(source, model, arguments.pairs, read_alignment(arguments), report)
    output.say(table([_row("scenes", OWN, exam, output)]))
    finish(arguments, output, model, {**exam.figures, "scenes_seed": seed, "difficulty": arguments.difficulty})
