"""The cells of the benchmark: which synthetic predictions both solvers get."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.images.pixel_mapping import PixelMapping
from ...core.inference.prediction import Prediction
from ...core.scene_graph.edges import make_edges
from ...tests.synthetic import integer_mapping, predictions_of, synthetic_pairs

SMALL, USUAL, LARGE = (112, 80), (224, 160), (512, 384)
GRAPHS = {"complete": "complete", "swin-3": "swin-3-noncyclic", "chain": "swin-1-noncyclic"}
STEPS = 300  # of the published solver
SEEDS = 10  # of the goals
TIMED_STEPS = 4  # where 300 would take too long


@dataclass(frozen=True, slots=True)
class Cell:
    """One input of both solvers: cameras on an arc of 100 degrees around a room."""

    graph: str  # complete, swin-3, chain (swin-1), star (all with the middle photo); both directions of every edge
    count: int
    size: tuple[int, int] = SMALL
    noise: str = "medium"
    outliers: float | None = None  # share of gross outliers; None: what the noise level brings (0, 1, 5, 12 %)
    seed: int = 0
    steps: int = STEPS  # that the dense solver really runs
    seeds: int = 1  # how many, from `seed` on: the figures are means

    def singles(self) -> list["Cell"]:
        """The cell's runs, one seed each."""
        return [replace(self, seed=self.seed + k, seeds=1) for k in range(self.seeds)]

    @property
    def share(self) -> float:
        return synthetic_pairs().NOISE[self.noise]["outliers"] if self.outliers is None else self.outliers


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a solver gets, and the truth."""

    mappings: list[PixelMapping]
    predictions: list[Prediction]
    centres: NDArray[np.float64]  # (N, 2), principal points
    cam2world: NDArray[np.float64]  # (N, 4, 4), true
    focal: NDArray[np.float64]  # (N,), true


def inputs(cell: Cell) -> Inputs:
    """The predictions of a cell; the same cell always gives the same."""
    maker, scene = synthetic_pairs(), _scene(cell.count, cell.size, cell.seed)
    graph = f"oneref-{cell.count // 2}" if cell.graph == "star" else GRAPHS[cell.graph]
    noise = {**maker.NOISE[cell.noise], "outliers": cell.share}
    pairs = maker.make_pairs(scene, [tuple(edge) for edge in make_edges(cell.count, graph)], noise, cell.seed)
    mappings = [integer_mapping(size) for size in scene["sizes"]]
    return Inputs(mappings, predictions_of(pairs), np.stack(scene["pps"]), scene["poses"], scene["focals"])


@lru_cache(maxsize=1)
def _scene(count: int, size: tuple[int, int], seed: int) -> dict[str, Any]:
    return synthetic_pairs().make_scene(count, size, seed=seed)


def goal_cells(full: bool) -> Iterator[Cell]:
    """Complete graphs, seeds 0 to 9, noise innermost, so that a scene is made once. The quick set's are smaller."""
    sizes = {4: USUAL, 8: USUAL if full else SMALL, 16: USUAL if full else SMALL}
    for (count, size), seed, noise in product(sizes.items(), range(SEEDS), ("low", "medium", "high")):
        yield Cell("complete", count, size, noise, seed=seed)


def speed_cells() -> list[Cell]:
    """The dense solver's 300 steps are extrapolated here."""
    return [Cell("complete", 16, size, steps=TIMED_STEPS) for size in (USUAL, LARGE)]


def quick_cells() -> list[Cell]:
    return [
        *(Cell("complete", 4, noise=noise) for noise in ("none", "low", "medium", "high")),
        Cell("complete", 2),
        Cell("complete", 4, outliers=0.3),
        Cell("complete", 8),
        Cell("swin-3", 10),
        Cell("star", 8),
        Cell("chain", 10),
        Cell("chain", 50),
    ]


def full_cells() -> list[Cell]:
    """Noise x outliers x graphs at a size where 300 dense steps take seconds, then the large ones."""
    small = (("complete", 4), ("swin-3", 10), ("star", 8), ("chain", 10))
    grid = [
        Cell(graph, count, noise=noise, outliers=share)
        for (graph, count), noise, share in product(small, ("none", "low", "medium", "high"), (0.0, 0.1, 0.3))
    ]
    usual = [Cell(graph, count, noise=noise) for (graph, count), noise in product(small, ("low", "medium", "high"))]
    pairs = [Cell("complete", 2, noise=noise) for noise in ("none", "low", "medium", "high")]
    large = [
        *(Cell("complete", 8, noise=noise) for noise in ("low", "medium", "high")),
        Cell("complete", 8, outliers=0.3),
        Cell("complete", 16),
        *(Cell("complete", count, steps=TIMED_STEPS) for count in (30, 50)),
        *(Cell("chain", 50, noise=noise) for noise in ("low", "medium", "high")),
        Cell("star", 50),
        Cell("swin-3", 50),
        Cell("chain", 200, steps=TIMED_STEPS),
        Cell("star", 200, steps=TIMED_STEPS),
        Cell("swin-3", 200, steps=TIMED_STEPS),
    ]
    return [replace(cell, seeds=_seeds(cell)) for cell in (*pairs, *usual, *grid, *large)]


def _seeds(cell: Cell) -> int:
    """More where both solvers come close, so that chance does not decide; few pairs, much chance."""
    close = cell.count == 2 or (cell.count == 4 and (cell.outliers is None or cell.outliers == 0))
    return 5 if close and cell.noise != "none" else 1
