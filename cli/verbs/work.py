"""`work`: run the job of a folder, as the panel's worker process does."""

import argparse

from ...core.jobs.job import result_folder
from ..output import Output, photo_count, with_caveats
from ..shared_arguments import add_cache, add_job

HELP = "the result of the job that lies in a folder, as the panel's worker makes it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_job(parser)
    add_cache(parser)


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Run the job that lies in a folder and name the folder of its result."""
    from ...core.jobs.run import run_job

    result = run_job(arguments.folder, output.progress, output.observer(arguments.folder), arguments.cache)
    for warning in result.warnings:
        output.warning(warning)
    folder = result_folder(arguments.folder)
    output.result(str(folder), with_caveats(f"{photo_count(len(result.views))} -> {folder}", result))
