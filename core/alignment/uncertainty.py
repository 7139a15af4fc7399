"""Step 6: how far off every camera may be, and which edges and photos disagree with the rest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from ..geometry.similarity import Similarity, weighted_median
from .block_system import solve
from .canonical import Canonical
from .known import Pins
from .objective import World
from .observations import Array, Indices
from .pose_graph import KINDS, PLACE, SCALE, TURN, edge_errors, jacobians, normal_equations, residuals
from .relative import Relative

CALIBRATION = 1.1  # so that 68 % of the errors of cameras lie within: benchmarks/alignment_calibration.py
ODD = 5.0  # times the usual error: an edge that disagrees
NOTABLE = (0.2, 0.2)  # radians, relative place: and by no less than that
FOCAL_SHARE = 0.15  # of the edges' misfit: a focal's error that its few pointmaps, agreeing by chance, do not show
RIGHT_ANGLE = 90.0  # degrees: a direction that is further off is unknown
MANY = 40  # photos: above, variances are sampled
SAMPLES = 128  # known to 6 % then
RIDGE = 1e-12  # of the curvature: keeps it invertible
UNKNOWN = (0.03, 0.03, 0.02)  # of turn, place, log scale: what an edge's error is taken for before any is seen
USUAL_MISFIT = 0.02  # of an edge whose errors are UNKNOWN; they grow with it


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Standard errors of N photos' cameras, about the mean of all (of the known ones, where two poses are known)."""

    rotation: Array  # (N,), degrees
    centre: Array  # (N,), over the photo's median depth
    scale: Array  # (N,), of the photo's depths, relative
    focal: Array  # (N,), relative


@dataclass(frozen=True, slots=True)
class PairUncertainty:
    """Standard errors of how the two cameras of E edges stand to each other in the solved world."""

    rotation: Array  # (E,), degrees
    direction: Array  # (E,), degrees, of the way from one to the other
    scale: Array  # (E,), of one photo's depths over the other's, relative


@dataclass(frozen=True, slots=True)
class Appraisal:
    """What a solved part is worth: N photos, E edges."""

    uncertainty: Uncertainty
    pairs: PairUncertainty
    disagreement: Array  # (E,), root mean square of turn, place and scale error over the usual one: about 1
    odd: NDArray[np.bool_]  # (E,), disagree with the rest


def appraise(relative: Relative, canonical: Canonical, world: World, pins: Pins) -> Appraisal:
    """Errors of edges, from how they scatter about the world; errors of cameras, from those and the curvature.

    The curvature is that of `join_poses` at this world; its inverse is taken about the mean of all cameras. The
    scatter is corrected for what the cameras themselves took up of it, and starts from what edges usually are off by,
    so that a graph without a loop is not taken for exact.
    """
    known = canonical.weight > 0
    scale = weighted_median(world.depth / canonical.depth, np.where(known.any(1, keepdims=True), canonical.weight, 1.0))
    poses = Similarity(scale, world.R, world.centre)
    lacking, quality = residuals(relative, poses), (relative.quality / relative.quality.max())[:, None]
    spread, pull = _edge_spread(lacking, quality, relative, len(scale), int(pins.posed.sum()))
    weight = pull[:, None] * quality / spread**2
    answers = CALIBRATION * _answers(relative, poses, lacking, weight, pins)
    turn, place, growth = (_size(answers[:, kind]) for kind in KINDS)
    depth = np.median(world.depth, axis=1)
    spread_of_few = FOCAL_SHARE * float(np.median(relative.misfit))
    focal = np.where(pins.focal_pinned, 0.0, np.hypot(canonical.focal_spread, spread_of_few))
    disagreement = np.sqrt((quality * lacking**2 / spread**2).mean(1))
    far = [np.linalg.norm(lacking[:, kind], axis=1) > size for kind, size in zip((TURN, PLACE), NOTABLE, strict=True)]
    odd = (disagreement > ODD) & (far[0] | far[1])
    cameras = Uncertainty(np.degrees(turn), place / depth, growth, focal)
    return Appraisal(cameras, _of_pairs(answers, relative.edges, poses), disagreement, odd)


def nothing_to_compare(canonical: Canonical, pins: Pins, edges: int) -> Appraisal:
    """The appraisal of a photo that is alone: it is its own world."""
    zero = np.zeros(len(canonical.focal))
    focal = np.where(pins.focal_pinned, 0.0, canonical.focal_spread)
    cameras, pairs = Uncertainty(zero, zero, zero, focal), PairUncertainty(*np.zeros((3, edges)))
    return Appraisal(cameras, pairs, np.ones(edges), np.zeros(edges, dtype=bool))


