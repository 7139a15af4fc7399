"""A reconstruction as COLMAP sees one: images with keypoints, points with tracks. Written by colmap_text and -_binary.

COLMAP's cameras have our axes (x right, y down, z forward) and pixels (the first one's centre at (0.5, 0.5)), so
numbers stay what they are: only its poses lead from the world to the camera, as a unit quaternion (w, x, y, z) and a
translation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..geometry.camera import project
from ..reconstruction.result import AlignedView, Reconstruction
from .selection import choose
from .tracks import track_roots

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SparseImage:
    """One photo with a PINHOLE camera of its own."""

    name: str
    size: tuple[int, int]  # (width, height), pixels
    intrinsics: tuple[float, float, float, float]  # fx, fy, cx, cy, pixels
    quaternion: Floats  # (4,), w x y z, world to camera
    translation: Floats  # (3,), world to camera
    keypoints: Floats  # (M, 2), photo pixels
    points: Indices  # (M,), the point that each keypoint shows


@dataclass(frozen=True, slots=True)
class SparsePoints:
    """Points and where they are seen; each at least once."""

    position: Floats  # (N, 3), world
    color: NDArray[np.uint8]  # (N, 3), sRGB
    error: Floats  # (N,), mean distance of keypoints from the projected point, photo pixels
    length: Indices  # (N,), photos that see the point
    track: Indices  # (sum of length, 2): (image, keypoint of that image), the points' tracks one after another


@dataclass(frozen=True, slots=True)
class SparseModel:
    """Images and points, numbered from 0; COLMAP's own numbers begin at 1."""

    images: tuple[SparseImage, ...]
    points: SparsePoints


def sparse_model(
    reconstruction: Reconstruction,
    names: Sequence[str],
    min_confidence: float,
    max_points: int | None = None,
    tracks: bool = False,
) -> SparseModel:
    """What the cameras were adjusted on, and points at or above a confidence, at most `max_points` together.

    The first have the matched features of several photos. tracks: points of several photos that show the same become
    one, at their mean; else each photo has its own points.
    """
    views = reconstruction.views
    found = _triangulated(reconstruction, max_points)
    room = None if max_points is None else max_points - len(found.position)
    dense = _dense(reconstruction, min_confidence, room, tracks)
    view = np.concatenate([found.view, dense.view])
    order = np.argsort(view, kind="stable")
    view = view[order]
    pixel = np.concatenate([found.pixel, dense.pixel])[order]
    point = np.concatenate([found.point, dense.point + len(found.position)])[order]
    position = np.concatenate([found.position, dense.position])
    color = np.concatenate([found.color, dense.color])
    images = tuple(
        _image(one, name, pixel[view == k], point[view == k])
        for k, (one, name) in enumerate(zip(views, names, strict=True))
    )
    error = _errors(views, position, pixel, view, point)
    return SparseModel(images, SparsePoints(position, color, error, *_tracks(view, point)))


class _Seen(NamedTuple):
    """N points and their M observations, sorted by photo."""

    position: Floats  # (N, 3), world
    color: NDArray[np.uint8]  # (N, 3), sRGB
    view: Indices  # (M,), of the photo
    pixel: Floats  # (M, 2), photo pixels
    point: Indices  # (M,), row of position


def _dense(reconstruction: Reconstruction, min_confidence: float, max_points: int | None, joined: bool) -> _Seen:
    """An even choice of the depth maps' points, with the photos that they are of."""
    cloud = reconstruction.point_cloud(min_confidence)
    position, pixels = _positions_and_pixels(reconstruction.views, min_confidence)
    roots = track_roots(reconstruction, min_confidence) if joined else np.arange(len(position))
    chosen, point_of = np.unique(roots, return_inverse=True)
    number = np.full(len(chosen), -1)
    kept = choose(len(chosen), max_points)
    number[kept] = np.arange(np.count_nonzero(kept))
    seen = np.flatnonzero(number[point_of] >= 0)
    point = number[point_of[seen]]
    view = cloud.view[seen].astype(np.int64)
    return _Seen(_means(position[seen], point), cloud.color[chosen[kept]], view, pixels[seen], point)


