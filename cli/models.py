"""The verb `models`: what is known, what is present, and downloads."""

import argparse
import json

from ..core.checkpoints import ModelStatus, default_model_folder, download_model, find_known, list_models
from ..core.progress import Timeline
from .output import Output

DOWNLOADING = "Downloading"


def models(arguments: argparse.Namespace, output: Output) -> None:
    """List the known models, or download one."""
    folder = arguments.models_folder or default_model_folder()
    if arguments.download:
        known = find_known(arguments.download)
        output.say(f"{known.title}: {known.licence}")
        timeline = Timeline({DOWNLOADING: 1}, output.progress)
        path = download_model(known, folder, timeline, online=True)
        output.result(str(path), f"{known.name} -> {path}")
        return
    statuses = list_models(folder)
    if arguments.json:
        output.say(json.dumps([_entry(status) for status in statuses], indent=1))
        return
    for status in statuses:
        known = status.known
        state = "present" if status.path else "not present"
        output.say(f"{known.name:12} {state:12} {known.size_mb:6.0f} MB  {known.licence}  {known.note}")


def _entry(status: ModelStatus) -> dict[str, object]:
    known = status.known
    return {
        "name": known.name,
        "licence": known.licence,
        "commercial": known.commercial,
        "size_mb": known.size_mb,
        "present": status.path is not None,
        "path": None if status.path is None else str(status.path),
    }
