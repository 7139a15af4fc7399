"""The colour of a point: pattern, stain, and what each light adds. One pixel at a time."""

import math

from ..scene import BOX, ELLIPSOID, HEIGHT_FIELD
from .compiled import inlined
from .ground import height

TURN = 2 * math.pi
FLAT = 0.999  # a cone's point nearer to its caps than this is on one


@inlined
def ground_normal(scene, x, y):
    """The unit normal of the ground, from differences over one cell: smooth where the surface itself has creases."""
    if scene.ground != HEIGHT_FIELD:
        return 0.0, 0.0, 1.0
    step = 2.0 * scene.ground_half / (scene.heights.shape[0] - 1)
    a = height(scene.heights, scene.ground_half, x - step, y) - height(scene.heights, scene.ground_half, x + step, y)
    b = height(scene.heights, scene.ground_half, x, y - step) - height(scene.heights, scene.ground_half, x, y + step)
    length = math.sqrt(a * a + b * b + 4.0 * step * step)
    return a / length, b / length, 2.0 * step / length


@inlined
def local_point(scene, s, x, y, z):
    """A world point in a surface's own frame, where the shape is |x|, |y|, |z| <= 1."""
    m = scene.to_local
    return (
        m[s, 0] * x + m[s, 1] * y + m[s, 2] * z + m[s, 3],
        m[s, 4] * x + m[s, 5] * y + m[s, 6] * z + m[s, 7],
        m[s, 8] * x + m[s, 9] * y + m[s, 10] * z + m[s, 11],
    )


@inlined
def surface_normal(scene, s, x, y, z):
    """The unit world normal of a surface at a point of its own frame, out of the matter."""
    a, b, c = x, y, z
    if scene.kind[s] == BOX:
        ax, ay, az = abs(x), abs(y), abs(z)
        a = math.copysign(1.0, x) if ax >= ay and ax >= az else 0.0
        b = math.copysign(1.0, y) if ay > ax and ay >= az else 0.0
        c = math.copysign(1.0, z) if az > ax and az > ay else 0.0
    elif scene.kind[s] != ELLIPSOID:
        if on_cap(scene, s, x, y, z):
            a, b, c = 0.0, 0.0, z
        else:
            rate = 0.5 * (scene.taper[s] - 1.0)
            c = -rate * math.sqrt(x * x + y * y)
    m = scene.normal_to_world
    nx, ny, nz = (
        m[s, 0, 0] * a + m[s, 0, 1] * b + m[s, 0, 2] * c,
        m[s, 1, 0] * a + m[s, 1, 1] * b + m[s, 1, 2] * c,
        m[s, 2, 0] * a + m[s, 2, 1] * b + m[s, 2, 2] * c,
    )
    length = math.sqrt(nx * nx + ny * ny + nz * nz)
    length = -length if s >= scene.solids else length
    return nx / length, ny / length, nz / length


@inlined
def on_cap(scene, s, x, y, z):
    """Whether a point of a cone's own frame is nearer to a flat end than to the wall."""
    radius = 1.0 + 0.5 * (scene.taper[s] - 1.0) * (1.0 + z)
    return 1.0 - abs(z) < abs(math.sqrt(x * x + y * y) - radius)


@inlined
def surface_uv(scene, s, m, x, y, z):
    """Where on the pattern a point of a surface's own frame is: in metres, or in whole faces where the tile fits."""
    hx, hy, hz = scene.half[s, 0], scene.half[s, 1], scene.half[s, 2]
    if scene.kind[s] == BOX:
        if scene.fit[m]:
            hx, hy, hz = 0.5, 0.5, 0.5
        ax, ay, az = abs(x), abs(y), abs(z)
        if ax >= ay and ax >= az:
            u, v = y * hy, z * hz
        elif ay >= az:
            u, v = x * hx, z * hz
        else:
            u, v = x * hx, y * hy
        return (u + hx * scene.fit[m], v + hy * scene.fit[m]) if scene.fit[m] else (u, v)
    if scene.kind[s] != ELLIPSOID and on_cap(scene, s, x, y, z):
        return x * hx, y * hy
    girth = max(1.0, math.floor(TURN * hx * scene.scale[m] + 0.5)) / scene.scale[m]  # whole repeats: no seam
    u = math.atan2(y, x) / TURN * girth
    if scene.kind[s] == ELLIPSOID:
        return u, math.asin(min(max(z, -1.0), 1.0)) * hz
    return u, z * hz


