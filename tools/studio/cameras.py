"""The cameras: one focal length, held by hand in front of the furniture, on an arc or a longer walk. NumPy only."""

import math
from typing import Any

import numpy as np

WIDTH, HEIGHT = 512, 384  # pixels
FIELD_OF_VIEW = 60.0  # degrees, along the width
FOCAL = WIDTH / 2 / math.tan(math.radians(FIELD_OF_VIEW / 2))  # pixels

# degrees around the room's centre, distance from it, height of the eye, the point looked at, degrees of roll
VIEWS = (
    (-169.0, 2.74, 1.38, (0.18, 0.02, 0.60), 0.4),
    (-159.5, 2.82, 1.44, (0.10, 0.08, 0.58), -0.6),
    (-149.0, 2.77, 1.36, (0.15, 0.10, 0.60), 0.3),
    (-138.5, 2.84, 1.48, (0.10, 0.14, 0.56), 0.0),
    (-129.0, 2.80, 1.42, (0.14, 0.12, 0.60), -0.4),
    (-119.0, 2.86, 1.50, (0.16, 0.10, 0.57), 0.7),
    (-109.5, 2.78, 1.40, (0.14, 0.16, 0.62), -0.2),
    (-100.0, 2.82, 1.46, (0.10, 0.12, 0.60), 0.5),
)


def intrinsics() -> Any:
    """K (3, 3), pixels; the centre of the first pixel is (0.5, 0.5)."""
    return np.array([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1]])


def look_at(eye: Any, target: Any, roll: float) -> Any:
    """cam2world (4, 4) with OpenCV axes in a world whose z is up; roll in degrees."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    level = np.stack([right, np.cross(forward, right), forward], axis=1)
    cosine, sine = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    pose = np.eye(4)
    pose[:3, :3] = level @ np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    pose[:3, 3] = eye
    return pose


def poses() -> dict[str, Any]:
    """File name -> cam2world (4, 4), metres: the eight of the sample."""
    return {f"studio_{number:02d}.jpg": _pose(*view) for number, view in enumerate(VIEWS, start=1)}


def walk(count: int) -> dict[str, Any]:
    """The same of `count` photos from three turns along the arc, ever nearer and higher, with a hand's unrest."""
    result = {}
    for index, way in enumerate(np.linspace(0, 3, count)):
        turn = 1 - abs(1 - way % 2)  # 0 to 1 and back
        unrest = np.sin(index * np.array([1.7, 2.3, 2.9, 3.7, 4.3]))
        target = (0.14 + 0.05 * unrest[0], 0.12 + 0.05 * unrest[1], 0.58 + 0.04 * unrest[2])
        view = (-169 + 69 * turn, 2.86 - 0.2 * way + 0.03 * unrest[3], 1.3 + 0.15 * way, target, unrest[4])
        result[f"walk_{index + 1:03d}.jpg"] = _pose(*view)
    return result


def _pose(azimuth: float, distance: float, height: float, target: tuple[float, float, float], roll: float) -> Any:
    angle = math.radians(azimuth)
    eye = np.array([distance * math.cos(angle), distance * math.sin(angle), height])
    return look_at(eye, np.array(target), roll)
