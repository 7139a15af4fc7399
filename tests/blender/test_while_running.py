"""What people do while a worker is at work, in each of its stages: the worker is gone, and Blender as it should be."""

import importlib
import sys
import time
from pathlib import Path

import bpy  # isort: skip  it brings addon_utils
import addon_utils
import pytest
from dust3r.core.errors import Cancelled
from dust3r.core.jobs.run import LOADING
from dust3r.core.pipeline.stages import STAGES
from dust3r.tests.blender.operator_calls import calls, make, operator_classes, starts_worker
from dust3r.tests.faults.amount import FULL, NOTES
from dust3r.tests.faults.processes import processes_of_session
from dust3r.tests.faults.small_job import small_job, write_photos

MODULE = "bl_ext.user_default.dust3r"
PATIENCE = 120.0  # seconds until a worker on a busy machine has come so far
ALL_STAGES = (LOADING, *STAGES)
# named, not taken as an argument: pytest prints arguments of what fails, and Blender has freed these by then
pytestmark = [
    pytest.mark.usefixtures("extension"),
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
]


def _new_file(folder: Path) -> None:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


def _another_file(folder: Path) -> None:
    bpy.ops.wm.open_mainfile(filepath=str(folder / "other.blend"))


def _same_file(folder: Path) -> None:
    bpy.ops.wm.revert_mainfile()


def _switched_off(folder: Path) -> None:
    addon_utils.disable(MODULE, default_set=True)


def _switched_off_and_on(folder: Path) -> None:
    addon_utils.disable(MODULE, default_set=True)
    addon_utils.enable(MODULE, default_set=True)


def _cancelled(folder: Path) -> None:
    assert bpy.ops.dust3r.cancel() == {"FINISHED"}


DISTURBANCES = (_new_file, _another_file, _same_file, _switched_off, _switched_off_and_on, _cancelled)


def _started(folder: Path):
    """A worker as the panel starts it, and the module that knows of it."""
    running = importlib.import_module(f"{MODULE}.operators.jobs.running")
    worker_process = importlib.import_module(f"{MODULE}.core.jobs.process")
    job = folder / "job"
    small_job(write_photos(folder / "photos")).save(job)
    running._current = worker_process.WorkerJob(["work", str(job)], log_path=job / "log.txt")
    return running, running._current


def _until(worker, stage: str) -> None:
    """Wait until the worker has come to a stage, or further."""
    end = time.monotonic() + PATIENCE
    while worker.running and time.monotonic() < end:
        if worker.progress and ALL_STAGES.index(worker.progress.stage) >= ALL_STAGES.index(stage):
            return
        time.sleep(0.001)


@pytest.mark.parametrize(
    "disturb", DISTURBANCES if FULL else (_another_file, _switched_off), ids=lambda act: act.__name__
)
@pytest.mark.parametrize("stage", ALL_STAGES if FULL else (LOADING,))
def test_a_worker_that_is_disturbed_in_a_stage_is_gone_at_once(tmp_path, stage, disturb):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "other.blend"))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    running, worker = _started(tmp_path)
    _until(worker, stage)
    disturb(tmp_path)
    worker.wait(PATIENCE)
    assert processes_of_session(worker._process.pid) == []
    if disturb is not _cancelled:
        assert not running.is_running()
    running.stop()  # what the operator does that started a cancelled one
    if worker._cancelled:
        with pytest.raises(Exception, match=str(Cancelled())):
            worker.result()
    NOTES.append(f"{disturb.__name__[1:]} while {stage}: {'ended' if worker._cancelled else 'had ended by itself'}")


def test_no_second_job_begins_beside_a_running_one(tmp_path):
    running, worker = _started(tmp_path)
    try:
        for name in filter(starts_worker, operator_classes()):
            for call in calls(name, tmp_path):
                assert make(call).kind == "off", str(call)
    finally:
        running.stop()
    assert not worker.running
