"""Cancelled a hundred times in every stage, and several jobs at once: nothing is left, the result is the same."""

import gc
import logging
import tempfile
import threading
from pathlib import Path

import pytest
from dust3r.core.errors import Cancelled
from dust3r.core.jobs.process import WorkerJob
from dust3r.core.jobs.run import LOADING, run_job
from dust3r.core.pipeline.stages import ADJUSTMENT_STAGES, SETTLING, STAGES, SURFACES
from dust3r.tests.faults.amount import NOTES, trials
from dust3r.tests.faults.processes import open_files
from dust3r.tests.faults.small_job import cameras_of, small_job, write_photos

ALL_STAGES = (LOADING, *STAGES)
# Photos this small are left to the network: tests/core/features/test_process.py cancels in the other stages.
UNREACHED = {*ADJUSTMENT_STAGES, SETTLING, SURFACES}
REACHED = [stage for stage in ALL_STAGES if stage not in UNREACHED]
AFRESH = 10  # cancels after which a job begins in a new folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, photos):
    """(The hash of cameras.json, stage -> how many reports it makes)."""
    folder, reports = tmp_path_factory.mktemp("undisturbed"), dict.fromkeys(ALL_STAGES, 0)

    def count(progress):
        reports[progress.stage] += 1

    small_job(photos).save(folder)
    run_job(folder, count)
    return cameras_of(folder), reports


def _cancelled_at(folder, stage, number):
    """Run the job and cancel it at this report of a stage, or at the first of the next; False where none came.

    A job that goes on has less to report than one that begins.
    """
    left = [number]

    def show(progress):
        left[0] -= progress.stage == stage
        if left[0] <= 0 or ALL_STAGES.index(progress.stage) > ALL_STAGES.index(stage):
            raise Cancelled

    try:
        run_job(folder, show)
    except Cancelled:
        return True
    return False


def _held():
    """Threads, log handlers and open files of this process, what only a cycle still holds aside."""
    gc.collect()
    return threading.active_count(), len(logging.getLogger("dust3r.core").handlers), open_files()


@pytest.mark.parametrize("stage", REACHED)
def test_a_job_cancelled_again_and_again_in_a_stage_leaves_nothing_and_goes_on(
    tmp_path, monkeypatch, photos, undisturbed, stage
):
    cameras, reports = undisturbed
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr(
        logging.getLogger("dust3r.core"), "propagate", False
    )  # pytest keeps tracebacks and their arrays
    held, cancelled, folder = _held(), 0, tmp_path / "none"
    for trial in range(trials(100, 2)):
        if trial % AFRESH == 0:
            folder = tmp_path / f"job {trial}"
            folder.mkdir()
            small_job(photos).save(folder)
        cancelled += _cancelled_at(folder, stage, 1 + trial % reports[stage])
        assert not (folder / "result" / "reconstruction.json").exists()
        assert not list(temporary.iterdir()) and not list(folder.rglob("*.part"))
    assert _held() == held
    run_job(folder, lambda progress: None)
    assert cameras_of(folder) == cameras
    NOTES.append(f"{stage}: cancelled {cancelled} times")


def _workers(folders, photos, cache=None):
    """One worker in each folder, all at once."""
    for folder in set(folders):
        folder.mkdir()
        small_job(photos, cache).save(folder)
    named = ["--cache", str(cache)] if cache else []
    return [WorkerJob(["work", str(folder), *named], log_path=folder / "log.txt") for folder in folders]


@pytest.mark.parametrize("trial", range(trials(5, 1)))
def test_jobs_that_share_a_cache_do_not_notice_each_other(tmp_path, photos, undisturbed, trial):
    folders = [tmp_path / str(number) for number in range(3)]
    for worker in _workers(folders, photos, tmp_path / "cache"):
        worker.result()
    assert {cameras_of(folder) for folder in folders} == {undisturbed[0]}


@pytest.mark.parametrize("trial", range(trials(10, 1)))
def test_two_workers_in_one_job_folder_leave_one_whole_result(tmp_path, photos, undisturbed, trial):
    folder = tmp_path / "job"
    for worker in _workers([folder, folder], photos):
        assert Path(worker.result()).is_dir()
    assert cameras_of(folder) == undisturbed[0]
    assert not list(folder.rglob("*.part"))
