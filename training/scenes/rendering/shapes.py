"""Rays against shapes, 64 at a time: loops without branches, so that the compiler makes vector instructions of them.

`rays` is one flat float32 array of rows of N numbers: row offsets that are known when compiling are what lets the
compiler see that rows do not overlap.
"""

import math

import numpy as np

from ..scene import BOX, ELLIPSOID
from .compiled import compiled

SIDE = 8
N = SIDE * SIDE
OX, OY, OZ, DX, DY, DZ, NEAR, FAR, HOLE_NEAR, HOLE_FAR, BEST = (row * N for row in range(11))
ROWS = 11

ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)
TINY, HUGE = np.float32(1e-12), np.float32(1e30)
START = np.float32(1e-3)  # a ray begins this far from its origin


@compiled
def _box(rays, m):
    a, b, c, d, e, f, g, h, i, j, k, n = m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8], m[9], m[10], m[11]
    for r in range(N):
        ox, oy, oz, dx, dy, dz = rays[OX + r], rays[OY + r], rays[OZ + r], rays[DX + r], rays[DY + r], rays[DZ + r]
        mx, my, mz = a * dx + b * dy + c * dz, e * dx + f * dy + g * dz, i * dx + j * dy + k * dz
        ix = ONE / (mx if abs(mx) > TINY else TINY)
        iy = ONE / (my if abs(my) > TINY else TINY)
        iz = ONE / (mz if abs(mz) > TINY else TINY)
        px = -(a * ox + b * oy + c * oz + d) * ix
        py = -(e * ox + f * oy + g * oz + h) * iy
        pz = -(i * ox + j * oy + k * oz + n) * iz
        ix, iy, iz = abs(ix), abs(iy), abs(iz)
        rays[NEAR + r] = max(px - ix, max(py - iy, pz - iz))
        rays[FAR + r] = min(px + ix, min(py + iy, pz + iz))


@compiled
def _ellipsoid(rays, m):
    a, b, c, d, e, f, g, h, i, j, k, n = m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8], m[9], m[10], m[11]
    for r in range(N):
        ox, oy, oz, dx, dy, dz = rays[OX + r], rays[OY + r], rays[OZ + r], rays[DX + r], rays[DY + r], rays[DZ + r]
        mx, my, mz = a * dx + b * dy + c * dz, e * dx + f * dy + g * dz, i * dx + j * dy + k * dz
        px, py, pz = a * ox + b * oy + c * oz + d, e * ox + f * oy + g * oz + h, i * ox + j * oy + k * oz + n
        square = ONE / (mx * mx + my * my + mz * mz)
        middle = -(px * mx + py * my + pz * mz) * square  # where the ray is nearest: no digits are lost there
        px, py, pz = px + middle * mx, py + middle * my, pz + middle * mz
        rest = ONE - (px * px + py * py + pz * pz)
        reach = math.sqrt(max(rest, ZERO) * square)
        rays[NEAR + r] = middle - reach if rest > ZERO else HUGE
        rays[FAR + r] = middle + reach if rest > ZERO else -HUGE


@compiled
def _cone(rays, m, taper):
    a, b, c, d, e, f, g, h, i, j, k, n = m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8], m[9], m[10], m[11]
    mean, rate = HALF * (ONE + taper), HALF * (taper - ONE)  # radius = mean + rate z
    for r in range(N):
        ox, oy, oz, dx, dy, dz = rays[OX + r], rays[OY + r], rays[OZ + r], rays[DX + r], rays[DY + r], rays[DZ + r]
        mx, my, mz = a * dx + b * dy + c * dz, e * dx + f * dy + g * dz, i * dx + j * dy + k * dz
        px, py, pz = a * ox + b * oy + c * oz + d, e * ox + f * oy + g * oz + h, i * ox + j * oy + k * oz + n
        middle = -(px * mx + py * my + pz * mz) / (mx * mx + my * my + mz * mz)
        px, py, pz = px + middle * mx, py + middle * my, pz + middle * mz
        iz = ONE / (mz if abs(mz) > TINY else TINY)
        low, high = -pz * iz - abs(iz), -pz * iz + abs(iz)
        radius = mean + rate * pz
        qa = mx * mx + my * my - rate * rate * mz * mz
        qa = qa if abs(qa) > TINY else TINY
        qb = px * mx + py * my - rate * mz * radius
        rest = qb * qb - qa * (px * px + py * py - radius * radius)
        root = math.sqrt(max(rest, ZERO))
        one, two = (-qb - root) / qa, (-qb + root) / qa
        first, last = min(one, two), max(one, two)
        # Steeper than the wall (qa < 0): inside before the first root or after the last, never both within the caps.
        below = min(high, first) > low
        steep_near = low if below or rest < ZERO else max(low, last)
        steep_far = min(high, first) if below and rest > ZERO else high
        flat_near = max(low, first) if rest > ZERO else HUGE
        rays[NEAR + r] = middle + (flat_near if qa > ZERO else steep_near)
        rays[FAR + r] = middle + (min(high, last) if qa > ZERO else steep_far)


@compiled
def span(rays, kind, m, taper):
    """Where each ray enters and leaves a shape: rows NEAR and FAR, NEAR > FAR for a miss. m: (12,), its to_local."""
    if kind == BOX:
        _box(rays, m)
    elif kind == ELLIPSOID:
        _ellipsoid(rays, m)
    else:
        _cone(rays, m, taper)


@compiled
def _meet_solid(rays, which, solid):
    for r in range(N):
        near, far, best = rays[NEAR + r], rays[FAR + r], rays[BEST + r]
        better = (near > START) & (near < far) & (near < best)
        rays[BEST + r] = near if better else best
        which[r] = solid if better else which[r]


@compiled
def _meet_cut_solid(rays, which, solid, hole):
    for r in range(N):
        near, far, best = rays[NEAR + r], rays[FAR + r], rays[BEST + r]
        enters, leaves = rays[HOLE_NEAR + r], rays[HOLE_FAR + r]
        begin = max(near, START)
        in_hole = (enters <= begin) & (leaves > begin)
        t = leaves if in_hole else near
        better = (near < far) & (t > START) & (t < far) & (t < best)
        rays[BEST + r] = t if better else best
        which[r] = (hole if in_hole else solid) if better else which[r]


@compiled
def meet(rays, which, kind, to_local, taper, hole, solid):
    """Keep in BEST and `which` what of one solid is nearer than what is there already. The arrays are a scene's."""
    cut = hole[solid]
    if cut >= 0:
        span(rays, kind[cut], to_local[cut], taper[cut])
        for r in range(N):
            rays[HOLE_NEAR + r] = rays[NEAR + r]
            rays[HOLE_FAR + r] = rays[FAR + r]
    span(rays, kind[solid], to_local[solid], taper[solid])
    if cut >= 0:
        _meet_cut_solid(rays, which, np.int32(solid), np.int32(cut))
    else:
        _meet_solid(rays, which, np.int32(solid))
