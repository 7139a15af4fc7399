"""Visual localisation: where photos were taken, in a world of photos with known cameras and some known depth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.checkpoints.loading import LoadedModel
from ...core.geometry.camera import intrinsics
from ...core.images.pixel_mapping import PixelMapping
from ...core.images.preprocessing import Framing, View, load_view
from ...core.inference.forward import encode, predict
from ...core.localization.absolute_pose import place
from ...core.localization.image_pair import PhotoPair
from ...core.networks.network import Network
from ...core.pipeline.reconstruct import framing_of
from ...core.progress import Report
from ...core.reconstruction.result import AlignedView
from ...core.scene_graph.edges import Edge
from ...core.scene_graph.retrieval import likeness_between, pooled
from ...core.settings import LocalizationSettings, ReconstructionSettings
from ..metrics.localization import localization_metrics, placement_error
from .depth_maps import Depth
from .task import Figures


@dataclass(frozen=True, slots=True)
class MapPhoto:
    """A photo that the world is known from."""

    path: Path
    focal: float  # photo pixels; the principal point is the photo's centre
    cam2world: NDArray[np.float64]  # (4, 4), rigid, OpenCV axes, metres
    depth: Callable[[PixelMapping], Depth]  # (H, W) at the network's pixels, NaN where unknown


@dataclass(frozen=True, slots=True)
class Query:
    """A photo to be placed, and where it was truly taken."""

    path: Path
    focal: float | None  # photo pixels, given to the method; None: not known
    cam2world: NDArray[np.float64]  # (4, 4), rigid, OpenCV axes, metres


class PhotoMap:
    """The photos of one scene, read when first asked for."""

    def __init__(self, load: Callable[[], Sequence[MapPhoto]], neighbours: int) -> None:
        """neighbours: photos of the map, those most alike, that a query is compared with."""
        self._load, self._neighbours = load, neighbours
        self._pooled: list[torch.Tensor] = []

    @cached_property
    def _photos(self) -> Sequence[MapPhoto]:
        return self._load()

    def examine(self, query: Query, model: LoadedModel, settings: ReconstructionSettings, report: Report) -> Figures:
        """How far off the query is placed, metres and degrees, its focal known; None where it cannot be placed.

        Its matches with the photos most alike tie its pixels to world points, of which PnP with RANSAC makes a camera
        (`place`). Raises InputError for photos that cannot be used.
        """
        framing = framing_of(model.config)
        view = load_view(query.path, framing, "query")
        near = [self._photos[number] for number in self._most_alike(view, model.network, framing, report)]
        known = [_known(photo, framing, f"map {number}") for number, photo in enumerate(near)]
        views = [view, *(of_map for of_map, _ in known)]
        edges = [edge for k in range(1, len(views)) for edge in (Edge(k, 0), Edge(0, k))]
        of_edge = {prediction.edge: prediction for prediction in predict(model.network, views, edges, report)}
        pairs = [PhotoPair((views[k], view), of_edge[Edge(k, 0)], of_edge[Edge(0, k)]) for k in range(1, len(views))]
        wanted = LocalizationSettings(focal=query.focal, seed=settings.alignment.seed)
        placed = place([aligned for _, aligned in known], pairs, wanted)
        if placed is None:
            return {"metres": None, "degrees": None}
        metres, degrees = placement_error(placed.cam2world, query.cam2world)
        return {"metres": metres, "degrees": degrees}

    def _most_alike(self, view: View, network: Network, framing: Framing, report: Report) -> list[int]:
        """The map's photos that the query is compared with, the most alike first, by the encoder's own features."""
        for photo in self._photos[len(self._pooled) :]:
            self._pooled.append(_features(network, load_view(photo.path, framing), report))
        likeness = likeness_between([_features(network, view, report)], self._pooled)[0]
        return [int(number) for number in np.argsort(-likeness, kind="stable")[: self._neighbours]]


def _features(network: Network, view: View, report: Report) -> torch.Tensor:
    (encoded,) = encode(network, [view], report)
    return pooled(encoded)


def _known(photo: MapPhoto, framing: Framing, name: str) -> tuple[View, AlignedView]:
    """A photo of the map as the network sees it, all but the pixels of known depth masked, and its place."""
    view = load_view(photo.path, framing, name)
    depth = photo.depth(view.mapping)
    view = replace(view, mask=view.mask & np.isfinite(depth) & (depth > 0))
    K = intrinsics(photo.focal, np.array(view.mapping.photo_centre))
    ones = np.ones(depth.shape, dtype=np.float32)
    aligned = AlignedView(name, photo.path, view.mapping, K, photo.cam2world, depth, ones, view.colors, view.mask)
    return view, aligned


def summarise_placements(results: Sequence[Figures]) -> dict[str, float]:
    """Medians and recalls (`localization_metrics`) of what `PhotoMap.examine` gives for a scene's queries."""
    metres, degrees = (
        np.array([np.inf if one[key] is None else one[key] for one in results], dtype=np.float64)
        for key in ("metres", "degrees")
    )
    return localization_metrics(metres, degrees)
