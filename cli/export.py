"""The verb `export`: a finished reconstruction as files of other programs."""

import argparse

from ..core.cleanup.find import hiding
from ..core.export.formats import export_reconstruction
from ..core.export.settings import ExportSettings
from ..core.job import find_result
from .output import Output


def export(arguments: argparse.Namespace, output: Output) -> None:
    """Write a job's result, or a result's folder, in one format; raises InputError for what cannot be used."""
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
    for warning in export_reconstruction(reconstruction, arguments.output, arguments.format, settings):
        output.warning(warning)
    output.result(str(arguments.output), f"{len(reconstruction.views)} photos -> {arguments.output}")
