"""A Blender that writes a .blend with a reconstruction in it, or says as JSON what it finds in one.

Arguments after "--": write FILE, or read FILE, and the interface's language, if not English. Uses the checkout that it
lies in, nothing installed.
"""

import json
import os
import runpy
import sys
import tempfile
from pathlib import Path

os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp(prefix="dust3r-blender-")

import bpy

runpy.run_path(str(Path(__file__).resolve().parents[2] / "headless.py"))["import_package"]()

from dust3r.core.errors import ReconstructionError  # noqa: E402  importable only now
from dust3r.operators.scene import add_reconstruction, points_modifier, set_points_input  # noqa: E402
from dust3r.operators.scene.point_cloud import renew_nodes  # noqa: E402
from dust3r.operators.scene.reading import find_points, read_reconstruction  # noqa: E402
from dust3r.operators.scene.world import move_world  # noqa: E402
from dust3r.tests.blender.synthetic_reconstruction import SHOTS, make_reconstruction  # noqa: E402


def write(path: Path) -> dict:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    add_reconstruction(bpy.context.scene, make_reconstruction(path.parent, SHOTS[:2]))
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return describe()


def read(path: Path) -> dict:
    try:
        bpy.ops.wm.open_mainfile(filepath=str(path))
    except RuntimeError as error:
        return {"refused": str(error).strip().splitlines()[0]}
    return describe()


def describe() -> dict:
    """What the open file's reconstruction is, and whether its node group does what its inputs say."""
    collection = bpy.data.collections["DUSt3R"]
    cloud = find_points(collection)
    told = {"blender": bpy.app.version_string, "shown": shown(cloud), "sure": shown(cloud, confidence=4)}
    told |= {"one photo": shown(cloud, view=1)}
    renew_nodes(cloud)
    told |= {"renewed": shown(cloud), "renewed, sure": shown(cloud, confidence=4)}
    cameras = sorted((thing for thing in collection.objects if thing.type == "CAMERA"), key=lambda thing: thing.name)
    told["cameras"] = [[thing.name, *(round(v, 4) for row in thing.matrix_world for v in row)] for thing in cameras]
    try:
        result = read_reconstruction(collection)
        told["points"] = len(result.visible_points().position)
        told["middle"] = [round(float(value), 3) for value in result.visible_points().position.mean(axis=0)]
        move_world(collection, 2 * unit(), "scale")
    except ReconstructionError as error:
        told["told"] = str(error)
    return told


def unit():
    import numpy as np

    return np.diag([1, 1, 1, 0.5])


def shown(cloud, confidence: float = 1.5, view: int = -1) -> int:
    """How many points the node group lets through with these inputs."""
    modifier = points_modifier(cloud)
    set_points_input(modifier, "Minimum Confidence", confidence)
    set_points_input(modifier, "View", view)
    found = [instance.object for instance in bpy.context.evaluated_depsgraph_get().object_instances]
    clouds = [thing.data for thing in found if thing.type == "POINTCLOUD" and thing.name == cloud.name]
    return len(clouds[0].attributes["position"].data) if clouds else 0


def speak(language: str) -> None:
    """The language of the interface, and of new names."""
    view = bpy.context.preferences.view
    view.language, view.use_translate_interface, view.use_translate_new_dataname = language, True, True
    assert bpy.app.translations.pgettext_data("Camera") != "Camera"


action, name, *languages = sys.argv[sys.argv.index("--") + 1 :]
for one in languages:
    speak(one)
sys.stdout.write(f"\nFOUND {json.dumps({'write': write, 'read': read}[action](Path(name)))}\n")
sys.stdout.flush()
os._exit(0)  # the bpy module may crash when the interpreter ends