def _edge_spread(lacking: Array, quality: Array, relative: Relative, photos: int, pinned: int) -> tuple[Array, Array]:
    """Standard deviations (7,) of an edge of quality 1, degrees of freedom accounted for, and every edge's pull."""
    found, pull = edge_errors(lacking, quality)
    freedom = max(len(lacking) - (photos - max(pinned, 1)), 0)
    usual = np.repeat(UNKNOWN, [3, 3, 1]) * float(np.median(relative.misfit)) / USUAL_MISFIT
    return np.sqrt((len(lacking) * found**2 + usual**2) / (freedom + 1)), pull


def _answers(relative: Relative, poses: Similarity, lacking: Array, weight: Array, pins: Pins) -> Array:
    """(N, 7, M): M independent ways in which the cameras may be off; the covariance is the sum of their squares.

    Few photos: the columns of a root of the curvature's inverse. Many: how the cameras answer to SAMPLES draws of
    errors of the edges. Neither contains a motion of the whole world where less than two poses are known.
    """
    H, _ = normal_equations(relative, poses, lacking, weight)
    free, size = np.flatnonzero(~pins.held), _usual_size(H.diagonal())
    tied = pins.posed.sum() > 1
    gauge = np.zeros((len(size), 0)) if tied else _gauge(poses, size)
    if len(poses.scale) > MANY:
        pulls = _sampled_pulls(relative, poses, lacking, weight)
        answers = np.zeros_like(pulls)
        answers[free] = solve(H[free][:, free], pulls[free]) * size[free, None]
    else:
        free = free if tied else np.arange(len(size))
        dense = H if isinstance(H, np.ndarray) else H.toarray()
        scaled = dense / size / size[:, None] + gauge @ gauge.T + RIDGE * np.eye(len(size))
        answers = np.zeros_like(scaled)
        root = np.linalg.cholesky(scaled[np.ix_(free, free)])
        answers[np.ix_(free, free)] = solve_triangular(root, np.eye(len(free)), lower=True).T
    return ((answers - gauge @ (gauge.T @ answers)) / size[:, None]).reshape(-1, 7, answers.shape[1])


def _sampled_pulls(relative: Relative, poses: Similarity, lacking: Array, weight: Array) -> Array:
    """(7N, SAMPLES): slopes as draws of the edges' errors make them, over the root of SAMPLES."""
    J = jacobians(relative, poses, lacking)
    draws = np.random.default_rng(0).standard_normal((len(lacking), 7, SAMPLES)) * np.sqrt(weight / SAMPLES)[..., None]
    pulls = np.zeros((len(poses.scale), 7, SAMPLES))
    for side in (0, 1):
        np.add.at(pulls, relative.edges[:, side], J[side].swapaxes(-1, -2) @ draws)
    return pulls.reshape(-1, SAMPLES)


def _of_pairs(answers: Array, edges: Indices, poses: Similarity) -> PairUncertainty:
    """What the ways (N, 7, M) in which cameras may be off make of each edge's two cameras."""
    (i, j), between = edges.T, answers[edges[:, 1]] - answers[edges[:, 0]]
    way = poses.translation[j] - poses.translation[i]
    length = np.maximum(np.linalg.norm(way, axis=1), np.finfo(np.float64).tiny)[:, None]
    carried = np.cross(answers[i, TURN], way[:, :, None], axisa=1, axisb=1, axisc=1)  # as camera i's turn moves j
    aside = (between[:, PLACE] - carried) / length[..., None]
    along = (way / length)[..., None]
    aside = aside - along * (along * aside).sum(1, keepdims=True)
    direction = np.minimum(np.degrees(_size(aside)), RIGHT_ANGLE)
    return PairUncertainty(np.degrees(_size(between[:, TURN])), direction, _size(between[:, SCALE]))


def _size(answers: Array) -> Array:
    """(N,): the standard error of vectors (N, K) from the ways (N, K, M) in which they may be off."""
    return np.sqrt((answers**2).sum((1, 2)))


def _usual_size(diagonal: Array) -> Array:
    """(7N,): the root of what the curvature's diagonal is on average, for each of the seven kinds."""
    mean = np.maximum(diagonal.reshape(-1, 7).mean(0), np.finfo(np.float64).tiny)
    return np.tile(np.sqrt(mean), len(diagonal) // 7)


def _gauge(poses: Similarity, size: Array) -> Array:
    """(7N, 7), orthonormal: how all cameras move, in units of 1 / size (7N,), when the whole world does."""
    count = len(poses.scale)
    moves = np.zeros((count, 7, 7))
    moves[:, :3, :3] = np.eye(3)
    moves[:, 3:6, :3] = np.cross(np.eye(3), poses.translation[:, None, :]).swapaxes(1, 2)  # column k: e_k x centre
    moves[:, 3:6, 3:6] = np.eye(3)
    moves[:, 3:6, 6], moves[:, 6, 6] = poses.translation, 1
    return np.linalg.qr(moves.reshape(7 * count, 7) * size[:, None])[0]
