"""Arguments that several verbs take, and the settings that they stand for; defaults are core's. Imports no torch."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_args

from ..core.cameras.priors import Part, Priors, read_known
from ..core.checkpoints.local import default_model_folder, find_model
from ..core.errors import InputError
from ..core.flaws import FLAWS, NO_FLAW, parse_flaws
from ..core.images.keyframes import FrameChoice
from ..core.images.masks import find_masks
from ..core.localization.reference_settings import Engine, MapSettings
from ..core.scene_graph.edges import FORMS
from ..core.settings import (
    AUTO_SURFACE,
    LARGEST_SURFACE,
    AlignmentSettings,
    Cameras,
    Device,
    Precision,
    ReconstructionSettings,
    Schedule,
    SharedFocal,
    Surfaces,
)

if TYPE_CHECKING:
    from ..core.checkpoints.loading import LoadedModel

DEFAULTS = ReconstructionSettings()
SEED_HELP = "begins whatever is drawn at random"
T = TypeVar("T")
N = TypeVar("N", int, float)


def add_messages(parser: argparse.ArgumentParser) -> None:
    """--quiet, --json-progress and --supervised, of every verb."""
    group = parser.add_argument_group("messages")
    messages = group.add_mutually_exclusive_group()
    messages.add_argument("--quiet", action="store_true", help="say nothing but errors")
    json = "one JSON message a line (core/jobs/messages.py)"
    messages.add_argument("--json-progress", action="store_true", help=json)
    group.add_argument("--supervised", action="store_true", help=argparse.SUPPRESS)  # end with standard input


def add_result(parser: argparse.ArgumentParser, metavar: str = "FOLDER") -> None:
    parser.add_argument("folder", type=Path, metavar=metavar, help="a finished job, or its result")


def add_job(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="JOB", help="a folder with a job.json")


def add_model(parser: argparse.ArgumentParser) -> None:
    """Which network, and the device it runs on; `load_chosen_model` reads them."""
    group = parser.add_argument_group("model")
    group.add_argument("--model", metavar="NAME|FOLDER|FILE", help="the network (default: the best that is present)")
    add_models_folder(group.add_argument)
    add_device(group.add_argument)


def add_models_folder(add: Callable[..., object]) -> None:
    add("--models-folder", type=Path, metavar="FOLDER", help="where models are kept (default: this user's)")


def add_device(add: Callable[..., object]) -> None:
    add("--device", choices=get_args(Device), default=DEFAULTS.device, help="what computes")


def add_precision(add: Callable[..., object], text: str) -> None:
    add("--precision", choices=get_args(Precision), default=DEFAULTS.precision, help=text)


def add_seed(add: Callable[..., object], default: int) -> None:
    add("--seed", type=int, default=default, metavar="N", help=SEED_HELP)


def add_scene_graph(parser: argparse.ArgumentParser) -> None:
    graph = f"which photos meet: {FORMS}"
    parser.add_argument("--scene-graph", default=DEFAULTS.scene_graph, metavar="GRAPH", help=graph)


def add_overwrite(add: Callable[..., object]) -> None:
    """What `outputs.check_written` reads."""
    text = "replace a Blender scene that is there, or a file of another kind (default: refuse)"
    add("--overwrite", action="store_true", help=text)


def add_cache(parser: argparse.ArgumentParser) -> None:
    text = "the cache to use where job.json names one outside of the job folder (docs/command_line.md)"
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help=text)


def add_hide(parser: argparse.ArgumentParser, default: tuple[str, ...] | None, default_text: str) -> None:
    """--hide; default: the flaws hidden without it, None to leave them as they are; default_text: the same in words."""
    names = "; ".join(f"{name}: {flaw.note.lower()}" for name, flaw in FLAWS.items())
    text = f"hide the points with these flaws ({names}), or {NO_FLAW} (default: {default_text})"
    parser.add_argument("--hide", type=parsed(parse_flaws), default=default, metavar="FLAW,...", help=text)


def add_known(parser: argparse.ArgumentParser) -> None:
    known = "poses, focals and principal points of some photos, kept as they are (docs/photos.md)"
    parser.add_argument("--known", type=Path, metavar="CAMERAS.json", help=known)
    parser.add_argument("--pin", choices=get_args(Part), help="what is taken from --known (default: both)")


def add_frame_choice(add: Callable[..., object], text: str, default: FrameChoice | None) -> None:
    add("--frames", type=parsed(FrameChoice.parse), default=default, metavar="CHOICE", help=text)


def add_map(parser: argparse.ArgumentParser) -> None:
    """Which views are rendered of a .blend; `read_map_settings` reads them."""
    defaults = MapSettings()
    add = parser.add_argument_group("where WORLD is a .blend").add_argument
    add("--map-camera", action="append", metavar="NAME", help="a camera to see it from; may be repeated (default: all)")
    add("--around", action="append", metavar="NAME", help="instead: an object to see from all around; may be repeated")
    add("--views", type=int, default=defaults.views, metavar="N", help="how many around it")
    add("--map-size", type=int, default=defaults.size, metavar="N", help="pixels of a view's longer side")
    add("--engine", choices=get_args(Engine), default=defaults.engine, help="of the colours; depth is exact with all")
    add("--samples", type=int, default=defaults.samples, metavar="N", help="of the engine per pixel")
    add("--no-photos", action="store_true", help="render even where a camera has its own photo behind it")


def add_cameras_from(parser: argparse.ArgumentParser) -> None:
    """Of what reconstructs."""
    text = "auto: cameras that matches between the photos support, else the network's; network: the network's alone"
    parser.add_argument("--cameras-from", choices=get_args(Cameras), default=DEFAULTS.cameras, help=text)
    text = "take every lens for straight: do not look for one that bends lines"
    parser.add_argument("--no-lens-distortion", action="store_true", help=text)


def add_surfaces_from(parser: argparse.ArgumentParser) -> None:
    """Of what reconstructs."""
    add = parser.add_argument
    text = "auto: depth that the photos themselves confirm, the network's elsewhere; network: the network's alone"
    add("--surfaces-from", choices=get_args(Surfaces), default=DEFAULTS.surfaces, help=text)
    side = (
        f"long side of depth maps from the photos, {AUTO_SURFACE} to {LARGEST_SURFACE} pixels (default: {AUTO_SURFACE})"
    )
    add("--surface-resolution", type=_surface_resolution, default=None, metavar="PIXELS", help=side)


def add_alignment(parser: argparse.ArgumentParser) -> None:
    """What `read_alignment` reads."""
    defaults = DEFAULTS.alignment
    add = parser.add_argument_group("alignment").add_argument
    add("--iterations", type=int, default=defaults.iterations, metavar="N", help="most refinement steps")
    add("--schedule", choices=get_args(Schedule), default=defaults.schedule, help="how the step length falls")
    shared = "one focal for photos of one size (also without a word), or of one camera, lens, zoom and size"
    share = get_args(SharedFocal)
    add("--shared-focal", nargs="?", choices=share, default=defaults.shared_focal, const="size", help=shared)
    exif = "use the focal that EXIF states, where it is plausible (docs/photos.md); default: yes"
    add("--exif-focal", action=argparse.BooleanOptionalAction, default=defaults.exif_focal, help=exif)
    add("--optimize-principal-point", action="store_true", help="free it (default: the photo's centre)")
    add_seed(add, defaults.seed)


def parsed(read: Callable[[str], T]) -> Callable[[str], T]:
    """A type of an argument: `read`, whose InputError becomes the parser's error."""

    def convert(text: str) -> T:
        try:
            return read(text)
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return convert


