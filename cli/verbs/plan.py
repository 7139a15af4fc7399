"""`plan`: a job folder that several machines can work on."""

import argparse
from dataclasses import replace
from pathlib import Path

from ..job_arguments import add_job_arguments, read_job
from ..output import Output

HELP = "a job folder that several machines can work on (docs/command_line.md)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_job_arguments(parser)
    parser.add_argument("--job", type=Path, required=True, metavar="FOLDER", help="where all machines find it")


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Write the job and state what it will need here; raises ReconstructionError for what cannot be used."""
    from ...core.jobs.run import plan_job, settled_precision

    job = read_job(arguments, output)
    settings = replace(job.settings, precision=settled_precision(job.settings))  # one for all machines
    job = replace(job, settings=settings)
    job.save(arguments.job)
    needs, warnings = plan_job(arguments.job, output.progress, job)
    for warning in warnings:
        output.warning(warning)
    output.result(str(arguments.job), f"{needs} -> {arguments.job}")
