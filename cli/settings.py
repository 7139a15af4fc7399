"""Arguments to core's settings."""

import argparse

from ..core.settings import AlignmentSettings, ReconstructionSettings

DEFAULTS = ReconstructionSettings()


def read_settings(arguments: argparse.Namespace) -> ReconstructionSettings:
    """The settings that the arguments spell; raises InputError for values out of range."""
    return ReconstructionSettings(
        scene_graph=arguments.scene_graph,
        device=arguments.device,
        precision=arguments.precision,
        min_confidence=arguments.min_confidence,
        hide=arguments.hide if "hide" in arguments else DEFAULTS.hide,
        alignment=read_alignment(arguments),
    )


def read_alignment(arguments: argparse.Namespace) -> AlignmentSettings:
    """The alignment's part of the settings."""
    return AlignmentSettings(
        iterations=arguments.iterations,
        schedule=arguments.schedule,
        shared_focal=arguments.shared_focal,
        exif_focal=arguments.exif_focal,
        optimize_principal_point=arguments.optimize_principal_point,
        seed=arguments.seed,
    )
