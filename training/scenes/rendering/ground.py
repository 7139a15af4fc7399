"""Rays against the ground: a plane, or a height field that is walked in steps which cannot jump over it.

These functions take single arrays, not the whole scene: counting references to all of its arrays costs more than the
arithmetic.
"""

import math

from ..scene import HEIGHT_FIELD, NO_GROUND
from .compiled import inlined

STEPS = 128
REFINEMENTS = 8
MARGIN = 0.01  # metres below the lowest point that are searched as well: rounding must leave no pinholes there
FREE = 1e31  # more than the HUGE of rays that met nothing


@inlined
def height(heights, half, x, y):
    """The ground's height: bilinear between the samples, flat beyond them."""
    last = heights.shape[0] - 1
    u = min(max((x / half + 1.0) * 0.5 * last, 0.0), last * 0.999999)
    v = min(max((y / half + 1.0) * 0.5 * last, 0.0), last * 0.999999)
    column, row = int(u), int(v)
    u, v = u - column, v - row
    low = heights[row, column] * (1.0 - u) + heights[row, column + 1] * u
    high = heights[row + 1, column] * (1.0 - u) + heights[row + 1, column + 1] * u
    return low * (1.0 - v) + high * v


@inlined
def _refine(heights, half, ox, oy, oz, dx, dy, dz, above, below):
    """The crossing between a point above the ground and one below it: bisection, then one secant."""
    for _ in range(REFINEMENTS):
        middle = 0.5 * (above + below)
        if oz + middle * dz > height(heights, half, ox + middle * dx, oy + middle * dy):
            above = middle
        else:
            below = middle
    up = oz + above * dz - height(heights, half, ox + above * dx, oy + above * dy)
    down = oz + below * dz - height(heights, half, ox + below * dx, oy + below * dy)
    return above + (below - above) * up / max(up - down, 1e-12)


@inlined
def ground_hit(heights, half, slope, lowest, highest, kind, ox, oy, oz, dx, dy, dz, start, end):
    """The first t in (start, end) at which o + t d meets the ground from above, or FREE."""
    if kind == NO_GROUND:
        return FREE
    if kind != HEIGHT_FIELD:
        t = -oz / dz if dz < -1e-9 else FREE
        return t if start < t < end else FREE
    if abs(dz) > 1e-9:
        low, high = (lowest - MARGIN - oz) / dz, (highest - oz) / dz
        start, end = max(start, min(low, high)), min(end, max(low, high))
    elif oz > highest:
        return FREE
    if start >= end:
        return FREE
    least, fall = (end - start) / STEPS, slope * math.sqrt(dx * dx + dy * dy) - dz
    if fall <= 0.0:
        return FREE  # climbs faster than the ground anywhere
    above = t = start
    while True:
        gap = oz + t * dz - height(heights, half, ox + t * dx, oy + t * dy)
        if gap < 0.0:
            return _refine(heights, half, ox, oy, oz, dx, dy, dz, above, t) if t > start else t
        if t >= end:
            return FREE
        above = t
        t = min(end, t + max(least, gap / fall))
