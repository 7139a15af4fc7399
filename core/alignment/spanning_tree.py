"""Step 3a: which photos hang together, and a first world along the surest edges."""

from collections import defaultdict, deque

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

from ..geometry.similarity import Similarity
from .observations import Indices
from .relative import Relative


def components(count: int, edges: Indices) -> NDArray[np.int64]:
    """(N,): the number of the connected part that each photo is in, counted in the order of the photos."""
    graph = coo_array((np.ones(len(edges)), edges.T.astype(np.int32)), shape=(count, count))
    _, label = connected_components(graph, directed=False)
    _, first, number = np.unique(label, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number]


def spanning_tree(count: int, relative: Relative) -> list[tuple[int, int, int]]:
    """The tree of greatest total log quality over connected photos: (known photo, new photo, edge) in joining order.

    It starts at the first photo of the best edge. Of two edges between the same photos the better one stands.
    """
    order = np.argsort(-relative.quality, kind="stable")
    best: dict[tuple[int, int], int] = {}
    for e in order:
        i, j = relative.edges[e]
        best.setdefault((min(i, j), max(i, j)), int(e))
    pairs = np.array(list(best), dtype=np.int32)  # csgraph takes no wider indices
    rank = np.arange(1, len(best) + 1, dtype=np.float64)  # the tree depends on the order of the edges alone
    tree = minimum_spanning_tree(coo_array((rank, pairs.T), shape=(count, count)).tocsr())
    reached, known = breadth_first_order(tree + tree.T, relative.edges[order[0], 0], directed=False)
    return [(int(known[n]), int(n), best[min(n, known[n]), max(n, known[n])]) for n in reached[1:]]


def chain_poses(
    count: int, relative: Relative, tree: list[tuple[int, int, int]], stood: dict[int, Similarity] | None = None
) -> Similarity:
    """(N,): canonical pointmaps to one world, following the tree outwards from the photos that stood somewhere before.

    Without any the world is that of the tree's first photo.
    """
    world = Similarity(np.ones(count), np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3)))
    neighbours = defaultdict(list)
    for known, new, e in tree:
        neighbours[known].append((new, e))
        neighbours[new].append((known, e))
    for photo, pose in (stood or {}).items():
        world.scale[photo], world.R[photo], world.translation[photo] = pose.scale, pose.R, pose.translation
    reached = deque(stood or [tree[0][0]])
    placed = set(reached)
    while reached:
        known = reached.popleft()
        for new, e in neighbours[known]:
            if new in placed:
                continue
            step = relative.pose[e] if relative.edges[e, 0] == known else relative.pose[e].inverse()
            joined = world[known].compose(step)
            world.scale[new], world.R[new], world.translation[new] = joined.scale, joined.R, joined.translation
            placed.add(new)
            reached.append(new)
    return world
