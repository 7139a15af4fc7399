"""`models`: the known models and those present; one of them downloaded, verified, added or removed."""

import argparse
import json
from pathlib import Path

from ...core.checkpoints.catalogue import KNOWN_MODELS, KnownModel, known_model
from ...core.checkpoints.local import ModelStatus, default_model_folder, find_model, list_models
from ...core.errors import ModelUnavailable
from ...core.progress import Timeline
from ..output import Output
from ..shared_arguments import add_models_folder

HELP = "the known models; one of them downloaded, checked, added or removed (docs/models.md)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    action = parser.add_mutually_exclusive_group().add_argument
    action("--download", metavar="NAME", help="fetch a model; its licence is shown by the list")
    action("--by-hand", metavar="NAME", help="say what to copy where on a machine that is not online")
    action("--verify", metavar="NAME", help="compare the sha256 of a model's files with those they came with")
    action("--add", type=Path, metavar="FILE|FOLDER", help="check a checkpoint and put it among the models")
    action("--remove", metavar="NAME", help="delete a model from the models folder")
    add = parser.add_argument
    add("--name", default="", metavar="NAME", help="of the model that is added (default: as its file is called)")
    add("--licence", default="", metavar="TEXT", help="of the model that is added, where nothing else says")
    add("--offline", action="store_true", help="make no request")
    allowed = "list only models whose licence allows commercial use; with --add: this one's does"
    add("--commercial", action="store_true", help=allowed)
    add_models_folder(add)
    add("--json", action="store_true", help="print the list as JSON")


def run(arguments: argparse.Namespace, output: Output) -> None:
    """List the models, or do the one thing that is asked for."""
    folder = arguments.models_folder or default_model_folder()
    if arguments.download:
        _download(arguments, folder, output)
    elif arguments.by_hand:
        _explain_copying(arguments, folder, output)
    elif arguments.verify:
        _verify(arguments, folder, output)
    elif arguments.add:
        _add(arguments, folder, output)
    elif arguments.remove:
        _remove(arguments, folder, output)
    else:
        _list(arguments, folder, output)


def _explain_copying(arguments: argparse.Namespace, folder: Path, output: Output) -> None:
    from ...core.checkpoints.download import copying_steps

    for step in copying_steps(_known(arguments.by_hand), folder):
        output.say(step)


def _download(arguments: argparse.Namespace, folder: Path, output: Output) -> None:
    from ...core.checkpoints.download import STAGE, download_model

    known = _known(arguments.download)
    output.say(f"{known.title}: {known.terms}")
    report = Timeline({STAGE: 1}, output.progress)
    path = download_model(known, folder, report, online=not arguments.offline)
    output.result(str(path), f"{known.title} -> {path}")


def _verify(arguments: argparse.Namespace, folder: Path, output: Output) -> None:
    from ...core.checkpoints.verify import CHECKING, verify_model

    path = find_model(arguments.verify, folder)
    report = Timeline({CHECKING: 1}, output.progress)
    output.result(str(path), verify_model(path, report, online=not arguments.offline))


def _remove(arguments: argparse.Namespace, folder: Path, output: Output) -> None:
    from ...core.checkpoints.verify import remove_model

    path = find_model(arguments.remove, folder)
    remove_model(path, folder)
    output.result(str(path), f"{path} is removed")


def _add(arguments: argparse.Namespace, folder: Path, output: Output) -> None:
    from ...core.checkpoints.manage import ADDING, add_model  # loads torch, which the others do without

    report = Timeline({ADDING: 1}, output.progress)
    commercial = arguments.commercial or None  # None: unknown
    path = add_model(arguments.add, folder, report, arguments.name, arguments.licence, commercial)
    output.result(str(path), f"{arguments.add} -> {path}")


def _known(name: str) -> KnownModel:
    known = known_model(name)
    if known is None:
        names = ", ".join(model.short_name for model in KNOWN_MODELS)
        raise ModelUnavailable(f"There is no model {name!r} to download; there are {names}")
    return known


def _list(arguments: argparse.Namespace, folder: Path, output: Output) -> None:
    statuses = list_models(folder, arguments.commercial)
    if arguments.json:
        output.say(json.dumps([_entry(status) for status in statuses], indent=1))
        return
    for status in statuses:
        state = "present" if status.present else "not present"
        output.say(f"{status.model.short_name:11} {state:12} {status.model.terms}. {status.model.note}")


def _entry(status: ModelStatus) -> dict[str, object]:
    known = status.model
    return {
        "name": known.name,
        "licence": known.licence,
        "commercial": known.commercial,
        "from": known.address,
        "size_mb": known.size_mb,
        "present": status.present,
        "path": None if status.path is None else str(status.path),
    }
