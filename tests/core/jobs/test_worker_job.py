"""A worker process: its progress arrives, Cancel is quick, and its death is one clear error."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from dust3r.core.alignment.estimate import MOST_POINTS
from dust3r.core.errors import Cancelled, InputError, ModelUnavailable, ReconstructionError
from dust3r.core.jobs import process as worker_process
from dust3r.core.jobs.job import Job, load_result
from dust3r.core.jobs.process import WorkerJob
from dust3r.core.reconstruction.preview import Preview
from dust3r.core.runtime.environment import PASSIVE
from dust3r.core.runtime.worker_python import own_python, worker_environment
from dust3r.core.settings import AlignmentSettings, ReconstructionSettings

ROOT = Path(__file__).resolve().parents[3]
PHOTOS = tuple(sorted((ROOT / "samples" / "studio" / "images").iterdir()))
SMALL = ROOT / "models" / "small"


@pytest.fixture
def start(tmp_path):
    """Start a worker on a job of some photos, and make sure that it is gone afterwards."""
    started = []

    def call(photos=PHOTOS, model=SMALL, **more) -> WorkerJob:
        settings = ReconstructionSettings(cameras="network", alignment=AlignmentSettings(iterations=5))
        Job(tuple(photos), model, settings).save(tmp_path)
        started.append(WorkerJob(["work", str(tmp_path)], log_path=tmp_path / "log.txt", **more))
        return started[-1]

    yield call
    for job in started:
        job.cancel()
        job.wait()


@pytest.mark.parametrize("python", [None, sys.executable])
def test_a_workers_threads_sleep_while_they_wait(monkeypatch, python):
    for name in PASSIVE:
        monkeypatch.delenv(name, raising=False)
    assert PASSIVE.items() <= worker_environment(python).items()


def _wait_for_progress(job: WorkerJob) -> None:
    limit = time.monotonic() + 60
    while job.progress is None and job.running and time.monotonic() < limit:
        time.sleep(0.01)
    assert job.progress is not None


def test_a_job_runs_to_its_result_and_every_photo_and_the_world_are_seen_on_the_way(start, tmp_path):
    job, seen = start(PHOTOS[:3]), set()
    while job.running:
        seen |= set(job.photos.items())
        job.wait(0.001)
    assert job.result() == tmp_path / "result"
    assert [view.name for view in load_result(tmp_path).views] == [photo.name for photo in PHOTOS[:3]]
    assert job.progress.share == 1
    assert not job.running
    assert job.photos == {str(photo): "placed" for photo in PHOTOS[:3]}
    assert {state for _, state in seen} == {"read", "predicted", "placed"}
    preview = Preview.load(job.preview)
    assert job.preview == tmp_path / "preview.npz"
    assert 0 < len(preview.position) <= MOST_POINTS
    assert preview.cameras.shape == (3, 5, 3)


def test_warnings_of_the_job_arrive(start, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(PHOTOS[0].read_bytes()[:3000])
    job = start([PHOTOS[0], broken])
    job.result()
    assert any("broken.jpg" in warning for warning in job.warnings)


def test_cancel_ends_the_process_within_half_a_second(start, tmp_path):
    job = start()
    _wait_for_progress(job)
    began = time.monotonic()
    job.cancel()
    with pytest.raises(Cancelled):
        job.result()
    assert time.monotonic() - began < 0.5
    assert not (tmp_path / "result").exists()


def test_cancel_before_the_first_word_is_a_cancel_too(start):
    job = start()
    job.cancel()
    with pytest.raises(Cancelled):
        job.result()


@pytest.mark.skipif(sys.platform == "win32", reason="signal 9 is POSIX's")
def test_a_killed_worker_is_one_error_that_names_its_log(start, tmp_path):
    job = start()
    _wait_for_progress(job)
    os.kill(job._process.pid, signal.SIGKILL)
    with pytest.raises(ReconstructionError, match=r"signal 9.*log\.txt"):
        job.result()
    assert not (tmp_path / "result").exists()


def test_errors_keep_their_kind_and_sentence(start, tmp_path):
    with pytest.raises(InputError, match=r"gone\.jpg"):
        start([tmp_path / "gone.jpg"]).result()
    assert "ERROR dust3r.core.jobs.run: The job failed\nTraceback" in (tmp_path / "log.txt").read_text()
    with pytest.raises(ModelUnavailable, match="no model"):
        start(model=tmp_path / "no model").result()


def test_a_python_that_cannot_run_the_worker_is_named(start, tmp_path):
    with pytest.raises(ReconstructionError, match="no python here"):
        start(python=str(tmp_path / "no python here"))
    with pytest.raises(ReconstructionError, match=r"log\.txt"):
        start(python="/bin/false").result()


NOISY = """
import os, runpy, sys
os.write(1, b"before anything of ours runs\\n")
headless = runpy.run_path(sys.argv[1])
headless["import_package"]()
from dust3r.cli.verbs import work
run = work.run
def noisy(arguments, output):
    os.write(1, b"a library in C, and no line's end")
    print("a library in Python", end="", flush=True)
    os.system("echo a program that it starts")
    run(arguments, output)
work.run = noisy
from dust3r.cli.main import main
headless["leave"](main(sys.argv[2:]))
"""


def test_lines_that_are_no_message_go_to_a_log_and_take_none_away(start, tmp_path, caplog):
    caplog.set_level("INFO")
    job = start(PHOTOS[:2], launcher=(sys.executable, "-c", NOISY, str(worker_process.HEADLESS)))
    assert job.result() == tmp_path / "result"
    assert job.photos == {str(photo): "placed" for photo in PHOTOS[:2]}
    written = (tmp_path / "log.txt").read_text()
    for noise in ("a library in C", "a library in Python", "a program that it starts"):
        assert noise in written
    assert caplog.messages == []
    caplog.set_level("DEBUG", "dust3r")
    job._take("[1234.5] UCX  WARN  a library's greeting\n")
    assert [(record.levelname, "greeting" in record.message) for record in caplog.records] == [("DEBUG", True)]
    job._take('{"protocol": 1, "kind": "ResultMessage", "path": "x"}\n')
    assert caplog.records[-1].levelname == "WARNING"
    assert job.result().name == "result"


def test_blenders_own_python_is_a_python():
    assert Path(own_python()).name.startswith("python")
