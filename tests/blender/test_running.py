"""While a job runs and after: a scene's job folder, what was interrupted, how far photos are, what is drawn."""

import importlib
from pathlib import Path

import bpy
import numpy as np
import pytest
from dust3r.tests.network_passes import count_passes

ROOT = Path(__file__).resolve().parents[2]
STUDIO = ROOT / "samples" / "studio" / "images"
MODULE = "bl_ext.user_default.dust3r"
PHOTOS = ("studio_01.jpg", "studio_02.jpg", "studio_03.jpg")


def _ours(name):
    return importlib.import_module(f"{MODULE}.{name}")


def _files(*names: str) -> dict:
    return {"directory": str(STUDIO), "files": [{"name": name} for name in names]}


@pytest.fixture
def saved(extension, tmp_path):
    """A file on disk with the extension, and the folder of its jobs, which is empty at first."""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    extension.model, extension.iterations, extension.scene_graph = "small", 3, "complete"
    extension.cameras = "network"
    _ours("core.jobs.workspace").clear(_ours("operators.addon.preferences").scene_jobs())
    return _ours("operators.jobs.scene_jobs")


def _folder(saved) -> Path:
    lease = saved.take_folder(bpy.context.scene)
    lease.release()
    return lease.folder


@pytest.fixture
def interrupted(saved):
    """The same after a job of three photos was begun in it by a Blender that is gone."""
    job = _ours("core.jobs.job")
    settings = _ours("core.settings").ReconstructionSettings(scene_graph="complete", cameras="network")
    lease = saved.take_folder(bpy.context.scene)
    job.Job(tuple(STUDIO / name for name in PHOTOS), ROOT / "models" / "small", settings).save(lease.folder)
    _ours("core.jobs.workspace").Begun(3, "Room", 50.0).save(lease.folder)
    lease.release()
    return saved


@pytest.fixture
def starts(monkeypatch):
    """Where the photos of each reconstruction stood before."""
    worker = _ours("core.jobs.run")
    found, reconstruct = [], worker.reconstruct
    monkeypatch.setattr(worker, "reconstruct", lambda *args: found.append(args[5]) or reconstruct(*args))
    return found


def _collections() -> set[str]:
    return {collection.name for collection in bpy.data.collections}


def test_one_more_photo_is_aligned_from_where_the_others_stood(saved, starts):
    bpy.ops.dust3r.add_photos(**_files(*PHOTOS[:2]))
    bpy.ops.dust3r.reconstruct()
    bpy.ops.dust3r.add_photos(**_files(PHOTOS[2]))
    bpy.ops.dust3r.reconstruct()
    assert [sorted(path.name for path in start) for start in starts] == [[], list(PHOTOS[:2])]


def test_a_script_in_no_file_ends_the_same_whatever_was_before(extension, starts):
    for count in (2, 3):
        bpy.ops.dust3r.reconstruct(model="small", iterations=3, cameras="network", **_files(*PHOTOS[:count]))
    assert starts == [{}, {}]
    assert list(_ours("operators.addon.preferences").scene_jobs().glob("job-*")) == []


def test_of_a_job_that_has_ended_only_what_the_next_can_use_stays(saved):
    bpy.ops.dust3r.reconstruct(**_files(*PHOTOS[:2]))
    assert {path.name for path in _folder(saved).iterdir()} == {
        "job.json",
        "log.txt",
        "solution.json",
        "in_use.sqlite",
    }


def test_clear_cache_takes_what_earlier_jobs_left(saved):
    bpy.ops.dust3r.reconstruct(**_files(*PHOTOS[:2]))
    bpy.ops.dust3r.clear_cache()
    assert list(_ours("operators.addon.preferences").scene_jobs().iterdir()) == []


def test_nothing_is_offered_where_nothing_was_interrupted(saved):
    assert bpy.context.window_manager.dust3r_job.interrupted is None
    for name in ("resume", "discard"):
        assert not getattr(bpy.ops.dust3r, name).poll()


