"""A reconstruction's statistics from what it holds itself: no true cameras, no photos. NumPy only."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..cleanup.settings import CleanupSettings
from ..export.depth_maps import network_intrinsics
from ..geometry.camera import project, unproject
from ..geometry.pixel_sampling import spread
from ..reconstruction.depth_sampling import depth_at
from ..reconstruction.result import AlignedView, Reconstruction, confirmed_share
from .statistics import PhotoStatistics, Statistics, find_problems

Floats = NDArray[np.float64]
SAMPLE = 256  # pixels of a photo that stand for it where photos are compared
ENOUGH = 20_000  # pixels that tell a median to a part in a hundred


@dataclass(frozen=True, slots=True)
class Cameras:
    """All photos' cameras at once, to tell which of them have a point in their picture."""

    to_network: Floats  # (N, 3, 4), world to network pixels, homogeneous
    sizes: Floats  # (N, 2), network pixels
    components: NDArray[np.int_]  # (N,)

    @classmethod
    def of(cls, views: Sequence[AlignedView]) -> "Cameras":
        return cls(
            np.stack([_world_to_network(view) for view in views]),
            np.array([view.mapping.view_size for view in views], dtype=np.float64),
            np.array([view.component for view in views]),
        )

    def nearest(self, index: int, points: Floats, count: int) -> list[int]:
        """The other photos of a photo's world that have most of its points (M, 3) in their picture, most first."""
        x, y, z = np.moveaxis(self.to_network[:, :, :3] @ points.T + self.to_network[:, :, 3:], 1, 0)
        width, height = self.sizes.T[:, :, None]
        framed = (z > 0) & (x >= 0) & (x < width * z) & (y >= 0) & (y < height * z)
        counts = framed.sum(axis=1) * (self.components == self.components[index])
        counts[index] = 0
        return [int(k) for k in np.argsort(-counts, kind="stable")[:count] if counts[k]]


def measure(reconstruction: Reconstruction) -> Statistics:
    """Every photo's figures, what makes it weak, and all photos' together; points that are hidden count for nothing.

    Reprojection: a photo's point is put into another photo; the point that this one shows there is put back. It should
    come back to the pixel where it began, and the distance is counted where nothing in front hides the point.
    """
    views, least = reconstruction.without_flaws().views, reconstruction.min_confidence
    if not views:
        return Statistics((), 0, 1.0, None, 0.0, reconstruction.synthetic)
    cameras, settings = Cameras.of(views), CleanupSettings()
    home = int(np.bincount(cameras.components).argmax()) if cameras.components.min() >= 0 else views[0].component
    photos, ratios = [], []
    for index, view in enumerate(views):
        shared, off, ratio = _compare(index, views, cameras, least, settings)
        photos.append(_figures(view, least, shared, off, view.component == home))
        ratios.append(ratio)
    whole = tuple(photos)
    named = tuple(replace(photo, problems=find_problems(photo, whole)) for photo in whole)
    points = sum(round(photo.shown * view.mask.size) for photo, view in zip(named, views, strict=True))
    found = [photo.reprojection for photo in named if photo.reprojection is not None]
    confidence = float(np.median([photo.confidence for photo in named]))
    off, disagreement = _median(np.array(found)), _median(np.concatenate(ratios)) or 0.0
    confirmed = confirmed_share(reconstruction.views)
    return Statistics(named, points, confidence, off, disagreement, reconstruction.synthetic, confirmed)


def _figures(view: AlignedView, least: float, shared: float, off: float | None, connected: bool) -> PhotoStatistics:
    kept = view.kept(least)
    shown = np.count_nonzero(kept) / kept.size
    confidence = view.confidence[kept] if shown else view.confidence.ravel()
    confidence = confidence[:: 1 + len(confidence) // ENOUGH]
    figures = (view.name, connected, max(view.mapping.photo_size), shown, float(np.median(confidence)), shared, off)
    return PhotoStatistics(*figures, focal=float(view.K[0, 0]), focal_source=view.focal_source, evidence=view.evidence)


def _compare(
    index: int, views: Sequence[AlignedView], cameras: Cameras, least: float, settings: CleanupSettings
) -> tuple[float, float | None, Floats]:
    """Share of a photo's points that another shows, the median reprojection, and by how much surfaces behind differ."""
    view = views[index]
    pixels, points = _sample(view, least)
    shared, distances, ratios = np.zeros(len(points), bool), [np.zeros(0)], [np.zeros(0)]
    for other in (views[k] for k in cameras.nearest(index, points, settings.neighbours)):
        there, depth = project(points, other.K, other.cam2world)
        shown = depth_at(other, there, least)
        seen = (depth > 0) & (depth <= (1 + settings.depth_tolerance) * shown)  # False for NaN
        back, _ = project(unproject(there[seen], shown[seen], other.K, other.cam2world), view.K, view.cam2world)
        distances.append(np.linalg.norm(back - pixels[seen], axis=1))
        behind = seen & (shown >= depth)  # what lies in front of a surface may be hidden, and says nothing
        ratios.append(np.log(shown[behind] / depth[behind]))
        shared |= seen
    off = np.concatenate(distances)
    share = float(shared.mean()) if len(shared) else 0.0
    return share, _median(off[np.isfinite(off)]), np.concatenate(ratios)


def _sample(view: AlignedView, least: float) -> tuple[Floats, Floats]:
    """An even choice of a photo's shown pixels: photo pixels (M, 2) and their world points (M, 3)."""
    width = view.mapping.view_size[0]
    flat = np.unique(spread(view.mapping.view_size, SAMPLE))
    centres = np.column_stack([flat % width, flat // width]) + 0.5
    pixels = centres * view.mapping.scale + view.mapping.offset
    depth = depth_at(view, pixels, least)
    known = np.isfinite(depth)
    return pixels[known], unproject(pixels[known], depth[known], view.K, view.cam2world)


def _world_to_network(view: AlignedView) -> Floats:
    rotation, centre = view.cam2world[:3, :3], view.cam2world[:3, 3]
    return network_intrinsics(view) @ np.column_stack([rotation.T, -rotation.T @ centre])


def _median(values: Floats) -> float | None:
    return float(np.median(values)) if len(values) else None
