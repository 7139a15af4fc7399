"""Any scene as training data: views from free space with exact depth, in the form of core/posed_photos.py."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import bpy
import numpy as np

from ...core.errors import InputError, ReconstructionError
from ...core.files import check_writable, replacing
from ...core.posed_photos import CAMERAS, IMAGES, PosedPhoto, save_cameras, save_depth
from ...core.progress import Report, silent
from ...core.training.overlap import on_grid
from ...core.training.view_settings import ViewSettings
from .cameras import camera_data, set_intrinsics
from .free_space import FreeCamera, place_camera, sample_cameras
from .private_copy import depth_as_picture, private_copy, render_depth, render_file, use_colors

STAGE = "Rendering views"
DEPTH = "depth"
PNG_END = b"IEND\xaeB`\x82"


def render_training_views(
    scene: bpy.types.Scene, folder: Path, settings: ViewSettings, report: Report = silent
) -> list[str]:
    """Render views of `scene` into an empty or new folder: images/, depth/, cameras.json. Returns warnings.

    Cameras stand in free space and overlap (free_space.py); depth is exact at the pixels' centres, in scene units, and
    the world is Blender's, z up. The scene is as before afterwards. Raises InputError when the folder cannot be used,
    ReconstructionError when the scene gives no two views, and whatever `report` raises; the folder then stays empty.
    """
    check_writable(folder / CAMERAS)
    if any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; choose a new folder, nothing is overwritten")
    report(STAGE, 0, settings.views)
    cameras = sample_cameras(scene, settings.views, settings.size, np.random.default_rng(settings.seed))
    with ExitStack() as on_failure:
        on_failure.callback(_empty, folder)
        photos = list(_render_all(scene, cameras, folder, settings, report))
        if len(photos) < 2:
            raise ReconstructionError(
                f"The scene {scene.name!r} gives no two views that overlap; place a camera where there is room to see"
            )
        save_cameras(folder, photos)
        on_failure.pop_all()
    if len(photos) == settings.views:
        return []
    return [f"Only {len(photos)} of {settings.views} views were found that show enough and overlap"]


def _render_all(
    scene: bpy.types.Scene, cameras: list[FreeCamera], folder: Path, settings: ViewSettings, report: Report
) -> Iterator[PosedPhoto]:
    size = settings.size
    with (
        _no_new_images(),
        tempfile.TemporaryDirectory() as scratch,
        _camera() as camera,
        private_copy(scene, camera, size) as colors,
        private_copy(scene, camera, size) as depth,
        depth_as_picture(depth),
    ):
        use_colors(colors, settings.samples)
        for number, free in enumerate(cameras):
            place_camera(camera, free)
            set_intrinsics(camera, size, free.K.ravel().tolist())
            z = render_depth(depth, Path(scratch) / "depth.exr")
            if _agrees(z, free):
                name = f"view_{number:04d}"
                photo = folder / IMAGES / f"{name}.png"
                _render_photo(colors, Path(scratch) / "photo.png", photo)
                save_depth(folder / DEPTH / f"{name}.npz", z)
                pose = free.cam2world
                yield PosedPhoto(photo.name, photo, size, free.K, pose, folder / DEPTH / f"{name}.npz")
            report(STAGE, number + 1, len(cameras))


def _agrees(depth: np.ndarray, free: FreeCamera) -> bool:
    """Whether the render shows what the rays saw: objects may be hidden in one of the two."""
    rendered = on_grid(depth)
    return bool(np.mean(np.abs(rendered - free.depth) <= 0.1 * free.depth) > 0.5)


def _render_photo(scene: bpy.types.Scene, scratch: Path, path: Path) -> None:
    render_file(scene, scratch)
    content = scratch.read_bytes() if scratch.exists() else b""
    if not content.endswith(PNG_END):  # Blender does not say when the disk cuts a picture off
        raise InputError(f"Cannot write {path}: the disk for temporary files is full; free some space")
    with replacing(path) as file:
        file.write(content)


@contextmanager
def _camera() -> Iterator[bpy.types.Object]:
    """A camera of our own, without depth of field; gone afterwards."""
    data = bpy.data.cameras.new("DUSt3R view")
    camera = bpy.data.objects.new("DUSt3R view", data)
    camera_data(camera).clip_start, camera_data(camera).clip_end = 1e-3, 1e6
    try:
        yield camera
    finally:
        bpy.data.objects.remove(camera)
        bpy.data.cameras.remove(data)


@contextmanager
def _no_new_images() -> Iterator[None]:
    """Rendering makes an image for its result, compositing one for viewer nodes, whether there are any or not."""
    before = set(bpy.data.images)
    try:
        yield
    finally:
        for image in set(bpy.data.images) - before:
            if image.type in {"RENDER_RESULT", "COMPOSITING"}:
                bpy.data.images.remove(image)


def _empty(folder: Path) -> None:
    for kind in (IMAGES, DEPTH):
        shutil.rmtree(folder / kind, ignore_errors=True)
