"""The verb `clean`: flaws of a finished reconstruction, found anew and kept beside its points."""

import argparse
from dataclasses import replace

from ..core.cleanup.find import STAGE, with_flaws
from ..core.flaws import SURELY_FLAWED, count_flaws
from ..core.io.atomic import together
from ..core.jobs.job import find_result, find_result_folder
from ..core.progress import Timeline
from .output import Output


def clean(arguments: argparse.Namespace, output: Output) -> None:
    """Look for flaws in a job's result, or a result's folder, and save them there; no point is removed."""
    reconstruction = find_result(arguments.folder)
    searched = with_flaws(reconstruction, report=Timeline({STAGE: 1.0}, output.progress))
    before = searched.settings.get("hide", SURELY_FLAWED)
    hidden = before if arguments.hide is None else arguments.hide
    searched = replace(searched, settings=searched.settings | {"hide": list(hidden)})
    folder = find_result_folder(arguments.folder)
    with together():
        searched.save(folder)
    found = count_flaws(view.flaws for view in searched.views)
    output.result(str(folder), f"{found}; hidden: {', '.join(searched.hidden_flaws) or 'none'} -> {folder}")
