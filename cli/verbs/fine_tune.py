"""`fine-tune`: a model further trained on rendered or real posed views."""

import argparse
from contextlib import nullcontext
from pathlib import Path

from ...core.checkpoints.catalogue import check_model_name
from ...core.checkpoints.local import default_model_folder
from ...core.io.atomic import temporary_folder
from ...core.progress import Timeline
from ...training.view_settings import FINE_TUNE_MINUTES
from ..output import Output
from ..shared_arguments import add_model, add_seed, chosen_model

HELP = "a model further trained on the views of render-views (docs/training.md)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("views", type=Path, metavar="FOLDER", help="images/, depth/, cameras.json, or a folder of such folders")
    add("--name", required=True, metavar="NAME", help="what the new model is called in the list of models")
    add("--minutes", type=float, default=FINE_TUNE_MINUTES, metavar="M", help="how long it learns")
    add("--run", type=Path, metavar="RUN", help="keep curves and saves here")
    add_model(parser)
    add_seed(add, 0)


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Train and put the result among the models."""
    from ...training.fine_tune import fine_tune
    from ...training.trainer import STAGE, Options

    folder = arguments.models_folder or default_model_folder()
    target = folder / check_model_name(arguments.name)
    model = chosen_model(arguments)
    options = Options(device=arguments.device, say=output.say, report=Timeline({STAGE: 1}, output.progress))
    with nullcontext(arguments.run) if arguments.run else temporary_folder() as place:
        made = fine_tune(arguments.views, model, target, place, arguments.minutes, arguments.seed, options)
    output.result(str(made), f"{model.name}, {arguments.minutes:g} minutes -> {made}")
