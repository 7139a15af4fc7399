"""What can be written after `headless.py`; defaults are core's."""

import argparse
import re
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, get_args

from ..core.errors import InputError
from ..core.export.settings import ALL_FORMATS, SCENE_FORMATS, TRAINING_POINTS
from ..core.scene_graph import FORMS
from ..core.settings import Device, Precision, ReconstructionSettings
from ..core.shard import WHOLE, Shard
from ..core.training.view_settings import FINE_TUNE_MINUTES, ViewSettings
from ..core.version import VERSION
from .cleanup_arguments import CLEAN, USUALLY, add_clean, add_hide
from .evaluate_arguments import CLASSICAL, EVALUATE, add_classical, add_evaluate
from .known_arguments import add_known, add_masks
from .mesh_arguments import MESH, add_mesh
from .pair_arguments import PAIR_VERBS, add_map
from .settings import add_alignment

DEFAULTS = ReconstructionSettings()


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence instead of a page of usage."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}; see {self.prog} --help")


def make_parser(prog: str) -> argparse.ArgumentParser:
    """All verbs with their arguments."""
    parser = Parser(prog=prog, description="DUSt3R: photos to a point cloud and matching cameras.")
    parser.add_argument("--version", action="version", version=VERSION)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=Parser)
    _add_reconstruct(verbs.add_parser("reconstruct", help="photos to a Blender scene, cameras and points"))
    _add_predict(verbs.add_parser("predict", help="the network's raw output for one ordered pair of photos"))
    _add_plan(verbs.add_parser("plan", help="a job folder that several machines can work on (docs/farm.md)"))
    _add_infer(verbs.add_parser("infer", help="the forward passes of a job, or a part of them"))
    _add_align(verbs.add_parser("align", help="cameras and points from a job, or from pair predictions made elsewhere"))
    _add_import(verbs.add_parser("import", help="a finished job to a Blender scene, cameras and points"))
    _add_export(verbs.add_parser("export", help="a finished reconstruction as files of other programs"))
    _add_clean(verbs.add_parser("clean", help=CLEAN))
    _add_mesh(verbs.add_parser("mesh", help=MESH))
    _add_evaluate(verbs.add_parser("evaluate", help=EVALUATE))
    _add_classical(verbs.add_parser("classical", help=CLASSICAL))
    views_help = "a .blend to posed views with exact depth, to learn from (needs bpy)"
    _add_render_views(verbs.add_parser("render-views", help=views_help))
    map_help = "a .blend to views with exact depth, for localize to place photos in (needs bpy)"
    _add_render_map(verbs.add_parser("render-map", help=map_help))
    _add_fine_tune(verbs.add_parser("fine-tune", help="a model, further trained on the views of render-views"))
    _add_models(verbs.add_parser("models", help="list the known models, or download one"))
    _add_train(verbs.add_parser("train", help="train a network as a config.toml says (docs/training.md)"))
    _add_samples(verbs.add_parser("samples", help="training scenes on a contact sheet, to look at"))
    for verb, (text, add_arguments) in PAIR_VERBS.items():
        of_pairs = verbs.add_parser(verb, help=text)
        add_arguments(of_pairs)
        _add_model(of_pairs)
        _add_talk(of_pairs)
    work = verbs.add_parser("work", help="run the job that lies in a folder (what the panel's worker does)")
    _add_folder(work)
    _add_talk(work)
    return parser


def _add_mesh(parser: argparse.ArgumentParser) -> None:
    add_mesh(parser)
    _add_talk(parser)


def _add_clean(parser: argparse.ArgumentParser) -> None:
    add_clean(parser)
    _add_talk(parser)


def _add_reconstruct(parser: argparse.ArgumentParser) -> None:
    _add_recipe(parser)
    _add_outputs(parser)
    parser.add_argument("--job", type=Path, metavar="FOLDER", help="keep the job's files here: the next run goes on")
    _add_talk(parser)


def _add_plan(parser: argparse.ArgumentParser) -> None:
    _add_recipe(parser)
    parser.add_argument("--job", type=Path, required=True, metavar="FOLDER", help="where all machines find it")
    _add_talk(parser)


