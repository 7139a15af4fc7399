"""Makes blender.jpg: the studio's points from between two photos, as the modifier's inputs show them; needs bpy."""

import importlib
import os
import tempfile
from pathlib import Path
from typing import Any

import bpy
from PIL import Image
from studio import IMAGES, true_reconstruction

SIZE = (384, 288)
PANELS = (("Photo", 1.0), ("Confidence", 1.0), ("Photo", 3.2))  # the inputs Color and Minimum Confidence
RADIUS = 0.008  # metres


def main() -> None:
    result = true_reconstruction()
    room = importlib.import_module("dust3r.operators.scene")
    bpy.ops.wm.read_homefile(use_empty=True)
    scene = bpy.data.scenes[0]
    collection = room.add_reconstruction(scene, result)
    cameras = [thing for thing in collection.objects if thing.type == "CAMERA"]
    between = room.add_between_camera(collection, cameras[3], cameras[4])
    modifier = next(room.points_modifier(thing) for thing in collection.objects if room.points_modifier(thing))
    room.set_points_input(modifier, "Radius", RADIUS)
    picture = Image.new("RGB", (len(PANELS) * SIZE[0], SIZE[1]))
    with tempfile.TemporaryDirectory() as folder:
        for k, (color, sure) in enumerate(PANELS):
            _choose(modifier, color)
            room.set_points_input(modifier, "Minimum Confidence", sure)
            still = Path(folder) / f"{k}.png"
            room.render_still(scene, still, size=SIZE, camera=between)
            with Image.open(still) as panel:
                picture.paste(panel, (k * SIZE[0], 0))
    picture.save(IMAGES / "blender.jpg", quality=85)


def _choose(modifier: Any, color: str) -> None:
    """Blender 4 sets a menu by its items' numbers and reads it by their names."""
    owner, path = importlib.import_module("dust3r.operators.scene.points_nodes").points_slot(modifier, "Color")
    for number in range(10):
        modifier[path[2:-2]] = number
        if owner.path_resolve(path) == color:
            break
    modifier.id_data.update_tag()


if __name__ == "__main__":
    main()
    os._exit(0)  # Blender may crash as the interpreter ends
