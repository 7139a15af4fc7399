"""Too little memory or disk, in steps: a result, or one sentence; and never half a file under a final name."""

import errno
import json
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from dust3r.core.errors import InputError, ReconstructionError
from dust3r.core.export.ply import save_ply
from dust3r.core.io import atomic as files
from dust3r.core.io.atomic import replacing, temporary_folder
from dust3r.core.jobs.job import Job
from dust3r.core.jobs.process import WorkerJob
from dust3r.core.reconstruction.result import Reconstruction
from dust3r.core.runtime import memory
from dust3r.core.runtime.memory import reachable_memory, shortage
from dust3r.core.settings import AlignmentSettings, ReconstructionSettings
from dust3r.tests.blender.synthetic_reconstruction import SHOTS, make_reconstruction
from dust3r.tests.faults.amount import FULL, NOTES
from dust3r.tests.faults.watch import TRACEBACK

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = tuple(sorted((ROOT / "samples" / "studio" / "images").iterdir()))[:3]
ADDRESSES = (200, 400, 600, 800, 1000, 1200, 1400, 1600, 1800, 2000, 2500, 3000) if FULL else (1200,)  # MB
SIZES = (4, 16, 64, 128, 256, 512, 1024, 2048, 4096) if FULL else (64,)  # kB, of one file or of the disk

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits by ulimit, proc and tmpfs")


def _work(folder: Path, before: str) -> str:
    """How a worker ended that a shell started after `before`: "done", or the sentence."""
    settings = ReconstructionSettings(device="cpu", cameras="network", alignment=AlignmentSettings(iterations=20))
    if not (folder / "job.json").exists():
        Job(PHOTOS, ROOT / "models" / "small", settings).save(folder)
    script = f'{before} && exec "{sys.executable}" "{ROOT / "headless.py"}" "$@"'
    worker = WorkerJob(["work", str(folder)], log_path=None, launcher=["/bin/sh", "-c", script, "sh"])
    try:
        worker.result()
    except ReconstructionError as error:
        sentence = str(error)
        assert "\n" not in sentence and not TRACEBACK.search(sentence) and "Unexpected" not in sentence, sentence
        return sentence
    return "done"


def _check_whole(folder: Path, outcome: str) -> None:
    """Nothing half-written under a final name; a result where there should be one, else none."""
    for path in folder.rglob("[!.]*"):
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".npy":
            np.load(path, allow_pickle=False)
    assert list(folder.rglob(".*.part")) == []
    assert (folder / "result" / "reconstruction.json").exists() == (outcome == "done")
    if outcome == "done":
        Reconstruction.load(folder / "result")


@pytest.mark.parametrize("megabytes", ADDRESSES)
def test_a_worker_with_too_little_address_space_says_so_or_finishes(tmp_path, megabytes):
    outcome = _work(tmp_path, f"ulimit -v {megabytes * 1024}")
    NOTES.append(f"address space of {megabytes} MB: {outcome}")
    _check_whole(tmp_path, outcome)
    assert outcome == "done" or re.search(r"[Mm]emory|ended without a result|cannot be loaded", outcome)
    assert not FULL or _work(tmp_path, "true") == "done"


@pytest.mark.parametrize("kilobytes", SIZES)
def test_a_worker_that_may_write_no_large_file_says_so_or_finishes(tmp_path, kilobytes):
    Job(PHOTOS, ROOT / "models" / "small", ReconstructionSettings()).save(tmp_path)
    outcome = _work(tmp_path, f"ulimit -f {kilobytes * 2}")  # blocks of 512 bytes
    NOTES.append(f"files of at most {kilobytes} kB: {outcome}")
    _check_whole(tmp_path, outcome)
    assert outcome == "done" or ("Cannot write" in outcome and "MB are free" in outcome)


def _can_mount() -> bool:
    command = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"]
    return shutil.which("unshare") is not None and subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.skipif(not _can_mount(), reason="this user may not mount a tmpfs, not even in a namespace of its own")
