"""Makes match_to_model.jpg: a photo, and the model's edges over it through the cameras that were found for it.

In the middle the network is one that is always right (tests/perfect_network.py), on the right the bundled model.
"""

import importlib
import os
import runpy
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import torch
from mathutils import Euler, Matrix
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
SIZE, SAMPLES = 320, 64  # of the photo and of the views of the model
WIRE = (255, 220, 0)


def main() -> None:
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    loading, checkpoints, fake = (
        _ours(name) for name in ("core.checkpoints.loading", "core.checkpoints.local", "tests.perfect_network")
    )
    bundled = loading.load_model(checkpoints.find_model("small"), torch.device("cpu"))
    with tempfile.TemporaryDirectory() as scratch:
        furnish()
        photo, world = (seen_by(names, Path(scratch) / names[0], bundled) for names in (("Taker",), ("Left", "Right")))
        perfect = fake.perfect_model(map(fake.Shot.of, (*photo.views, *world.views)))
        path = photo.views[0].path
        panels = [Image.open(path).convert("RGB"), *(covered(path, world, model) for model in (perfect, bundled))]
    width, height = panels[0].size
    picture = Image.new("RGB", (len(panels) * width, height))
    for number, panel in enumerate(panels):
        picture.paste(panel, (number * width, 0))
    picture.save(IMAGES / "match_to_model.jpg", quality=85)


def furnish() -> None:
    """Solids on a floor before walls, and three cameras; the world is Blender's."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.mesh.primitive_cube_add(size=1.2, location=(-0.9, 0.2, 0.6), rotation=(0, 0, 0.5))
    bpy.ops.mesh.primitive_cylinder_add(vertices=24, radius=0.5, depth=1.6, location=(0.7, 0.6, 0.8))
    bpy.ops.mesh.primitive_cone_add(vertices=16, radius1=0.5, depth=1.0, location=(0.3, -0.9, 0.5))
    bpy.ops.mesh.primitive_cube_add(size=8, location=(0, 0, 4))
    for number, thing in enumerate(bpy.context.scene.objects):
        thing.data.materials.append(pattern(2 + number))  # type: ignore[union-attr]
    bpy.ops.object.light_add(type="AREA", location=(1, -1, 6))
    light: Any = bpy.context.object.data  # type: ignore[union-attr]
    light.energy, light.size = 500, 3
    add_camera("Left", (-2.6, -3.4, 1.9), (1.3, 0, -0.6))
    add_camera("Right", (2.2, -3.5, 2.2), (1.22, 0, 0.52))
    add_camera("Taker", (-0.3, -3.8, 1.7), (1.36, 0.02, -0.06))
    bpy.context.view_layer.update()  # type: ignore[union-attr]


def pattern(scale: float) -> bpy.types.Material:
    material = bpy.data.materials.new("Pattern")
    material.use_nodes = True
    tree: Any = material.node_tree
    cells = tree.nodes.new("ShaderNodeTexVoronoi")
    cells.inputs["Scale"].default_value = scale
    tree.links.new(cells.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    return material


def add_camera(name: str, place: tuple[float, float, float], turn: tuple[float, float, float]) -> None:
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    camera.data.lens = 28  # type: ignore[union-attr]
    camera.matrix_world = Matrix.Translation(place) @ Euler(turn).to_matrix().to_4x4()
    bpy.context.scene.collection.objects.link(camera)


def seen_by(cameras: tuple[str, ...], folder: Path, model: Any) -> Any:
    """What these cameras see, as a world to place photos in."""
    settings = _ours("core.localization.reference_settings").MapSettings(cameras=cameras, size=SIZE, samples=SAMPLES)
    with _ours("operators.scene.quiet").blender_silenced():
        _ours("operators.scene.map_views").render_map(bpy.context.scene, folder, settings)
    return _ours("core.localization.reference_views").read_map(folder, model)


def covered(path: Path, world: Any, model: Any) -> Image.Image:
    """The photo with the model's edges over it, through the camera that the model's network finds."""
    anything = _ours("core.settings").LocalizationSettings(min_inliers=4, min_inlier_share=0)
    found = _ours("core.localization.localize").localize(path, world, model, anything)
    fit = found.figures
    print(f"{model.name}: {fit.inliers} of {fit.matches} matches, {fit.median_reprojection_px:.1f} pixels apart")
    picture = Image.open(path).convert("RGB")
    draw = ImageDraw.Draw(picture)
    for edge in edges():
        seen = (edge - found.view.cam2world[:3, 3]) @ found.view.cam2world[:3, :3]
        if (seen[:, 2] > 0).all():
            pixels = (seen / seen[:, 2:]) @ found.view.K.T
            draw.line([*pixels[0, :2], *pixels[1, :2]], fill=WIRE)
    return picture


def edges() -> Iterator[np.ndarray]:
    """Both ends (2, 3) of every edge of the scene's meshes, world."""
    for thing in bpy.context.scene.objects:
        if thing.type == "MESH":
            mesh: Any = thing.data
            places = np.array([thing.matrix_world @ vertex.co for vertex in mesh.vertices])
            yield from (places[list(edge.vertices)] for edge in mesh.edges)


def _ours(name: str) -> Any:
    return importlib.import_module(f"dust3r.{name}")


if __name__ == "__main__":
    main()
    os._exit(0)  # Blender may crash as the interpreter ends