def _add_infer(parser: argparse.ArgumentParser) -> None:
    _add_folder(parser)
    parser.add_argument(
        "--shard", type=_shard, default=WHOLE, metavar="K/N", help="part K of N; all parts may run at once"
    )
    _add_talk(parser)


def _add_import(parser: argparse.ArgumentParser) -> None:
    _add_folder(parser)
    _add_outputs(parser)
    add_hide(parser, None, "those hidden before")
    _add_talk(parser)


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("photos", type=Path, nargs="+", metavar="PHOTOS", help="photo files, or folders of them")
    _add_model(parser)
    add("--scene-graph", default=DEFAULTS.scene_graph, metavar="GRAPH", help=f"which photos meet: {FORMS}")
    half = "of the network's products (default: half where this machine is faster in it)"
    add("--precision", choices=get_args(Precision), default=DEFAULTS.precision, help=half)
    hide = "hide points below, on the network's scale from 1 (default: the least certain quarter)"
    add("--min-confidence", type=float, default=DEFAULTS.min_confidence, metavar="C", help=hide)
    add_hide(parser, DEFAULTS.hide, USUALLY)
    add_known(parser)
    add_masks(parser)
    add_alignment(parser, DEFAULTS.alignment)


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--output", type=Path, metavar="SCENE.blend", help="write a Blender scene (needs bpy)")
    add("--cameras", type=Path, metavar="CAMERAS.json", help="write the cameras")
    add("--points", type=Path, metavar="POINTS.ply", help="write the coloured points")
    add("--render", type=Path, metavar="OUT.png", help="render the points between two solved cameras (needs bpy)")
    display = "of the points, in the scene's viewports (default: all, at most two million)"
    add("--display-percentage", type=_percentage, metavar="P", help=display)


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="JOB", help="a folder with a job.json")


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
    _add_model(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="PAIR.npz")
    _add_talk(parser)


def _add_align(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "pairs",
        type=Path,
        metavar="JOB|PAIRS.npz",
        help="a folder with a job.json, or edges (E, 2), pts_i, pts_j (E, H, W, 3), conf_i, conf_j (E, H, W)",
    )
    add("--cameras", type=Path, metavar="CAMERAS.json", help="write the cameras (needed with PAIRS.npz)")
    add("--points", type=Path, metavar="POINTS.ply")
    add("--timings", type=Path, metavar="T.json", help="write seconds, memory and the objective's value")
    add("--min-confidence", type=float, default=1.0, metavar="C", help="leave points below out of POINTS.ply")
    add_known(parser)
    add_alignment(parser, DEFAULTS.alignment)
    _add_talk(parser)


def _add_export(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="a finished job, or its result")
    formats = "; ".join(f"{name}: {format_.note}" for name, format_ in ALL_FORMATS.items())
    needs = f"{' and '.join(SCENE_FORMATS)} need bpy"
    add("--format", choices=tuple(ALL_FORMATS), required=True, help=f"{formats} ({needs})")
    add("--output", type=Path, required=True, metavar="FOLDER", help="where to; nothing is overwritten")
    add("--min-confidence", type=float, metavar="C", help="leave points below out (default: those hidden in Blender)")
    add_hide(parser, None, "those hidden in Blender")
    training = f"{TRAINING_POINTS} where a training begins with them, else all"
    add("--max-points", type=_count, metavar="N", help=f"an even choice of so many; 0: all (default: {training})")
    add("--normals", action="store_true", help="of each photo's surface, into PLY")
    add("--tracks", action="store_true", help="into COLMAP's formats: join the points that several photos show")
    add("--no-photos", action="store_true", help="do not copy the photos and their masks beside their cameras")
    _add_talk(parser)


def _count(text: str) -> int:
    with suppress(ValueError):
        if int(text) >= 0:
            return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number of points; give 0 or more")


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    add_evaluate(parser)
    graph = f"which photos meet: {FORMS}"
    parser.add_argument("--scene-graph", default=DEFAULTS.scene_graph, metavar="GRAPH", help=graph)
    _add_model(parser)
    add_alignment(parser, DEFAULTS.alignment)
    parser.set_defaults(min_confidence=DEFAULTS.min_confidence, precision=DEFAULTS.precision)
    _add_talk(parser)


