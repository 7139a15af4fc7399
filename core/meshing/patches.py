"""One photo for each face, the same for neighbours where possible, and the patches that this makes."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .visibility import NONE, Candidates

Numbers = NDArray[np.int64]

UNITY = 0.5  # what one more neighbour with another photo costs; a photo half as large as the best costs 0.5
SWEEPS = 12


def adjacent_faces(faces: NDArray[np.int32]) -> Numbers:
    """(A, 2): the faces (F, 3) that share an edge, each pair once."""
    ends = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64), axis=1)
    face = np.tile(np.arange(len(faces)), 3)
    order = np.lexsort(ends.T)
    same = np.flatnonzero((np.diff(ends[order], axis=0) == 0).all(axis=1))
    return np.stack([face[order[same]], face[order[same + 1]]], axis=1)


def choose_photos(candidates: Candidates, neighbours: Numbers) -> NDArray[np.int32]:
    """(F,): each face's photo, NONE where there is none: large, and the neighbours' too if that costs little.

    Minimises the sum of 1 - size / largest size and of UNITY for each two neighbours that differ, by turns of every
    other face (iterated conditional modes, Besag 1986); neighbours: (A, 2) faces.
    """
    photos, sizes = candidates.photos, candidates.sizes
    largest = sizes.max(axis=1, keepdims=True)
    own = np.where(photos == NONE, np.inf, 1 - sizes / np.where(largest > 0, largest, 1))
    every = np.arange(len(photos))
    chosen = photos[every, own.argmin(axis=1)]
    ends = np.concatenate([neighbours, neighbours[:, ::-1]])
    for sweep in range(SWEEPS):
        agreeing = np.zeros(photos.shape)
        for k in range(photos.shape[1]):
            agrees = photos[ends[:, 0], k] == chosen[ends[:, 1]]
            agreeing[:, k] = np.bincount(ends[agrees, 0], minlength=len(photos))
        best = (own - UNITY * agreeing).argmin(axis=1)
        turn = every % 2 == sweep % 2
        chosen[turn] = photos[every, best][turn]
    return chosen


def find_patches(chosen: NDArray[np.int32], neighbours: Numbers) -> NDArray[np.int32]:
    """(F,): the number of the patch of each face, neighbours with one photo; NONE for faces without a photo."""
    a, b = neighbours.T
    joined = neighbours[(chosen[a] == chosen[b]) & (chosen[a] != NONE)]
    graph = coo_array((np.ones(len(joined), bool), joined.T), shape=(len(chosen), len(chosen)))
    part = connected_components(graph, directed=False)[1]
    patch = np.full(len(chosen), NONE, np.int32)
    some = chosen != NONE
    patch[some] = np.unique(part[some], return_inverse=True)[1].reshape(-1)
    return patch
