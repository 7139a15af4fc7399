"""What can be written after `headless.py`; defaults are core's."""

import argparse
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import get_args

from ..core.errors import InputError
from ..core.export.settings import ALL_FORMATS, SCENE_FORMATS, TRAINING_POINTS
from ..core.scene_graph.edges import FORMS
from ..core.scene_graph.shard import WHOLE, Shard
from ..core.settings import Precision, ReconstructionSettings
from ..core.version import VERSION
from .camera_path_arguments import CAMERA_PATH, add_camera_path
from .cleanup_arguments import CLEAN, USUALLY, add_clean, add_hide
from .evaluate_arguments import CLASSICAL, EVALUATE, add_classical, add_evaluate
from .frame_arguments import FRAMES, KEYFRAMES, add_frame_choice, add_frames, add_keyframes
from .known_arguments import add_known, add_masks
from .mesh_arguments import MESH, add_mesh
from .model_arguments import MODELS, RUNTIME, add_models, add_runtime
from .pair_arguments import PAIR_VERBS, add_map
from .parser import Help, Parser, add_cache, add_model, add_overwrite, add_talk, confidence
from .settings import add_alignment
from .training_arguments import add_fine_tune, add_render_views, add_samples, add_train
from .world_arguments import WORLD, add_ground, add_world

DEFAULTS = ReconstructionSettings()


EPILOG = (
    "Every verb has its own --help; docs/README.md lists all pages. Exit codes: 0 done; 2 wrong arguments or input; "
    "3 model not available; 4 cancelled; 1 anything else, with a log."
)
REPORT = "how a finished reconstruction turned out, its weakest photos named (docs/result.md)"
RENDER_MAP = "a .blend to views with exact depth, for localize to place photos in (needs bpy)"


def read_arguments(prog: str, argv: Sequence[str]) -> argparse.Namespace:
    """The verb and what it was given; raises InputError for what it does not know, naming the verb's own help."""
    _check_none_is_empty(argv)
    arguments, unknown = make_parser(prog).parse_known_args(list(argv))
    if unknown:
        raise InputError(f"Unrecognized arguments: {' '.join(unknown)}; see {prog} {arguments.verb} --help")
    return arguments


def _check_none_is_empty(argv: Sequence[str]) -> None:
    """An empty path would mean the current folder: what a script's variable without a value leads to."""
    for before, argument in zip(("", *argv), argv, strict=False):
        option = before if argument == "" else argument.removesuffix("=")
        if argument == "" or (argument.startswith("--") and option != argument):
            raise InputError(f"An argument is empty, {f'that of {option}' if option else 'the first'}; write its value")


def make_parser(prog: str) -> argparse.ArgumentParser:
    """All verbs with their arguments, from general to specific."""
    about = "DUSt3R: photos to a point cloud and matching cameras."
    parser = Parser(prog=prog, description=about, epilog=EPILOG)
    parser.add_argument("--version", action="version", version=VERSION)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=Parser)
    for verb, (text, add_arguments) in _verbs().items():
        sentence = f"{text[:1].upper()}{text[1:]}."
        one = verbs.add_parser(verb, help=text, description=sentence, formatter_class=Help)
        add_arguments(one)
        add_talk(one)
    return parser


def _verbs() -> dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]]:
    """What each verb makes of what, and the function that adds its arguments."""
    return {
        "reconstruct": ("photos to a Blender scene, cameras and points", _add_reconstruct),
        "export": ("a finished reconstruction as files of other programs (docs/export.md)", _add_export),
        "mesh": (MESH, add_mesh),
        "clean": (CLEAN, add_clean),
        "report": (REPORT, _add_report),
        "frames": (FRAMES, add_frames),
        "keyframes": (KEYFRAMES, add_keyframes),
        "world": (WORLD, add_world),
        "camera-path": (CAMERA_PATH, add_camera_path),
        **PAIR_VERBS,
        "render-map": (RENDER_MAP, _add_render_map),
        "models": (MODELS, add_models),
        "runtime": (RUNTIME, add_runtime),
        "evaluate": (EVALUATE, _add_evaluate),
        "classical": (CLASSICAL, add_classical),
        "plan": ("a job folder that several machines can work on (docs/farm.md)", _add_plan),
        "infer": ("the forward passes of a job, or a part of them (docs/farm.md)", _add_infer),
        "align": ("cameras and points from a job, or from pair predictions made elsewhere", _add_align),
        "import": ("a finished job to a Blender scene, cameras and points", _add_import),
        "render-views": ("a .blend to posed views with exact depth, to learn from (needs bpy)", add_render_views),
        "fine-tune": ("a model further trained on the views of render-views (docs/training.md)", add_fine_tune),
        "train": ("a network trained as a config.toml says (docs/training.md)", add_train),
        "samples": ("training scenes on a contact sheet, to look at", add_samples),
        "predict": ("the network's raw output for one ordered pair of photos", _add_predict),
        "work": ("the result of the job that lies in a folder, as the panel's worker makes it", _add_work),
    }


def _add_reconstruct(parser: argparse.ArgumentParser) -> None:
    add = _add_outputs(parser)
    add("--job", type=Path, metavar="FOLDER", help="keep the job's files here: the next run goes on")
    _add_recipe(parser)


def _add_plan(parser: argparse.ArgumentParser) -> None:
    _add_recipe(parser)
    parser.add_argument("--job", type=Path, required=True, metavar="FOLDER", help="where all machines find it")


