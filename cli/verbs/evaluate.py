"""`evaluate`: a model on photos with known cameras, on generated scenes, or by a published protocol."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import InputError
from ...core.io.atomic import write_json
from ...core.progress import Report, Timeline
from ...evaluation.metrics.thresholds import RECALLS
from ...evaluation.table import OWN, Row, means, table
from ..output import Output
from ..outputs import FIGURES, check_written
from ..shared_arguments import (
    DEFAULTS,
    add_alignment,
    add_cameras_from,
    add_model,
    add_overwrite,
    add_scene_graph,
    add_surfaces_from,
    load_chosen_model,
    read_alignment,
    read_settings,
)

if TYPE_CHECKING:
    from ...core.checkpoints.loading import LoadedModel
    from ...evaluation.exam.scoring import Exam
    from ...evaluation.protocols.catalogue import Protocol
    from ...evaluation.protocols.examination import Outcome

HELP = "a model's exam: photos with true cameras, held-out scenes, published protocols (docs/evaluation.md)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("folders", type=Path, nargs="*", metavar="FOLDER", help="images/, cameras.json and, where known, depth/")
    methods = ("pycolmap", "pycolmap-permissive")
    add("--against", choices=methods, action="append", default=[], help="run this pipeline on the same photos too")
    some = ",".join(f"{degrees:g}" for degrees in RECALLS)
    below = f"errors below which RRA and RTA count a pair (default: {some})"
    add("--degrees", type=_degrees, default=RECALLS, metavar=some, help=below)
    add("--protocol", metavar="NAME", help="instead of folders: a published protocol (docs/evaluation.md)")
    add("--data", type=Path, metavar="ROOT", help="where the data set of --protocol lies")
    add("--limit", type=int, metavar="N", help="of --protocol's sequences, photos or scans, evenly chosen: for a try")
    add("--synthetic", type=int, metavar="SEED", help="instead of folders: scenes that no training ever sees")
    add("--pairs", type=int, default=64, metavar="N", help="how many scenes of --synthetic, a pair of views each")
    add("--difficulty", type=float, default=1.0, metavar="D", help="of --synthetic, from 0 to 1")
    add("--json", type=Path, metavar="OUT.json", help="write the figures")
    add_overwrite(add)
    add_scene_graph(parser)
    add_model(parser)
    add_cameras_from(parser)
    add_surfaces_from(parser)
    add_alignment(parser)
    parser.set_defaults(min_confidence=DEFAULTS.min_confidence, precision=DEFAULTS.precision)


def _degrees(text: str) -> tuple[float, ...]:
    try:
        degrees = tuple(float(part) for part in text.split(","))
    except ValueError:
        degrees = ()
    if not degrees or not all(0 < one <= 180 for one in degrees):
        raise argparse.ArgumentTypeError(f"{text!r} names no angles; write degrees from 0 to 180 as in 5,15,30")
    return degrees


def run(arguments: argparse.Namespace, output: Output) -> None:
    """The evaluation that the arguments name: a table of figures, and the same as JSON."""
    if bool(arguments.folders) + (arguments.synthetic is not None) + (arguments.protocol is not None) != 1:
        raise InputError("Give folders with images/ and cameras.json, --protocol or --synthetic; one of the three")
    check_written(arguments, {"json": FIGURES})
    if arguments.protocol is not None:
        _protocol(arguments, output)
    elif arguments.folders:
        _photos(arguments, output)
    else:
        _synthetic(arguments, output)


def _finish(arguments: argparse.Namespace, output: Output, model: LoadedModel, content: Mapping[str, Any]) -> None:
    """Write the JSON that was asked for, with the model's name, and report the end."""
    if arguments.json:
        write_json(arguments.json, {**content, "model": f"{model.name}@{model.sha256[:16]}"})
    written = f" -> {arguments.json}" if arguments.json else ""
    output.result(str(arguments.json or ""), f"{model.name} examined{written}")


def _photos(arguments: argparse.Namespace, output: Output) -> None:
    from ...evaluation.exam.classical import METHODS, check_pycolmap, examine_pycolmap
    from ...evaluation.exam.scoring import read_truth

    settings, sets = read_settings(arguments), _named(arguments.folders)
    for folder in sets.values():
        read_truth(folder)  # a faulty folder is refused before the model is loaded
    if arguments.against:
        check_pycolmap()
    from ...evaluation.exam.photos import examine_photos

    model, report = load_chosen_model(arguments), _report(sets, arguments.against, output)
    rows: list[Row] = []
    for name, folder in sets.items():
        part = _within(report, name)
        exam = examine_photos(folder, model, settings, part, arguments.degrees)
        rows.append(_row(name, OWN, exam, output))
        for method in arguments.against:
            exam = examine_pycolmap(folder, part, arguments.degrees, METHODS[method])
            rows.append(_row(name, method, exam, output))
    output.say(table(rows))
    _finish(arguments, output, model, _content(sets, rows) | {"settings": settings.as_dict()})


def _named(folders: list[Path]) -> dict[str, Path]:
    """A name for each: the folder's own, or its path where two would be called the same."""
    names = [folder.resolve().name for folder in folders]
    named = {
        name if names.count(name) == 1 else str(folder): folder for name, folder in zip(names, folders, strict=True)
    }
    if len(named) < len(folders):
        raise InputError("A folder was named twice; name every set of photos once")
    return named


