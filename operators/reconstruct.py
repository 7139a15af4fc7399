"""Photos to points and cameras in the scene."""

import logging
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import CollectionProperty, FloatProperty, StringProperty

from ..core.cache import prune
from ..core.errors import InputError, ReconstructionError
from ..core.given import Given
from ..core.job import Job, load_result, log_file
from ..core.masks import find_masks
from ..core.photos import find_photos
from ..core.progress import Progress
from ..core.reconstruction import Reconstruction
from ..core.scene_graph import make_edges
from ..core.solution import Solution
from .photo_list import switched_on
from .preferences import cache_bytes, cache_folder, forget_cache_size, user_folder, worker_python
from .properties import Chosen, ReconstructionProperties, find_chosen_model, read_settings, settings_of
from .running import WorkerOperator
from .scene import add_reconstruction, show_colors
from .scene.earlier_world import earlier_world

KEPT_FAILURES = 5  # job folders with the logs of failed runs

log = logging.getLogger(__name__)


class DUST3R_OT_reconstruct(ReconstructionProperties, WorkerOperator, bpy.types.Operator):
    """Turn the photos into a point cloud and matching cameras, in a new collection"""

    bl_idname = "dust3r.reconstruct"
    bl_label = "Reconstruct"
    bl_options = {"UNDO"}

    directory: StringProperty(
        name="Directory", description="The folder of the files; alone: all its photos", subtype="DIR_PATH"
    )
    files: CollectionProperty(
        name="Files",
        description="Names of photos in that folder",
        type=bpy.types.OperatorFileListElement,
        options={"SKIP_SAVE"},
    )
    name: StringProperty(name="Name", description="The name of the new collection", default="DUSt3R")
    display_percentage: FloatProperty(
        name="Display Percentage",
        description="Of the points, in viewports at first; 0: all, at most two million",
        default=0,
        min=0,
        max=100,
        subtype="PERCENTAGE",
    )

    _folder: Path
    _scene: str
    _most_kept: int  # bytes of the cache after this run

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        if bpy.app.background:
            return self.execute(context)
        return self.watch(context) if self._begin(context) else {"CANCELLED"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        if bpy.app.background and worker_python(context) is None:
            return self._execute_here(context)
        return self.finish(context) if self._begin(context) else {"CANCELLED"}

    def take(self, context: bpy.types.Context, result: Path) -> None:
        scene = bpy.data.scenes.get(self._scene)
        if scene is None:
            raise ReconstructionError(f"The scene {self._scene} is gone; reconstruct again in another")
        percentage = self.display_percentage or None
        add_reconstruction(scene, load_result(self._folder), self.name, display_percentage=percentage)
        show_colors(context)

    def tidy(self, failed: bool) -> None:
        prune(cache_folder(), self._most_kept)
        forget_cache_size()
        if failed:
            _forget_old_failures(self._folder.parent)
        else:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _begin(self, context: bpy.types.Context) -> bool:
        """Start the worker; False when that failed, which is then reported."""
        try:
            self._prepare(context)
            title = rpt_("Reconstructing {} photos").format(len(Job.load(self._folder).photos))
            self.start(context, ["work", str(self._folder)], title, log_file(self._folder))
        except ReconstructionError as error:
            self.report({"ERROR"}, str(error))
            return False
        return True

    def _execute_here(self, context: bpy.types.Context) -> set[Any]:
        """Without a window the job runs in this process: nothing has to stay responsive."""
        try:
            self._prepare(context)
            result = _run_job()(self._folder, lambda progress: log.debug("%s", progress))
            self.take(context, self._folder)
        except ReconstructionError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        for warning in result.warnings:
            self.report({"WARNING"}, warning)
        self.tidy(failed=False)
        return {"FINISHED"}

    def _prepare(self, context: bpy.types.Context) -> None:
        """Write the job; raises ReconstructionError for photos, settings or a model that cannot be used."""
        chosen = Chosen(self, context.scene)
        settings, photos = read_settings(chosen), find_photos(self._paths(context))
        make_edges(len(photos), settings.scene_graph)  # an impossible graph is worth knowing now
        self._most_kept = cache_bytes(context)
        cache = cache_folder() if self._most_kept else None
        given = self._given(context, chosen, photos)
        job = Job(tuple(photos), find_chosen_model(chosen, context), settings, cache, given)
        self._scene = context.scene.name
        self._folder = Path(tempfile.mkdtemp(prefix="job-", dir=user_folder("jobs")))
        job.save(self._folder)
        earlier = earlier_world(context.scene, photos)
        if earlier is not None:
            Solution.standing(earlier).save(self._folder)

    def _given(self, context: bpy.types.Context, chosen: Chosen, photos: list[Path]) -> Given:
        """The list's known cameras and the masks; raises InputError.

        Where the caller names other photos, what the panel says of its own does not count.
        """
        own = not (self.files or self.directory)
        listed = switched_on(context.scene) if own else []
        known = {photo.absolute.resolve(): photo.known_camera for photo in listed if photo.known}
        masks = chosen.masks if own or self.properties.is_property_set("masks") else ""
        return Given(known, find_masks(Path(bpy.path.abspath(masks)), photos) if masks else {})

    def _paths(self, context: bpy.types.Context) -> list[Path]:
        folder = Path(bpy.path.abspath(self.directory))
        if self.files:
            return [folder / file.name for file in self.files]
        if self.directory:
            return [folder]
        listed = [photo.absolute for photo in switched_on(context.scene)]
        if settings_of(context.scene).photos and not listed:
            raise InputError("Every photo of the list is switched off; switch on those to reconstruct from")
        return listed


def _run_job() -> Callable[[Path, Callable[[Progress], None]], Reconstruction]:
    """core's, imported only when it is needed: it brings torch."""
    try:
        from ..core.worker import run_job
    except ModuleNotFoundError as error:
        raise ReconstructionError(f"This Blender's Python has no {error.name}; install the extension's zip") from error
    return run_job


def _forget_old_failures(folder: Path) -> None:
    jobs = sorted(folder.iterdir(), key=lambda job: job.stat().st_mtime, reverse=True)
    for job in jobs[KEPT_FAILURES:]:
        shutil.rmtree(job, ignore_errors=True)