def _add_infer(parser: argparse.ArgumentParser) -> None:
    _add_work(parser)
    parser.add_argument(
        "--shard",
        type=_shard,
        default=WHOLE,
        metavar="K/N",
        help="part K of N; all parts may run at once (default: all)",
    )


def _add_import(parser: argparse.ArgumentParser) -> None:
    _add_folder(parser)
    _add_outputs(parser)
    add_hide(parser, None, "those hidden before")


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("photos", type=Path, nargs="+", metavar="PHOTOS", help="photo files, folders of them, or movies")
    add_frame_choice(parser)
    add_model(parser)
    add("--scene-graph", default=DEFAULTS.scene_graph, metavar="GRAPH", help=f"which photos meet: {FORMS}")
    half = "of the network's products (default: auto, half where this machine is faster in it)"
    add("--precision", choices=get_args(Precision), default=DEFAULTS.precision, help=half)
    hide = "hide points below, on the network's scale from 1 (default: the least certain quarter)"
    add("--min-confidence", type=confidence, default=DEFAULTS.min_confidence, metavar="C", help=hide)
    add_hide(parser, DEFAULTS.hide, USUALLY)
    add_known(parser)
    add_masks(parser)
    add_ground(parser)
    add_alignment(parser, DEFAULTS.alignment)


def _add_outputs(parser: argparse.ArgumentParser) -> Callable[..., object]:
    """Returns what adds more of them."""
    add = parser.add_argument_group("what is written").add_argument
    add("--output", type=Path, metavar="SCENE.blend", help="write a Blender scene (needs bpy)")
    add("--cameras", type=Path, metavar="CAMERAS.json", help="write the cameras")
    add("--points", type=Path, metavar="POINTS.ply", help="write the coloured points")
    add("--render", type=Path, metavar="OUT.png", help="render the points between two solved cameras (needs bpy)")
    display = "share of the points that the scene's viewports show (default: all, at most two million)"
    add("--display-percentage", type=_percentage, metavar="P", help=display)
    add_overwrite(add)
    return add


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="JOB", help="a folder with a job.json")


def _add_work(parser: argparse.ArgumentParser) -> None:
    _add_folder(parser)
    add_cache(parser)


def _shard(text: str) -> Shard:
    try:
        return Shard.parse(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _percentage(text: str) -> float:
    with suppress(ValueError):
        if 0 <= float(text) <= 100:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no percentage; give 0 to 100")


def _add_predict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photo_i", type=Path, metavar="A", help="the photo in whose camera frame the points are")
    parser.add_argument("photo_j", type=Path, metavar="B", help="the other photo")
    add_model(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="PAIR.npz", help="write the pair")
    add_overwrite(parser.add_argument)


def _add_align(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "pairs",
        type=Path,
        metavar="JOB|PAIRS.npz",
        help="a folder with a job.json, or edges (E, 2), pts_i, pts_j (E, H, W, 3), conf_i, conf_j (E, H, W)",
    )
    add("--cameras", type=Path, metavar="CAMERAS.json", help="write the cameras (needed with PAIRS.npz)")
    add("--points", type=Path, metavar="POINTS.ply", help="write the coloured points")
    add("--timings", type=Path, metavar="T.json", help="write seconds, memory and the objective's value")
    add_overwrite(add)
    add("--min-confidence", type=confidence, default=1.0, metavar="C", help="leave points below out of POINTS.ply")
    add_known(parser)
    add_cache(parser)
    add_alignment(parser, DEFAULTS.alignment)


def _add_export(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="a finished job, or its result")
    formats = "; ".join(f"{name}: {format_.note}" for name, format_ in ALL_FORMATS.items())
    needs = f"{' and '.join(SCENE_FORMATS)} need bpy"
    add("--format", choices=tuple(ALL_FORMATS), required=True, metavar="F", help=f"{formats} ({needs})")
    add("--output", type=Path, required=True, metavar="FOLDER", help="where to; nothing is overwritten")
    add(
        "--min-confidence",
        type=confidence,
        metavar="C",
        help="leave points below out (default: those hidden in Blender)",
    )
    add_hide(parser, None, "those hidden in Blender")
    training = f"{TRAINING_POINTS} where a training begins with them, else all"
    add("--max-points", type=_count, metavar="N", help=f"an even choice of so many; 0: all (default: {training})")
    add("--normals", action="store_true", help="of each photo's surface, into PLY")
    add("--tracks", action="store_true", help="into COLMAP's formats: join the points that several photos show")
    add("--no-photos", action="store_true", help="do not copy the photos and their masks beside their cameras")


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a finished job, or its result")
    parser.add_argument("--json", action="store_true", help="every photo's figures, for programs")


def _count(text: str) -> int:
    with suppress(ValueError):
        if int(text) >= 0:
            return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number of points; give 0 or more")


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    add_evaluate(parser)
    graph = f"which photos meet: {FORMS}"
    parser.add_argument("--scene-graph", default=DEFAULTS.scene_graph, metavar="GRAPH", help=graph)
    add_model(parser)
    add_alignment(parser, DEFAULTS.alignment)
    parser.set_defaults(min_confidence=DEFAULTS.min_confidence, precision=DEFAULTS.precision)


def _add_render_map(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scene", type=Path, metavar="SCENE.blend", help="the scene to be seen")
    output_help = "images/, depth/, cameras.json; new or empty"
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help=output_help)
    add_map(parser)
