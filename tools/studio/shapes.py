"""Meshes in metres, each an object with texture coordinates. Sizes are full extents, `at` is the shape's origin."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import bmesh
import bpy
import numpy as np

Vector3 = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A box with rounded edges; every face carries the whole texture."""

    size: Vector3
    at: Vector3
    material: str
    bevel: float = 0.006
    turn: Vector3 = (0.0, 0.0, 0.0)  # degrees about x, y, z


@dataclass(frozen=True, slots=True)
class Turned:
    """A surface of revolution about z, as from a lathe: profile of (radius, height above `at`), from the bottom up."""

    profile: tuple[tuple[float, float], ...]
    at: Vector3
    material: str
    turn: Vector3 = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Ball:
    """An ellipsoid; the texture runs once around it."""

    size: Vector3
    at: Vector3
    material: str
    turn: Vector3 = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Pillow:
    """A stuffed square lying in xy, thin at its seams; both sides carry the whole texture."""

    size: Vector3
    at: Vector3
    material: str
    turn: Vector3 = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A one-sided surface through a grid of points (rows, columns, 3); the texture covers it once."""

    points: Any
    at: Vector3
    material: str
    turn: Vector3 = (0.0, 0.0, 0.0)


Shape = Box | Turned | Ball | Pillow | Sheet


def rod(radius: float, height: float, at: Vector3, material: str, turn: Vector3 = (0.0, 0.0, 0.0)) -> Turned:
    """A cylinder standing on `at`."""
    edge = min(radius, height) * 0.15
    profile = ((0.0, 0.0), (radius, 0.0), (radius, height - edge), (radius - edge, height), (0.0, height))
    return Turned(profile, at, material, turn)


def build(shape: Shape, material: Any) -> Any:
    """The shape as a new object, linked into the scene."""
    grids = {Turned: _turned_grid, Ball: _ball_grid, Pillow: _pillow_grid, Sheet: _sheet_grid}
    mesh = _box_mesh(shape) if isinstance(shape, Box) else _grid_mesh(grids[type(shape)](shape))
    mesh.materials.append(material)
    made = bpy.data.objects.new(type(shape).__name__, mesh)
    made.location = shape.at
    made.rotation_euler = [math.radians(angle) for angle in shape.turn]
    if isinstance(shape, Box) and shape.bevel > 0:
        _round_edges(made, shape.bevel)
    bpy.context.collection.objects.link(made)
    return made


def _box_mesh(shape: Box) -> Any:
    mesh = bpy.data.meshes.new("Box")
    work = bmesh.new()
    bmesh.ops.create_cube(work, size=1.0)
    layer = work.loops.layers.uv.new("UVMap")
    for face in work.faces:
        face.smooth = True
        axis = max(range(3), key=lambda k: abs(face.normal[k]))
        u, v = [(1, 2), (0, 2), (0, 1)][axis]
        for loop in face.loops:
            loop[layer].uv = (loop.vert.co[u] + 0.5, loop.vert.co[v] + 0.5)
    bmesh.ops.scale(work, vec=shape.size, verts=work.verts[:])
    work.to_mesh(mesh)
    work.free()
    return mesh


def _round_edges(made: Any, width: float) -> None:
    bevel = made.modifiers.new("Bevel", "BEVEL")
    bevel.width, bevel.segments, bevel.harden_normals = width, 4, True


def _grid_mesh(points: Any) -> Any:
    """Quads through a (rows, columns, 3) grid; u runs along the columns, v along the rows."""
    rows, columns = points.shape[:2]
    corner = np.arange(rows * columns).reshape(rows, columns)
    quads = np.stack([corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]], axis=-1).reshape(-1, 4)
    mesh = bpy.data.meshes.new("Grid")
    mesh.from_pydata(points.reshape(-1, 3).tolist(), [], quads.tolist())
    v, u = np.mgrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j]
    layer: Any = mesh.uv_layers.new(name="UVMap")
    layer.data.foreach_set("uv", np.stack([u, v], -1).reshape(-1, 2)[quads.ravel()].astype(np.float32).ravel())
    mesh.polygons.foreach_set("use_smooth", [True] * len(quads))
    return mesh


def _turned_grid(shape: Turned) -> Any:
    profile = np.array(_with_crisp_edges(shape.profile))
    angle = np.linspace(0, 2 * math.pi, 49)
    radius = profile[:, :1]
    height = np.broadcast_to(profile[:, 1:], (len(profile), len(angle)))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=-1)


def _with_crisp_edges(profile: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Each corner of the profile as three close points, so that smooth shading keeps its flat parts flat."""
    points = np.array(profile, dtype=float)
    near = 0.03
    result = [points[0]]
    for before, here, after in zip(points[:-2], points[1:-1], points[2:], strict=True):
        result += [here + near * (before - here), here, here + near * (after - here)]
    return [tuple(point) for point in [*result, points[-1]]]


def _ball_grid(shape: Ball) -> Any:
    polar, angle = np.meshgrid(np.linspace(math.pi, 0, 25), np.linspace(0, 2 * math.pi, 49), indexing="ij")
    unit = np.stack([np.sin(polar) * np.cos(angle), np.sin(polar) * np.sin(angle), np.cos(polar)], axis=-1)
    return unit * np.array(shape.size) / 2


def _pillow_grid(shape: Pillow) -> Any:
    """Upper side, then the lower one joined at a seam; the sides are drawn in between the corners."""
    v, u = np.mgrid[-1:1:21j, -1:1:21j]
    height = np.sqrt(np.clip((1 - u**4) * (1 - v**4), 0, 1)) * (1 - 0.15 * (u**2 + v**2))
    x, y = u * (1 - 0.07 * (1 - v**2)), v * (1 - 0.07 * (1 - u**2))
    upper = np.stack([x, y, height], axis=-1)
    lower = np.stack([x, y, -height], axis=-1)[::-1]
    return np.concatenate([upper, lower]) * np.array(shape.size) / 2


def _sheet_grid(shape: Sheet) -> Any:
    return np.asarray(shape.points, dtype=float)
