"""`export`: a finished reconstruction as files of other programs."""

import argparse
from pathlib import Path

from ...core.export.selection import thinned
from ...core.export.settings import ALL_FORMATS, SCENE_FORMATS, TRAINING_POINTS, ExportSettings
from ...core.jobs.job import find_result
from ...core.reconstruction.result import Reconstruction
from ..blender_needed import require_bpy
from ..output import Output, photo_count
from ..shared_arguments import add_hide, add_result, confidence, number

HELP = "a finished reconstruction as files of other programs (docs/export.md)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add_result(parser)
    formats = "; ".join(f"{name}: {format_.note}" for name, format_ in ALL_FORMATS.items())
    needs = f"{' and '.join(SCENE_FORMATS)} need bpy"
    add("--format", choices=tuple(ALL_FORMATS), required=True, metavar="F", help=f"{formats} ({needs})")
    add("--output", type=Path, required=True, metavar="FOLDER", help="where to; nothing is overwritten")
    lowest = "leave points below out (default: those hidden in Blender)"
    add("--min-confidence", type=confidence, metavar="C", help=lowest)
    add_hide(parser, None, "those hidden in Blender")
    training = f"{TRAINING_POINTS} where a training begins with them, else all"
    count = number(int, lambda count: count >= 0, "number of points; give 0 or more")
    add("--max-points", type=count, metavar="N", help=f"an even choice of so many; 0: all (default: {training})")
    add("--normals", action="store_true", help="of each photo's surface, into PLY")
    add("--tracks", action="store_true", help="into COLMAP's formats: join the points that several photos show")
    add("--no-photos", action="store_true", help="do not copy the photos and their masks beside their cameras")


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Write a job's result, or a result's folder, in one format; raises InputError for what cannot be used."""
    from ...core.cleanup.find import hiding
    from ...core.export.formats import export_reconstruction

    if arguments.format in SCENE_FORMATS:
        require_bpy(f"--format {arguments.format} is written by Blender's exporter, which needs")
    reconstruction = find_result(arguments.folder)
    if arguments.hide is not None:
        reconstruction = hiding(reconstruction, arguments.hide)
    settings = ExportSettings(
        min_confidence=arguments.min_confidence,
        max_points=arguments.max_points,
        normals=arguments.normals,
        tracks=arguments.tracks,
        photos=not arguments.no_photos,
    )
    if arguments.format != "exr":  # which has depth of all pixels
        _with_confidence(reconstruction, settings).check_shown()
    if arguments.format in SCENE_FORMATS:
        _export_scene(reconstruction, arguments, settings)
    else:
        for warning in export_reconstruction(reconstruction, arguments.output, arguments.format, settings):
            output.warning(warning)
    output.result(str(arguments.output), f"{photo_count(len(reconstruction.views))} -> {arguments.output}")


def _export_scene(reconstruction: Reconstruction, arguments: argparse.Namespace, settings: ExportSettings) -> None:
    """The formats that Blender writes, with the points that the settings choose."""
    from ..blender import write_interchange

    chosen = _with_confidence(reconstruction, settings)
    shown = thinned(chosen.without_hidden(), chosen.min_confidence, settings.points_of(arguments.format))
    write_interchange(shown, arguments.output, arguments.format)


def _with_confidence(reconstruction: Reconstruction, settings: ExportSettings) -> Reconstruction:
    """The same with the minimum confidence of the export in place of its own."""
    lowest = reconstruction.min_confidence if settings.min_confidence is None else settings.min_confidence
    return reconstruction.with_settings(min_confidence=lowest)
