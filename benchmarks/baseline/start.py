"""Where the published solver starts: a spanning tree of plain weighted registrations, kept as it is, weaknesses too."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from torch import Tensor

from ...core.geometry.camera import estimate_focal
from ...core.geometry.pnp import solve_pnp
from ...core.geometry.similarity import Similarity, register_points
from ...core.images.pixel_mapping import PixelMapping
from ...core.inference.prediction import Prediction

Array = NDArray[np.float64]

MEAN_SCALE = 0.5  # the geometric mean of the edges' scales
PNP_SAMPLES = 10
PNP_CONFIDENCE = 3.0  # pixels below take no part in PnP; measured by a photo's greatest confidence over all edges
ANY_FOCAL = (1e-3, 1e3)  # of the longer side: no bounds that matter


@dataclass(frozen=True, slots=True)
class Start:
    """All unknowns of the objective at the start."""

    cam2world: Array  # (N, 4, 4)
    focal: Array  # (N,), photo pixels
    frames: Similarity  # (E,): an edge's frame to the world
    depth: tuple[Array, ...]  # N x (P,); 0 or less where the tree put a point behind its camera


@dataclass(slots=True)
class _Pairs:
    """The predictions as flat float64 arrays."""

    mappings: Sequence[PixelMapping]
    edges: list[tuple[int, int]]
    points: list[tuple[Array, Array]]  # per edge (P_i, 3), (P_j, 3)
    confidence: list[tuple[Array, Array]]
    centres: Array  # (N, 2)

    def focal(self, photo: int, points: Array) -> float:
        """Weiszfeld's focal of one pointmap in the photo's frame, unweighted."""
        size = max(self.mappings[photo].photo_size)
        centred = self.mappings[photo].photo_pixels().reshape(-1, 2) - self.centres[photo]
        bounds = ANY_FOCAL[0] * size, ANY_FOCAL[1] * size
        return float(estimate_focal(points, centred, np.ones(len(points)), bounds, 10))


@dataclass(slots=True)
class _Tree:
    """What is known of each photo so far; None where nothing is."""

    points: list[Array | None]  # (P, 3), world
    cam2world: list[Array | None]
    focal: list[float | None]


def spanning_tree_start(
    mappings: Sequence[PixelMapping],
    predictions: Sequence[Prediction],
    principal_points: Array,
    *,
    stale_focal: bool = False,
) -> Start:
    """The published start: the tree of greatest total score, score = mean C_i times mean C_j of an edge.

    The best edge gives the frame; each next photo is joined by least squares weighted with the raw confidence.
    stale_focal repeats a slip of the published code: a photo's focal comes from the edge handled before its own.
    Raises ValueError when the photos are not all connected (the published code never ends there).
    """
    pairs = _Pairs(
        mappings,
        [(int(i), int(j)) for i, j in (p.edge for p in predictions)],
        [(_flat(p.points_i), _flat(p.points_j)) for p in predictions],
        [(_flat(p.confidence_i), _flat(p.confidence_j)) for p in predictions],
        principal_points,
    )
    tree = _grow(pairs, tree_edges(len(mappings), predictions), stale_focal)
    _complete_focals(pairs, tree)
    _complete_poses(pairs, tree)
    return _scaled(pairs, tree)


def tree_edges(count: int, predictions: Sequence[Prediction]) -> list[int]:
    """The edges of the maximum spanning tree in joining order: always the best one that touches what is known."""
    score = np.array([float(p.confidence_i.mean()) * float(p.confidence_j.mean()) for p in predictions])
    edges = np.array([tuple(p.edge) for p in predictions], dtype=np.int32)  # csgraph takes no wider indices
    if connected_components(coo_array((score, edges.T), shape=(count, count)), directed=False)[0] > 1:
        raise ValueError("the photos are not all connected")
    graph = coo_array((-score, edges.T), shape=(count, count)).tocsr()
    chosen = minimum_spanning_tree(graph).tocoo()
    number = {tuple(edge): e for e, edge in enumerate(edges.tolist())}
    todo = [number[int(i), int(j)] for _, i, j in sorted(zip(chosen.data, chosen.row, chosen.col, strict=True))]
    order = [todo.pop(0)]
    known = set(edges[order[0]].tolist())
    while todo:
        best = next(e for e in todo if known & set(edges[e].tolist()))
        todo.remove(best)
        order.append(best)
        known |= set(edges[best].tolist())
    return order


def _grow(pairs: _Pairs, order: list[int], stale_focal: bool) -> _Tree:
    count = len(pairs.mappings)
    tree = _Tree([None] * count, [None] * count, [None] * count)
    (i, j), (points_i, points_j) = pairs.edges[order[0]], pairs.points[order[0]]
    tree.points[i], tree.points[j], tree.cam2world[i] = points_i, points_j, np.eye(4)
    tree.focal[i] = pairs.focal(i, points_i)
    before = order[0]
    for e in order[1:]:
        i, j = pairs.edges[e]
        known = 0 if tree.points[i] is not None else 1
        anchor = tree.points[pairs.edges[e][known]]
        assert anchor is not None
        move = register_points(pairs.points[e][known], anchor, pairs.confidence[e][known])
        tree.points[j if known == 0 else i] = move.apply(pairs.points[e][1 - known])
        if tree.cam2world[i] is None:
            tree.cam2world[i] = _rigid(move)
        if tree.focal[i] is None:
            shown = before if stale_focal else e
            if len(pairs.points[shown][0]) == len(pairs.points[e][0]):
                tree.focal[i] = pairs.focal(i, pairs.points[shown][0])
        before = e
    return tree


def _complete_focals(pairs: _Pairs, tree: _Tree) -> None:
    """Photos not first in any edge of the tree: from their best edge where they are."""
    score = [a.mean() * b.mean() for a, b in pairs.confidence]
    for e in sorted(range(len(pairs.edges)), key=lambda e: -score[e]):
        photo = pairs.edges[e][0]
        if tree.focal[photo] is None:
            tree.focal[photo] = pairs.focal(photo, pairs.points[e][0])


def _complete_poses(pairs: _Pairs, tree: _Tree) -> None:
    """By PnP on the photo's points of the tree; the identity where that fails, as published."""
    surest = [np.zeros(len(points)) for points in tree.points if points is not None]
    for edge, confidence in zip(pairs.edges, pairs.confidence, strict=True):
        for photo, sure in zip(edge, confidence, strict=True):
            surest[photo] = np.maximum(surest[photo], sure)
    for photo, (mapping, points) in enumerate(zip(pairs.mappings, tree.points, strict=True)):
        if tree.cam2world[photo] is not None:
            continue
        assert points is not None
        weight, pixels = (surest[photo] > PNP_CONFIDENCE).astype(np.float64), mapping.photo_pixels().reshape(-1, 2)
        camera = solve_pnp(
            points,
            pixels,
            weight,
            pairs.centres[photo],
            mapping.photo_size,
            tree.focal[photo],
            samples=PNP_SAMPLES,
        )
        tree.cam2world[photo] = np.eye(4) if camera is None else camera.cam2world
        if tree.focal[photo] is None:
            tree.focal[photo] = float(max(mapping.photo_size)) if camera is None else camera.focal


