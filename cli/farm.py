"""The verbs `plan`, `infer`, `align` and `import`: a job in steps that several machines can do."""

import argparse
import dataclasses

from ..core.cleanup.find import hiding
from ..core.errors import InputError
from ..core.jobs.job import Job, load_result
from ..core.jobs.run import infer_shard, plan_job, settled_precision
from ..core.settings import AlignmentSettings
from . import research
from .output import Output, photo_count, with_caveats
from .reconstruct import OUTPUTS, check_outputs, check_points, read_job, work, write_outputs
from .settings import read_alignment
from .writing import check_written


def plan(arguments: argparse.Namespace, output: Output) -> None:
    """Write the job and say what it will need here; raises ReconstructionError for what cannot be used."""
    job = read_job(arguments, output)
    settings = dataclasses.replace(job.settings, precision=settled_precision(job.settings))  # one for all machines
    job = dataclasses.replace(job, settings=settings)
    job.save(arguments.job)
    needs, warnings = plan_job(arguments.job, output.progress)
    for warning in warnings:
        output.warning(warning)
    output.result(str(arguments.job), f"{needs} -> {arguments.job}")


def infer(arguments: argparse.Namespace, output: Output) -> None:
    """Do a part of the job's forward passes."""
    for warning in infer_shard(arguments.folder, arguments.shard, output.progress, arguments.cache):
        output.warning(warning)
    part = f"part {arguments.shard.number} of {arguments.shard.parts}"
    output.result(str(arguments.folder), f"{part} -> {arguments.folder}")


def align(arguments: argparse.Namespace, output: Output) -> None:
    """Finish a job, whatever is missing of its forward passes included, or align pair predictions made elsewhere."""
    if not arguments.pairs.is_dir():
        research.align(arguments, output)
        return
    arguments.folder = arguments.pairs
    _check_no_settings(arguments)
    work(arguments, output)


def import_result(arguments: argparse.Namespace, output: Output) -> None:
    """Write what was asked for of a finished job's result."""
    check_outputs(arguments)
    result = load_result(arguments.folder)
    check_written(arguments, OUTPUTS, (view.path for view in result.views))
    if arguments.hide is not None:
        result = hiding(result, arguments.hide)
    check_points(result, arguments)
    made = write_outputs(result, arguments)
    output.result(made[0], with_caveats(f"{photo_count(len(result.views))} -> {', '.join(made)}", result))


def _check_no_settings(arguments: argparse.Namespace) -> None:
    """A job says itself how it is aligned and gives its result to `import`."""
    Job.load(arguments.folder)
    given = (arguments.cameras, arguments.points, arguments.timings, arguments.known, arguments.pin)
    if any(given) or dataclasses.asdict(read_alignment(arguments)) != dataclasses.asdict(AlignmentSettings()):
        raise InputError(f"{arguments.folder} is a job: give settings to `plan`, and outputs to `import`")
