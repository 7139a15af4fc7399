"""Where a camera can stand in a scene: out of objects, in front of something, and seeing what other cameras see."""

import math
from collections.abc import Collection
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...training.overlap import ENOUGH, GRID, Overlaps, grid_intrinsics

SOLID = {"MESH", "CURVE", "SURFACE", "FONT", "META"}  # objects with surfaces that rays can hit
FIELDS_OF_VIEW = (45.0, 80.0)  # degrees along the longer side
STEEPEST = 50.0  # degrees up or down
MOST_ROLL = 5.0  # degrees
CLEARANCE = 0.08  # of the typical distance: nothing is nearer to a camera
NEAREST = 0.2  # of the typical distance: nine tenths of what a view shows is farther
SEEN = 0.4  # share of a view that has to show surfaces
ALIKE = 0.85  # overlap from which two views are the same
FAR = 2.0  # sides of the box around all surfaces: a camera farther off stands somewhere else
TRIES = 60  # candidates per wanted view

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FreeCamera:
    """A camera in free space and roughly what it sees."""

    cam2world: Array  # (4, 4), OpenCV axes, Blender's world
    K: Array  # (3, 3), pixels
    depth: Array  # (h, w): z at the centres of the overlap GRID, 0 where no surface is


def sample_cameras(
    scene: bpy.types.Scene, count: int, size: tuple[int, int], rng: np.random.Generator
) -> list[FreeCamera]:
    """Up to `count` cameras, each of which sees some of what an earlier one sees; the first sees enough at least.

    Free space is what can be reached from the scene's own cameras, or from the roomiest place, on lines of sight.
    size: (width, height) of the views. Raises InputError when the scene has no surface to look at.
    """
    space = _Space(scene, rng)
    found: list[FreeCamera] = []
    for _ in range(TRIES * count):
        if len(found) == count:
            break
        camera = space.candidate(size)
        if camera is not None and space.worthwhile(camera) and _belongs(camera, found, size):
            found.append(camera)
    return found


def _belongs(camera: FreeCamera, found: list[FreeCamera], size: tuple[int, int]) -> bool:
    if not found:
        return True
    every = [*found, camera]
    K = np.stack([grid_intrinsics(one.K, size) for one in every])
    overlaps = Overlaps(np.stack([one.depth for one in every]), K, np.stack([one.cam2world for one in every]))
    row = overlaps.row(len(found))[:-1]
    return bool(2 * ENOUGH <= row.max() < ALIKE)


