"""The verb `evaluate`: a model's exam, on photos with known cameras or on scenes made for it."""

import argparse
import json
from pathlib import Path
from typing import Any

from ..core.checkpoints import default_model_folder, find_model
from ..core.device import pick_device
from ..core.errors import InputError
from ..core.evaluation import STAGE, Exam, examine_photos, examine_scenes
from ..core.files import check_writable, replacing
from ..core.model.weights import LoadedModel, load_model
from ..core.pipeline import STAGES
from ..core.posed_photos import read_posed_photos
from ..core.progress import Timeline
from .output import Output
from .settings import read_alignment, read_settings


def evaluate(arguments: argparse.Namespace, output: Output) -> None:
    """The exam that the arguments name: a table of figures, and the same as JSON."""
    if bool(arguments.folders) + (arguments.synthetic is not None) + (arguments.protocol is not None) != 1:
        raise InputError("Give folders with images/ and cameras.json, --protocol or --synthetic; one of the three")
    if arguments.json:
        check_writable(arguments.json)
    if arguments.protocol is not None:
        from .protocols import evaluate_protocol

        evaluate_protocol(arguments, output)
    else:
        _examine(arguments, output)


def _examine(arguments: argparse.Namespace, output: Output) -> None:
    if arguments.pairs < 1:
        raise InputError(f"--pairs must be at least 1, got {arguments.pairs}")
    exam_of = _photos if arguments.folders else _synthetic
    exam, model, content = exam_of(arguments, output)
    for warning in exam.warnings:
        output.warning(warning)
    output.say(_table(exam.figures))
    if arguments.json:
        content |= {"model": f"{model.name}@{model.sha256[:16]}"}
        with replacing(arguments.json) as file:
            file.write(json.dumps(exam.figures | content, indent=1).encode())
    written = f" -> {arguments.json}" if arguments.json else ""
    output.result(str(arguments.json or ""), f"{model.name} examined{written}")


def _photos(arguments: argparse.Namespace, output: Output) -> tuple[Exam, LoadedModel, dict[str, Any]]:
    settings, folder = read_settings(arguments), arguments.folders[0]
    read_posed_photos(folder)  # what is wrong with the folder is worth knowing before the model is loaded
    model = _model(arguments)
    exam = examine_photos(folder, model, settings, Timeline(STAGES, output.progress))
    return exam, model, {"folder": str(folder), "settings": settings.as_dict()}


def _synthetic(arguments: argparse.Namespace, output: Output) -> tuple[Exam, LoadedModel, dict[str, Any]]:
    if arguments.synthetic < 0:
        raise InputError(f"--synthetic must be 0 or more, got {arguments.synthetic}")
    from ..core.training.scenes.source import HELD_OUT_SEEDS, ProceduralSource  # it brings Numba

    seed = arguments.synthetic + (HELD_OUT_SEEDS if arguments.synthetic < HELD_OUT_SEEDS else 0)
    source = ProceduralSource(seed, arguments.difficulty)
    model = _model(arguments)
    exam = examine_scenes(
        source, model, arguments.pairs, read_alignment(arguments), Timeline({STAGE: 1}, output.progress)
    )
    return exam, model, {"scenes_seed": seed, "difficulty": arguments.difficulty}


def _model(arguments: argparse.Namespace) -> LoadedModel:
    path: Path = find_model(arguments.model, arguments.models_folder or default_model_folder())
    return load_model(path, pick_device(arguments.device))


def _table(figures: dict[str, float]) -> str:
    return "\n".join(f"{name:10} {value:9.4g}" for name, value in figures.items())
