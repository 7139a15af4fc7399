"""A reconstruction moved to another world frame: floor down, to scale, where and as the user wants it. NumPy only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..cameras.priors import KnownCamera
from ..errors import InputError
from ..geometry.similarity import Similarity
from ..io.validation import FARTHEST
from ..reconstruction.result import AlignedView, Reconstruction
from ..reconstruction.world_frame import SCALES, is_similarity, scale_of
from .ground_plane import (
    THICKNESS,
    THOROUGH,
    Array,
    Plane,
    Search,
    cameras_up,
    find_ground,
    fit_plane,
    main_views,
    thinned_places,
)
from .scale import scene_scale

UP, NORTH = np.array([0.0, -1.0, 0.0]), np.array([0.0, 0.0, 1.0])
MOST_READ = 400_000  # points that the ground is looked for in
THINNEST = 1e-3  # of three points' extent: nearer to one line they span no plane
SAME = 1e-12  # scene units; points nearer to each other are one


def moved(reconstruction: Reconstruction, similarity: Array, choices: Iterable[str] = ()) -> Reconstruction:
    """The same in another world; its frame remembers the move and the choices (`world_frame.CHOICES`).

    Raises InputError for a world that could not be read again: too far from the alignment's, or too large.
    """
    scale = np.float32(scale_of(similarity))
    views = tuple(
        replace(view, cam2world=moved_pose(view.cam2world, similarity), depth=view.depth * scale)
        for view in reconstruction.views
    )
    world_frame = reconstruction.world_frame.then(similarity, choices)
    farthest = max(float(np.abs(view.cam2world[:3, 3]).max()) for view in views)
    if not is_similarity(world_frame.similarity) or not farthest <= FARTHEST:
        raise InputError(
            f"The world would be {scale_of(world_frame.similarity):g} times as large as at first, its cameras up to "
            f"{farthest:g} units away; scales go from {SCALES[0]:g} to {SCALES[1]:g}, distances to {FARTHEST:g}"
        )
    tracks = reconstruction.tracks.moved(similarity) if reconstruction.tracks else None
    return replace(reconstruction, views=views, world_frame=world_frame, tracks=tracks)


def moved_pose(cam2world: Array, similarity: Array) -> Array:
    """A rigid cam2world (4, 4) after a similarity: the camera is turned and carried along, and not scaled."""
    pose = similarity @ cam2world
    pose[:3, :3] /= scale_of(similarity)
    return pose


def grounded(reconstruction: Reconstruction) -> Reconstruction:
    """The same in the world that its settings ask for; one of known poses, or that the user has settled, stays.

    So does a single photo's, which is the photo's camera frame.
    """
    world_frame = reconstruction.world_frame
    if is_pinned(reconstruction) or world_frame.choices or len(reconstruction.views) < 2:
        return reconstruction
    if not np.array_equal(world_frame.similarity, np.eye(4)):
        reconstruction = moved(reconstruction, np.linalg.inv(world_frame.similarity))
    if reconstruction.settings is None or reconstruction.settings.ground == "off":
        return reconstruction
    return moved(reconstruction, on_the_ground(reconstruction))


def is_pinned(reconstruction: Reconstruction) -> bool:
    """Whether known poses made this world, which therefore is not moved by itself."""
    return any("cam2world" in camera for camera in reconstruction.priors.get("known", {}).values())


def on_the_ground(reconstruction: Reconstruction) -> Array:
    """The similarity that brings a reconstruction's floor down, as `floor_down` does for its main component."""
    views = main_views(reconstruction)
    points = _sure_points(reconstruction, views)
    depth = scene_scale(replace(reconstruction, views=views), reconstruction.min_confidence).depth
    return floor_down(np.stack([view.cam2world for view in views]), points, depth)


def floor_down(cam2world: Array, points: Array, depth: float, search: Search = THOROUGH) -> Array:
    """The similarity that brings the floor down, without changing the scale: up is up, the ground at y = 0.

    cam2world: (N, 4, 4); points: (P, 3), what they see; depth: the median of how far away that is. The ground is the
    largest level plane below the cameras (`find_ground`), the origin the place on it below the middle of the points.
    Where there is no such plane the world is levelled by the cameras alone, about its origin; where they do not agree
    on what is up it stays as it is.
    """
    up = cameras_up(cam2world)
    if up is None:
        return np.eye(4)
    thickness = THICKNESS * depth
    ground = find_ground(thinned_places(points, 2 * thickness), cam2world[:, :3, 3], up, thickness, search)
    if ground is None:
        return _turn_between(up, UP)
    return onto_ground(ground, np.median(points, axis=0))


def onto_ground(ground: Plane, place: Array) -> Array:
    """The rigid move that makes a plane y = 0, its normal UP, and the origin the point on it nearest to a place."""
    turn = _turn_between(ground.normal, UP)
    below = place - ground.height(place) * ground.normal
    return turn @ _shift(-below)


def ground_through(points: Array, cam2world: Array) -> Plane:
    """The plane through picked points: one, and it is level; three or more, and they span it. Up is the cameras' side.

    points: (N, 3); cam2world: (M, 4, 4). Raises InputError for two points and for points on one line.
    """
    if len(points) == 1:
        return Plane(UP, float(UP @ points[0]))
    if len(points) == 2:
        raise InputError("Two points span no ground; pick one for a level ground, or three or more")
    sizes = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    if sizes[1] <= THINNEST * sizes[0]:
        raise InputError("The points of the ground lie on one line; pick three that span a plane")
    plane = fit_plane(points)
    below = np.median(plane.height(cam2world[:, :3, 3])) < 0
    return Plane(-plane.normal, -plane.offset) if below else plane


