"""Parsing: verbs that are not there, modules that are not needed, and errors as messages."""

import subprocess
import sys

import pytest
from dust3r.cli import parser
from dust3r.cli.parser import CHECKOUT_VERBS
from dust3r.core.jobs.messages import ErrorMessage, decode

from ..conftest import ROOT

HEAVY = ("torch", "bpy", "numba", "pycolmap", "scipy.ndimage")


@pytest.fixture
def without_evaluation(monkeypatch, tmp_path):
    """The package as the extension's zip has it: no folder evaluation, none of its verbs."""
    packages = ("dust3r.evaluation", *(f"dust3r.cli.verbs.{verb}" for verb in CHECKOUT_VERBS))
    for name in [name for name in sys.modules if name.startswith(packages)]:
        monkeypatch.delitem(sys.modules, name)
    for name in packages:
        monkeypatch.setitem(sys.modules, name, None)  # an import of it fails
    monkeypatch.setattr(parser, "EVALUATION", tmp_path / "evaluation")


def test_the_command_line_parses_without_the_evaluation_package(without_evaluation, run):
    code, said, _ = run("--help")
    assert code == 0 and "reconstruct" in said
    assert not [line for line in said.splitlines() if line.split()[:1] in ([verb] for verb in CHECKOUT_VERBS)]
    code, said, _ = run("reconstruct", "--help")
    assert code == 0 and "--scene-graph" in said


@pytest.mark.parametrize("verb", CHECKOUT_VERBS)
def test_a_verb_of_the_evaluation_is_part_of_the_checkout_only(without_evaluation, run, verb):
    code, _, error = run(verb, "photos")
    assert code == 2 and error.count("\n") == 1
    assert error.startswith(f"{verb} is part of the checkout only")


def test_the_help_of_all_verbs_loads_nothing_heavy():
    code = (
        "import runpy, sys; runpy.run_path('headless.py')['import_package']();"
        "from dust3r.cli.main import main; from dust3r.cli.parser import VERBS, make_parser;"
        "main(['--help']); make_parser('p', VERBS);"
        f"print('loaded:', [name for name in {HEAVY} if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "reconstruct" in ran.stdout and ran.stdout.splitlines()[-1] == "loaded: []"


@pytest.mark.parametrize("words", [[], ["reconstruct"], ["reconstruct", "a.jpg", "--unknown"], ["gpt"], ["work", ""]])
def test_an_error_of_the_arguments_is_a_json_message_too(run, words):
    code, said, error = run(*words, "--json-progress")
    assert code == 2
    assert decode(said.splitlines()[-1]) == ErrorMessage(error.strip(), 2)
