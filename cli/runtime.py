"""The verb `runtime`: what this Python offers to the network, and a test of it."""

import argparse
import json
from dataclasses import asdict, replace

from ..core.errors import ReconstructionError
from ..core.progress import Timeline
from ..core.runtime.probe import probe
from .output import Output
from .outputs import RUNTIME
from .writing import check_written


def runtime(arguments: argparse.Namespace, output: Output) -> None:
    """Look, test if asked to, and say what was found; a failed test is an error after that."""
    check_written(arguments, {"output": RUNTIME})
    found = probe()
    if arguments.self_test:
        from ..core.inference.self_test import STAGE, run_self_test
        from ..core.runtime.device import precision_notices  # only now: what probe says of torch comes first

        report = Timeline({STAGE: 1}, output.progress)
        tested = run_self_test(arguments.device, arguments.precision, report)
        notices = precision_notices(arguments.precision, tested.precision)
        found = replace(found, self_test=tested, advice=(*found.advice, *notices))
    if arguments.output:
        found.save(arguments.output)
    if arguments.json:
        output.say(json.dumps(asdict(found), indent=1))
    else:
        for line in (*found.lines, *found.advice):
            output.say(line)
    if found.self_test is not None and not found.self_test.passed:
        raise ReconstructionError(found.self_test.text)
    if arguments.output:
        output.result(str(arguments.output), f"-> {arguments.output}")
