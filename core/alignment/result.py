"""The aligner's result: the solved cameras, and every photo's depth at full resolution."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..cameras.priors import FocalSource
from ..inference.prediction import PairPrediction
from ..settings import AlignmentSettings, Distance
from .dense import DenseDepth, Side, fuse_depth
from .estimate import Observe, final_estimate
from .objective import power, unit
from .observations import Array, Indices
from .parts import Part
from .photo import AlignmentPhoto
from .pixel_depth import Camera
from .steps import Steps
from .uncertainty import PairUncertainty, Uncertainty


@dataclass(frozen=True, slots=True)
class Alignment:
    """Cameras and depths of N photos. Axes are OpenCV's; pixels are the photo's, centres at .5."""

    cam2world: Array  # (N, 4, 4), rigid; the identity at the first photo of the pair that the network is surest of
    focal: Array  # (N,), photo pixels
    principal_point: Array  # (N, 2), photo pixels
    depth: tuple[NDArray[np.float32], ...]  # N x (H, W), z > 0, in the network's units
    confidence: tuple[NDArray[np.float32], ...]  # N x (H, W), >= 1: the greatest that any edge gives (as published)
    component: Indices  # (N,): photos of different components share no world
    loss: float  # the published objective at this result, in its units: mean per pixel, w = log C
    uncertainty: Uncertainty  # of the cameras; 0 where nothing was compared
    pair_uncertainty: PairUncertainty  # of every prediction's two cameras to each other; NaN where left out
    disagreement: Array  # (E,), of every prediction with the rest, over the usual: about 1; NaN where left out
    warnings: tuple[str, ...]  # what the user should know, one sentence each
    unusable: tuple[str, ...] = ()  # those of the warnings on predictions of which nothing could be used
    focal_source: tuple[FocalSource, ...] = ()  # N x where the focal comes from


def finish(
    photos: Sequence[AlignmentPhoto],
    predictions: Sequence[PairPrediction],
    parts: Sequence[Part],
    settings: AlignmentSettings,
    component: Indices,
    warnings: tuple[str, ...],
    steps: Steps,
    observe: Observe,
) -> Alignment:
    """All parts in one result, with the depth of every pixel."""
    count = len(photos)
    cam2world, focal, centre = np.tile(np.eye(4), (count, 1, 1)), np.zeros(count), np.zeros((count, 2))
    dense: dict[int, DenseDepth] = {}
    costs, pixels = np.zeros(2), np.zeros(2)
    uncertainty = Uncertainty(*np.zeros((4, count)))
    pair_uncertainty = PairUncertainty(*np.full((3, len(predictions)), np.nan))
    disagreement = np.full(len(predictions), np.nan)
    step = steps.part(0.3, count)
    for part in parts:
        world, misfit = part.world, np.zeros(2)
        for n, photo in enumerate(part.photos):
            cam2world[photo, :3, :3], cam2world[photo, :3, 3] = world.R[n], world.centre[n]
            focal[photo], centre[photo] = world.focal[n], world.principal_point[n]
            camera = Camera(world.R[n], world.centre[n], float(world.focal[n]), world.principal_point[n])
            dense[photo] = _dense(part, n, camera, photos[photo], predictions, settings.distance, step)
            observe(final_estimate(photos, component, int(photo), camera, dense[photo]), [int(photo)])
            misfit += dense[photo].misfit
        disagreement[part.edges] = part.appraisal.disagreement
        for name in Uncertainty.__slots__:
            getattr(uncertainty, name)[part.photos] = getattr(part.appraisal.uncertainty, name)
        for name in PairUncertainty.__slots__:
            getattr(pair_uncertainty, name)[part.edges] = getattr(part.appraisal.pairs, name)
        costs += misfit * unit(world) ** power(settings.distance)
        pixels += sum(dense[photo].pixels for photo in part.photos)
    steps.finish()
    return Alignment(
        cam2world,
        focal,
        centre,
        tuple(dense[photo].depth for photo in range(count)),
        tuple(dense[photo].confidence for photo in range(count)),
        component,
        float((costs / np.maximum(pixels, 1)).sum()),
        uncertainty,
        pair_uncertainty,
        disagreement,
        warnings,
    )


def _dense(
    part: Part,
    n: int,
    camera: Camera,
    photo: AlignmentPhoto,
    predictions: Sequence[PairPrediction],
    distance: Distance,
    step: Callable[[], None],
) -> DenseDepth:
    world, number = part.world, part.photos[n]
    sides = [
        Side(predictions[e], side, world.frames[k])
        for k, e in enumerate(part.edges)
        for side in _sides(predictions[e])
        if predictions[e].edge[side] == number
    ]
    return fuse_depth(photo.mapping, camera, sides, distance, photo.mask, step, along_axis=len(part.photos) == 1)


def _sides(prediction: PairPrediction) -> tuple[int, ...]:
    """A photo paired with itself is seen once: as the first."""
    return (0,) if prediction.edge.i == prediction.edge.j else (0, 1)
