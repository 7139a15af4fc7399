"""Makes result.jpg: the studio's points in their four colours, and one pixel's point marked in four of its photos.

Cameras and depths are the true ones, so that the picture shows the tools and not what a network made of the photos.
"""

import importlib
import math
import tempfile
from pathlib import Path
from typing import Any

import bpy
from mathutils import Matrix
from PIL import Image, ImageDraw
from studio import IMAGES, ours, true_reconstruction

SIZE = (300, 225)  # pixels of a panel
PHOTOS = (0, 2, 4, 6)  # that are shown, counted from 0
PIXEL = (340.0, 230.0)  # of the first, in photo pixels: clicked
SEEN, HIDDEN = (70, 255, 90), (255, 60, 60)
ASIDE = Matrix.Translation((0.5, 0.5, 0.3)) @ Matrix.Rotation(math.radians(-8), 4, "X")


def main() -> None:
    whole = true_reconstruction()
    rows = [_colors(whole), _marks(whole)]
    picture = Image.new("RGB", (SIZE[0] * len(PHOTOS), SIZE[1] * len(rows)))
    for y, row in enumerate(rows):
        for x, panel in enumerate(row):
            picture.paste(panel, (SIZE[0] * x, SIZE[1] * y))
    picture.save(IMAGES / "result.jpg", quality=85)


def _colors(whole: Any) -> list[Image.Image]:
    """The points from beside a photo, in every colour that they can take."""
    scenes: Any = importlib.import_module("dust3r.operators.scene")
    nodes: Any = importlib.import_module("dust3r.operators.scene.points_nodes")
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    scene.world = bpy.data.worlds.new("Dark")  # dark grey: what is seen through holes
    collection = scenes.add_reconstruction(scene, whole)
    camera = collection.objects[whole.views[PHOTOS[1]].name]
    camera.matrix_world = camera.matrix_world @ ASIDE
    modifier = next(found for found in map(scenes.points_modifier, collection.objects) if found)
    panels = []
    for color in nodes.COLORS:
        scenes.set_points_input(modifier, "Color", color)
        with tempfile.TemporaryDirectory() as folder:
            scenes.render_still(scene, Path(folder) / "panel.png", size=SIZE, camera=camera, samples=16)
            with Image.open(Path(folder) / "panel.png") as image:
                panels.append(image.convert("RGB"))
    return panels


def _marks(whole: Any) -> list[Image.Image]:
    """The photos with the point that the first one shows at PIXEL: where they show it, and where something hides it."""
    pointing = ours("core.quality.reprojection")
    point = ours("core.reconstruction.depth_sampling").point_at(whole.views[PHOTOS[0]], PIXEL)
    found = {one.view: one for one in pointing.sightings(whole.views, point)}
    panels = []
    for number in PHOTOS:
        view = whole.views[number]
        with Image.open(view.path) as image:
            panel = image.convert("RGB").resize(SIZE)
        if number in found:
            one, share = found[number], SIZE[0] / view.mapping.photo_size[0]
            x, y = (share * part for part in one.pixel)
            ring = ImageDraw.Draw(panel)
            ring.ellipse([x - 9, y - 9, x + 9, y + 9], outline=SEEN if one.visible else HIDDEN, width=3)
        panels.append(panel)
    return panels


if __name__ == "__main__":
    main()
