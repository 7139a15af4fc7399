"""Parts of the photos that common points hold together, and models of such parts in one world. Imports no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from ..geometry.similarity import Similarity
from .mapping import Model, StartCamera
from .settings import AdjustmentSettings

Array = NDArray[np.float64]


def parts(photo: NDArray[np.int64], point: NDArray[np.int64], count: int, least: int) -> NDArray[np.int64]:
    """(count,): a number for each photo, equal where a chain of photos with `least` common points joins them.

    photo, point: (M,), of every observation. The photos with most observations are part 0.
    """
    sees = sparse.csr_array((np.ones(len(photo)), (photo, point)), (count, int(point.max(initial=-1)) + 1))
    found = connected_components((sees @ sees.T).toarray() >= least, directed=False)[1]
    order = np.argsort(-np.bincount(found[photo], minlength=found.max() + 1), kind="stable")
    return np.argsort(order)[found]


def merge(
    start: Sequence[StartCamera], models: Sequence[Model], settings: AdjustmentSettings
) -> list[StartCamera] | None:
    """The photos' cameras as the models of parts of them have them, in one world; None where one model has them all.

    Models come in with most observations first, each moved by the similarity of its cameras to those that are in, or,
    of parts that share fewer than two photos, to the network's. Photos in no model have no place.
    """
    merged: dict[int, StartCamera] = {}
    network = {index: camera.world2cam for index, camera in enumerate(start) if camera.world2cam is not None}
    used = 0
    for model in sorted(models, key=lambda model: len(model.photo), reverse=True):
        together = parts(model.photo, model.point, len(start), settings.photo_matches) == 0
        own = {int(k): model.world2cam[k] for k in np.flatnonzero(model.well_seen(settings) & together)}
        if len(own.keys() - merged.keys()) < 2:
            continue
        already = {k: camera.world2cam for k, camera in merged.items() if k in own and camera.world2cam is not None}
        move = between(own, already if len(already) > 1 else network)
        if move is None:
            continue
        for k in own.keys() - merged.keys():
            merged[k] = replace(start[k], K=model.K[k], world2cam=_moved(own[k], move))
        used += 1
    if used < 2:
        return None
    return [merged.get(k, replace(camera, world2cam=None)) for k, camera in enumerate(start)]


def between(source: Mapping[int, Array], target: Mapping[int, Array]) -> Similarity | None:
    """The similarity from one world to the other by the world2cam (4, 4) of photos in both; None of fewer than 2.

    The rotation is nearest to all cameras' (least squares, by SVD), scale and translation are medians: of the ratios
    of the distances between two centres, and of the way that is left.
    """
    common = sorted(source.keys() & target.keys())
    if len(common) < 2:
        return None
    first = np.linalg.inv(np.stack([source[k] for k in common]))
    second = np.linalg.inv(np.stack([target[k] for k in common]))
    U, _, Vt = np.linalg.svd(np.einsum("nij,nkj->ik", second[:, :3, :3], first[:, :3, :3]))
    R = U @ np.diag([1, 1, np.linalg.det(U @ Vt)]) @ Vt
    i, j = np.triu_indices(len(common), 1)
    lengths = [np.linalg.norm(cam2world[i, :3, 3] - cam2world[j, :3, 3], axis=1) for cam2world in (first, second)]
    apart = (lengths[0] > 0) & (lengths[1] > 0)
    if not apart.any():
        return None
    scale = np.median(lengths[1][apart] / lengths[0][apart])
    return Similarity(scale, R, np.median(second[:, :3, 3] - scale * first[:, :3, 3] @ R.T, axis=0))


def _moved(world2cam: Array, move: Similarity) -> Array:
    """The camera where the similarity takes it; (4, 4), rigid."""
    cam2world = np.linalg.inv(world2cam)
    moved = np.eye(4)
    moved[:3, :3] = move.R @ cam2world[:3, :3]
    moved[:3, 3] = move.apply(cam2world[None, :3, 3])[0]
    return np.linalg.inv(moved)
