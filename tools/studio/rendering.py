"""Photos and depth of the current scene with Cycles on the CPU."""

import importlib
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from studio.cameras import FOCAL, HEIGHT, WIDTH


def prepare(samples: int) -> None:
    """Settings of the photos, and the one camera that all of them share."""
    scene: Any = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = WIDTH, HEIGHT, 100
    scene.cycles.device, scene.cycles.seed = "CPU", 7
    scene.cycles.samples, scene.cycles.use_adaptive_sampling, scene.cycles.use_denoising = samples, True, True
    scene.cycles.adaptive_threshold, scene.cycles.denoiser = 0.02, "OPENIMAGEDENOISE"
    scene.cycles.max_bounces, scene.cycles.sample_clamp_indirect = 6, 6.0
    scene.cycles.caustics_reflective = scene.cycles.caustics_refractive = False
    scene.render.use_persistent_data = True
    scene.view_settings.view_transform, scene.view_settings.look = "AgX", "AgX - Medium High Contrast"
    scene.view_settings.exposure = 0.15
    data: Any = bpy.data.cameras.new("Camera")
    data.sensor_fit, data.sensor_width, data.lens = "HORIZONTAL", 36.0, FOCAL * 36.0 / WIDTH
    data.clip_start, data.clip_end = 0.05, 50.0
    scene.camera = bpy.data.objects.new("Camera", data)
    bpy.context.collection.objects.link(scene.camera)


def aim(cam2world: Any) -> None:
    """Move the camera; cam2world has OpenCV axes, Blender's camera looks along -z with y up."""
    camera: Any = bpy.context.scene.camera
    camera.matrix_world = (cam2world @ np.diag([1.0, -1.0, -1.0, 1.0])).T.tolist()


def take_photo(path: Path) -> None:
    """Render to a PNG file."""
    scene: Any = bpy.context.scene
    image = scene.render.image_settings
    image.file_format, image.color_depth, image.color_mode = "PNG", "8", "RGB"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def measure_depth(scratch: Path) -> Any:
    """z depth (H, W), metres, exactly at the pixels' centres; scratch: an .exr file to pass it through."""
    private = importlib.import_module("dust3r.operators.scene.private_copy")
    scene: Any = bpy.context.scene
    with private.private_copy(scene, scene.camera, (WIDTH, HEIGHT)) as copy, private.depth_as_picture(copy):
        return private.render_depth(copy, scratch)
