"""Arguments of the verb `evaluate`, and of `classical`, which it starts; defaults are core's."""

import argparse
from pathlib import Path

from ..evaluation.metrics.thresholds import RECALLS
from .parser import add_overwrite

EVALUATE = "a model's exam: photos with true cameras, held-out scenes, published protocols (docs/evaluation.md)"
CLASSICAL = "cameras of photos by the classical pipeline, to compare with (needs pycolmap)"


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("folders", type=Path, nargs="*", metavar="FOLDER", help="images/, cameras.json and, where known, depth/")
    add("--against", choices=("pycolmap",), help="run the classical pipeline on the same photos too")
    some = ",".join(f"{degrees:g}" for degrees in RECALLS)
    below = f"errors below which RRA and RTA count a pair (default: {some})"
    add("--degrees", type=_degrees, default=RECALLS, metavar=some, help=below)
    add("--protocol", metavar="NAME", help="instead of folders: a published protocol (docs/protocols.md)")
    add("--data", type=Path, metavar="ROOT", help="where the data set of --protocol lies")
    add("--limit", type=int, metavar="N", help="of --protocol's sequences, photos or scans, evenly chosen: for a try")
    add("--synthetic", type=int, metavar="SEED", help="instead of folders: scenes that no training ever sees")
    add("--pairs", type=int, default=64, metavar="N", help="how many scenes of --synthetic, a pair of views each")
    add("--difficulty", type=float, default=1.0, metavar="D", help="of --synthetic, from 0 to 1")
    add("--json", type=Path, metavar="OUT.json", help="write the figures")
    add_overwrite(add)


def add_classical(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photos", type=Path, nargs="+", metavar="PHOTOS", help="photo files, or folders of them")
    output = "where COLMAP's project goes: images/, database.db, sparse/"
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help=output)


def _degrees(text: str) -> tuple[float, ...]:
    try:
        degrees = tuple(float(part) for part in text.split(","))
    except ValueError:
        degrees = ()
    if not degrees or not all(0 < one <= 180 for one in degrees):
        raise argparse.ArgumentTypeError(f"{text!r} names no angles; write degrees from 0 to 180 as in 5,15,30")
    return degrees