@pytest.mark.parametrize("kilobytes", SIZES)
def test_a_worker_on_a_full_disk_says_so_or_finishes(tmp_path, kilobytes):
    job, disk, seen = (tmp_path / name for name in ("job", "disk", "seen"))
    disk.mkdir()
    Job(PHOTOS, ROOT / "models" / "small", ReconstructionSettings()).save(job)
    script = (
        f'mount -t tmpfs -o size={kilobytes}k tmpfs "{disk}" && cp "{job}/job.json" "{disk}/" || exit 9; '
        f'"{sys.executable}" "{ROOT / "headless.py"}" "$@"; code=$?; cp -a "{disk}" "{seen}"; exit $code'
    )
    worker = WorkerJob(["work", str(disk)], launcher=["unshare", "-rm", "sh", "-c", script, "sh"])
    try:
        outcome = "done" if worker.result() else ""
    except ReconstructionError as error:
        outcome = str(error)
    NOTES.append(f"disk of {kilobytes} kB: {outcome}")
    _check_whole(seen, outcome)
    assert outcome == "done" or ("Cannot write" in outcome and "; " in outcome)


@pytest.mark.parametrize("moment", ["write", "fsync", "rename"])
def test_a_disk_that_refuses_at_any_step_leaves_the_old_file(tmp_path, monkeypatch, moment):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if moment == "fsync":
        monkeypatch.setattr(files.os, "fsync", refuse)
    if moment == "rename":
        monkeypatch.setattr(Path, "replace", refuse)
    with (
        pytest.raises(InputError, match=r"Cannot write .*No space left on device.*MB are free"),
        replacing(path) as file,
    ):
        file.write(b"new" * 100_000)
        if moment == "write":
            refuse()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_exports_that_do_not_fit_leave_what_was_there(tmp_path):
    result = make_reconstruction(tmp_path, SHOTS[:2])
    targets = {name: tmp_path / name for name in ("points.ply", "cameras.json")}
    for path in targets.values():
        path.write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(InputError, match=r"points\.ply"):
            save_ply(targets["points.ply"], result.visible_points())
        with pytest.raises(InputError, match=r"cameras\.json"):
            result.save_cameras(targets["cameras.json"])
        with pytest.raises(InputError, match=r"arrays\.npz"):
            result.save(tmp_path / "result")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert all(path.read_bytes() == b"old" for path in targets.values())
    assert list((tmp_path / "result").iterdir()) == []


def test_no_place_for_temporary_files_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(InputError, match="No temporary folder can be made"), temporary_folder():
        pass


def _too_much() -> torch.Tensor:
    return torch.empty(1 << 60)


@pytest.mark.parametrize("ask", [_too_much, lambda: np.empty(1 << 58), lambda: bytearray(1 << 60)])
def test_running_out_of_memory_is_one_sentence_with_what_was_needed_and_what_there_was(ask):
    with pytest.raises((MemoryError, RuntimeError)) as caught:
        ask()
    sentence = str(shortage(caught.value))
    assert sentence.startswith("Memory ran out") and "GB can be used altogether" in sentence
    assert "\n" not in sentence
    for said in ("x.so: failed to map segment from shared object", "[Errno 12] Cannot allocate memory"):
        assert shortage(ImportError(said)) is not None
    assert shortage(RuntimeError("shapes cannot be multiplied")) is None


def test_a_limit_of_the_address_space_is_memory_that_there_is_not():
    before, free = resource.getrlimit(resource.RLIMIT_AS), reachable_memory()
    asked = memory._kilobytes(Path("/proc/self/status"), "VmSize")
    resource.setrlimit(resource.RLIMIT_AS, (asked + (100 << 20), before[1]))
    try:
        assert reachable_memory() < min(free, memory._kilobytes(Path("/proc/self/status"), "VmRSS") + (120 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
