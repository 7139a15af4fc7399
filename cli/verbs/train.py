"""`train`: a config to a trained model."""

import argparse
from dataclasses import replace
from pathlib import Path

from ...core.errors import InputError
from ...core.progress import Timeline
from ..output import Output
from ..shared_arguments import add_device

HELP = "a network trained as a config.toml says (docs/training.md)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("config", type=Path, metavar="CONFIG.toml", help="the recipe: network, sources, stages")
    add("--output", type=Path, required=True, metavar="FOLDER", help="models, curves and saves; empty, or --resume")
    add("--resume", action="store_true", help="go on from the last save in FOLDER")
    add("--minutes", type=float, metavar="M", help="length of the whole run, instead of the config's")
    add("--stop-after", type=float, metavar="M", help="save and leave after M minutes; --resume goes on")
    add("--start", type=Path, metavar="MODEL", help="begin with this model's weights, as far as they fit")
    add("--part-size", type=float, metavar="MIB", help="most MiB of one file of saves and artifacts, not the config's")
    add(
        "--artifacts", type=Path, metavar="DIR", help="also keep the newest model and the logs here, in few small files"
    )
    add_device(add)


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Train into a folder; raises ReconstructionError before the work where that is possible."""
    from ...training.config_file import read_config
    from ...training.trainer import STAGE, Options, train

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
        artifacts=arguments.artifacts,
        say=output.say,
        report=Timeline({STAGE: 1}, output.progress),
    )
    trained = train(config, arguments.output, options)
    position = trained.position
    done = f"{position.updates} updates, {position.pairs} pairs, {position.total_minutes:.1f} minutes"
    if not trained.finished:
        output.result(str(arguments.output), f"{done}; stopped and saved: --resume goes on -> {arguments.output}")
        return
    output.result(str(trained.model), f"{done} -> {trained.model}")
