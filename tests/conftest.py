"""Make the checkout importable as the package `dust3r`, for tests with and without Blender alike."""

import importlib
import os
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

if "PYTEST_XDIST_WORKER" in os.environ:  # a process a core: more threads would wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")
HEADLESS = runpy.run_path(str(ROOT / "headless.py"))
EARLIER = HEADLESS["blender_folders"]()
HEADLESS["import_package"]()
importlib.import_module("dust3r.core.runtime.environment").let_waiting_threads_sleep()  # before a test loads torch


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files with the slowest tests first: no process is left alone with them at the end.

    The slowest of all comes before those that need the compiled renderer, which one process alone then compiles.
    """
    training = ROOT / "tests" / "training"
    items.sort(key=lambda item: (not item.path.is_relative_to(training), item.path.name != "test_compile.py"))


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure() -> None:
    """Blender as a module leaves its temporary folder behind."""
    if "bpy" in sys.modules:
        HEADLESS["remove_session"](sys.modules["bpy"].app.tempdir, EARLIER)


@pytest.fixture(scope="session")
def golden() -> Path:
    """Outputs of the published network and algorithms: the measure of agreement."""
    return ROOT / "tests" / "golden"


@pytest.fixture
def run(capsys):
    """Run the command line in this process: (exit code, standard output, standard error)."""
    from dust3r.cli.main import main

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call
