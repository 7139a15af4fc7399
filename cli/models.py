"""The verb `models`: what is known, what is present, and downloads."""

import argparse
import json

from ..core.checkpoints import (
    KNOWN_MODELS,
    STAGE,
    ModelStatus,
    default_model_folder,
    download_model,
    known_model,
    list_models,
)
from ..core.errors import ModelUnavailable
from ..core.progress import Timeline
from .output import Output


def models(arguments: argparse.Namespace, output: Output) -> None:
    """List the known models, or download one."""
    folder = arguments.models_folder or default_model_folder()
    if arguments.download:
        known = known_model(arguments.download)
        if known is None:
            names = ", ".join(model.short_name for model in KNOWN_MODELS)
            raise ModelUnavailable(f"There is no model {arguments.download!r} to download; there are {names}")
        output.say(f"{known.title}: {known.terms}")
        path = download_model(known, folder, Timeline({STAGE: 1}, output.progress), online=True)
        output.result(str(path), f"{known.title} -> {path}")
        return
    statuses = list_models(folder)
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
        "size_mb": known.size_mb,
        "present": status.present,
        "path": None if status.path is None else str(status.path),
    }
