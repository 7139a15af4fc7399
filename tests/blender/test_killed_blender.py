"""Blender killed at any moment, or quit: the .blend on disk, or its backup, is one that was saved; its worker goes."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import bpy
import numpy as np
import pytest
from dust3r.core.jobs.job import Job
from dust3r.core.settings import ReconstructionSettings
from dust3r.operators.scene.reading import read_reconstruction
from dust3r.operators.scene.reconstruction import RECIPE
from dust3r.tests.blender.synthetic_reconstruction import SHOTS, make_reconstruction
from dust3r.tests.faults.amount import NOTES, SEED, trials
from dust3r.tests.faults.processes import processes_of_session

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "faults" / "blender_that_saves.py"
QUITTING = SCRIPT.with_name("blender_that_quits.py")
LONGEST = 1.5  # seconds after the first save
PATIENCE = 20.0  # seconds that the worker has to notice

pytestmark = [
    pytest.mark.bpy_module,
    pytest.mark.skipif(sys.platform == "win32", reason="kills by POSIX signals"),
]


def _killed(arguments: list[str], seconds: float) -> tuple[int, int]:
    """Run the script and kill it some seconds after the first save: (the worker's process, how often was saved)."""
    blender = subprocess.Popen([sys.executable, str(SCRIPT), *arguments], stdout=subprocess.PIPE, text=True)
    worker, saved = 0, 0
    for line in blender.stdout:
        words = line.split()
        if words[:1] == ["worker"]:
            worker = int(words[1])
        if words[:1] == ["saved"]:
            break
    time.sleep(seconds)
    blender.kill()
    blender.wait()
    rest = [line.split()[1] for line in blender.stdout if line.startswith("saved")]
    saved = int(rest[-1]) if rest else 1
    blender.stdout.close()
    return worker, saved


def _is_gone(worker: int) -> bool:
    end = time.monotonic() + PATIENCE
    while processes_of_session(worker) and time.monotonic() < end:
        time.sleep(0.02)
    return processes_of_session(worker) == []


def _job(folder: Path) -> Path:
    photos = sorted((ROOT / "samples" / "studio" / "images").iterdir())
    Job(tuple(photos), ROOT / "models" / "small", ReconstructionSettings()).save(folder)
    return folder


@pytest.mark.parametrize("number", [None, signal.SIGTERM], ids=str)
def test_a_blender_that_ends_in_the_midst_of_a_job_leaves_no_worker(tmp_path, number):
    """By itself or by a signal; wm.quit_blender does nothing without a window, in which tools/window asks for it."""
    scene, job = tmp_path / "scene.blend", _job(tmp_path / "job")
    bpy.ops.wm.save_as_mainfile(filepath=str(scene))
    saved = scene.read_bytes()
    command = [sys.executable, str(QUITTING), str(scene), str(job), *([] if number else ["exit"])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as blender:
        said = next(line.split() for line in blender.stdout if line.startswith("worker"))
        if number is not None:
            blender.send_signal(number)
        blender.stdout.read()
        blender.wait(PATIENCE)
    assert _is_gone(int(said[1]))
    assert scene.read_bytes() == saved
    assert not (job / "result").exists()


@pytest.mark.parametrize("trial", range(trials(20, 1)))
def test_the_file_on_disk_is_whole_and_the_worker_gone(tmp_path, trial):
    result, scene, job = make_reconstruction(tmp_path, SHOTS[:2]), tmp_path / "scene.blend", tmp_path / "job"
    result.save(tmp_path / "result")
    _job(job)
    bpy.ops.wm.save_as_mainfile(filepath=str(scene))
    seconds = random.Random(f"{SEED}/blender/{trial}").uniform(0, LONGEST)
    worker, saved = _killed([str(scene), str(tmp_path / "result"), str(job)], seconds)
    assert _is_gone(worker)
    # Blender makes the old file its backup just before the new one gets its name
    bpy.ops.wm.open_mainfile(filepath=str(scene if scene.exists() else scene.with_suffix(".blend1")))
    NOTES.append(f"Blender killed after {seconds:.2f} s: {Path(bpy.data.filepath).name}, {saved} saves")
    ours = [collection for collection in bpy.data.collections if RECIPE in collection]
    assert len(ours) in (saved, saved + 1)  # it may be killed between a save and its word
    for collection in ours:
        found = read_reconstruction(collection).visible_points().position
        assert np.abs(found - result.visible_points().position).max() < 1e-3
