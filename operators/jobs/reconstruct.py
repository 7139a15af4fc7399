"""Photos to points and cameras in the scene."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import bpy
from bpy.props import CollectionProperty, FloatProperty, StringProperty

from ...core.cameras.priors import Priors
from ...core.errors import InputError, ReconstructionError
from ...core.images.masks import find_masks
from ...core.images.reader import find_photos
from ...core.jobs.job import Job, log_file
from ...core.jobs.warm_start import Solution
from ...core.jobs.workspace import Begun, Lease
from ...core.scene_graph.edges import make_edges
from ..addon.preferences import cache_bytes, cache_folder
from ..addon.properties import Chosen, ReconstructionProperties, find_chosen_model, read_settings, settings_of
from ..photos.extracted import extracted_folder
from ..photos.listing import switched_on
from ..scene.earlier_world import earlier_world
from ..scene.reading import find_collection
from .reconstruction_job import ReconstructionJob, new_folder

COMMON_NAMES = {"images", "photos", "pictures", "frames", "dcim", "jpg", "jpeg", "raw", "rgb", "input"}  # of folders


class DUST3R_OT_reconstruct(ReconstructionProperties, ReconstructionJob, bpy.types.Operator):
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

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        if not (self.properties.is_property_set("name") or self.files or self.directory):
            self.name = _name_of([photo.absolute for photo in switched_on(context.scene)]) or self.name
        return super().invoke(context, event)

    def prepare(self, context: bpy.types.Context) -> tuple[Lease, Begun]:
        chosen = Chosen(self, context.scene)
        settings, photos = read_settings(chosen), find_photos(self._paths(context))
        make_edges(len(photos), settings.scene_graph)  # an impossible graph is worth knowing now
        cache = cache_folder() if cache_bytes(context) else None
        priors = self._priors(context, chosen, photos)
        job = Job(tuple(photos), find_chosen_model(chosen, context), settings, cache, priors)
        earlier = find_collection(context) if chosen.replace_result else None
        replaces = earlier.name if earlier is not None else ""
        begun = Begun(len(photos), self.name, self.display_percentage, chosen.photo_frames, replaces)
        lease = new_folder(context.scene)
        try:
            _write(job, begun, lease.folder)
            earlier = earlier_world(context.scene, photos)
            if earlier is not None:
                from ...core.jobs.warm_start import remembered  # only now: it brings SciPy

                remembered(Solution.load(lease.folder), Solution.standing(earlier)).save(lease.folder)
        except ReconstructionError:
            lease.release()
            raise
        return lease, begun

    def _priors(self, context: bpy.types.Context, chosen: Chosen, photos: list[Path]) -> Priors:
        """The list's known cameras and the masks; raises InputError.

        Where the caller names other photos, what the panel says of its own does not count.
        """
        own = not (self.files or self.directory)
        listed = switched_on(context.scene) if own else []
        known = {photo.absolute.resolve(): photo.known_camera for photo in listed if photo.known}
        masks = chosen.masks if own or self.properties.is_property_set("masks") else ""
        return Priors(known, find_masks(Path(bpy.path.abspath(masks)), photos) if masks else {})

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


def _name_of(photos: list[Path]) -> str:
    """The folder that all photos are from, or the one above where that has a common name; "" for frames of a movie."""
    folders = {photo.parent for photo in photos}
    if len(folders) != 1:
        return ""
    (folder,) = folders
    if folder.is_relative_to(extracted_folder()):
        return ""
    return folder.parent.name if folder.name.lower() in COMMON_NAMES else folder.name


def _write(job: Job, begun: Begun, folder: Path) -> None:
    """Put a job into its folder, in which nothing tells of the last one but what it has found out."""
    with suppress(OSError):
        log_file(folder).unlink(missing_ok=True)
    job.save(folder)
    if not bpy.app.background:  # a script without a window begins again by itself
        begun.save(folder)
