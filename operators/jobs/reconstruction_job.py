"""What operators share that run a reconstruction's job and add what comes of it to the scene."""

import logging
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from ...core.errors import InputError, ReconstructionError
from ...core.jobs import disk_cache as cache
from ...core.jobs import workspace as job_folders
from ...core.jobs.job import Job, load_result, log_file, preview_file, result_folder
from ...core.jobs.job import cache_folder as own_cache
from ...core.jobs.process import WorkerJob
from ...core.jobs.workspace import Begun, Lease
from ...core.reconstruction.preview import Preview
from ...core.reconstruction.result import Reconstruction
from ..addon.preferences import cache_bytes, cache_folder, forget_cache_size, scene_jobs, worker_python
from ..addon.properties import job_state
from ..scene import add_reconstruction, preview_overlay, read_recipe
from ..scene.arrival import fit_into, present, preview_fitted
from ..scene.found_again import Place, scene_again
from ..scene.results import replace_result
from ..scene.warnings import keep_warnings
from . import photo_states
from .running import WorkerOperator
from .scene_jobs import take_folder

TEMPORARY = "job-"  # folders that go with their job

log = logging.getLogger(__name__)


class ReconstructionJob(WorkerOperator):
    """Subclasses say in `prepare` which job it is.

    In a window the job's folder is the scene's and stays; what it says of a job that was begun goes when the job ends,
    so that one which Blender took down with it is found again.
    """

    _lease: Lease
    _begun: Begun
    _scene: Place
    _most_kept: int  # bytes, after this run
    _previews = 0  # that were shown
    _stays = False  # where the worker says, rather than where there is room in the scene

    def prepare(self, context: bpy.types.Context) -> tuple[Lease, Begun]:
        """A folder that holds the job; raises ReconstructionError."""
        raise AssertionError("every ReconstructionJob prepares its own")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        if bpy.app.background:
            return self.execute(context)
        return self.watch(context) if self._begin(context) else {"CANCELLED"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        if bpy.app.background and worker_python(context) is None:
            return self._execute_here(context)
        return self.finish(context) if self._begin(context) else {"CANCELLED"}

    def observe(self, context: bpy.types.Context, worker: WorkerJob) -> None:
        photo_states.update(dict(worker.photos))
        job_state(context.window_manager).photos = photo_states.summary()
        if worker.preview is None or worker.previews == self._previews:
            return
        self._previews = worker.previews
        try:
            scene, preview = scene_again(self._scene), Preview.load(worker.preview)
            preview_overlay.show(preview if self._stays else preview_fitted(scene, preview), scene)
        except ReconstructionError as error:
            log.info("Nothing is shown: %s", error)

    def take(self, context: bpy.types.Context, result: Path) -> None:
        scene = scene_again(self._scene)
        begun = self._begun
        made, box = fit_into(scene, load_result(self._lease.folder))
        collection = add_reconstruction(
            scene,
            made,
            begun.name,
            display_percentage=begun.display_percentage or None,
            photo_frames=begun.photo_frames,
        )
        recipe = read_recipe(collection) or {}
        keep_warnings(collection, recipe.get("warnings", []))
        if begun.replaces:
            replace_result(scene, begun.replaces, collection)
        if context.scene == scene:
            present(context, collection, box)

    def tidy(self, failed: bool) -> None:
        photo_states.end()
        preview_overlay.hide()
        if not self.interrupted:
            _end_job(self._lease.folder, self._most_kept)
        self._lease.release()
        if not failed:
            if self._lease.folder.name.startswith(TEMPORARY):
                shutil.rmtree(self._lease.folder, ignore_errors=True)
            job_folders.prune(scene_jobs(), self._most_kept)
            cache.prune(cache_folder(), max(0, self._most_kept - job_folders.size(scene_jobs())))
        forget_cache_size()

    def _begin(self, context: bpy.types.Context) -> bool:
        """Start the worker; False when that failed, which is then reported."""
        from ...core.jobs.warm_start import Solution, stays_in_its_world  # only now: it brings SciPy

        try:
            self._hold(context)
        except ReconstructionError as error:
            self._report("ERROR", str(error))
            return False
        try:
            folder = self._lease.folder
            title = rpt_("Reconstructing {} photos").format(self._begun.photos)
            self.start(context, ["work", str(folder), "--cache", str(cache_folder())], title, log_file(folder))
            job = Job.load(folder)
            self._stays = stays_in_its_world(job, Solution.load(folder))
            photo_states.begin(job.photos)
        except ReconstructionError as error:
            self._report("ERROR", str(error))
            self.tidy(failed=True)
            return False
        return True

    def _hold(self, context: bpy.types.Context) -> None:
        self._lease, self._begun = self.prepare(context)
        self._scene, self._most_kept = Place.of(context.scene), cache_bytes(context)

    def _execute_here(self, context: bpy.types.Context) -> set[Any]:
        """Without a window the job runs in this process: nothing has to stay responsive."""
        try:
            self._hold(context)
        except ReconstructionError as error:
            self._report("ERROR", str(error))
            return {"CANCELLED"}
        try:
            result = _run_job()(self._lease.folder, lambda progress: log.debug("%s", progress), cache=cache_folder())
            self.take(context, result_folder(self._lease.folder))
        except ReconstructionError as error:
            self._report("ERROR", str(error))
            self.tidy(failed=True)
            return {"CANCELLED"}
        for warning in result.warnings:
            self._report("WARNING", warning)
        self.tidy(failed=False)
        return {"FINISHED"}


def new_folder(scene: bpy.types.Scene) -> Lease:
    """Where a scene's next job may lie; raises InputError where there can be none.

    A script without a window that works in no file has nothing to come back to: what it ends with depends on nothing
    before.
    """
    if not bpy.app.background or bpy.data.filepath:
        return take_folder(scene)
    lease = Lease.of(Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=scene_jobs())))
    if lease is None:
        raise InputError("The new job's folder is taken; try again")
    return lease


def _end_job(folder: Path, most_kept: int) -> None:
    """There is nothing to go on with; what the next job can use stays, if anything may."""
    job_folders.end(folder)
    shutil.rmtree(result_folder(folder), ignore_errors=True)
    with suppress(OSError):
        preview_file(folder).unlink(missing_ok=True)
    if not most_kept:
        shutil.rmtree(own_cache(folder), ignore_errors=True)


def _run_job() -> Callable[..., Reconstruction]:
    """core's, imported only when it is needed: it brings torch."""
    try:
        from ...core.jobs.run import run_job
    except ModuleNotFoundError as error:
        raise ReconstructionError(f"This Blender's Python has no {error.name}; install the extension's zip") from error
    return run_job
