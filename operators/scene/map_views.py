"""A scene as a map that photos are placed in: what its cameras see, with the depth of every pixel."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import bpy
import numpy as np
from PIL import Image

from ...core.cameras.posed_images import PosedPhoto, save_cameras
from ...core.errors import InputError
from ...core.images.reader import open_photo
from ...core.io.atomic import replacing
from ...core.localization.reference_settings import RENDERING, MapSettings
from ...core.progress import Report, silent
from .map_cameras import MapCamera, map_cameras
from .posed_render import new_folder, save_posed, view_renderer

DARK = 8  # of 255: what shows no brighter pixel shows nothing


def render_map(scene: bpy.types.Scene, folder: Path, settings: MapSettings, report: Report = silent) -> list[str]:
    """Write the views of `scene` that the settings ask for into an empty or new folder. Returns warnings.

    The folder's form is that of core/cameras/posed_images.py, its world Blender's, z up. Depth is cast ray by ray
    through the pixels' centres against what is rendered: modifiers and instances count, objects hidden in renders do
    not. The scene is as before afterwards. Raises InputError for a folder or names that cannot be used and when no view
    shows anything, and whatever `report` raises; the folder then stays empty.
    """
    with new_folder(folder):
        cameras = map_cameras(scene, settings)
        report(RENDERING, 0, len(cameras))
        photos = list(_render_all(scene, cameras, folder, settings, report))
        if not photos:
            raise InputError(
                f"No view of the scene {scene.name!r} shows a surface; turn cameras to the model, or show it in renders"
            )
        _check_light(photos)
        save_cameras(folder, photos)
    if len(photos) == len(cameras):
        return []
    return [f"{len(cameras) - len(photos)} of {len(cameras)} views show no surface and were left out"]


def _render_all(
    scene: bpy.types.Scene, cameras: Sequence[MapCamera], folder: Path, settings: MapSettings, report: Report
) -> Iterator[PosedPhoto]:
    with view_renderer(scene, settings.samples, settings.engine) as renderer:
        for number, camera in enumerate(cameras):
            renderer.stand(camera.at)
            depth = renderer.depth()
            if depth.any():
                photo = save_posed(folder, camera.name, camera.at, depth)
                if camera.photo is None:
                    renderer.save_photo(photo.path)
                else:
                    _save_smaller(camera.photo, photo)
                yield photo
            report(RENDERING, number + 1, len(cameras))


def _save_smaller(source: Path, photo: PosedPhoto) -> None:
    """The photo that a camera took, upright, at the size of its view."""
    with replacing(photo.path) as file:
        open_photo(source).image.resize(photo.size, Image.Resampling.LANCZOS).save(file, "PNG")


def _check_light(photos: Sequence[PosedPhoto]) -> None:
    for photo in photos:
        with Image.open(photo.path) as image:
            if np.asarray(image).max() >= DARK:
                return
    raise InputError("All views of the model are black; light the scene, or render it with Workbench")
