"""`infer`: the forward passes of a job, or a shard of them."""

import argparse

from ...core.scene_graph.shard import WHOLE, Shard
from ..output import Output
from ..shared_arguments import add_cache, add_job, parsed

HELP = "the forward passes of a job, or a part of them (docs/command_line.md)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_job(parser)
    add_cache(parser)
    part = "part K of N; all parts may run at once (default: all)"
    parser.add_argument("--shard", type=parsed(Shard.parse), default=WHOLE, metavar="K/N", help=part)


def run(arguments: argparse.Namespace, output: Output) -> None:
    from ...core.jobs.run import infer_shard

    for warning in infer_shard(arguments.folder, arguments.shard, output.progress, arguments.cache):
        output.warning(warning)
    part = f"part {arguments.shard.number} of {arguments.shard.parts}"
    output.result(str(arguments.folder), f"{part} -> {arguments.folder}")