class _Space:
    """The scene's surfaces as rays see them, a growing list of free points, and surface points to look at."""

    def __init__(self, scene: bpy.types.Scene, rng: np.random.Generator) -> None:
        self._scene, self._rng = scene, rng
        self._depsgraph = evaluated(scene)
        self._low, self._high = _bounds(self._depsgraph, scene)
        side = (self._high - self._low).max()
        cameras = [np.array(thing.matrix_world.translation) for thing in scene.objects if thing.type == "CAMERA"]
        near = [place for place in cameras if _within(place, self._low - FAR * side, self._high + FAR * side)]
        places = np.array([self._low - np.array((side, side, 0)) / 2, self._high + side / 2, *near])
        self._lowest, self._highest = places.min(0), places.max(0)
        self._free = near or [self._roomiest()]
        self._targets: list[Array] = []
        self._typical = self._look_around()

    def candidate(self, size: tuple[int, int]) -> FreeCamera | None:
        """A camera at a free point that looks at a surface point; None where the draw was bad."""
        self._wander()
        place = self._free[int(self._rng.integers(len(self._free)))]
        target = self._targets[int(self._rng.integers(len(self._targets)))]
        away = target - place
        distance = np.linalg.norm(away)
        steep = math.degrees(math.asin(min(1.0, abs(away[2]) / max(distance, 1e-9))))
        if (
            distance < self._typical * NEAREST
            or steep > STEEPEST
            or self.distance(place, away / distance) < distance * 0.9
        ):
            return None
        field = math.radians(self._rng.uniform(*FIELDS_OF_VIEW))
        focal = max(size) / 2 / math.tan(field / 2)
        K = np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1]])
        pose = aimed(place, away / distance, math.radians(self._rng.uniform(-MOST_ROLL, MOST_ROLL)))
        return FreeCamera(pose, K, self._depth_grid(pose, grid_intrinsics(K, size)))

    def worthwhile(self, camera: FreeCamera) -> bool:
        """Whether the view shows enough surface, and not from too near."""
        seen = camera.depth[camera.depth > 0]
        return seen.size >= SEEN * camera.depth.size and bool(np.quantile(seen, 0.1) > NEAREST * self._typical)

    def distance(self, origin: Array, direction: Array) -> float:
        """Along a unit direction to the first surface; infinite where there is none."""
        hit, place, *_ = self._scene.ray_cast(self._depsgraph, origin.tolist(), direction.tolist())
        return float(np.linalg.norm(np.array(place) - origin)) if hit else math.inf

    def _wander(self) -> None:
        """One more free point: part of the way from a free point along a free line of sight."""
        origin = self._free[int(self._rng.integers(len(self._free)))]
        direction = _directions(self._rng, 1)[0] * (1, 1, 0.5)
        direction /= np.linalg.norm(direction)
        reach = min(self.distance(origin, direction), 2 * self._typical)
        place = origin + direction * reach * self._rng.uniform(0.2, 0.8)
        if _within(place, self._lowest, self._highest) and self._clearance(place) > CLEARANCE * self._typical:
            self._free.append(place)

    def _look_around(self) -> float:
        """Collect surface points to look at; the median distance to them from the first free points."""
        distances = []
        for origin in self._free:
            inside = self._rng.uniform(self._low, self._high, (200, 3)) - origin
            tried = np.concatenate([_directions(self._rng, 200), inside])
            length = np.linalg.norm(tried, axis=1, keepdims=True)
            apart = length[:, 0] > 0  # all surfaces in one point, where this place is too, have no direction
            for direction in tried[apart] / length[apart]:
                distance = self.distance(origin, direction)
                if math.isfinite(distance):
                    distances.append(distance)
                    self._targets.append(origin + distance * direction)
        if not distances:
            raise InputError(f"The scene {self._scene.name!r} shows no surface to look at; add objects first")
        return float(np.median(distances))

    def _roomiest(self) -> Array:
        """Of random places, the one with the most room around it that is not inside of an object."""
        places = self._rng.uniform(self._lowest, self._highest, (400, 3))
        return max(places, key=self._room)

    def _room(self, place: Array) -> float:
        """The clearance, far less where most surfaces show their back, more where surfaces are all around."""
        backs = hits = 0
        nearest = math.inf
        for direction in _directions(np.random.default_rng(0), 24):
            hit, where, normal, *_ = self._scene.ray_cast(self._depsgraph, place.tolist(), direction.tolist())
            if hit:
                hits += 1
                backs += int(np.dot(np.array(normal), direction) > 0)
                nearest = min(nearest, float(np.linalg.norm(np.array(where) - place)))
        return 0.0 if hits == 0 else nearest * (0.05 if backs > hits / 2 else 1) * (hits / 24) ** 2

    def _clearance(self, place: Array) -> float:
        return min(self.distance(place, direction) for direction in _directions(np.random.default_rng(1), 24))

    def _depth_grid(self, pose: Array, K: Array) -> Array:
        x, y = np.meshgrid(np.arange(GRID[0]) + 0.5, np.arange(GRID[1]) + 0.5)
        rays = np.stack([x, y, np.ones_like(x)], axis=-1).reshape(-1, 3) @ np.linalg.inv(K).T
        lengths = np.linalg.norm(rays, axis=1)
        directions = (rays / lengths[:, None]) @ pose[:3, :3].T
        distances = np.array([self.distance(pose[:3, 3], direction) for direction in directions])
        return np.where(np.isfinite(distances), distances / lengths, 0).reshape(GRID[1], GRID[0])


def _within(place: Array, low: Array, high: Array) -> bool:
    return bool(((place >= low) & (place <= high)).all())


def evaluated(scene: bpy.types.Scene) -> bpy.types.Depsgraph:
    """The scene with its modifiers and instances, as its viewports show it."""
    with bpy.context.temp_override(scene=scene, view_layer=_layer(scene)):
        return bpy.context.evaluated_depsgraph_get()


def _layer(scene: bpy.types.Scene) -> bpy.types.ViewLayer:
    return next((layer for layer in scene.view_layers if layer.use), scene.view_layers[0])


def _bounds(depsgraph: bpy.types.Depsgraph, scene: bpy.types.Scene) -> tuple[Array, Array]:
    """The box around everything that is rendered and has a surface."""
    places = box_corners(depsgraph)
    if not len(places):
        raise InputError(f"The scene {scene.name!r} shows no surface to look at; add objects first")
    return places.min(0), places.max(0)


def box_corners(depsgraph: bpy.types.Depsgraph, chosen: Collection[bpy.types.Object] | None = None) -> Array:
    """(P, 3), world: of the boxes around what is rendered and has a surface; of these objects and their instances."""
    corners = [
        np.array(instance.matrix_world) @ np.array([*corner, 1.0])
        for instance in depsgraph.object_instances
        if instance.object.type in SOLID and not instance.object.hide_render
        if chosen is None or (instance.parent or instance.object).original in chosen
        for corner in instance.object.bound_box
    ]
    return np.array(corners, dtype=np.float64).reshape(-1, 4)[:, :3]


def _directions(rng: np.random.Generator, count: int) -> Array:
    """Unit vectors (count, 3), evenly spread."""
    drawn = rng.normal(size=(count, 3))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def aimed(place: Array, forward: Array, roll: float) -> Array:
    """cam2world (4, 4), OpenCV axes, with Blender's z up; roll in radians."""
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    level = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose = np.eye(4)
    turn = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    pose[:3, :3], pose[:3, 3] = level @ turn, place
    return pose
