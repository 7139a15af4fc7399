"""Collects parts and materials one by one, and turns them into a Scene's arrays at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.geometry.rotation import rotation_from_vector
from .atlas import Atlas
from .materials import STYLES, Material, Rng, draw_material
from .scene import BOX, CONE, ELLIPSOID, NO_GROUND, PLANE, Floats, Scene

Vector = Sequence[float] | NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Frame:
    """Where an assembly stands: an origin and a turn about z; parts are given in it."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    yaw: float = 0.0

    def at(self, x: float, y: float, z: float = 0.0, yaw: float = 0.0) -> "Frame":
        """A frame given in this one."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return Frame(self.x + c * x - s * y, self.y + s * x + c * y, self.z + z, self.yaw + yaw)


@dataclass(frozen=True, slots=True)
class Light:
    """Everything that shines."""

    lights: Sequence[Sequence[float]]  # rows of Scene.lights
    ambient: Floats
    sky: Floats
    haze: float = 0.0
    far: float = 60.0


class Builder:
    """Adds solids with chosen materials. Sizes are half sizes in metres; tilt is a rotation vector."""

    def __init__(self, rng: Rng, atlas: Atlas, shiny: float) -> None:
        self.rng, self._atlas, self._shiny = rng, atlas, shiny
        self._solids: list[tuple[float, ...]] = []
        self._holes: list[tuple[float, ...]] = []
        self._materials: list[Material] = []
        self.ground: tuple[int, float, Floats] = (NO_GROUND, 1.0, np.zeros((2, 2), np.float32))
        self.ground_material = -1

    def material(self, style: str) -> int:
        """A new material of a named style; its number."""
        self._materials.append(draw_material(self.rng, self._atlas, STYLES[style], self._shiny))
        return len(self._materials) - 1

    def add(
        self, kind: int, frame: Frame, centre: Vector, half: Vector, material: int, *,
        yaw: float = 0.0, tilt: Vector = (0.0, 0.0, 0.0), taper: float = 1.0,
    ) -> int:  # fmt: skip
        """Add a solid; its number."""
        self._solids.append(_row(kind, frame, centre, half, material, yaw, tilt, taper))
        return len(self._solids) - 1

    def box(self, frame: Frame, centre: Vector, half: Vector, material: int, **more: float | Vector) -> int:
        """Add a box."""
        return self.add(BOX, frame, centre, half, material, **more)  # type: ignore[arg-type]

    def ball(self, frame: Frame, centre: Vector, half: Vector, material: int, **more: float | Vector) -> int:
        """Add an ellipsoid."""
        return self.add(ELLIPSOID, frame, centre, half, material, **more)  # type: ignore[arg-type]

    def tube(
        self, frame: Frame, centre: Vector, radius: float, rise: float, material: int, **more: float | Vector
    ) -> int:
        """Add a cylinder or, with taper=, a cone, of half height `rise`."""
        return self.add(CONE, frame, centre, (radius, radius, rise), material, **more)  # type: ignore[arg-type]

    def cut(
        self, solid: int, kind: int, frame: Frame, centre: Vector, half: Vector, *,
        yaw: float = 0.0, tilt: Vector = (0.0, 0.0, 0.0), taper: float = 1.0,
    ) -> None:  # fmt: skip
        """Take a shape out of a solid, which may have one such hole."""
        material = int(self._solids[solid][_MATERIAL])
        self._holes.append((*_row(kind, frame, centre, half, material, yaw, tilt, taper), solid))

    def ground_height(self, x: float, y: float) -> float:
        """The ground's height at a place (to the nearest sample)."""
        _, half, heights = self.ground
        last = len(heights) - 1
        column, row = (int(np.clip(round((p / half + 1) / 2 * last), 0, last)) for p in (x, y))
        return float(heights[row, column])

    def build(self, light: Light) -> Scene:
        """The scene of everything added so far."""
        count = len(self._solids)
        rows = np.array([*self._solids, *(hole[:-1] for hole in self._holes)]).reshape(-1, _WIDTH)
        kind, half, taper = rows[:, 0].astype(np.int32), rows[:, 5:8], rows[:, _MATERIAL + 1]
        centre, R = _poses(rows)
        to_local = np.concatenate([R.transpose(0, 2, 1), -np.einsum("nji,nj->ni", R, centre)[..., None]], 2)
        hole = np.full(count, -1, np.int32)
        for number, row in enumerate(self._holes):
            hole[int(row[-1])] = count + number
        if self.ground[0] == NO_GROUND:
            self.ground_material = 0
        order = [*range(len(self._materials)), self.ground_material]
        reach = np.where(
            kind == BOX,
            np.linalg.norm(half, axis=1),
            np.where(kind == CONE, np.hypot(half[:, 0], half[:, 2]), half.max(1)),
        )
        return Scene(
            kind=kind,
            to_local=(to_local / half[:, :, None]).astype(np.float32),
            normal_to_world=(R / half[:, None, :]).astype(np.float32),
            half=half.astype(np.float32),
            taper=taper.astype(np.float32),
            bounds=np.concatenate([centre, reach[:, None]], 1)[:count].astype(np.float32),
            hole=hole,
            material=rows[:, _MATERIAL].astype(np.int32),
            ground=self.ground[0],
            ground_half=self.ground[1],
            heights=self.ground[2],
            slope=_steepest(self.ground[2], self.ground[1]),
            **_material_arrays([self._materials[number] for number in order]),
            lights=np.array(light.lights, np.float32).reshape(-1, 7),
            ambient=light.ambient.astype(np.float32),
            sky=light.sky.astype(np.float32),
            haze=light.haze,
            far=light.far,
        )

    def lay_ground(self, style: str, half: float, heights: Floats | None) -> None:
        """Put ground under everything: a plane, or a height field over [-half, half]²."""
        self.ground_material = self.material(style)
        if heights is None:
            self.ground = (PLANE, half, np.zeros((2, 2), np.float32))
        else:
            self.ground = (2, half, heights.astype(np.float32))


