"""One photo alone in the scene: a camera with its lens and the points before it."""

import bpy
import numpy as np
from dust3r.operators.scene.reading import find_points, read_reconstruction

from .conftest import ROOT

STUDIO = ROOT / "samples" / "studio" / "images"


def test_the_panel_makes_a_camera_and_points_of_one_photo(extension, tmp_path):
    bpy.ops.dust3r.add_photos(directory=str(STUDIO), files=[{"name": "studio_01.jpg"}])
    extension.model = "small"
    assert bpy.ops.dust3r.reconstruct() == {"FINISHED"}
    collection = bpy.data.collections["DUSt3R"]
    (camera,) = [thing for thing in collection.objects if thing.type == "CAMERA"]
    (view,) = read_reconstruction(collection).views
    assert camera.data.lens == np.float32(view.K[0, 0] * 36 / 512)
    cloud = find_points(collection)
    assert len(cloud.data.vertices) == view.mask.sum() == view.depth.size
    assert bpy.ops.dust3r.export(format="exr", folder=str(tmp_path / "out")) == {"FINISHED"}
    assert (tmp_path / "out" / "depth" / "studio_01.jpg.exr").is_file()
