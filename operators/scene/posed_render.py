"""Pictures of a scene and their exact depth, from any pinhole camera, while the scene itself stays as it is."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ...core.cameras.posed_images import CAMERAS, IMAGES, PosedPhoto, save_depth
from ...core.errors import InputError
from ...core.io.atomic import check_writable
from ...core.localization.reference_settings import Engine
from ...core.world.transform import OPENGL_TO_OPENCV
from .cameras import camera_data, set_intrinsics
from .private_copy import depth_as_picture, private_copy, render_depth, render_file, use_colors, use_engine
from .render import keep_picture

DEPTH = "depth"
NOWHERE = (16, 16)  # size until `ViewRenderer.stand` says another
CLIP = (1e-3, 1e6)  # scene units from the camera: nothing is cut off

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """A pinhole camera of square pixels."""

    cam2world: Array  # (4, 4), OpenCV axes, Blender's world
    K: Array  # (3, 3), pixels of `size`
    size: tuple[int, int]  # (width, height)
    clip: tuple[float, float] = CLIP  # scene units


class ViewRenderer:
    """Renders one scene from one camera of our own, wherever that is told to stand. `view_renderer` makes it."""

    def __init__(
        self, camera: bpy.types.Object, colors: bpy.types.Scene, depth: bpy.types.Scene, scratch: Path
    ) -> None:
        self._camera, self._colors, self._depth, self._scratch = camera, colors, depth, scratch

    def stand(self, at: Viewpoint) -> None:
        """Take the camera there."""
        self._camera.matrix_world = (at.cam2world @ OPENGL_TO_OPENCV).T.tolist()
        set_intrinsics(self._camera, at.size, at.K.ravel().tolist())
        camera_data(self._camera).clip_start, camera_data(self._camera).clip_end = at.clip
        for scene in (self._colors, self._depth):
            scene.render.resolution_x, scene.render.resolution_y = at.size

    def depth(self) -> NDArray[np.float32]:
        """z at the pixels' centres (H, W), scene units, 0 where no surface is: one ray each."""
        return render_depth(self._depth, self._scratch / "depth.exr")

    def save_photo(self, path: Path) -> None:
        """Write what the camera sees as a PNG; raises InputError when it cannot be written."""
        scratch = self._scratch / "photo.png"
        render_file(self._colors, scratch)
        keep_picture(scratch, path)


@contextmanager
def view_renderer(scene: bpy.types.Scene, samples: int, engine: Engine = "cycles") -> Iterator[ViewRenderer]:
    """A renderer of `scene` as its renders show it; depth is Cycles' whatever the engine of the colours.

    samples: of the engine per pixel. Raises ReconstructionError when Cycles is switched off.
    """
    with (
        _no_new_images(),
        tempfile.TemporaryDirectory() as scratch,
        _own_camera() as camera,
        private_copy(scene, camera, NOWHERE) as colors,
        private_copy(scene, camera, NOWHERE) as depth,
        depth_as_picture(depth),
    ):
        use_colors(colors, samples)
        use_engine(colors, engine, samples)
        yield ViewRenderer(camera, colors, depth, Path(scratch))


@contextmanager
def new_folder(folder: Path) -> Iterator[None]:
    """For posed photos (core/cameras/posed_images.py); empty again when the block raises.

    Raises InputError when the folder cannot be written, or is not empty.
    """
    check_writable(folder / CAMERAS)
    if any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; choose a new folder, nothing is overwritten")
    with ExitStack() as on_failure:
        for kind in (IMAGES, DEPTH):
            on_failure.callback(shutil.rmtree, folder / kind, ignore_errors=True)
        yield
        on_failure.pop_all()


def save_posed(folder: Path, stem: str, at: Viewpoint, depth: NDArray[np.floating]) -> PosedPhoto:
    """Write the depth (H, W) that belongs to folder/images/<stem>.png, and say where that photo is taken from."""
    photo, path = folder / IMAGES / f"{stem}.png", folder / DEPTH / f"{stem}.npz"
    save_depth(path, depth)
    return PosedPhoto(photo.name, photo, at.size, at.K, at.cam2world, path)


@contextmanager
def _own_camera() -> Iterator[bpy.types.Object]:
    """Without depth of field; gone afterwards."""
    data = bpy.data.cameras.new("DUSt3R view")
    camera = bpy.data.objects.new("DUSt3R view", data)
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