def number(kind: Callable[[str], N], is_valid: Callable[[N], bool], title: str) -> Callable[[str], N]:
    """A type of an argument: int or float within bounds; title: what the error says that the text is not."""

    def convert(text: str) -> N:
        with suppress(ValueError):
            if is_valid(value := kind(text)):
                return value
        raise argparse.ArgumentTypeError(f"{text!r} is no {title}")

    return convert


confidence = number(
    float, lambda value: 1 <= value < math.inf, "confidence; give 1 or more, of which 1 keeps every point"
)
_surface_resolution = number(
    int,
    lambda side: AUTO_SURFACE <= side <= LARGEST_SURFACE,
    f"long side from {AUTO_SURFACE} to {LARGEST_SURFACE} pixels",
)
focal = number(float, lambda value: 0 < value < math.inf, "focal length; give pixels, above 0")


def chosen_model(arguments: argparse.Namespace) -> Path:
    """The checkpoint that --model names, or the best present; raises ModelUnavailable."""
    return find_model(arguments.model, arguments.models_folder or default_model_folder())


def load_chosen_model(arguments: argparse.Namespace) -> LoadedModel:
    """The network that the arguments name, on their device; raises ModelUnavailable, InputError."""
    from ..core.checkpoints import loading
    from ..core.runtime.device import pick_device

    return loading.load_model(chosen_model(arguments), pick_device(arguments.device))


def read_settings(arguments: argparse.Namespace) -> ReconstructionSettings:
    """The settings that the arguments stand for; raises InputError for values out of range."""
    return ReconstructionSettings(
        scene_graph=arguments.scene_graph,
        device=arguments.device,
        precision=arguments.precision,
        min_confidence=arguments.min_confidence,
        hide=arguments.hide if "hide" in arguments else DEFAULTS.hide,
        cameras=arguments.cameras_from if "cameras_from" in arguments else DEFAULTS.cameras,
        lens_distortion=DEFAULTS.lens_distortion and not getattr(arguments, "no_lens_distortion", False),
        surfaces=arguments.surfaces_from if "surfaces_from" in arguments else DEFAULTS.surfaces,
        surface_resolution=arguments.surface_resolution if "surface_resolution" in arguments else None,
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


def read_map_settings(arguments: argparse.Namespace) -> MapSettings:
    """The settings that the arguments of `add_map` stand for; raises InputError for values out of range."""
    return MapSettings(
        cameras=tuple(arguments.map_camera or ()),
        around=tuple(arguments.around or ()),
        views=arguments.views,
        size=arguments.map_size,
        engine=arguments.engine,
        samples=arguments.samples,
        photos=not arguments.no_photos,
    )


def read_pin(arguments: argparse.Namespace) -> Part:
    """What is taken from --known; raises InputError for --pin without --known."""
    if arguments.pin and not arguments.known:
        raise InputError(f"--pin {arguments.pin} says what is taken from --known; give --known CAMERAS.json too")
    return arguments.pin or "both"


def read_priors(arguments: argparse.Namespace, photos: Sequence[Path]) -> Priors:
    """The known cameras and masks that the arguments name; raises InputError for what does not fit the photos."""
    pin = read_pin(arguments)
    return Priors(
        read_known(arguments.known, photos, pin) if arguments.known else {},
        find_masks(arguments.masks, photos) if arguments.masks else {},
    )
