"""The verb `train`: a config to a trained model."""

import argparse
from dataclasses import replace

from ..core.errors import InputError
from ..core.progress import Timeline
from ..training.config_file import read_config
from ..training.trainer import STAGE, Options
from ..training.trainer import train as run
from .output import Output


def train(arguments: argparse.Namespace, output: Output) -> None:
    """Train into a folder; raises ReconstructionError before the work where that is possible."""
    config = read_config(arguments.config)
    if arguments.part_size is not None:
        config = replace(config, part_size=arguments.part_size)
    if arguments.start is not None and arguments.resume:
        raise InputError("--start begins a run and --resume goes on with one; give one of them")
    options = Options(
        resume=arguments.resume,
        device=arguments.device,
        minutes=arguments.minutes,
        stop_after=arguments.stop_after,
        start=arguments.start,
        say=output.say,
        report=Timeline({STAGE: 1}, output.progress),
    )
    trained = run(config, arguments.output, options)
    position = trained.position
    done = f"{position.updates} updates, {position.pairs} pairs, {position.total_minutes:.1f} minutes"
    if not trained.finished:
        output.result(str(arguments.output), f"{done}; stopped and saved: --resume goes on -> {arguments.output}")
        return
    output.result(str(trained.model), f"{done} -> {trained.model}")
