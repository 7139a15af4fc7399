"""The verb `fine-tune`: a model further trained on rendered or real posed views."""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.checkpoints.catalogue import check_model_name
from ..core.checkpoints.local import default_model_folder, find_model
from ..core.progress import Timeline
from ..training.fine_tune import fine_tune as run
from ..training.trainer import STAGE, Options
from .output import Output


def fine_tune(arguments: argparse.Namespace, output: Output) -> None:
    """Train and put the result among the models."""
    folder = arguments.models_folder or default_model_folder()
    target = folder / check_model_name(arguments.name)
    model = find_model(arguments.model, folder)
    options = Options(device=arguments.device, say=output.say, report=Timeline({STAGE: 1}, output.progress))
    with _run_folder(arguments.run) as place:
        made = run(arguments.views, model, target, place, arguments.minutes, arguments.seed, options)
    output.result(str(made), f"{model.name}, {arguments.minutes:g} minutes -> {made}")


@contextmanager
def _run_folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        yield wanted
        return
    with tempfile.TemporaryDirectory(prefix="dust3r-") as folder:
        yield Path(folder)
