"""`classical`: photos through pycolmap's pipeline; `evaluate --against pycolmap` starts it as a process of its own."""

import argparse
from pathlib import Path

from ...core.images.reader import find_photos
from ...core.io.atomic import check_writable
from ...core.progress import Timeline
from ...core.runtime.memory import peak_memory
from ..output import Output

HELP = "cameras of photos by the classical pipeline, to compare with (needs pycolmap)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photos", type=Path, nargs="+", metavar="PHOTOS", help="photo files, or folders of them")
    output = "where COLMAP's project goes: images/, database.db, sparse/"
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help=output)
    permissive = "few matches and small angles are enough, and matches are guided"
    parser.add_argument("--permissive", action="store_true", help=permissive)


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Write the COLMAP project and the cameras found into the folder."""
    from ...evaluation.exam.classical import FOUND
    from ...evaluation.exam.found import save_found
    from ...evaluation.exam.pycolmap_pipeline import STAGES, run_pycolmap

    path = arguments.output / FOUND
    check_writable(path)
    photos = {str(photo): photo for photo in find_photos(arguments.photos)}
    found, took = run_pycolmap(photos, arguments.output, Timeline(STAGES, output.progress), arguments.permissive)
    peak = peak_memory()
    save_found(path, found, took | ({"memory": peak / 2**20} if peak is not None else {}))
    output.result(
        str(path), f"{len(found)} of {len(photos)} photos registered in {took['seconds']:.1f} s -> {arguments.output}"
    )
