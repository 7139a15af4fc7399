"""`report`: how a finished reconstruction turned out, and which photos are weak."""

import argparse
import json
from dataclasses import asdict

from ...core.io.plain_text import plain
from ...core.jobs.job import find_result
from ...core.quality.statistics import Statistics
from ..output import Output
from ..shared_arguments import add_result

HELP = "how a finished reconstruction turned out, its weakest photos named (docs/results.md)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_result(parser)
    parser.add_argument("--json", action="store_true", help="every photo's figures, for programs")


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Print the figures of a job's result, or a result's folder, as text, or as JSON with every photo's."""
    from ...core.quality.measure import measure

    result = find_result(arguments.folder)
    found = measure(result)
    if arguments.json:
        content = found.as_dict() | {"verdict": asdict(found.verdict())}
        content |= {"model": result.model, "warnings": list(result.warnings)}
        output.result(str(arguments.folder), json.dumps(content, indent=1))
    else:
        output.result(str(arguments.folder), "\n".join(map(plain, _lines(found, result.warnings))))


def _lines(found: Statistics, warnings: tuple[str, ...]) -> list[str]:
    weakest = [f"  {photo.name}: {'; '.join(photo.problems)}" for photo in found.weakest]
    heading = ["Weakest photos, and why:"] if weakest else ["No photo is much weaker than the others"]
    warned = (f"Warning: {warning}" for warning in warnings)
    return [found.verdict().text(), *found.summary(), *heading, *weakest, *warned, *found.caveats()]
