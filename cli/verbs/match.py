"""`match`: pixels of two photos that show the same points."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import InputError
from ...core.export.matches import COLMAP_MATCHES, PhotoMatches, save_colmap, save_csv
from ...core.io.atomic import together
from ...core.jobs.job import find_result
from ...core.progress import Timeline
from ...core.reconstruction.result import AlignedView, Reconstruction
from ..output import Output
from ..outputs import FEATURES, MATCHES, RAW_MATCHES, check_written
from ..shared_arguments import add_model, add_overwrite, confidence, load_chosen_model

if TYPE_CHECKING:
    from ...core.localization.image_pair import PhotoPair

HELP = "pixels of two photos that show the same points (docs/localization.md)"
MATCHING = "Matching"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("photos", nargs="*", metavar="PHOTO", help="two files; with --job, names of its photos (none: all pairs)")
    add("--job", type=Path, metavar="FOLDER", help="match in a finished job's world, without the network")
    add("--output", type=Path, metavar="MATCHES.csv", help="write photo pixels and confidence of every match")
    add("--colmap", type=Path, metavar="FOLDER", help="write features and matches as COLMAP imports them")
    add_overwrite(add)
    surest = "leave pixels below out (default: the less sure half; with --job what is hidden there)"
    add("--min-confidence", type=confidence, metavar="C", help=surest)
    add_model(parser)


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Match two photos, or the photos of a finished job, and state how many matches there are."""
    folder = arguments.colmap
    check_written(arguments, {"output": MATCHES}, files=[(folder / COLMAP_MATCHES, RAW_MATCHES)] if folder else [])
    pairs = _match_job(arguments, output) if arguments.job else [_match_files(arguments, output)]
    if folder:
        names = {name for pair in pairs for name in pair.names}
        check_written(arguments, {}, files=[(folder / f"{name}.txt", FEATURES) for name in sorted(names)])
    with together():
        if arguments.output:
            save_csv(arguments.output, pairs)
        if folder:
            save_colmap(folder, pairs)
    found = {"pairs": [{"photos": pair.names, "matches": len(pair.matches.at_a)} for pair in pairs]}
    output.result(str(arguments.output or folder or ""), json.dumps(found))


def load_pair(photos: Sequence[Path], arguments: argparse.Namespace, output: Output) -> PhotoPair:
    """Two photos and what the network of the arguments predicts of them; raises InputError for one given twice."""
    from ...core.images.preprocessing import load_together
    from ...core.inference import forward
    from ...core.localization.image_pair import show_pair
    from ...core.pipeline.reconstruct import framing_of

    if photos[0].resolve() == photos[1].resolve():
        raise InputError(f"{photos[0]} is given twice; name two photos")
    model = load_chosen_model(arguments)
    a, b = load_together(photos, framing_of(model.config))
    return show_pair(model.network, (a, b), Timeline(forward.STAGES, output.progress))


def _match_files(arguments: argparse.Namespace, output: Output) -> PhotoMatches:
    if len(arguments.photos) != 2:
        raise InputError(f"match compares two photos, got {len(arguments.photos)}; name two, or a job with --job")
    pair = load_pair(tuple(map(Path, arguments.photos)), arguments, output)
    a, b = (view.name for view in pair.views)
    return PhotoMatches((a, b), pair.mappings, pair.matches(arguments.min_confidence))


def _match_job(arguments: argparse.Namespace, output: Output) -> list[PhotoMatches]:
    """The matches of every pair of a job's photos that are in one world."""
    from ...core.localization.matching import match_views

    result = find_result(arguments.job).without_flaws()
    couples = list(combinations(_named(result, arguments.photos), 2))
    lowest = result.min_confidence if arguments.min_confidence is None else arguments.min_confidence
    report, pairs = Timeline({MATCHING: 1}, output.progress), []
    for done, (a, b) in enumerate(couples):
        report(MATCHING, done, len(couples))
        if a.component == b.component:
            pairs.append(PhotoMatches((a.name, b.name), (a.mapping, b.mapping), match_views(a, b, lowest)))
    report(MATCHING, len(couples), len(couples))
    return pairs


def _named(result: Reconstruction, names: Sequence[str]) -> list[AlignedView]:
    """The photos of these names, or all; raises InputError for an unknown name and for a single photo."""
    views = {view.name: view for view in result.views}
    for name in names:
        if name not in views:
            raise InputError(f"The reconstruction has no photo {name}; it has {', '.join(views)}")
    chosen = [views[name] for name in names] or list(result.views)
    if len(chosen) < 2:
        raise InputError(f"match compares photos in pairs, got only {chosen[0].name}; name another")
    return chosen