@inlined
def texel(atlas, level, tile, u, v):
    """A tile's three channels at (u, v) in tiles, 0 to 1: bilinear, going round at the edges."""
    side = atlas.side >> level
    x, y = (u - math.floor(u)) * side - 0.5, (v - math.floor(v)) * side - 0.5
    column, row = math.floor(x), math.floor(y)
    fx, fy = x - column, y - row
    c0, c1, r0, r1 = column & (side - 1), (column + 1) & (side - 1), row & (side - 1), (row + 1) & (side - 1)
    base = atlas.starts[level] + tile * side * side * 3
    a, b = base + (r0 * side + c0) * 3, base + (r0 * side + c1) * 3
    c, d = base + (r1 * side + c0) * 3, base + (r1 * side + c1) * 3
    wa, wb, wc, wd = (1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy
    t = atlas.texels
    return (
        (wa * t[a] + wb * t[b] + wc * t[c] + wd * t[d]) / 255.0,
        (wa * t[a + 1] + wb * t[b + 1] + wc * t[c + 1] + wd * t[d + 1]) / 255.0,
        (wa * t[a + 2] + wb * t[b + 2] + wc * t[c + 2] + wd * t[d + 2]) / 255.0,
    )


@inlined
def albedo(scene, atlas, m, u, v, footprint):
    """The linear colour of material m at (u, v); footprint: the size of a pixel there, in the unit of u and v."""
    scale = scene.scale[m]
    cosine, sine = scene.turn[m, 0], scene.turn[m, 1]
    width = footprint * scale * atlas.side
    level = min(max(math.floor(math.log2(max(width, 1e-6)) + 0.5), 0), len(atlas.starts) - 1)
    pu, pv = (cosine * u - sine * v) * scale + scene.shift[m, 0], (sine * u + cosine * v) * scale + scene.shift[m, 1]
    a, b, c = texel(atlas, level, scene.tile[m], pu, pv)
    rate, tile = scene.stain[m, 1], int(scene.stain[m, 0])
    stain = 1.0 + scene.stain[m, 2] * (2.0 * texel(atlas, 0, tile, u * rate, v * rate)[0] - 1.0)
    p = scene.palette  # whole arrays: slices of them cost more than the sums
    red = min(max((p[m, 0, 0] * a + p[m, 0, 1] * b + p[m, 0, 2] * c) * stain, 0.02), 1.0)
    green = min(max((p[m, 1, 0] * a + p[m, 1, 1] * b + p[m, 1, 2] * c) * stain, 0.02), 1.0)
    blue = min(max((p[m, 2, 0] * a + p[m, 2, 1] * b + p[m, 2, 2] * c) * stain, 0.02), 1.0)
    return red * red, green * green, blue * blue  # a square is close to sRGB's curve, and cheap


@inlined
def sky_colour(scene, atlas, dx, dy, dz):
    """Linear colour of the sky along a unit direction: a gradient with clouds."""
    up = max(dz, 0.0)
    cloud = texel(atlas, 0, 0, dx / (up + 0.3) * 0.5, dy / (up + 0.3) * 0.5)[0]
    cloud = min(max(4.0 * cloud - 2.0, 0.0), 1.0) * min(1.0, 4.0 * up)
    blend = math.sqrt(up)
    red = scene.sky[0, 0] * blend + scene.sky[1, 0] * (1.0 - blend)
    green = scene.sky[0, 1] * blend + scene.sky[1, 1] * (1.0 - blend)
    blue = scene.sky[0, 2] * blend + scene.sky[1, 2] * (1.0 - blend)
    white = 0.8 * cloud
    return red + (0.9 - red) * white, green + (0.9 - green) * white, blue + (0.9 - blue) * white