def _triangulated(reconstruction: Reconstruction, max_points: int | None) -> _Seen:
    """The points that the cameras were adjusted on, those that most photos see first, in the colours of a photo."""
    tracks = reconstruction.tracks
    if tracks is None:
        nothing = np.empty(0, np.int64)
        return _Seen(np.empty((0, 3)), np.empty((0, 3), np.uint8), nothing, np.empty((0, 2)), nothing)
    lengths = np.bincount(tracks.point, minlength=len(tracks.points))
    rows = np.argsort(-lengths, kind="stable")[:max_points]
    number = np.full(len(lengths), -1)
    number[rows] = np.arange(len(rows))
    seen = np.flatnonzero(number[tracks.point] >= 0)
    view, pixel, point = (
        tracks.view[seen].astype(np.int64),
        tracks.pixel[seen].astype(float),
        number[tracks.point[seen]],
    )
    color = np.empty((len(rows), 3), np.uint8)
    for k, one in enumerate(reconstruction.views):
        mine = view == k
        x, y = ((pixel[mine] - one.mapping.offset) / one.mapping.scale).astype(int).T
        width, height = one.mapping.view_size
        color[point[mine]] = one.colors[y.clip(0, height - 1), x.clip(0, width - 1)]
    return _Seen(tracks.points[rows], color, view, pixel, point)


def quaternion(rotation: Floats) -> Floats:
    """(4,) unit (w, x, y, z) with w >= 0 of a rotation matrix (3, 3)."""
    from scipy.spatial.transform import Rotation  # here: nobody waits for it who exports something else

    x, y, z, w = Rotation.from_matrix(rotation).as_quat(canonical=True)
    return np.array([w, x, y, z])


def _positions_and_pixels(views: Sequence[AlignedView], min_confidence: float) -> tuple[Floats, Floats]:
    """World (N, 3) and photo pixels (N, 2) of all kept points, photo by photo, row by row."""
    kept = [view.kept(min_confidence) for view in views]
    position = [view.world_points()[keep] for view, keep in zip(views, kept, strict=True)]
    pixels = [view.mapping.photo_pixels()[keep] for view, keep in zip(views, kept, strict=True)]
    return np.concatenate(position), np.concatenate(pixels)


def _image(view: AlignedView, name: str, keypoints: Floats, points: Indices) -> SparseImage:
    rotation = view.cam2world[:3, :3].T
    K = view.K
    intrinsics = (float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2]))
    translation = -rotation @ view.cam2world[:3, 3]
    return SparseImage(name, view.mapping.photo_size, intrinsics, quaternion(rotation), translation, keypoints, points)


def _means(values: Floats, group: Indices) -> Floats:
    """(N, K): the mean of the rows (M, K) of each group; every group has some."""
    sums = [np.bincount(group, column) for column in values.T]
    return np.stack(sums, axis=-1) / np.bincount(group)[:, None]


def _errors(views: Sequence[AlignedView], position: Floats, pixels: Floats, view: Indices, point: Indices) -> Floats:
    """(N,): mean distance of each point's keypoints from its projections, photo pixels."""
    distance = np.zeros(len(pixels))
    for k, one in enumerate(views):
        mine = view == k
        distance[mine] = np.linalg.norm(project(position[point[mine]], one.K, one.cam2world)[0] - pixels[mine], axis=-1)
    return _means(distance[:, None], point)[:, 0]


def _tracks(view: Indices, point: Indices) -> tuple[Indices, Indices]:
    """Lengths and tracks of SparsePoints; observations are in the order of their photos."""
    starts = np.searchsorted(view, np.arange(view.max(initial=-1) + 1))
    keypoint = np.arange(len(view)) - starts[view]
    order = np.argsort(point, kind="stable")
    return np.bincount(point), np.stack([view[order], keypoint[order]], axis=-1)
