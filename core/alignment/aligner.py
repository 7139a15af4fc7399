"""The global alignment on one screen: pairwise pointmaps in, cameras and depths of one world out."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from ..errors import InputError
from ..geometry.similarity import Similarity
from ..inference.prediction import PairPrediction
from ..progress import Report, silent
from ..settings import AlignmentSettings
from .averaging import average_poses
from .canonical import Canonical, canonical_pointmaps
from .degenerate import describe_shapes
from .estimate import Observe, Placement, ignore, sampled_estimates
from .initialize import place_world
from .known import KnownCamera, Pins, check_depth, focal_groups, focal_sources, gather, into_known_world
from .known_focals import PHOTO_SPREAD, with_known_focals
from .objective import World
from .observations import Array, Indices, Observations, sample
from .parts import Part, anchored, moved_to, side_by_side
from .photo import AlignmentPhoto
from .pose_graph import join_poses
from .refine import CONVERGED, intrinsics_prior, lasting_gain, refine
from .relative import Relative, relative_poses, usable_edges, with_every_view
from .result import Alignment, finish
from .single_view import lone_world
from .spanning_tree import chain_poses, components, spanning_tree
from .steps import Steps
from .two_views import two_view_poses
from .uncertainty import appraise, nothing_to_compare
from .warnings import describe, describe_unusable

__all__ = ["Alignment", "AlignmentPhoto", "KnownCamera", "Placement", "align"]

STAGE = "Aligning"
USUAL_ITERATIONS = 10  # of the refinement, for the progress


def align(
    photos: Sequence[AlignmentPhoto],
    predictions: Sequence[PairPrediction],
    settings: AlignmentSettings | None = None,
    *,
    network_spread: float = PHOTO_SPREAD,
    report: Report = silent,
    observe: Observe = ignore,
) -> Alignment:
    """The cameras and depths minimising  sum_e sum_v sum_px log C |chi^v - sigma_e P_e X^{v,e}|^p  (DUSt3R, eq. 5).

    A closed-form robust start (own focals and pointmaps, relative poses, averages over the graph), refined together,
    then every pixel's depth. Two photos: poses by PnP, in closed form; one: its own pointmap.
    photos: numbered as in the predictions' edges. With one known pose the world is that photo's, with two in different
    places the scale is theirs too. network_spread: relative error of the focals that the network's pointmaps show,
    beside their scatter, where one is known roughly; observe: called with the photos' estimates as they improve.
    Raises InputError without predictions or when something does not fit the photos, and whatever `report` raises.
    """
    settings, mappings = settings or AlignmentSettings(), [photo.mapping for photo in photos]
    _check(photos, predictions)
    steps = Steps(report, STAGE)
    groups = focal_groups(settings.shared_focal, [mapping.photo_size for mapping in mappings], _lenses(photos))
    pins = gather(photos, groups)
    centres = np.array([photo.start_point for photo in photos], dtype=np.float64)
    centres[pins.centred] = pins.principal_point[pins.centred]
    observations = sample(photos, predictions, steps.part(0.1, len(predictions)))
    step = steps.part(0.1, len(photos))
    canonical = canonical_pointmaps(observations, centres, pins, settings.seed, step, network_spread)
    observations, predictions = with_known_focals(observations, predictions, canonical.stretch)
    usable = usable_edges(observations, canonical)
    component = components(len(photos), observations.edges[usable])
    parts, placed = [], []
    for number in range(component.max() + 1):
        members = np.flatnonzero(component == number)
        edges = np.flatnonzero(usable & (component[observations.edges[:, 0]] == number))
        share = 0.5 * len(members) / len(photos)
        show = partial(_show, observe, photos, component, members)
        parts.append(_solve(observations, canonical, pins.of(members), members, edges, settings, steps, share, show))
        placed.append(bool(pins.posed[members].any()))
    odd = np.zeros(len(usable), dtype=bool)
    odd[np.concatenate([part.edges for part in parts])] = np.concatenate([part.appraisal.odd for part in parts])
    names = [photo.name or str(number) for number, photo in enumerate(photos)]
    warnings = describe(observations, canonical, pins, usable, odd, component, names)
    warnings += describe_shapes(parts, observations, canonical, names)
    parts = side_by_side(parts, placed)
    for part in parts:
        _show(observe, photos, component, part.photos, lambda part=part: part.world, canonical.weight[part.photos])
    found = finish(photos, predictions, parts, settings, component, warnings, steps, observe)
    sources = focal_sources([photo.known for photo in photos], groups, canonical.dropped)
    unusable = describe_unusable(observations, canonical, usable, names)
    return replace(found, focal_source=sources, unusable=unusable)


def _solve(
    observations: Observations,
    canonical: Canonical,
    pins: Pins,
    photos: Indices,
    edges: Indices,
    settings: AlignmentSettings,
    steps: Steps,
    share: float,
    show: Callable[[Callable[[], World], Array], None],
) -> Part:
    """The world of connected photos: that of the known poses, or the frame of the surest edge's first camera."""
    if len(photos) == 1:
        world, edges = lone_world(observations, canonical, int(photos[0]))
        alone = nothing_to_compare(canonical.of(photos), pins, len(edges))
        return Part(photos, edges, moved_to(anchored(world, 0), 0, pins.cam2world[0]), alone)
    observations, canonical = observations.of(photos, edges), canonical.of(photos)

    def seen(world: World) -> None:
        show(partial(_settled, world, observations, pins), canonical.weight)

    if len(photos) == 2 and pins.posed.sum() < 2:
        poses = two_view_poses(observations, canonical, settings.seed)
        relative = relative_poses(observations, canonical, lambda: None)
        world = place_world(observations, canonical, poses, steps.part(share, len(edges)))
    else:
        relative = relative_poses(observations, canonical, steps.part(0.15 * share, len(edges)))
        canonical = with_every_view(observations, canonical, relative)
        relative = relative_poses(observations, canonical, steps.part(0.05 * share, len(edges)), relative.pose)
        poses = join_poses(relative, _start(relative, canonical, pins), pins.unposed.held)
        if pins.posed.sum() > 1:
            poses = join_poses(relative, into_known_world(poses, pins), pins.held)
            check_depth(canonical.depth * poses.scale[:, None], pins)
        world = place_world(observations, canonical, poses, steps.part(0.3 * share, len(edges)))
        seen(world)
        gain = CONVERGED if settings.optimize_principal_point else lasting_gain(observations.edges, len(photos))
        if np.isfinite(gain):
            prior = intrinsics_prior(observations, canonical, pins)
            step = steps.part(0.5 * share, USUAL_ITERATIONS)
            world = refine(world, observations, prior, settings, step, gain, seen)
    appraisal = appraise(relative, canonical, world, pins)
    return Part(photos, edges, _settled(world, observations, pins), appraisal)


