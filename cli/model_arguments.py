"""What can be written after `models` and `runtime`."""

import argparse
from pathlib import Path
from typing import get_args

from ..core.settings import Precision, ReconstructionSettings
from .parser import add_device, add_models_folder, add_overwrite

MODELS = "the known models; one of them downloaded, checked, added or removed (docs/models.md)"
RUNTIME = "the Python, torch and devices that do the work, with a self-test (docs/runtime.md)"


def add_models(parser: argparse.ArgumentParser) -> None:
    """One thing to do with one model, or none: the list."""
    action = parser.add_mutually_exclusive_group().add_argument
    action("--download", metavar="NAME", help="fetch a model; its licence is shown by the list")
    action("--by-hand", metavar="NAME", help="say what to copy where on a machine that is not online")
    action("--verify", metavar="NAME", help="compare the sha256 of a model's files with those they came with")
    action("--add", type=Path, metavar="FILE|FOLDER", help="check a checkpoint and put it among the models")
    action("--remove", metavar="NAME", help="delete a model from the models folder")
    add = parser.add_argument
    add("--name", default="", metavar="NAME", help="of the model that is added (default: as its file is called)")
    add("--licence", default="", metavar="TEXT", help="of the model that is added, where nothing else says")
    add("--offline", action="store_true", help="make no request")
    allowed = "list only models whose licence allows commercial use; with --add: this one's does"
    add("--commercial", action="store_true", help=allowed)
    add_models_folder(add)
    add("--json", action="store_true", help="print the list as JSON")


def add_runtime(parser: argparse.ArgumentParser) -> None:
    """Whether to test, and for whom the answer is."""
    add = parser.add_argument
    add("--self-test", action="store_true", help="run the bundled model on two small images and compare")
    add_device(add)
    half = "of the self-test's products"
    add("--precision", choices=get_args(Precision), default=ReconstructionSettings().precision, help=half)
    add("--json", action="store_true", help="print it as JSON")
    add("--output", type=Path, metavar="RUNTIME.json", help="write it as JSON")
    add_overwrite(add)
