"""DTU MVS: objects photographed by a robot, and scanned; the 22 scans that learned methods are compared on."""

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import rq

from ...core.cameras.priors import KnownCamera, Priors
from ...core.checkpoints.loading import LoadedModel
from ...core.errors import InputError
from ...core.pipeline.reconstruct import reconstruct
from ...core.progress import Report
from ...core.settings import ReconstructionSettings
from ..metrics.surface import ScannedSurface, surface_metrics
from .files import pose, read_mat, read_numbers, read_text
from .ply_points import read_ply_points
from .task import Figures, Task

SCANS = (1, 4, 9, 10, 11, 12, 13, 15, 23, 24, 29, 32, 33, 34, 48, 49, 62, 75, 77, 110, 114, 118)
LIGHTS = ("max", "3_r5000")  # all lamps together, under the names of different releases
HALF = 0.5  # pixels: the projections count the centre of the first pixel as (0, 0)


def dtu_tasks(root: Path) -> list[Task]:
    """One task for each scan whose photos are there; raises InputError when none's are."""
    scans = [number for number in SCANS if (root / "Rectified" / f"scan{number}").is_dir()]
    if not scans:
        raise InputError(
            f"{root} holds none of the 22 scans; it should have Rectified/scan1/rect_001_max.png, Calibration/cal18, "
            "Points/stl and ObsMask"
        )
    return [Task(f"scan{number}", f"scan{number}", partial(_examine, root, number)) for number in scans]


def _examine(root: Path, number: int, model: LoadedModel, settings: ReconstructionSettings, report: Report) -> Figures:
    """Reconstruct from all photos with the true cameras pinned, so that the world is the scan's, and compare points."""
    scan, photos = read_scan(root, number), read_cameras(root, number)
    result = reconstruct(list(photos), model, settings, report, priors=Priors(cameras=photos))
    points = result.visible_points().position.astype(np.float64)
    figures = surface_metrics(points[np.isfinite(points).all(-1)], scan, settings.alignment.seed)
    return dict(figures)


def read_cameras(root: Path, number: int) -> dict[Path, KnownCamera]:
    """The photos of a scan, by resolved path, with their true cameras in millimetres.

    Raises InputError, naming the file, for what is missing or no camera.
    """
    folder = root / "Rectified" / f"scan{number}"
    photos = next((found for light in LIGHTS if (found := sorted(folder.glob(f"rect_[0-9]*_{light}.png")))), [])
    if len(photos) < 2:
        raise InputError(f"{folder} holds no photos rect_001_{LIGHTS[0]}.png, ...; unpack Rectified.zip there")
    cameras = {}
    for photo in photos:
        path = root / "Calibration" / "cal18" / f"pos_{photo.name.split('_')[1]}.txt"
        projection = read_numbers(read_text(path, "a projection matrix"), (3, 4), path)
        cameras[photo.resolve()] = camera_of(projection, path)
    return cameras


def camera_of(projection: NDArray[np.float64], path: Path) -> KnownCamera:
    """K [R | t], up to scale, taken apart; raises InputError, naming the file it comes from, for what is no camera."""
    if np.linalg.matrix_rank(projection[:, :3]) < 3:
        raise InputError(f"{path} holds a projection of no camera; download it again")
    upper, turn = rq(projection[:, :3] * np.sign(np.linalg.det(projection[:, :3])))
    signs = np.diag(np.sign(np.diag(upper)))  # focals are above 0
    K, R = upper @ signs / abs(upper[2, 2]), np.asarray(signs @ turn, dtype=np.float64)
    centre = -np.linalg.solve(projection[:, :3], projection[:, 3])
    return KnownCamera(
        cam2world=pose(R.T, centre, path),
        focal=float(K[0, 0]),
        focal_y=float(K[1, 1]),
        principal_point=(float(K[0, 2]) + HALF, float(K[1, 2]) + HALF),
    )


def read_scan(root: Path, number: int) -> ScannedSurface:
    """The structured-light scan and what counts of it; raises InputError, naming the file."""
    mask, plane = root / "ObsMask" / f"ObsMask{number}_10.mat", root / "ObsMask" / f"Plane{number}.mat"
    observable, corners, cell = read_mat(mask, ("ObsMask", "BB", "Res"))
    (table,) = read_mat(plane, ("P",))
    shapes = observable.ndim == 3 and corners.shape == (2, 3) and cell.size == 1 and table.size == 4
    if not shapes or not cell.min() > 0 or not (np.isfinite(corners).all() and np.isfinite(table).all()):
        raise InputError(f"{mask} or {plane} holds other arrays than the benchmark's; download them again")
    return ScannedSurface(
        points=read_ply_points(root / "Points" / "stl" / f"stl{number:03d}_total.ply"),
        observable=observable > 0,
        corners=corners.astype(np.float64),
        cell=float(cell.reshape(-1)[0]),
        plane=table.reshape(-1).astype(np.float64),
    )
