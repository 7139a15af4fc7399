"""Which photos a network sees together that takes many at once. Imports no torch."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import minimum_spanning_tree

from .edges import MOST_NEIGHBOURS, Edge

SHARED = 1 / 3  # of a group's photos: those that earlier groups have too, and that tie it to them

Group = tuple[int, ...]


def choose_groups(likeness: NDArray[np.float64], size: int, known: Sequence[Group] = ()) -> list[Group]:
    """Overlapping groups of at most `size` of N photos, each photo in one at least, each group tied to earlier ones.

    The first group begins with the most alike pair and takes in, one by one, the photo most alike to any in it. Every
    further one begins with the photo most alike to those that have a group, grows in the same way among the others,
    and is filled up with photos of earlier groups, those most alike to it. likeness: (N, N), symmetric. known: groups
    that are there already, taken as they are.
    """
    count = len(likeness)
    if count <= size:
        return [tuple(range(count))]
    others = np.where(np.eye(count, dtype=bool), -np.inf, likeness)
    groups, covered = list(known), np.isin(np.arange(count), [photo for group in known for photo in group])
    shared = max(1, min(size - 1, round(SHARED * size)))
    while not covered.all():
        first = not covered.any()
        begin = others.max(axis=1) if first else others[:, covered].max(axis=1)
        alike = int(np.where(covered, -np.inf, begin).argmax())
        members = _grown(others, alike, ~covered, size if first else size - shared)
        if not first:
            best = np.where(covered, others[members].max(axis=0), -np.inf)
            members += np.argsort(-best, kind="stable")[: min(shared, int(covered.sum()))].tolist()
        groups.append(tuple(sorted(members)))
        covered[members] = True
    return groups


def _grown(others: NDArray[np.float64], begin: int, free: NDArray[np.bool_], size: int) -> list[int]:
    members, free = [begin], free.copy()
    free[begin] = False
    while len(members) < size and free.any():
        members.append(int(np.where(free, others[members].max(axis=0), -np.inf).argmax()))
        free[members[-1]] = False
    return members


def group_pairs(seen: NDArray[np.float64], group: Group) -> list[Edge]:
    """The pairs (i, j), i < j, of a group's photos that are worth aligning: all of a small group.

    Of a larger one each photo's MOST_NEIGHBOURS that see most of it, and what holds the group together. seen: (S, S),
    the share of photo j (column) that photo i sees.
    """
    count, strength = len(group), (seen + seen.T) / 2
    chosen = np.triu(np.ones((count, count), dtype=bool), 1)
    if count > MOST_NEIGHBOURS + 1:
        others = np.where(np.eye(count, dtype=bool), -np.inf, strength)
        near = np.zeros((count, count), dtype=bool)
        np.put_along_axis(near, np.argsort(-others, axis=1, kind="stable")[:, :MOST_NEIGHBOURS], True, axis=1)
        tree = minimum_spanning_tree(np.triu(2 - strength, 1)).toarray() > 0
        chosen &= (near & near.T) | tree | tree.T
    pairs = (sorted((group[i], group[j])) for i, j in np.argwhere(chosen))
    return [Edge(i, j) for i, j in pairs]
