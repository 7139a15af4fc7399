"""The scene graph `auto`: grown from photos that look alike to where the network turns out to be unsure.

Confidence makes an edge a conductor: the resistance R between two photos, over all paths through the graph, is large
where few or unsure edges connect them. One more edge of strength w multiplies the weight of the graph's spanning trees
by 1 + w R, and by as much, as a determinant, what is known of the cameras (Khosoussi et al., arXiv 1611.00889).
Imports no torch.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from .edges import MOST_NEIGHBOURS, Edge

Matrix = NDArray[np.float64]  # (N, N), symmetric
Pairs = NDArray[np.bool_]  # (N, N), symmetric
Judge = Callable[[Sequence[Edge]], Sequence[float]]

ALIKE = 4  # photos that are among each other's so many most alike meet in any case
IN_ORDER = 2 / 3  # of the rank that chance gives: neighbours in the list that are so much alike make it a sequence
SURE = 0.1  # strength below which a pair says nothing: confidence 1.1, an error of 18 % of the distance in training
PLAIN = 2 / 3  # mean log confidence of a photo's own points from which a network's word is taken as it stands
LEAST = 1e-3  # the same, below which nothing is relative to it: such a network is sure of nothing
WORTH = 0.15  # w R from which a pair is tried; 2 / 12 is what each edge is worth where all photos meet twelve alike
HOPE = 0.3  # how far, in logs, what a pair may say counts as what pairs usually say: else unsure photos meet fewer
STEEP = 4  # power of likeness: it is no more than a hint, and many pairs have some
DIGITS = 9  # of w R that decide: what differs less are equals, whatever the number of threads
ROUNDS = MOST_NEIGHBOURS  # so that a photo that nothing fits is tried with this many others, and not with all


def pair_strength(own: float, other: float) -> float:
    """How much a pair says, from the network's mean log confidences of its first and of its second photo's points.

    The second alone depends on how the two lie. A network that is unsure even of the first's, which that photo alone
    tells, means as much by less: a pair then says nothing where the second is below SURE / PLAIN of the first.
    """
    return other * max(1.0, PLAIN / max(own, LEAST))


def grow(likeness: Matrix, judge: Judge, known: Sequence[Edge] = ()) -> list[Edge]:
    """Pairs of N photos that hold them together, each photo tried with at most MOST_NEIGHBOURS others.

    At first photos meet that are mutually most alike, neighbours in the list where it is in order, and the most alike
    of what is then still apart; few photos meet all others. After that, rounds: every photo gets at most one more
    partner, the pairs worth most first, and every part of the graph that is cut off one more link to another. Pairs
    that say nothing fall away. Those that stay are (i, j), i < j, in order.

    likeness: how alike photos are, in any unit. judge: the strengths, 0 or more, of pairs (i, j), i < j, at the cost
    of inference. known: such pairs, and (k, k), that were found before photos were added; then only pairs of photos
    that are not among them are tried.
    """
    strength = np.full(likeness.shape, np.nan)  # of the pairs tried
    _try(strength, [edge for edge in known if edge.i != edge.j], judge)
    new = ~np.isin(np.arange(len(likeness)), np.array(known))
    open_ = (new[:, None] | new) & ~np.eye(len(likeness), dtype=bool)
    pairs = _first_pairs(likeness, ~np.isnan(strength), open_)
    for _ in range(ROUNDS):
        _try(strength, pairs, judge)
        tried = ~np.isnan(strength)
        room = np.where(new, MOST_NEIGHBOURS - tried.sum(1), len(likeness))
        pairs = _pairs_to_try(likeness, _useful(strength), open_ & ~tried, room)
    _try(strength, pairs, judge)
    return _as_edges(_useful(strength) > 0)


def is_in_order(likeness: Matrix) -> bool:
    """Whether the photos look like a sequence: neighbours in the list are much more alike than chance has it."""
    count = len(likeness)
    rank = np.argsort(_most_alike(likeness), axis=1)
    beside = np.concatenate([rank.diagonal(1), rank.diagonal(-1)])
    return count > 2 and float(beside.mean()) < IN_ORDER * (count - 2) / 2


def _try(strength: Matrix, pairs: Sequence[Edge], judge: Judge) -> None:
    if pairs:
        i, j = np.array(pairs).T
        strength[i, j] = strength[j, i] = np.nan_to_num(judge(pairs))


def _first_pairs(likeness: Matrix, met: Pairs, open_: Pairs) -> list[Edge]:
    count = len(likeness)
    if count <= MOST_NEIGHBOURS:
        return _as_edges(open_)
    near = np.zeros(likeness.shape, dtype=bool)
    np.put_along_axis(near, _most_alike(likeness)[:, :ALIKE], True, axis=1)
    first = near & near.T
    if is_in_order(likeness):
        first |= np.abs(np.subtract.outer(np.arange(count), np.arange(count))) == 1
    return _as_edges(_joined(first & open_, likeness, met, open_))


def _joined(first: Pairs, likeness: Matrix, met: Pairs, open_: Pairs) -> Pairs:
    """These pairs and, the most alike before others, those that connect what they and the met ones leave apart."""
    first, room = first.copy(), MOST_NEIGHBOURS - first.sum(1)
    parts, label = connected_components(first | met, directed=False)
    for i, j in _sorted(likeness, open_):
        if parts == 1:
            break
        if label[i] != label[j] and min(room[i], room[j]) > 0:
            first[i, j] = first[j, i] = True
            room[[i, j]] -= 1
            label[label == label[j]] = label[i]
            parts -= 1
    return first


def _useful(strength: Matrix) -> Matrix:
    """The strengths of the pairs that say something, 0 elsewhere.

    A network that is sure of no pair of most photos tells nothing: then every pair tried counts, the weakest alike.
    """
    tried = ~np.isnan(strength)
    sure = np.where(strength >= SURE, strength, 0.0)
    if 2 * sure.any(axis=1).sum() >= tried.any(axis=1).sum():
        return sure
    return np.where(tried, np.maximum(strength, SURE), 0.0)


def _pairs_to_try(likeness: Matrix, useful: Matrix, open_: Pairs, room: NDArray[np.int_]) -> list[Edge]:
    """The pairs worth most, no photo twice, and of pairs between parts of the graph no part twice."""
    label = connected_components(useful > 0, directed=False)[1]
    worth = np.round(_expected(likeness, useful) * _resistance(useful, label), DIGITS)
    busy, linked = room <= 0, np.zeros(len(useful), dtype=bool)
    pairs = []
    for i, j in _sorted(worth, open_ & (worth >= WORTH), likeness):
        ends, parts = [i, j], label[[i, j]]
        apart = parts[0] != parts[1]
        if not (busy[ends].any() or (apart and linked[parts].any())):
            busy[ends] = True
            linked[parts] |= apart
            pairs.append(Edge(i, j))
    return pairs


def _expected(likeness: Matrix, useful: Matrix) -> Matrix:
    """The strength that a pair may have: the weaker step of the best way by a third photo, or usual, as HOPE says.

    Without such a way, a part of SURE that falls steeply with likeness.
    """
    expected = np.zeros(likeness.shape)
    for i, strengths in enumerate(useful):
        for k in np.flatnonzero(strengths):
            np.maximum(expected[i], np.minimum(strengths[k], useful[k]), out=expected[i])
    usual = np.median(useful[useful > 0]) if useful.any() else SURE
    low, high = likeness.min(), likeness[~np.eye(len(likeness), dtype=bool)].max(initial=likeness.min())
    alike = np.clip((likeness - low) / max(high - low, 1e-9), 0.01, 1)
    return np.maximum(expected ** (1 - HOPE) * usual**HOPE, SURE * alike**STEEP)


def _resistance(useful: Matrix, label: NDArray[np.int_]) -> Matrix:
    """Between all photos; infinite between parts of the graph."""
    together = label[:, None] == label
    laplacian = np.diag(useful.sum(1)) - useful
    inverse = np.linalg.inv(laplacian + together * (useful.max() or 1.0) / together.sum(1))
    own = inverse.diagonal()
    return np.where(together, own[:, None] + own - 2 * inverse, np.inf)


def _most_alike(likeness: Matrix) -> NDArray[np.intp]:
    """(N, N): every photo's others, the most alike first, then itself."""
    others = np.where(np.eye(len(likeness), dtype=bool), -np.inf, likeness)
    return np.argsort(-others, axis=1, kind="stable")


def _sorted(value: Matrix, among: Pairs, then: Matrix | None = None) -> Iterator[tuple[int, int]]:
    """The pairs i < j among these, the greatest value first; of equal ones the greater `then`, then the earlier."""
    i, j = np.nonzero(np.triu(among, 1))
    order = np.lexsort((-(value if then is None else then)[i, j], -value[i, j]))
    return zip(i[order].tolist(), j[order].tolist(), strict=True)


def _as_edges(pairs: Pairs) -> list[Edge]:
    return [Edge(int(i), int(j)) for i, j in np.argwhere(np.triu(pairs, 1))]
