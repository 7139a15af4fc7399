"""Rays against the ground: a plane, or a height field that is walked in steps which cannot jump over it."""

from .compiled import inlined
from .scene import HEIGHT_FIELD, NO_GROUND

STEPS = 128
REFINEMENTS = 8
FREE = 1e31  # more than the HUGE of rays that met nothing


@inlined
def height(scene, x, y):
    """The ground's height: bilinear between the samples, flat beyond them."""
    last = scene.heights.shape[0] - 1
    u = min(max((x / scene.ground_half + 1.0) * 0.5 * last, 0.0), last * 0.999999)
    v = min(max((y / scene.ground_half + 1.0) * 0.5 * last, 0.0), last * 0.999999)
    column, row = int(u), int(v)
    u, v = u - column, v - row
    low = scene.heights[row, column] * (1.0 - u) + scene.heights[row, column + 1] * u
    high = scene.heights[row + 1, column] * (1.0 - u) + scene.heights[row + 1, column + 1] * u
    return low * (1.0 - v) + high * v


@inlined
def _refine(scene, ox, oy, oz, dx, dy, dz, above, below):
    """The crossing between a point above the ground and one below it: bisection, then one secant."""
    for _ in range(REFINEMENTS):
        middle = 0.5 * (above + below)
        if oz + middle * dz > height(scene, ox + middle * dx, oy + middle * dy):
            above = middle
        else:
            below = middle
    up = oz + above * dz - height(scene, ox + above * dx, oy + above * dy)
    down = oz + below * dz - height(scene, ox + below * dx, oy + below * dy)
    return above + (below - above) * up / max(up - down, 1e-12)


@inlined
def ground_hit(scene, ox, oy, oz, dx, dy, dz, start, end):
    """The first t in (start, end) at which o + t d meets the ground from above, or FREE."""
    if scene.ground == NO_GROUND:
        return FREE
    if scene.ground != HEIGHT_FIELD:
        t = -oz / dz if dz < -1e-9 else FREE
        return t if start < t < end else FREE
    if abs(dz) > 1e-9:
        low, high = (scene.lowest - oz) / dz, (scene.highest - oz) / dz
        start, end = max(start, min(low, high)), min(end, max(low, high))
    elif oz > scene.highest:
        return FREE
    if start >= end:
        return FREE
    least, fall = (end - start) / STEPS, scene.slope * (dx * dx + dy * dy) ** 0.5 - dz
    above = t = start
    while True:
        gap = oz + t * dz - height(scene, ox + t * dx, oy + t * dy)
        if gap < 0.0:
            return _refine(scene, ox, oy, oz, dx, dy, dz, above, t) if t > start else t
        if t >= end:
            return FREE
        above = t
        t = min(end, t + max(least, gap / fall if fall > 1e-6 else FREE))
