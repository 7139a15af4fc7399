"""Photos of every EXIF orientation behind their cameras, drawn by a real viewport and compared with the upright photo.

usage: xvfb-run -a -s "-screen 0 1200x900x24" blender --python-exit-code 3 --python backgrounds.py -- OUT_FOLDER
The extension has to be installed. The exit status says whether every background was right to 1/255.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from PIL import Image, ImageOps

EXTENSION = "bl_ext.user_default.dust3r"
ORIENTATION_TAG = 0x0112
UNDOES = {6: 8, 8: 6}  # the orientation whose turn takes another's back; every other one takes back itself
FORMATS = (((240, 160), (200, 200)), ((160, 240), (200, 200)), ((240, 160), (200, 160)))  # sizes and focal lengths


def upright(size: tuple[int, int]) -> Image.Image:
    """Smooth, and unlike any turned or mirrored copy of itself."""
    x, y = np.meshgrid(*(np.linspace(0, 1, side) for side in size))
    return Image.fromarray(np.round(255 * np.stack([x, y, 0.5 + 0.4 * np.sin(5 * x * x)], axis=-1)).astype(np.uint8))


def make_view(folder: Path, orientation: int, size: tuple[int, int], focal: tuple[int, int]) -> Any:
    """A view without points, its photo stored as a camera held in that way does."""
    core = importlib.import_module(f"{EXTENSION}.core.reconstruction.result")
    mapping = importlib.import_module(f"{EXTENSION}.core.images.pixel_mapping")
    photo, exif = upright(size), Image.Exif()
    photo.getexif()[ORIENTATION_TAG] = UNDOES.get(orientation, orientation)
    exif[ORIENTATION_TAG] = orientation
    path = folder / f"{orientation} {size[0]}x{size[1]} {focal[1]}.png"
    ImageOps.exif_transpose(photo).save(path, exif=exif)
    shape = size[::-1]
    return core.AlignedView(
        name=path.name,
        path=path,
        mapping=mapping.PixelMapping(size, size, exif_orientation=orientation),
        K=np.array([[focal[0], 0, size[0] / 2], [0, focal[1], size[1] / 2], [0, 0, 1.0]]),
        cam2world=np.eye(4),
        depth=np.ones(shape, np.float32),
        confidence=np.ones(shape, np.float32),
        colors=np.zeros((*shape, 3), np.uint8),
        mask=np.zeros(shape, bool),
    )


def look(folder: Path) -> Iterator[float]:
    """Through every camera in turn; yields the seconds that Blender's redraw takes."""
    core = importlib.import_module(f"{EXTENSION}.core.reconstruction.result")
    scene_room = importlib.import_module(f"{EXTENSION}.operators.scene")
    views = [make_view(folder, k, size, focal) for k in range(1, 9) for size, focal in FORMATS]
    scene = bpy.context.scene
    collection = scene_room.add_reconstruction(scene, core.Reconstruction(tuple(views), "none@0", None, "0"))
    area = bare_viewport(scene)
    wrong = []
    for view in views:
        camera = collection.objects[view.name]
        background = camera.data.background_images[0]
        assert not background.image.has_data, "a photo was read before it was drawn"
        scene_room.look_through(scene, camera)
        background.alpha, camera.data.show_passepartout = 1.0, False
        area.tag_redraw()
        yield 0.3
        error = worst_pixel(scene, area, folder / f"drawn {view.name}", view.mapping.photo_size)
        wrong += [f"{view.name}: {error}"] if error > 1 else []
    assert not wrong, wrong
    print(f"{len(views)} backgrounds show the upright photo", flush=True)


def bare_viewport(scene: Any) -> Any:
    """The 3D viewport, with nothing but backgrounds to draw and colours as they are."""
    scene.view_settings.view_transform = "Standard"
    area = next(area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "VIEW_3D")
    space: Any = area.spaces[0]
    space.show_gizmo = False
    for name in ("floor", "axis_x", "axis_y", "extras", "cursor", "text"):
        setattr(space.overlay, f"show_{name}", False)
    for thing in [thing for thing in scene.objects if thing.name in {"Cube", "Light", "Camera"}]:
        bpy.data.objects.remove(thing)
    return area


def worst_pixel(scene: Any, area: Any, path: Path, size: tuple[int, int]) -> int:
    """Greatest difference of the drawn viewport and the upright photo, but for two pixels at the rim."""
    scene.render.filepath, scene.render.image_settings.file_format = str(path), "PNG"
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area, region=region):
        bpy.ops.render.opengl(write_still=True, view_context=True)
    drawn = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return int(np.abs(drawn - np.asarray(upright(size)))[2:-2, 2:-2].max())


def play() -> None:
    """Take one step at a time between Blender's redraws; a failed step ends Blender with status 3."""
    folder = Path(sys.argv[sys.argv.index("--") + 1])
    folder.mkdir(parents=True, exist_ok=True)
    steps = look(folder)

    def tick() -> float:
        try:
            return next(steps)
        except StopIteration:
            os._exit(0)
        except Exception:  # noqa: BLE001  whatever went wrong, the status has to say so
            traceback.print_exc()
            os._exit(3)

    bpy.app.timers.register(tick, first_interval=1.0)


play()