def test_an_interrupted_job_is_offered_to_its_own_scene_alone(interrupted):
    state = bpy.context.window_manager.dust3r_job
    assert (state.interrupted.photos, state.interrupted.name) == (3, "Room")
    bpy.data.scenes["Scene"].name = "Other"
    assert state.interrupted is None


def test_resume_ends_the_job_with_its_own_photos_and_settings(interrupted):
    assert bpy.ops.dust3r.resume() == {"FINISHED"}
    cameras = [thing.name for thing in bpy.data.collections["Room"].objects if thing.type == "CAMERA"]
    assert tuple(sorted(cameras)) == PHOTOS
    assert [photo.name for photo in bpy.context.scene.dust3r.photos] == list(PHOTOS)
    assert not bpy.ops.dust3r.resume.poll()


def test_resume_does_not_do_again_what_was_done(interrupted, monkeypatch):
    passes = count_passes(monkeypatch, _ours("core.networks.dust3r.dust3r").DUSt3R)
    worker, progress = _ours("core.jobs.run"), _ours("core.progress")

    class Killed(Exception):
        pass

    def killed(done: progress.Progress) -> None:
        if done.stage == "Aligning":
            raise Killed

    with pytest.raises(Killed):
        worker.run_job(_folder(interrupted), killed)
    assert passes == {"encode": 3, "decode": 6}
    bpy.ops.dust3r.resume()
    assert passes == {"encode": 3, "decode": 6}


def test_discard_ends_the_offer_and_changes_no_scene(interrupted):
    before = _collections()
    assert bpy.ops.dust3r.discard() == {"FINISHED"}
    assert bpy.context.window_manager.dust3r_job.interrupted is None
    assert _collections() == before
    assert bpy.ops.dust3r.reconstruct(**_files(*PHOTOS[:2])) == {"FINISHED"}


def test_a_damaged_job_is_one_error_and_can_be_discarded(interrupted):
    (_folder(interrupted) / "job.json").write_text("{")
    with pytest.raises(RuntimeError, match="is no job that can be read"):
        bpy.ops.dust3r.resume()
    assert _collections() == set()
    assert bpy.ops.dust3r.discard() == {"FINISHED"}


def test_a_file_takes_the_folder_along_that_it_had_before_it_was_saved(extension, tmp_path):
    jobs = _ours("operators.jobs.scene_jobs")
    _ours("core.jobs.workspace").clear(_ours("operators.addon.preferences").scene_jobs())
    unsaved = _folder(jobs)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "new.blend"))
    assert not unsaved.exists() and _folder(jobs) != unsaved


def test_each_photo_of_the_list_shows_how_far_it_is(saved):
    bpy.ops.dust3r.add_photos(**_files(*PHOTOS))
    states, photos = _ours("operators.jobs.photo_states"), bpy.context.scene.dust3r.photos
    assert [photo.state_icon for photo in photos] == [""] * 3
    paths = [photo.absolute for photo in photos]
    states.begin(paths[:2])
    states.update({str(paths[0]): "predicted", "elsewhere.jpg": "read", str(paths[1]): "nonsense"})
    assert [photo.state_icon for photo in photos] == ["KEYFRAME_HLT", "TIME", ""]
    assert states.summary() == "1 read, 1 predicted, 0 aligned"
    states.end()
    assert [photo.state_icon for photo in photos] == [""] * 3


def test_without_a_window_nothing_is_drawn(extension):
    overlay, preview = _ours("operators.scene.preview_overlay"), _ours("core.reconstruction.preview")
    points = np.zeros((4, 3), np.float32)
    overlay.show(preview.Preview(points, points.astype(np.uint8), np.zeros((1, 5, 3), np.float32)), bpy.context.scene)
    assert not overlay.is_shown()


def test_a_preview_stands_as_the_result_will(extension):
    overlay, axes = _ours("operators.scene.preview_overlay"), _ours("operators.scene.axes")
    point = np.array([1.0, 2.0, 3.0], np.float32)
    pose = np.eye(4)
    pose[:3, 3] = point
    assert np.allclose(overlay.to_blender(point[None])[0], axes.blender_camera(pose).translation)
