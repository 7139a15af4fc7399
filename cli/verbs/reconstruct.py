"""`reconstruct`: photos to a finished reconstruction."""

import argparse
from contextlib import nullcontext
from pathlib import Path

from ...core.errors import InputError
from ...core.io.atomic import temporary_folder
from ...core.reconstruction.result import Reconstruction
from ..job_arguments import add_job_arguments, read_job
from ..output import Output, photo_count, with_caveats
from ..outputs import check_written
from ..result_outputs import OUTPUTS, add_outputs, check_outputs, check_points, write_outputs
from ..shared_arguments import DEFAULTS

HELP = "photos to a Blender scene, cameras and points"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = add_outputs(parser)
    add("--job", type=Path, metavar="FOLDER", help="keep the job's files here: the next run goes on")
    add_job_arguments(parser)


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Run a job and write what was asked for; raises ReconstructionError before the work where that is possible."""
    check_outputs(arguments, arguments.job)
    job = read_job(arguments, output)
    check_written(arguments, OUTPUTS, (*job.photos, *job.priors.masks.values()))
    from ...core.jobs.run import run_job  # loads torch: only now that the input is checked

    with nullcontext(arguments.job) if arguments.job else temporary_folder() as folder:
        job.save(folder)
        output.say(f"{photo_count(len(job.photos))}, model {job.model.name}")
        result = run_job(folder, output.progress, job=job)
        for warning in result.warnings:
            output.warning(warning)
        _check_points(result, arguments, output)
        made = write_outputs(result, arguments)
    made = made or ([str(arguments.job)] if arguments.job else [])
    points = len(result.visible_points().position)
    summary = f"{photo_count(len(result.views))}, {points} points -> {', '.join(made)}"
    output.result(str(made[0]) if made else "", with_caveats(summary, result))


def _check_points(result: Reconstruction, arguments: argparse.Namespace, output: Output) -> None:
    """Raise InputError where the user's own thresholds hide every point that would be written; else only warn."""
    try:
        check_points(result, arguments)
    except InputError as error:
        if arguments.min_confidence is not None or arguments.hide != DEFAULTS.hide:
            raise
        output.warning(str(error))