# A part's row: kind, frame's x, y, z, yaw | half sizes | centre | yaw, tilt | material, taper.
_WIDTH, _MATERIAL = 17, 15


def _row(kind: int, frame: Frame, centre: Vector, half: Vector, material: int, yaw: float, tilt: Vector, taper: float):  # noqa: ANN202
    return (kind, frame.x, frame.y, frame.z, frame.yaw, *half, *centre, yaw, *tilt, material, taper)


def _poses(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """World centres (N, 3) and rotations (N, 3, 3) of parts."""
    outer = _turns(rows[:, 4])
    centre = rows[:, 1:4] + np.einsum("nij,nj->ni", outer, rows[:, 8:11])
    return centre, outer @ rotation_from_vector(rows[:, 12:15]) @ _turns(rows[:, 11])


def _turns(yaw: np.ndarray) -> np.ndarray:
    R = np.zeros((len(yaw), 3, 3))
    c, s = np.cos(yaw), np.sin(yaw)
    R[:, 0, 0], R[:, 0, 1], R[:, 1, 0], R[:, 1, 1], R[:, 2, 2] = c, -s, s, c, 1
    return R


def _steepest(heights: Floats, half: float) -> float:
    """A bound on the slope of the bilinear surface."""
    step = 2 * half / (len(heights) - 1)
    along, across = np.abs(np.diff(heights, axis=1)).max() / step, np.abs(np.diff(heights, axis=0)).max() / step
    return float(np.hypot(along, across))


def _material_arrays(materials: list[Material]) -> dict[str, np.ndarray]:
    def floats(rows: list) -> Floats:
        return np.array(rows, np.float32)

    return {
        "tile": np.array([m.tile for m in materials], np.int32),
        "fit": np.array([m.fit for m in materials]),
        "scale": floats([m.scale for m in materials]),
        "turn": floats([(np.cos(m.angle), np.sin(m.angle)) for m in materials]),
        "shift": floats([m.shift for m in materials]),
        "palette": floats([m.palette for m in materials]),
        "stain": floats([m.stain for m in materials]),
        "gloss": floats([m.gloss for m in materials]),
    }
