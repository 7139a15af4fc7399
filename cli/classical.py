"""The verb `classical`: photos through pycolmap's pipeline; what the exam compares with, in a process of its own."""

import argparse

from ..core.images.reader import find_photos
from ..core.io.atomic import check_writable
from ..core.progress import Timeline
from ..core.runtime.memory import peak_memory
from ..evaluation.exam.classical import FOUND
from ..evaluation.exam.found import save_found
from ..evaluation.exam.pycolmap_pipeline import STAGES, run_pycolmap
from .output import Output


def classical(arguments: argparse.Namespace, output: Output) -> None:
    """Leave the COLMAP project and what was found in the folder."""
    path = arguments.output / FOUND
    check_writable(path)
    photos = {str(photo): photo for photo in find_photos(arguments.photos)}
    found, took = run_pycolmap(photos, arguments.output, Timeline(STAGES, output.progress))
    peak = peak_memory()
    save_found(path, found, took | ({"memory": peak / 2**20} if peak is not None else {}))
    output.result(
        str(path), f"{len(found)} of {len(photos)} photos registered in {took['seconds']:.1f} s -> {arguments.output}"
    )
