"""What becomes of a scene while a worker is at work for it: the result comes where it belongs, or nothing does.

The operators' own form is driven without a window: what a person does lies between the worker's start and its end.
"""

import importlib
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest
from dust3r.tests.blender.synthetic_reconstruction import SHOTS, make_reconstruction
from dust3r.tests.faults.processes import processes_of_session
from dust3r.tests.faults.small_job import NAMES, small_job, write_photos

MODULE = "bl_ext.user_default.dust3r"
SHIFT = (3.0, -2.0, 0.0)  # of the earlier reconstruction, by hand


def _ours(name):
    return importlib.import_module(f"{MODULE}.{name}")


class Run:
    """A reconstruction's operator after it has begun; Blender lets nobody but itself make a real one."""

    def __init__(self, folder: Path) -> None:
        form, jobs = _ours("operators.jobs.reconstruction_job").ReconstructionJob, _ours("core.jobs.workspace")

        class Operator(form):
            def prepare(self, context):
                lease = jobs.Lease.of(folder / "job")
                self.job.save(lease.folder)
                return lease, jobs.Begun(len(NAMES), "Room", 0.0)

            def report(self, level, text):
                self.said.append((*level, text))

        self._operator = Operator()
        self._operator.job, self._operator.said = small_job(write_photos(folder / "photos")), []
        assert self._operator._begin(bpy.context), self._operator.said
        self.process = self._operator._worker._process
        assert processes_of_session(self.process.pid) or sys.platform != "linux"

    def end(self) -> list[tuple[str, str]]:
        """Wait for the worker and take what it made; what was said. Its process and its job are gone."""
        self._operator.finish(bpy.context)
        assert processes_of_session(self.process.pid) == []
        assert not _ours("operators.jobs.running").is_running()
        assert not bpy.context.window_manager.dust3r_job.running
        return self._operator.said


@pytest.fixture
def earlier(extension, tmp_path):
    """A reconstruction that the scene has had before, and its camera the scene's."""
    result = make_reconstruction(tmp_path, SHOTS[:2])
    collection = _ours("operators.scene").add_reconstruction(bpy.context.scene, result, "DUSt3R", photo_frames=True)
    bpy.ops.ed.undo_push(message="before")
    return collection


@pytest.fixture
def run(earlier, tmp_path):
    return Run(tmp_path)


def _cameras(collection) -> list[str]:
    return sorted(thing.name for thing in collection.objects if thing.type == "CAMERA")


def _names(kind: str) -> set[str]:
    return {block.name for block in getattr(bpy.data, kind)}


def _complete(name: str = "Room") -> bool:
    """Whether the new reconstruction stands in the scene with its cameras and finite points."""
    collection = bpy.data.collections[name]
    points = _ours("operators.scene.reading").find_points(collection)
    place = np.empty(3 * len(points.data.vertices), np.float32)
    points.data.vertices.foreach_get("co", place)
    return _cameras(collection) == sorted(NAMES) and len(place) > 0 and bool(np.isfinite(place).all())


def test_the_earlier_reconstruction_is_deleted(run):
    collection = bpy.data.collections["DUSt3R"]
    for thing in list(collection.objects):
        bpy.data.objects.remove(thing)
    bpy.data.collections.remove(collection)
    assert [level for level, _ in run.end() if level == "ERROR"] == []
    assert _complete() and _names("collections") == {"Room"}


def test_the_earlier_reconstruction_is_emptied_and_renamed_to_what_the_new_one_would_be_called(run):
    bpy.data.collections["DUSt3R"].name = "Room"
    for thing in list(bpy.data.collections["Room"].objects):
        bpy.data.objects.remove(thing)
    assert bpy.context.scene.camera is None
    run.end()
    assert _complete("Room.001") and len(bpy.data.collections["Room"].objects) == 0
    assert bpy.context.scene.camera is None  # whose camera it is, the artist says


def test_the_scene_is_renamed_and_two_others_get_its_name(run, tmp_path):
    """One of this file, and one from a library."""
    scene = bpy.context.scene
    bpy.data.libraries.write(str(tmp_path / "library.blend"), {scene})
    scene.name = "Kitchen"
    bpy.data.scenes.new("Scene")
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, wanted):
        wanted.scenes = ["Scene"]
    run.end()
    assert _complete() and "Room" in scene.collection.children
    others = [other for other in bpy.data.scenes if other != scene]
    assert [other.name for other in others] == ["Scene", "Scene"]
    assert not any("Room" in other.collection.children for other in others)


def test_the_scene_is_deleted(run):
    scene, other = bpy.context.scene, bpy.data.scenes.new("Other")
    bpy.context.window.scene = other
    bpy.data.scenes.remove(scene)
    before = {kind: _names(kind) for kind in ("objects", "collections", "meshes", "cameras", "images")}
    said = run.end()
    assert [text for level, text in said if level == "ERROR"] == ["The scene Scene is gone; open it and try again"]
    assert {kind: _names(kind) for kind in before} == before


def test_undo_redo_and_saving_under_another_name_lead_to_no_other_scene(run, tmp_path):
    bpy.data.objects.new("added", None)
    bpy.ops.ed.undo_push(message="add")
    bpy.ops.ed.undo()
    assert "added" not in bpy.data.objects
    bpy.ops.ed.redo()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    run.end()
    assert _complete() and "added" in bpy.data.objects and "DUSt3R" in bpy.data.collections


def test_undoing_the_earlier_reconstruction_while_it_runs_takes_nothing_from_the_new_one(extension, tmp_path):
    bpy.ops.ed.undo_push(message="empty")
    result = make_reconstruction(tmp_path, SHOTS[:2])
    _ours("operators.scene").add_reconstruction(bpy.context.scene, result, "DUSt3R")
    bpy.ops.ed.undo_push(message="earlier")
    run = Run(tmp_path)
    bpy.ops.ed.undo()
    assert _names("collections") == set()
    run.end()
    assert _complete() and _names("collections") == {"Room"}
