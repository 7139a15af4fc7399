"""Core's settings as arguments, and back."""

import argparse
from typing import get_args

from ..core.settings import AlignmentSettings, ReconstructionSettings, Schedule, SharedFocal
from .parser import DRAWN

DEFAULTS = ReconstructionSettings()


def add_alignment(parser: argparse.ArgumentParser, defaults: AlignmentSettings) -> None:
    """What `read_alignment` reads."""
    add = parser.add_argument_group("alignment").add_argument
    add("--iterations", type=int, default=defaults.iterations, metavar="N", help="most refinement steps")
    add("--schedule", choices=get_args(Schedule), default=defaults.schedule, help="how the step length falls")
    shared = "one focal for photos of one size (also without a word), or of one camera, lens, zoom and size"
    share = get_args(SharedFocal)
    add("--shared-focal", nargs="?", choices=share, default=defaults.shared_focal, const="size", help=shared)
    exif = "use the focal that EXIF states, where it is plausible (docs/known.md); default: yes"
    add("--exif-focal", action=argparse.BooleanOptionalAction, default=defaults.exif_focal, help=exif)
    add("--optimize-principal-point", action="store_true", help="free it (default: the photo's centre)")
    add("--seed", type=int, default=defaults.seed, metavar="N", help=DRAWN)


def read_settings(arguments: argparse.Namespace) -> ReconstructionSettings:
    """The settings that the arguments spell; raises InputError for values out of range."""
    return ReconstructionSettings(
        scene_graph=arguments.scene_graph,
        device=arguments.device,
        precision=arguments.precision,
        min_confidence=arguments.min_confidence,
        hide=arguments.hide if "hide" in arguments else DEFAULTS.hide,
        ground=arguments.ground if "ground" in arguments else DEFAULTS.ground,
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