def scaled(factor: float) -> Array:
    """Lengths times a factor, about the origin: what stands on the ground stays there. Raises InputError."""
    if not SCALES[0] < factor < SCALES[1]:  # true for NaN
        raise InputError(f"The scale would be {factor:g}; give one between {SCALES[0]:g} and {SCALES[1]:g}")
    return np.diag([factor, factor, factor, 1.0])


def scaled_between(a: Array, b: Array, distance: float) -> Array:
    """The scale by which two points (3,) are a distance apart. Raises InputError where they are one point."""
    apart = float(np.linalg.norm(a - b))
    if apart < SAME:
        raise InputError("The two points are one; pick points that are apart")
    return scaled(distance / apart)


def scaled_to_height(cam2world: Array, height: float) -> Array:
    """The scale by which a camera (4, 4) stands so high above the ground y = 0. Raises InputError where it is below."""
    now = float(UP @ cam2world[:3, 3])
    if now < SAME:
        raise InputError("The camera does not stand above the ground; set the ground first")
    return scaled(height / now)


def origin_at(point: Array, height: bool = False) -> Array:
    """The shift that brings a point (3,) above, below or, with its height too, to the origin."""
    return _shift(-point if height else UP * (UP @ point) - point)


def north_along(direction: Array) -> Array:
    """The turn about the vertical through the origin that brings a direction (3,) to the north.

    Raises InputError for one that is vertical.
    """
    east, north = direction[0], direction[2]
    if np.hypot(east, north) <= THINNEST * np.linalg.norm(direction):
        raise InputError("This direction is vertical; pick one along the ground")
    sine, cosine = np.array([east, north]) / np.hypot(east, north)
    turn = np.eye(4)
    turn[0, [0, 2]], turn[2, [0, 2]] = (cosine, -sine), (sine, cosine)
    return turn


def onto_known(views: Mapping[str, Array], known: Mapping[str, KnownCamera]) -> Array | None:
    """The similarity (4, 4) that carries cameras, (4, 4) each, onto their known poses best; None where none is known.

    One camera: rigid, exact. More, in different places: the scale is theirs too.
    """
    pairs = [(views[name], camera.cam2world) for name, camera in known.items() if name in views]
    poses = [(found, said) for found, said in pairs if said is not None]
    return _pose_similarity(*map(np.stack, zip(*poses, strict=True))) if poses else None


def _pose_similarity(source: Array, target: Array) -> Array:
    """Rotation: as `mean_turn`, but without torch; scale and shift: least squares of the centres. (N, 4, 4) both."""
    U, _, Vt = np.linalg.svd((target[:, :3, :3] @ source[:, :3, :3].swapaxes(-1, -2)).sum(0))
    R = U @ np.diag([1, 1, np.linalg.det(U @ Vt)]) @ Vt
    a, b = source[:, :3, 3], target[:, :3, 3]
    from_mean, to_mean = a - a.mean(axis=0), b - b.mean(axis=0)
    extent, wanted = np.linalg.norm(from_mean), np.linalg.norm(to_mean)
    scale = float(wanted / extent) if extent > 0 and wanted > 0 else 1.0
    return Similarity(np.array(scale), R, b.mean(axis=0) - scale * R @ a.mean(axis=0)).matrix


def _sure_points(reconstruction: Reconstruction, views: Sequence[AlignedView]) -> Array:
    """(N, 3): points of these photos that are not hidden, or all where that leaves none; of many an even choice."""
    shown = replace(reconstruction, views=tuple(views)).without_flaws()
    for confidence in (reconstruction.min_confidence, 1.0):
        keep = [view.kept(confidence) for view in shown.views]
        step = 1 + sum(map(np.count_nonzero, keep)) // MOST_READ
        points = [view.world_points()[kept][::step] for view, kept in zip(shown.views, keep, strict=True)]
        if sum(map(len, points)):
            break
    return np.concatenate(points)


def _turn_between(source: Array, target: Array) -> Array:
    """(4, 4): the smallest turn about the origin from one direction (3,) of length 1 to another."""
    cosine, axis = float(source @ target), np.cross(source, target)
    turn = np.eye(4)
    if cosine < -1 + 1e-9:  # any axis across will do
        across = np.cross(source, NORTH if abs(source @ NORTH) < 0.9 else UP)
        across /= np.linalg.norm(across)
        turn[:3, :3] = 2 * np.outer(across, across) - np.eye(3)
        return turn
    cross: NDArray[np.float64] = np.cross(np.eye(3), axis)
    turn[:3, :3] = np.eye(3) + cross + cross @ cross / (1 + cosine)  # Rodrigues' formula
    return turn


def _shift(by: Array) -> Array:
    shift = np.eye(4)
    shift[:3, 3] = by
    return shift


WORLD_TO_Z_UP = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])  # (x, y, z) to (x, z, -y)
OPENGL_TO_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])  # both are right-handed; y and z turn round


def turned(reconstruction: Reconstruction, turn: NDArray[np.float64]) -> Reconstruction:
    """The same in another world: turn (4, 4) leads from this one to that. Cameras carry their points along."""
    views = tuple(replace(view, cam2world=turn @ view.cam2world) for view in reconstruction.views)
    return replace(
        reconstruction, views=views, tracks=reconstruction.tracks.moved(turn) if reconstruction.tracks else None
    )
