"""Arguments of the verb `evaluate`; defaults are core's."""

import argparse
from pathlib import Path


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("folders", type=Path, nargs="*", metavar="FOLDER", help="images/, cameras.json and, where known, depth/")
    add("--protocol", metavar="NAME", help="instead of folders: a published protocol (docs/protocols.md)")
    add("--data", type=Path, metavar="ROOT", help="where the data set of --protocol lies")
    add("--synthetic", type=int, metavar="SEED", help="instead of folders: scenes that no training ever sees")
    add("--pairs", type=int, default=64, metavar="N", help="scenes of --synthetic, a pair of views each")
    add("--difficulty", type=float, default=1.0, metavar="D", help="of --synthetic, from 0 to 1")
    add("--json", type=Path, metavar="OUT.json", help="write the figures")
