"""Any scene as training data: views from free space with exact depth, in the form of core/cameras/posed_images.py."""

from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np

from ...core.cameras.posed_images import PosedPhoto, save_cameras
from ...core.errors import InputError
from ...core.progress import Report, silent
from ...training.overlap import on_grid
from ...training.view_settings import ViewSettings
from .free_space import FreeCamera, sample_cameras
from .posed_render import Viewpoint, new_folder, save_posed, view_renderer

STAGE = "Rendering views"


def render_training_views(
    scene: bpy.types.Scene, folder: Path, settings: ViewSettings, report: Report = silent
) -> list[str]:
    """Render views of `scene` into an empty or new folder: images/, depth/, cameras.json. Returns warnings.

    Cameras stand in free space and overlap (free_space.py); depth is exact at the pixels' centres, in scene units, and
    the world is Blender's, z up. The scene is as before afterwards. Raises InputError when the folder cannot be used
    and when the scene gives no two views, and whatever `report` raises; the folder then stays empty.
    """
    with new_folder(folder):
        report(STAGE, 0, settings.views)
        cameras = sample_cameras(scene, settings.views, settings.size, np.random.default_rng(settings.seed))
        photos = list(_render_all(scene, cameras, folder, settings, report))
        if len(photos) < 2:
            raise InputError(
                f"The scene {scene.name!r} gives no two views that overlap; place a camera where there is room to see"
            )
        save_cameras(folder, photos)
    if len(photos) == settings.views:
        return []
    return [f"Only {len(photos)} of {settings.views} views were found that show enough and overlap"]


def _render_all(
    scene: bpy.types.Scene, cameras: list[FreeCamera], folder: Path, settings: ViewSettings, report: Report
) -> Iterator[PosedPhoto]:
    with view_renderer(scene, settings.samples) as renderer:
        for number, free in enumerate(cameras):
            at = Viewpoint(free.cam2world, free.K, settings.size)
            renderer.stand(at)
            depth = renderer.depth()
            if _agrees(depth, free):
                photo = save_posed(folder, f"view_{number:04d}", at, depth)
                renderer.save_photo(photo.path)
                yield photo
            report(STAGE, number + 1, len(cameras))


def _agrees(depth: np.ndarray, free: FreeCamera) -> bool:
    """Whether the render shows what the rays saw: objects may be hidden in one of the two."""
    rendered = on_grid(depth)
    return bool(np.mean(np.abs(rendered - free.depth) <= 0.1 * free.depth) > 0.5)
