"""Hundreds of reconstructions in one Blender: memory, threads, open files and data-blocks stay as they were."""

import gc
import logging
import sys
import threading
from pathlib import Path

import bpy
import pytest
from dust3r.core.jobs.job import load_result
from dust3r.core.jobs.process import WorkerJob
from dust3r.operators.scene import add_reconstruction
from dust3r.tests.faults.amount import NOTES, trials
from dust3r.tests.faults.processes import open_files
from dust3r.tests.faults.small_job import ITERATIONS, NAMES, small_job, write_photos

SETTLED = 10  # reconstructions until everything that is made once has been made
MOST_GROWTH = 0.05  # of the memory, after that
MODULE = "bl_ext.user_default.dust3r"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def _memory() -> int:
    """Bytes of this process that lie in memory."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])


def _held() -> dict[str, int]:
    """What must not become more."""
    kinds = [prop.identifier for prop in bpy.data.bl_rna.properties if prop.type == "COLLECTION"]
    blocks = {kind: len(getattr(bpy.data, kind)) for kind in kinds}
    handlers = sum(len(logging.getLogger(name).handlers) for name in list(logging.root.manager.loggerDict))
    return blocks | {"threads": threading.active_count(), "files": len(open_files()), "log handlers": handlers}


def _emptied() -> None:
    """The scene without what was made."""
    for collection in list(bpy.context.scene.collection.children):
        bpy.data.batch_remove([*collection.all_objects, collection])
    bpy.context.scene.timeline_markers.clear()
    bpy.data.orphans_purge(do_recursive=True)
    gc.collect()


def _check_nothing_grows(reconstruct, times: int, kind: str) -> None:
    """Reconstruct so often, at least twice; nothing may be more in the end than when all had settled."""
    settled = min(SETTLED, times - 1)
    memory, held = [], {}
    for number in range(times):
        reconstruct(number)
        _emptied()
        memory.append(_memory())
        if number == settled - 1:
            held = _held()
    assert _held() == held
    start = memory[settled - 1]
    growth = max(memory[settled:]) / start - 1
    NOTES.append(f"soak, {kind}: {times} times, {start / 1e6:.0f} MB when settled, at most {growth:+.1%} later")
    assert growth <= MOST_GROWTH


def test_reconstructions_by_the_operator_leave_nothing_behind(extension, tmp_path):
    photos = write_photos(tmp_path / "photos")
    files = [{"name": name} for name in NAMES]

    def reconstruct(number: int) -> None:
        done = bpy.ops.dust3r.reconstruct(
            directory=str(photos[0].parent), files=files, model="small", iterations=ITERATIONS
        )
        assert done == {"FINISHED"}

    _check_nothing_grows(reconstruct, trials(200, 3), "in this process")


def test_reconstructions_by_workers_leave_nothing_behind(extension, tmp_path):
    photos = write_photos(tmp_path / "photos")

    def reconstruct(number: int) -> None:
        folder = tmp_path / str(number)
        small_job(photos, tmp_path / "cache").save(folder)
        WorkerJob(["work", str(folder), "--cache", str(tmp_path / "cache")], log_path=folder / "log.txt").result()
        add_reconstruction(bpy.context.scene, load_result(folder))

    _check_nothing_grows(reconstruct, trials(50, 2), "by workers")
