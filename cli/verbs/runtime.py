"""`runtime`: Python, torch and devices of this machine, and a test of them."""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

from ...core.errors import ReconstructionError
from ...core.progress import Timeline
from ...core.runtime import install
from ...core.runtime.probe import probe
from ..output import Output
from ..outputs import RUNTIME, check_written
from ..shared_arguments import add_device, add_overwrite, add_precision

HELP = "the Python, torch and devices that do the work, with a self-test (docs/models.md)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--self-test", action="store_true", help="run the bundled model on two small images and compare")
    add_device(add)
    add_precision(add, "of the self-test's products")
    add("--prepare", type=Path, metavar="FOLDER", help="choose the packages of an environment; say how large they are")
    add("--install", type=Path, metavar="FOLDER", help="download, test and keep what --prepare has chosen for it")
    add("--remove", type=Path, metavar="FOLDER", help="remove an environment that was installed")
    add("--torch", choices=install.BUILDS, help="build of torch for --prepare (default: the one for this machine)")
    add("--json", action="store_true", help="print it as JSON")
    add("--output", type=Path, metavar="RUNTIME.json", help="write it as JSON")
    add_overwrite(add)


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Print what was found, with the self-test where asked for; raises ReconstructionError after that if it failed."""
    check_written(arguments, {"output": RUNTIME})
    if arguments.prepare or arguments.install or arguments.remove:
        _change(arguments, output)
        return
    found = probe()
    if arguments.self_test:
        from ...core.inference.self_test import STAGE, run_self_test
        from ...core.runtime.device import precision_notices  # after probe(), which reports on torch

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


def _change(arguments: argparse.Namespace, output: Output) -> None:
    """Prepare, install or remove an environment."""
    if arguments.prepare:
        report = Timeline(install.PLAN_STAGES, output.progress)
        plan = install.plan_environment(arguments.prepare.resolve(), arguments.torch, report)
        output.result(str(arguments.prepare), f"{plan.text}; continue with runtime --install {arguments.prepare}")
    if arguments.install:
        install.install_environment(arguments.install.resolve(), Timeline(install.STAGES, output.progress))
        output.result(str(arguments.install), f"-> {arguments.install}")
    if arguments.remove:
        install.remove_environment(arguments.remove.resolve())
        output.result(str(arguments.remove), f"removed {arguments.remove}")
