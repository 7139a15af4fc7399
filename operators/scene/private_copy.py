"""A scene of our own that shows the same objects: whatever is set there, the artist's stays as it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import bpy
import numpy as np
from numpy.typing import NDArray

from ...core.errors import ReconstructionError
from ...core.localization.reference_settings import Engine
from .quiet import blender_silenced

NOTHING = 1e9  # z of pixels that show no surface is above
EEVEE = "BLENDER_EEVEE" if bpy.app.version >= (5, 0) else "BLENDER_EEVEE_NEXT"


@contextmanager
def private_copy(scene: bpy.types.Scene, camera: bpy.types.Object, size: tuple[int, int]) -> Iterator[bpy.types.Scene]:
    """A copy of `scene` that Cycles renders whole, sharp and at `size` (width, height) from `camera`; gone afterwards.

    Lights, materials and view transform are the scene's. Raises ReconstructionError when Cycles is switched off.
    """
    if not hasattr(scene, "cycles"):
        raise ReconstructionError("Rendering needs Cycles, which is switched off; enable the add-on Cycles")
    copy = cast(bpy.types.Scene, scene.copy())
    try:
        _prepare(copy, camera, size)
        yield copy
    finally:
        bpy.data.scenes.remove(copy)


def _prepare(scene: Any, camera: bpy.types.Object, size: tuple[int, int]) -> None:
    render, cycles = scene.render, scene.cycles
    for marker in scene.timeline_markers:
        marker.camera = None  # it would overrule the camera below
    layers = list(scene.view_layers)
    shown = next((layer for layer in layers if layer.use), layers[0])
    for layer in layers:
        layer.use = layer == shown
    if camera.name not in scene.objects:
        scene.collection.objects.link(camera)
    scene.camera, render.engine = camera, "CYCLES"
    render.resolution_x, render.resolution_y, render.resolution_percentage = *size, 100
    render.pixel_aspect_x = render.pixel_aspect_y = 1
    render.use_persistent_data = False  # what a renderer keeps of a scene must not outlive this one
    for name in ("use_border", "use_motion_blur", "use_multiview", "use_sequencer", "use_compositing", "use_stamp"):
        setattr(render, name, False)
    render.use_file_extension = render.film_transparent = render.use_freestyle = False
    cycles.use_animated_seed, cycles.seed = False, 0
    cycles.pixel_filter_type = "BLACKMAN_HARRIS"


def use_colors(scene: Any, samples: int) -> None:
    """Make the private scene render denoised pictures as 8-bit PNG."""
    cycles, image = scene.cycles, scene.render.image_settings
    cycles.samples, cycles.use_adaptive_sampling, cycles.filter_width = samples, True, 1.5
    try:
        cycles.denoiser, cycles.use_denoising = "OPENIMAGEDENOISE", True
    except TypeError:  # a Blender built without it
        cycles.use_denoising = False
    image.file_format, image.color_mode, image.color_depth = "PNG", "RGB", "8"


def use_engine(scene: Any, engine: Engine, samples: int) -> None:
    """Make the private scene, whose pictures `use_colors` has set up, render them with this engine."""
    if engine == "eevee":
        scene.eevee.taa_render_samples = samples
        scene.render.engine = EEVEE
    elif engine == "workbench":
        scene.render.engine = "BLENDER_WORKBENCH"
        scene.display.shading.light, scene.display.shading.color_type = "STUDIO", "TEXTURE"


@contextmanager
def depth_as_picture(scene: Any) -> Iterator[None]:
    """Inside, the private scene renders z depth at the pixels' centres, as a 32-bit EXR."""
    cycles, image = scene.cycles, scene.render.image_settings
    # the depth pass keeps one sample of the pixel's filter: make that filter a point
    cycles.samples, cycles.use_denoising, cycles.use_adaptive_sampling, cycles.filter_width = 1, False, False, 0.01
    cycles.max_bounces = 0  # light is not looked at
    image.file_format, image.color_mode, image.color_depth = "OPEN_EXR", "RGB", "32"
    image.exr_codec = "ZIP"
    for layer in scene.view_layers:
        layer.use_pass_z = True
    scene.render.use_compositing = True
    with _own_tree(scene) as (tree, output):
        layers = tree.nodes.new("CompositorNodeRLayers")
        layers.scene, layers.layer = scene, next(layer.name for layer in scene.view_layers if layer.use)
        tree.links.new(layers.outputs["Depth"], output)
        yield


@contextmanager
def _own_tree(scene: Any) -> Iterator[tuple[Any, Any]]:
    """An empty compositor of this scene alone, and the socket of its picture.

    The copy shares a group with the scene from Blender 5.0 on, and owns a tree before.
    """
    if not hasattr(scene, "compositing_node_group"):
        scene.use_nodes = True
        scene.node_tree.nodes.clear()
        yield scene.node_tree, scene.node_tree.nodes.new("CompositorNodeComposite").inputs["Image"]
        return
    group: Any = bpy.data.node_groups.new("DUSt3R depth", "CompositorNodeTree")
    try:
        scene.compositing_node_group = group
        group.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        yield group, group.nodes.new("NodeGroupOutput").inputs[0]
    finally:
        bpy.data.node_groups.remove(group)


def render_file(scene: bpy.types.Scene, path: Path) -> None:
    """Render the private scene from its camera into a file of the format that it is set to."""
    scene.render.filepath = str(path)
    with blender_silenced():
        bpy.ops.render.render(write_still=True, scene=scene.name)


def render_depth(scene: bpy.types.Scene, scratch: Path) -> NDArray[np.float32]:
    """z depth (H, W), scene units, 0 where there is no surface; inside `depth_as_picture`. scratch: an .exr to use."""
    render_file(scene, scratch)
    image: Any = bpy.data.images.load(str(scratch), check_existing=False)
    try:
        width, height = image.size
        pixels = np.empty(width * height * image.channels, np.float32)
        image.pixels.foreach_get(pixels)
    finally:
        bpy.data.images.remove(image)
    z = pixels.reshape(height, width, -1)[::-1, :, 0]
    return np.where((z > 0) & (z < NOTHING), z, 0).astype(np.float32)
