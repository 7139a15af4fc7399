"""Step 3a: which photos hang together, and a first world along the surest edges."""

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


def chain_poses(count: int, relative: Relative, tree: list[tuple[int, int, int]]) -> Similarity:
    """(N,): canonical pointmaps to the world of the tree's first photo, following the tree."""
    world = Similarity(np.ones(count), np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3)))
    for known, new, e in tree:
        step = relative.pose[e] if relative.edges[e, 0] == known else relative.pose[e].inverse()
        joined = world[known].compose(step)
        world.scale[new], world.R[new], world.translation[new] = joined.scale, joined.R, joined.translation
    return world