def _scaled(pairs: _Pairs, tree: _Tree) -> Start:
    """Every edge registered to the tree's points, and all lengths brought to the published units."""
    moves = []
    for (i, _), (points, _), (sure, _) in zip(pairs.edges, pairs.points, pairs.confidence, strict=True):
        world = tree.points[i]
        assert world is not None
        moves.append(register_points(points, world, sure))
    scale = np.array([float(move.scale) for move in moves])
    unit = MEAN_SCALE / np.exp(np.log(scale).mean())
    frames = Similarity(
        unit * scale, np.stack([move.R for move in moves]), unit * np.stack([move.translation for move in moves])
    )
    cam2world = np.stack([pose for pose in tree.cam2world if pose is not None])
    depth = tuple(
        unit * ((points - pose[:3, 3]) @ pose[:3, :3])[:, 2]
        for points, pose in zip(tree.points, cam2world, strict=True)
        if points is not None
    )
    cam2world[:, :3, 3] *= unit
    return Start(cam2world, np.array(tree.focal, dtype=np.float64), frames, depth)


def _rigid(move: Similarity) -> Array:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = move.R, move.translation
    return pose


def _flat(values: Tensor) -> Array:
    array = values.detach().cpu().numpy().astype(np.float64)
    return array.reshape(-1, 3) if array.ndim == 3 else array.reshape(-1)
