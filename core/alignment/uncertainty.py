"""Step 6: how far off every camera may be, and which edges and photos disagree with the rest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..geometry.similarity import Similarity, weighted_median
from .block_system import Matrix, solve
from .canonical import Canonical
from .known import Pins
from .objective import World
from .observations import Array, Indices
from .pose_graph import PLACE, TURN, edge_errors, jacobians, normal_equations, residuals
from .relative import Relative

CALIBRATION = 1.1  # so that 68 % of the errors of cameras lie within: benchmarks/alignment_calibration.py
ODD = 5.0  # times the usual error: an edge that disagrees
NOTABLE = (0.2, 0.2)  # radians, relative place: and by no less than that
FOCAL_SHARE = 0.15  # of the edges' misfit: a focal's error that its few pointmaps, agreeing by chance, do not show
MANY = 150  # photos: above, variances are sampled
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
class Appraisal:
    """What a solved part is worth: N photos, E edges."""

    uncertainty: Uncertainty
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
    H, _ = normal_equations(relative, poses, lacking, weight)
    if len(scale) > MANY:
        variance = _sampled_variances(jacobians(relative, poses, lacking), weight, relative.edges, H, pins, poses)
    else:
        variance = _variances(H if isinstance(H, np.ndarray) else H.toarray(), pins, poses)
    variance = CALIBRATION**2 * variance.reshape(-1, 7)
    turn, place = (np.sqrt(variance[:, kind].sum(1)) for kind in (TURN, PLACE))
    depth = np.median(world.depth, axis=1)
    spread_of_few = FOCAL_SHARE * float(np.median(relative.misfit))
    focal = np.where(pins.focal_pinned, 0.0, np.hypot(canonical.focal_spread, spread_of_few))
    disagreement = np.sqrt((quality * lacking**2 / spread**2).mean(1))
    far = [np.linalg.norm(lacking[:, kind], axis=1) > size for kind, size in zip((TURN, PLACE), NOTABLE, strict=True)]
    odd = (disagreement > ODD) & (far[0] | far[1])
    return Appraisal(Uncertainty(np.degrees(turn), place / depth, np.sqrt(variance[:, 6]), focal), disagreement, odd)


def nothing_to_compare(canonical: Canonical, pins: Pins, edges: int) -> Appraisal:
    """The appraisal of a photo that is alone: it is its own world."""
    zero = np.zeros(len(canonical.focal))
    focal = np.where(pins.focal_pinned, 0.0, canonical.focal_spread)
    return Appraisal(Uncertainty(zero, zero, zero, focal), np.ones(edges), np.zeros(edges, dtype=bool))


def _edge_spread(lacking: Array, quality: Array, relative: Relative, photos: int, pinned: int) -> tuple[Array, Array]:
    """Standard deviations (7,) of an edge of quality 1, degrees of freedom accounted for, and every edge's pull."""
    found, pull = edge_errors(lacking, quality)
    freedom = max(len(lacking) - (photos - max(pinned, 1)), 0)
    usual = np.repeat(UNKNOWN, [3, 3, 1]) * float(np.median(relative.misfit)) / USUAL_MISFIT
    return np.sqrt((len(lacking) * found**2 + usual**2) / (freedom + 1)), pull


def _variances(H: Array, pins: Pins, poses: Similarity) -> Array:
    """(7N,): of turn (radians^2), shift (world units^2) and log scale, from the curvature (7N, 7N)."""
    size = _usual_size(np.diag(H))
    scaled = H / size / size[:, None]
    if pins.posed.sum() > 1:
        free = np.flatnonzero(~pins.held)
        variance = np.zeros(len(H))
        variance[free] = np.diag(np.linalg.inv(scaled[np.ix_(free, free)] + RIDGE * np.eye(len(free))))
    else:
        gauge = _gauge(poses, size)
        open_ways = gauge @ gauge.T
        variance = np.diag(np.linalg.inv(scaled + open_ways + RIDGE * np.eye(len(H))) - open_ways)
    return np.maximum(variance, 0) / size**2


def _sampled_variances(J: Array, weight: Array, edges: Indices, H: Matrix, pins: Pins, poses: Similarity) -> Array:
    """The same by trial where the inverse would be large: mean squares of how cameras answer to edges that err.

    J: (2, E, 7, 7), the residuals' derivatives; weight: (E, 7), the inverse variances of their errors.
    """
    errors = np.random.default_rng(0).standard_normal((len(edges), 7, SAMPLES)) * np.sqrt(weight)[..., None]
    pulls = np.zeros((len(poses.scale), 7, SAMPLES))
    for side in (0, 1):
        np.add.at(pulls, edges[:, side], J[side].swapaxes(-1, -2) @ errors)
    free = np.flatnonzero(~pins.held)
    answer = np.zeros((len(J[0, 0]) * len(poses.scale), SAMPLES))
    answer[free] = solve(H[free][:, free], pulls.reshape(answer.shape)[free])
    if pins.posed.sum() <= 1:
        size = _usual_size(H.diagonal())[:, None]
        gauge = _gauge(poses, size[:, 0])
        answer -= gauge @ (gauge.T @ (answer * size)) / size
    return (answer**2).mean(1)


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
