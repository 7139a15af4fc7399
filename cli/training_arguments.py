"""Arguments of the verbs that make training data and train; defaults are core's."""

import argparse
import re
from pathlib import Path

from ..training.view_settings import FINE_TUNE_MINUTES, ViewSettings
from .parser import DRAWN, add_device, add_model, add_overwrite


def add_render_views(parser: argparse.ArgumentParser) -> None:
    add, views = parser.add_argument, ViewSettings()
    width, height = views.size
    add("scene", type=Path, metavar="SCENE.blend", help="the scene to be rendered")
    add("--output", type=Path, required=True, metavar="FOLDER", help="images/, depth/, cameras.json; new or empty")
    add("--views", type=int, default=views.views, metavar="N", help="how many")
    add(
        "--size",
        type=_size,
        default=views.size,
        metavar="WxH",
        help=f"pixels of a view (default: {width}x{height})",
    )
    add("--samples", type=int, default=views.samples, metavar="N", help="of Cycles per pixel, denoised afterwards")
    add("--seed", type=int, default=views.seed, metavar="N", help="of the cameras")


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)[xX](\d+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write width x height as in 320x240")
    return int(match[1]), int(match[2])


def add_fine_tune(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("views", type=Path, metavar="FOLDER", help="images/, depth/, cameras.json, or a folder of such folders")
    add("--name", required=True, metavar="NAME", help="what the new model is called in the list of models")
    add("--minutes", type=float, default=FINE_TUNE_MINUTES, metavar="M", help="how long it learns")
    add("--run", type=Path, metavar="RUN", help="keep curves and saves here")
    add_model(parser)
    add("--seed", type=int, default=0, metavar="N", help=DRAWN)


def add_train(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("config", type=Path, metavar="CONFIG.toml", help="the recipe: network, sources, stages")
    add("--output", type=Path, required=True, metavar="FOLDER", help="models, curves and saves; empty, or --resume")
    add("--resume", action="store_true", help="go on from the last save in FOLDER")
    add("--minutes", type=float, metavar="M", help="length of the whole run, instead of the config's")
    add("--stop-after", type=float, metavar="M", help="save and leave after M minutes; --resume goes on")
    add("--start", type=Path, metavar="MODEL", help="begin with this model's weights, as far as they fit")
    add("--part-size", type=float, metavar="MIB", help="most MiB of one file of a save, instead of the config's")
    add_device(add)


def add_samples(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--output", type=Path, required=True, metavar="SHEET.png", help="the sheet")
    add_overwrite(add)
    add("--seed", type=int, default=0, metavar="N", help="from 1000000 on: scenes that no training sees")
    add("--difficulty", type=float, default=0.5, metavar="D", help="0 to 1")
    add("--size", default="224x160", metavar="WxH", help="pixels of a view")
    add("--scenes", type=int, default=6, metavar="N", help="rows of the sheet")
    add("--views", type=int, default=6, metavar="N", help="views of each scene")
    add("--textures", type=Path, metavar="FOLDER", help="photos to use as patterns beside the drawn ones")
    add("--data", type=Path, metavar="FOLDER", help="show posed RGB-D photos instead of generated scenes")
