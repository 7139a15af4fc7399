"""Depth and confidence of every photo as EXR, with the cameras that belong to their pixels.

depth/<photo>.exr is z depth (not distance along the ray) in scene units, confidence/<photo>.exr the network's from 1;
both are 0 where a mask leaves the pixel out. Their pixels are the network's, which may be fewer than the photo's and
show a part of it only, so cameras.json (docs/conventions.md) says K, width and height for these pixels and not the
photo's: x = (column + 0.5 - cx) / fx * depth, y likewise, z = depth lie in the camera, cam2world leads on.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..cameras.posed_images import PosedPhoto, save_cameras
from ..reconstruction.result import AlignedView, Reconstruction
from .exr import save_exr

DEPTH, CONFIDENCE = "depth", "confidence"


def save_depth_maps(folder: Path, reconstruction: Reconstruction, names: Sequence[str]) -> None:
    """Write both pictures of every photo and cameras.json into a folder."""
    cameras = []
    for view, name in zip(reconstruction.views, names, strict=True):
        kept = view.kept()
        path = folder / DEPTH / f"{name}.exr"
        save_exr(path, np.where(kept, view.depth, 0))
        save_exr(folder / CONFIDENCE / f"{name}.exr", np.where(kept, view.confidence, 0))
        size = view.mapping.view_size
        cameras.append(PosedPhoto(name, view.path, size, network_intrinsics(view), view.cam2world, path))
    save_cameras(folder, cameras)


def network_intrinsics(view: AlignedView) -> NDArray[np.float64]:
    """(3, 3): K for the pixels of the depth map."""
    to_photo = np.diag([*view.mapping.scale, 1.0])
    to_photo[:2, 2] = view.mapping.offset
    return np.linalg.inv(to_photo) @ view.K