def _show(
    observe: Observe,
    photos: Sequence[AlignmentPhoto],
    component: Indices,
    members: Indices,
    world: Callable[[], World],
    weight: Array,
) -> None:
    observe(sampled_estimates(photos, component, members, world, weight), ())


def _lenses(photos: Sequence[AlignmentPhoto]) -> list[Hashable] | None:
    lenses = [photo.lens for photo in photos]
    return None if all(lens is None for lens in lenses) else lenses


def _settled(world: World, observations: Observations, pins: Pins) -> World:
    """The world where its known poses are; without any, in the frame of the surest edge's first camera."""
    if pins.posed.sum() > 1:
        return world
    surest = int(observations.edges[np.argmax(observations.score), 0])
    first = int(np.argmax(pins.posed)) if pins.posed.any() else surest
    return moved_to(anchored(world, first), first, pins.cam2world[first])


def _start(relative: Relative, canonical: Canonical, pins: Pins) -> Similarity:
    """A world (N,) within reach of the best: the earlier one with what is new hung on, or the average of all edges."""
    count, stood = len(canonical.focal), pins.start(np.median(canonical.depth, axis=1))
    chained = chain_poses(count, relative, spanning_tree(count, relative), stood)
    return chained if stood else average_poses(relative, chained)


def _check(photos: Sequence[AlignmentPhoto], predictions: Sequence[PairPrediction]) -> None:
    if not photos or not predictions:
        raise InputError(f"Nothing to align: {len(photos)} photos and {len(predictions)} predicted pairs")
    for prediction in predictions:
        for side, photo in enumerate(prediction.edge):
            if not 0 <= photo < len(photos):
                raise InputError(f"Pair {tuple(prediction.edge)} names photo {photo}, but there are {len(photos)}")
            width, height = photos[photo].mapping.view_size
            if prediction.shape(side) != (height, width):
                found = f"{prediction.shape(side)} points for photo {photo} of {width} x {height} pixels"
                raise InputError(f"Pair {tuple(prediction.edge)} predicts {found}")
