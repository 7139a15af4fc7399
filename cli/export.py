"""The verb `export`: a finished reconstruction as files of other programs."""

import argparse
from dataclasses import replace

from ..core.cleanup.find import hiding
from ..core.export.formats import export_reconstruction
from ..core.export.selection import thinned
from ..core.export.settings import SCENE_FORMATS, ExportSettings
from ..core.jobs.job import find_result
from ..core.reconstruction.result import Reconstruction
from .blender_needed import require_bpy
from .output import Output, photo_count


def export(arguments: argparse.Namespace, output: Output) -> None:
    """Write a job's result, or a result's folder, in one format; raises InputError for what cannot be used."""
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
    from .blender import write_interchange

    told = _with_confidence(reconstruction, settings)
    shown = thinned(told.without_flaws(), told.min_confidence, settings.points_of(arguments.format))
    write_interchange(shown, arguments.output, arguments.format)


def _with_confidence(reconstruction: Reconstruction, settings: ExportSettings) -> Reconstruction:
    """The same with the confidence that is exported in place of its own."""
    sure = reconstruction.min_confidence if settings.min_confidence is None else settings.min_confidence
    return replace(reconstruction, settings=reconstruction.settings | {"min_confidence": sure})
