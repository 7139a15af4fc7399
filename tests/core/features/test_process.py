"""The process that pycolmap runs in."""

import os
import time

import pytest
from dust3r.core.errors import Cancelled, ReconstructionError
from dust3r.core.features.process import run_apart
from dust3r.core.progress import silent

ODD = "dust3r.tests.core.features.odd_process"


def test_a_process_that_dies_is_an_error_of_one_sentence(tmp_path):
    (tmp_path / "what").write_text("abort")
    with pytest.raises(ReconstructionError, match=r"^pycolmap ended early \("):
        run_apart(ODD, tmp_path, silent)


def test_a_report_that_raises_ends_the_process_at_once(tmp_path):
    (tmp_path / "what").write_text("sleep")
    said = []

    def report(stage, done, total):
        said.append((stage, done, total))
        if stage == "Matching photos":
            raise Cancelled

    with pytest.raises(Cancelled):
        run_apart(ODD, tmp_path, report)
    assert said[-1] == ("Matching photos", 1, 3)
    pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_reports_come_while_the_process_says_nothing(tmp_path):
    (tmp_path / "what").write_text("sleep")
    began, calls = time.monotonic(), []

    def report(stage, done, total):
        calls.append(stage)
        if len(calls) == 8 or time.monotonic() > began + 30:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_apart(ODD, tmp_path, report, patience=0.01)
    assert len(calls) == 8
