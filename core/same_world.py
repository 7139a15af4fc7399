"""A new solution laid onto the world of an earlier one, by the photos that both hold."""

from collections.abc import Mapping, Sequence

import numpy as np

from .geometry.similarity import register_points, register_robustly
from .ground import Array
from .known_camera import KnownCamera
from .placement import Placement
from .reconstruction import Reconstruction
from .world import moved

ENOUGH = 3  # cameras that can outvote one


def placements(reconstruction: Reconstruction) -> dict[str, Placement]:
    """Where the photos of a reconstruction stand, by resolved path."""
    return {
        str(view.path.resolve()): Placement(view.cam2world, float(np.nanmedian(view.depth)), view.component)
        for view in reconstruction.views
        if np.isfinite(view.depth).any()
    }


def onto_earlier(new: Mapping[str, Placement], earlier: Mapping[str, Placement]) -> Array | None:
    """The similarity (4, 4) that carries photos' new places onto their earlier ones best; None where none is shared.

    Each camera stands for four points: its centre, and those at its median depth along its axes. Thus one photo is
    enough, for the scale too, and of many those that found another place have no say (Cauchy's loss).
    """
    shared = _most_shared(new, earlier)
    if not shared:
        return None
    source = np.concatenate([_corners(new[name]) for name in shared])
    target = np.concatenate([_corners(earlier[name]) for name in shared])
    depth = np.repeat([earlier[name].depth for name in shared], 4)
    if len(shared) < ENOUGH:
        found = register_points(source, target, 1 / depth**2)
    else:
        found, _ = register_robustly(source, target, np.ones(len(depth)), depth)
    return _matrix(float(found.scale), found.R, found.translation)


def onto_known(views: Mapping[str, Array], known: Mapping[str, KnownCamera]) -> Array | None:
    """The similarity (4, 4) that carries cameras, (4, 4) each, onto their known poses best; None where none is known.

    One camera: rigid, exact. More, in different places: the scale is theirs too.
    """
    pairs = [(views[name], camera.cam2world) for name, camera in known.items() if name in views]
    poses = [(found, said) for found, said in pairs if said is not None]
    return _pose_similarity(*map(np.stack, zip(*poses, strict=True))) if poses else None


def in_world_of(
    result: Reconstruction,
    new: Mapping[str, Placement],
    earlier: Mapping[str, Placement],
    choices: Sequence[str],
) -> Reconstruction | None:
    """A result, whose photos stand so, in an earlier world with its settled choices; None where no photo is shared."""
    found = onto_earlier(new, earlier)
    return None if found is None else moved(result, found, choices)


def _most_shared(new: Mapping[str, Placement], earlier: Mapping[str, Placement]) -> list[str]:
    """The photos of the pair of components, a new and an earlier one, that share the most."""
    groups: dict[tuple[int, int], list[str]] = {}
    for name, placement in new.items():
        if name in earlier:
            groups.setdefault((placement.component, earlier[name].component), []).append(name)
    return max(groups.values(), key=len, default=[])


def _corners(placement: Placement) -> Array:
    """(4, 3), world."""
    corners = placement.depth * np.concatenate([np.zeros((1, 3)), np.eye(3)])
    return corners @ placement.cam2world[:3, :3].T + placement.cam2world[:3, 3]


def _pose_similarity(source: Array, target: Array) -> Array:
    """Rotation: the mean of R_target R_source^T; scale and shift: least squares of the centres. (N, 4, 4) both."""
    U, _, Vt = np.linalg.svd((target[:, :3, :3] @ source[:, :3, :3].swapaxes(1, 2)).sum(axis=0))
    R = U @ np.diag([1, 1, np.linalg.det(U @ Vt)]) @ Vt
    a, b = source[:, :3, 3], target[:, :3, 3]
    from_mean, to_mean = a - a.mean(axis=0), b - b.mean(axis=0)
    extent, wanted = np.linalg.norm(from_mean), np.linalg.norm(to_mean)
    scale = float(wanted / extent) if extent > 0 and wanted > 0 else 1.0
    return _matrix(scale, R, b.mean(axis=0) - scale * R @ a.mean(axis=0))


def _matrix(scale: float, R: Array, translation: Array) -> Array:
    similarity = np.eye(4)
    similarity[:3, :3], similarity[:3, 3] = scale * R, translation
    return similarity
