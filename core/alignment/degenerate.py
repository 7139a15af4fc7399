"""Worlds whose shape their photos cannot vouch for: seen from one place, or flat."""

from collections.abc import Sequence

import numpy as np

from ..errors import listed
from .canonical import Canonical
from .observations import Array, Observations
from .parts import Part

SAME_PLACE = 0.01  # of the median depth: cameras nearer to each other see no parallax worth the name
SURELY = 2.0  # standard errors
THIN = 0.02  # of the second extent: points no further off a plane, by their median, are called flat


def describe_shapes(
    parts: Sequence[Part], observations: Observations, canonical: Canonical, names: list[str]
) -> tuple[str, ...]:
    """One sentence per part whose cameras all stand in one place, and per part whose points lie in one plane."""
    sentences = []
    for part in parts:
        photos = listed([names[photo] for photo in part.photos])
        if len(part.photos) > 1 and _in_one_place(part):
            sentences.append(
                f"The cameras of {photos} stand no further apart than they may be off: depths are the network's "
                "guess, which nothing checks; take a step aside between photos"
            )
        if canonical.known[part.photos].all() and thinness(_points(part, observations, canonical)) < THIN:
            sentences.append(
                f"Everything in {photos} lies in one plane: focal lengths and tilts of the cameras are less sure; "
                "show something that stands out from it"
            )
    return tuple(sentences)


def thinness(points: Array) -> float:
    """How far points (M, 3) lie off their best plane over how far they reach in its narrower direction; medians.

    The plane is that of the half of the points nearest to a first one, so that strays do not tilt it.
    """
    off = _along_axes(points, points)[:, 2]
    along = np.median(_along_axes(points, points[off <= np.median(off)]), axis=0)
    return float(along[2] / max(along[1], np.finfo(np.float64).tiny))


def _along_axes(points: Array, chosen: Array) -> Array:
    """(M, 3): distances of points (M, 3) from the middle of the chosen ones, along the axes that these spread in."""
    axes = np.linalg.svd(chosen - np.median(chosen, axis=0), full_matrices=False)[2].T
    middle = np.median(chosen @ axes, axis=0)  # the medians along the world's axes lie off a slanting plane
    return np.abs(points @ axes - middle)


def _in_one_place(part: Part) -> bool:
    """Whether no camera is further from the middle of all than its error, or than what shows no parallax."""
    from_middle = np.linalg.norm(part.world.centre - np.median(part.world.centre, axis=0), axis=1)
    depth, error = np.median(part.world.depth, axis=1), part.appraisal.uncertainty.centre
    return bool((from_middle < np.maximum(SAME_PLACE, SURELY * error) * depth).all())


def _points(part: Part, observations: Observations, canonical: Canonical) -> Array:
    """(M, 3), world: the sampled points of all photos."""
    points = part.world.arms(observations.pixels[part.photos]) + part.world.centre[:, None]
    return points[canonical.weight[part.photos] > 0]
