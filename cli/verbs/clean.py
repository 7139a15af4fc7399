"""`clean`: flaws of a finished reconstruction, found anew and saved with it."""

import argparse

from ...core.flaws import HIDDEN_AT_FIRST, count_flaws
from ...core.io.atomic import together
from ...core.jobs.job import find_result, find_result_folder
from ...core.progress import Timeline
from ..output import Output
from ..shared_arguments import add_hide, add_result

HELP = "flaws of a finished reconstruction, found anew; no point is removed (docs/results.md)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_result(parser)
    add_hide(parser, None, "those hidden before")


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Look for flaws in a job's result, or a result's folder, and save them there; no point is removed."""
    from ...core.cleanup.find import STAGE, with_flaws

    reconstruction = find_result(arguments.folder)
    searched = with_flaws(reconstruction, report=Timeline({STAGE: 1.0}, output.progress))
    before = reconstruction.hidden_flaws if reconstruction.searched else HIDDEN_AT_FIRST
    searched = searched.with_settings(hide=tuple(before if arguments.hide is None else arguments.hide))
    folder = find_result_folder(arguments.folder)
    with together():
        searched.save(folder)
    found = count_flaws(view.flaws for view in searched.views)
    output.result(str(folder), f"{found}; hidden: {', '.join(searched.hidden_flaws) or 'none'} -> {folder}")