def _report(sets: Mapping[str, Path], against: Sequence[str], output: Output) -> Report:
    """Progress over all sets; their stages carry their names."""
    from ...core.pipeline.stages import STAGES
    from ...evaluation.exam.pycolmap_pipeline import STAGES as CLASSICAL

    stages = STAGES | (CLASSICAL if against else {})
    return Timeline({f"{name}: {stage}": weight for name in sets for stage, weight in stages.items()}, output.progress)


def _within(report: Report, name: str) -> Report:
    def part(stage: str, done: int, total: int) -> None:
        report(f"{name}: {stage}", done, total)

    return part


def _row(name: str, method: str, exam: Exam, output: Output) -> Row:
    for warning in exam.warnings:
        output.warning(f"{name}: {warning}")
    return Row(name, method, exam.figures)


def _content(sets: Mapping[str, Path], rows: list[Row]) -> dict[str, Any]:
    content: dict[str, Any] = {name: {"folder": str(folder)} for name, folder in sets.items()}
    for row in rows:
        content[row.name][row.method] = row.figures
    return {"sets": content, "mean": {row.method: row.figures for row in means(rows)}}


def _synthetic(arguments: argparse.Namespace, output: Output) -> None:
    if arguments.synthetic < 0:
        raise InputError(f"--synthetic must be 0 or more, got {arguments.synthetic}")
    if arguments.pairs < 1:
        raise InputError(f"--pairs must be at least 1, got {arguments.pairs}")
    from ...evaluation.exam.scenes import STAGE, examine_scenes
    from ...training.scenes.source import HELD_OUT_SEEDS, ProceduralSource

    seed = arguments.synthetic + (HELD_OUT_SEEDS if arguments.synthetic < HELD_OUT_SEEDS else 0)
    source, model = ProceduralSource(seed, arguments.difficulty), load_chosen_model(arguments)
    report = Timeline({STAGE: 1}, output.progress)
    exam = examine_scenes(source, model, arguments.pairs, read_alignment(arguments), report)
    output.say(table([_row("scenes", OWN, exam, output)]))
    for part in exam.confidence:
        output.say(f"confidence {part.confidence:.2f}: depth off by {part.error:.1f} %")
    recipe = {"scenes_seed": seed, "difficulty": arguments.difficulty}
    _finish(
        arguments, output, model, {**exam.figures, "confidence": [asdict(part) for part in exam.confidence], **recipe}
    )


def _protocol(arguments: argparse.Namespace, output: Output) -> None:
    """Evaluate the data set's tasks, continuing an earlier run with the same --json, and print the table."""
    from ...evaluation.protocols.examination import STAGE, examine
    from ...evaluation.protocols.result_log import ResultLog
    from ...evaluation.protocols.table import as_json, log_beside
    from ...evaluation.protocols.task import few

    protocol, settings = _chosen_protocol(arguments), read_settings(arguments)
    every = protocol.tasks(_data(arguments))  # a faulty data set is refused before the model is loaded
    tasks, model = few(every, arguments.limit), load_chosen_model(arguments)
    recipe = {"protocol": arguments.protocol, "data": str(arguments.data.resolve()), "settings": settings.as_dict()}
    log = ResultLog(arguments.json and log_beside(arguments.json), recipe | {"model": model.label})
    known = sum(log.get(task) is not None for task in tasks)
    if known:
        output.say(f"{known} of {len(tasks)} {protocol.unit} are known from an earlier run")
    outcome = examine(protocol, tasks, model, settings, log, Timeline({STAGE: 1}, output.progress))
    if len(tasks) < len(every):
        few_of_all = f"{len(tasks)} of {len(every)} {protocol.unit}"
        output.warning(f"{few_of_all}: figures for a try, not to be compared with others'")
    _print_outcome(protocol, outcome, output)
    _finish(arguments, output, model, recipe | as_json(protocol, outcome, len(tasks), len(every)))


def _chosen_protocol(arguments: argparse.Namespace) -> Protocol:
    from ...evaluation.protocols.catalogue import PROTOCOLS

    if arguments.protocol not in PROTOCOLS:
        raise InputError(f"--protocol must be one of {', '.join(PROTOCOLS)}, got {arguments.protocol!r}")
    if arguments.limit is not None and arguments.limit < 1:
        raise InputError(f"--limit must be at least 1, got {arguments.limit}")
    return PROTOCOLS[arguments.protocol]


def _data(arguments: argparse.Namespace) -> Path:
    if arguments.data is None:
        raise InputError(
            f"--protocol {arguments.protocol} needs --data ROOT, the data set's folder (docs/evaluation.md)"
        )
    if not arguments.data.is_dir():
        raise InputError(f"{arguments.data} is no folder; give the data set's own")
    return arguments.data


def _print_outcome(protocol: Protocol, outcome: Outcome, output: Output) -> None:
    from ...evaluation.protocols.table import protocol_table

    if outcome.left_out:
        output.warning(f"{len(outcome.left_out)} {protocol.unit} are left out: {protocol.left_out}")
    output.say(protocol.title)
    output.say(protocol_table(protocol, outcome))
    if protocol.published:
        output.say("In brackets: what the paper reports")
