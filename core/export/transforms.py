"""nerfstudio's and instant-ngp's transforms.json.

`transform_matrix` leads from the camera to the world; the camera has OpenGL's axes (x right, y up, z backward), the
world has z up: (x, y, z) of the reconstruction is (x, z, -y), as in Blender. `fl_x`, `fl_y`, `cx`, `cy` are pixels of
the upright photo, the centre of the first pixel at (0.5, 0.5); they stand at the top where all photos share them and
with each photo otherwise. points.ply is in the same world. `mask_path` is nerfstudio's, there where photos are masked.
`scale`, `offset` and `aabb_scale` are instant-ngp's: they lay the middle of the scene into its unit cube, nerfstudio
does that by itself.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..io.atomic import write_json
from ..reconstruction.result import AlignedView, PointCloud, Reconstruction
from ..world.transform import OPENGL_TO_OPENCV

OUTLIERS = 2.0  # percent of the points at either end of an axis that the unit cube need not hold
LARGEST_AABB = 128  # instant-ngp's limit, in unit cubes


def save_transforms(
    path: Path,
    reconstruction: Reconstruction,
    images: Sequence[str],
    points: PointCloud,
    masks: Sequence[str] | None = None,
) -> None:
    """Write the cameras of a reconstruction whose world has z up already.

    images: each photo's file, relative to the folder of `path`; masks: the masks' files likewise, white is kept.
    points: what instant-ngp's cube is fitted to.
    """
    views = reconstruction.views
    frames: list[dict[str, Any]] = [
        {"file_path": image, "transform_matrix": (view.cam2world @ OPENGL_TO_OPENCV).tolist()}
        for view, image in zip(views, images, strict=True)
    ]
    for frame, mask in zip(frames, masks or (), strict=False):
        frame["mask_path"] = mask
    content: dict[str, Any] = {"camera_model": "PINHOLE", "ply_file_path": "points.ply"}
    intrinsics = [_intrinsics(view) for view in views]
    if all(each == intrinsics[0] for each in intrinsics):
        content |= intrinsics[0]  # nerfstudio lets the top overrule the photos
    else:
        frames = [frame | each for frame, each in zip(frames, intrinsics, strict=True)]
    content |= _unit_cube(views, points) | {"frames": frames}
    write_json(path, content)


def _intrinsics(view: AlignedView) -> dict[str, float]:
    (width, height), K = view.mapping.photo_size, view.K
    return {
        "w": width,
        "h": height,
        "fl_x": float(K[0, 0]),
        "fl_y": float(K[1, 1]),
        "cx": float(K[0, 2]),
        "cy": float(K[1, 2]),
    }


def _unit_cube(views: Sequence[AlignedView], points: PointCloud) -> dict[str, Any]:
    """scale and offset that lay cameras and most points into [0, 1]^3, and the power of two of cubes that holds all."""
    centres = np.array([view.cam2world[:3, 3] for view in views])
    if len(points.position):
        centres = np.concatenate([centres, np.percentile(points.position, [OUTLIERS, 100 - OUTLIERS], axis=0)])
    low, high = centres.min(axis=0), centres.max(axis=0)
    scale = float(1 / max((high - low).max(), np.finfo(np.float32).tiny))
    offset = 0.5 - scale * (low + high) / 2
    reach = 2 * np.abs(points.position * scale + offset - 0.5).max(initial=0.5)
    aabb = min(2 ** int(np.ceil(np.log2(reach))), LARGEST_AABB)
    return {"scale": scale, "offset": offset.tolist(), "aabb_scale": aabb}
