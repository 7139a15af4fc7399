"""A worker that is killed at any moment: what is on disk is whole, nothing is left elsewhere, and the job goes on."""

import hashlib
import json
import os
import random
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from dust3r.core.jobs.disk_cache import clear
from dust3r.core.jobs.job import Job, find_result
from dust3r.core.jobs.process import WorkerJob
from dust3r.core.jobs.run import run_job
from dust3r.core.settings import AlignmentSettings, ReconstructionSettings
from dust3r.tests.faults.amount import SEED, trials
from dust3r.tests.faults.processes import processes_of_session

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = tuple(sorted((ROOT / "samples" / "studio" / "images").iterdir()))[:3]
PATIENCE = 120.0  # seconds until a worker on a busy machine has said its first word

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills by POSIX signals")


def _job(cache: Path | None = None) -> Job:
    settings = ReconstructionSettings(device="cpu", cameras="network", alignment=AlignmentSettings(iterations=60))
    return Job(PHOTOS, ROOT / "models" / "small", settings, cache)


def _cameras(folder: Path) -> str:
    """The hash of cameras.json."""
    return hashlib.sha256(json.dumps(find_result(folder).cameras(), sort_keys=True).encode()).hexdigest()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("undisturbed")
    _job().save(folder)
    run_job(folder, lambda progress: None)
    return _cameras(folder)


def _kill_at(worker: WorkerJob, share: float, later: float) -> None:
    """Once the job has come so far, and some seconds later."""
    end = time.monotonic() + PATIENCE
    while worker.running and time.monotonic() < end:
        if share <= 0 or (worker.progress is not None and worker.progress.share >= min(share, 1.0)):
            break
        time.sleep(0.002)
    worker.wait(later)
    worker.cancel()
    worker.wait()


def _check_whole(folder: Path) -> None:
    """Every file under a final name is whole."""
    for path in folder.rglob("[!.]*"):
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix in {".npy", ".npz"}:
            arrays = np.load(path, allow_pickle=False)
            assert path.suffix == ".npy" or all(arrays[name] is not None for name in arrays.files)


@pytest.mark.parametrize("trial", range(trials(50, 1)))
def test_a_killed_job_goes_on_to_the_same_result(tmp_path, monkeypatch, undisturbed, trial):
    draw = random.Random(f"{SEED}/{trial}")
    share, later = draw.uniform(-0.1, 1.1), draw.uniform(0, 0.3)  # below 0: while it starts, above 1: while it saves
    job, temporary, home = tmp_path / "job", tmp_path / "temporary", tmp_path / "home"
    cache = tmp_path / "cache" if trial % 2 else None
    for folder in (job, temporary, home):
        folder.mkdir()
    for name, folder in (("TMPDIR", temporary), ("HOME", home)):
        monkeypatch.setenv(name, str(folder))
    _job(cache).save(job)
    worker = WorkerJob(["work", str(job)], log_path=job / "log.txt")
    _kill_at(worker, share, later if 0 < share < 1 else 10 * later)
    assert processes_of_session(worker._process.pid) == []
    assert list(temporary.iterdir()) == [] and list(home.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} <= {"job", "temporary", "home", "cache"}
    _check_whole(tmp_path)
    run_job(job, lambda progress: None)
    assert _cameras(job) == undisturbed
    _check_whole(tmp_path)
    if cache is not None:
        clear(cache)  # raises where a lock is left
        assert not any(path.suffix == ".npy" for path in cache.rglob("*"))


def test_a_polite_end_leaves_no_temporary_folder(tmp_path, monkeypatch):
    """`reconstruct` without --job works in a temporary folder, which a cancel takes away."""
    import signal
    import subprocess

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    command = [sys.executable, str(ROOT / "headless.py"), "reconstruct", *map(str, PHOTOS), "--model", "small"]
    process = subprocess.Popen([*command, "--cameras", str(tmp_path / "cameras.json"), "--quiet"])
    end = time.monotonic() + PATIENCE
    while not list(tmp_path.glob("*/*")) and time.monotonic() < end:  # it works in its folder
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 4
    assert list(tmp_path.iterdir()) == []
    assert os.environ["TMPDIR"] == str(tmp_path)
