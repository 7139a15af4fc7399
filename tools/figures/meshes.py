"""Makes meshes.jpg: the studio, from a place where no photo was taken: one photo's mesh, all fused, with texture.

Cameras and depths are the true ones, so that the picture shows the meshes and not what a network made of the photos.
"""

import importlib
import math
import tempfile
from pathlib import Path
from typing import Any

import bpy
from mathutils import Matrix
from PIL import Image
from studio import IMAGES, ours, true_reconstruction

SIZE = (420, 315)  # pixels of a panel
PHOTO = 3  # whose mesh is shown, counted from 0, and beside whose camera the picture is taken
ASIDE = (
    Matrix.Translation((0.9, 1.0, -0.4)) @ Matrix.Rotation(math.radians(-18), 4, "X") @ Matrix.Rotation(0.18, 4, "Y")
)


def main() -> None:
    whole, meshes = true_reconstruction(), ours("core.meshing.meshes")
    scenes: Any = importlib.import_module("dust3r.operators.scene")
    adding: Any = importlib.import_module("dust3r.operators.scene.meshes")
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    scene.world = bpy.data.worlds.new("Dark")  # dark grey: what is seen through holes
    collection = scenes.add_reconstruction(scene, whole)
    camera = collection.objects[whole.views[PHOTO].name]
    camera.matrix_world = camera.matrix_world @ ASIDE
    for thing in [thing for thing in collection.objects if thing.type == "MESH"]:
        thing.hide_render = True
    settings = ours("core.meshing.settings").MeshSettings
    made = [meshes.make_meshes(whole, settings(kind=kind))[0] for kind in ("grid", "fused")]
    grid, fused = adding.add_meshes(scene, collection, [made[0][PHOTO], made[1][0]])[0]
    panels = [_render(scenes, scene, camera, grid), _render(scenes, scene, camera, _clay(scene, fused))]
    panels.append(_render(scenes, scene, camera, fused))
    picture = Image.new("RGB", (SIZE[0] * len(panels), SIZE[1]))
    for k, panel in enumerate(panels):
        picture.paste(panel, (SIZE[0] * k, 0))
    picture.save(IMAGES / "meshes.jpg", quality=88)


def _clay(scene: bpy.types.Scene, thing: bpy.types.Object) -> bpy.types.Object:
    """The same mesh in grey, with a sun in the scene."""
    copy: Any = bpy.data.objects.new("Clay", thing.data.copy())
    copy.matrix_world = thing.matrix_world
    copy.data.materials.clear()
    copy.hide_render = True
    sun: Any = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy, sun.data.angle = 1.6, 0.6
    sun.matrix_world = scene.camera.matrix_world @ Matrix.Rotation(-0.7, 4, "X") @ Matrix.Rotation(0.5, 4, "Y")
    for one in (copy, sun):
        scene.collection.objects.link(one)
    return copy


def _render(scenes: Any, scene: bpy.types.Scene, camera: bpy.types.Object, thing: bpy.types.Object) -> Image.Image:
    """What the camera sees of one object."""
    thing.hide_render = False
    for other in scene.objects:
        if other.type == "MESH" and other != thing:
            other.hide_render = True
    with tempfile.TemporaryDirectory() as folder:
        scenes.render_still(scene, Path(folder) / "panel.png", size=SIZE, camera=camera, samples=48)
        with Image.open(Path(folder) / "panel.png") as image:
            return image.convert("RGB")


if __name__ == "__main__":
    main()
