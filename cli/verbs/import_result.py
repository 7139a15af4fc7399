"""`import`: the result of a finished job as files."""

import argparse

from ...core.jobs.job import load_result
from ..output import Output, photo_count, with_caveats
from ..outputs import check_written
from ..result_outputs import OUTPUTS, add_outputs, check_outputs, check_points, write_outputs
from ..shared_arguments import add_hide, add_job

HELP = "a finished job to a Blender scene, cameras and points"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_job(parser)
    add_outputs(parser)
    add_hide(parser, None, "those hidden before")


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Write what was asked for of a finished job's result."""
    check_outputs(arguments)
    result = load_result(arguments.folder)
    check_written(arguments, OUTPUTS, (view.path for view in result.views))
    if arguments.hide is not None:
        from ...core.cleanup.find import hiding

        result = hiding(result, arguments.hide)
    check_points(result, arguments)
    made = write_outputs(result, arguments)
    output.result(made[0], with_caveats(f"{photo_count(len(result.views))} -> {', '.join(made)}", result))