def _add_classical(parser: argparse.ArgumentParser) -> None:
    add_classical(parser)
    _add_talk(parser)


def _add_render_views(parser: argparse.ArgumentParser) -> None:
    add, views = parser.add_argument, ViewSettings()
    add("scene", type=Path, metavar="SCENE.blend")
    add("--output", type=Path, required=True, metavar="FOLDER", help="images/, depth/, cameras.json; new or empty")
    add("--views", type=int, default=views.views, metavar="N")
    add("--size", type=_size, default=views.size, metavar="WxH", help="pixels of a view, such as 320x240")
    add("--samples", type=int, default=views.samples, metavar="N", help="of Cycles per pixel, denoised afterwards")
    add("--seed", type=int, default=views.seed, metavar="N", help="of the cameras")
    _add_talk(parser)


def _add_render_map(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scene", type=Path, metavar="SCENE.blend")
    output_help = "images/, depth/, cameras.json; new or empty"
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help=output_help)
    add_map(parser)
    _add_talk(parser)


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)[xX](\d+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write width x height as in 320x240")
    return int(match[1]), int(match[2])


def _add_fine_tune(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("views", type=Path, metavar="FOLDER", help="images/, depth/, cameras.json, or a folder of such folders")
    add("--name", required=True, help="what the new model is called in the list of models")
    add("--minutes", type=float, default=FINE_TUNE_MINUTES, metavar="M", help="how long it learns")
    add("--run", type=Path, metavar="RUN", help="keep curves and saves here")
    _add_model(parser)
    add("--seed", type=int, default=0, metavar="N")
    _add_talk(parser)


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--download", metavar="NAME", help="fetch a model; its licence is shown by the list")
    parser.add_argument("--models-folder", type=Path, metavar="FOLDER", help="where models are kept")
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    _add_talk(parser)


def _add_train(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("config", type=Path, metavar="CONFIG.toml", help="the recipe: network, sources, stages")
    add("--output", type=Path, required=True, metavar="FOLDER", help="models, curves and saves; empty, or --resume")
    add("--resume", action="store_true", help="go on from the last save in FOLDER")
    add("--minutes", type=float, metavar="M", help="length of the whole run, instead of the config's")
    add("--stop-after", type=float, metavar="M", help="save and leave after M minutes; --resume goes on")
    add("--start", type=Path, metavar="MODEL", help="begin with this model's weights, as far as they fit")
    add("--part-size", type=float, metavar="MIB", help="most MiB of one file of a save, instead of the config's")
    add("--device", choices=get_args(Device), default=DEFAULTS.device)
    _add_talk(parser)


def _add_samples(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--output", type=Path, required=True, metavar="SHEET.png")
    add("--seed", type=int, default=0, metavar="N", help="from 1000000 on: scenes that no training sees")
    add("--difficulty", type=float, default=0.5, metavar="D", help="0 to 1")
    add("--size", default="224x160", metavar="WxH", help="pixels of a view (default: 224x160)")
    add("--scenes", type=int, default=6, metavar="N")
    add("--views", type=int, default=6, metavar="N", help="views of each scene")
    add("--textures", type=Path, metavar="FOLDER", help="photos to use as patterns beside the drawn ones")
    add("--data", type=Path, metavar="FOLDER", help="show posed RGB-D photos instead of generated scenes")
    _add_talk(parser)


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="NAME|FOLDER|FILE", help="default: the best that is present")
    parser.add_argument("--models-folder", type=Path, metavar="FOLDER", help="where models are kept")
    parser.add_argument("--device", choices=get_args(Device), default=DEFAULTS.device)


def _add_talk(parser: argparse.ArgumentParser) -> None:
    talk = parser.add_mutually_exclusive_group()
    talk.add_argument("--quiet", action="store_true", help="say nothing but errors")
    talk.add_argument("--json-progress", action="store_true", help="one JSON message a line (core/protocol.py)")
    parser.add_argument("--supervised", action="store_true", help=argparse.SUPPRESS)  # end with standard input
