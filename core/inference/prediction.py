"""The network's output for one pair of photos, whole, and as it is cached."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..geometry.pixel_sampling import KEPT, spread
from ..scene_graph.edges import Edge


class PairPrediction(Protocol):
    """What the alignment reads of one edge (i, j), wherever it lies. Side 0 is photo i's, side 1 photo j's."""

    @property
    def edge(self) -> Edge: ...

    def shape(self, side: int) -> tuple[int, int]:
        """(H, W) of the side's photo."""
        ...

    def at(self, side: int, pixels: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Points (P, 3) and confidence (P,) at flat pixels that are among those of `spread.spread`."""
        ...

    def dense(self, side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """Points (H * W, 3) and confidence (H * W,) of every pixel; None where only those of `spread` were kept."""
        ...


@dataclass(frozen=True, slots=True)
class Prediction:
    """The network's output for one edge (i, j); everything in camera i's frame, up to scale."""

    edge: Edge
    points_i: Tensor  # (Hi, Wi, 3), float32
    points_j: Tensor  # (Hj, Wj, 3), float32
    confidence_i: Tensor  # (Hi, Wi), float32, >= 1
    confidence_j: Tensor  # (Hj, Wj), float32, >= 1

    def shape(self, side: int) -> tuple[int, int]:
        height, width = self._fields(side)[0].shape[:2]
        return height, width

    def at(self, side: int, pixels: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any]]:
        points, confidence = self._flat(side)
        return points[pixels].cpu().numpy(), confidence[pixels].cpu().numpy()

    def dense(self, side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        points, confidence = self._flat(side)
        return points.float().cpu().numpy(), confidence.float().cpu().numpy()

    def _fields(self, side: int) -> tuple[Tensor, Tensor]:
        return (self.points_j, self.confidence_j) if side else (self.points_i, self.confidence_i)

    def _flat(self, side: int) -> tuple[Tensor, Tensor]:
        points, confidence = self._fields(side)
        return points.detach().reshape(-1, 3), confidence.detach().reshape(-1)


KEY = 32  # characters of a photo's key
LARGEST = 1e6  # score; a logarithm of float32 confidences stays below 89
RECORD = np.dtype(
    [
        ("key", f"S{KEY}", (2,)),  # of photos i and j
        ("score", np.float64, (2,)),  # how sure the network is of each side: mean log confidence
        ("points", np.float32, (2, KEPT, 3)),
        ("confidence", np.float32, (2, KEPT)),
    ]
)

Size = tuple[int, int]
Keys = tuple[str, str]


@dataclass(frozen=True, slots=True)
class CachedPrediction:
    """A prediction in a store; a `PairPrediction`."""

    edge: Edge
    sizes: tuple[Size, Size]  # (width, height) of photos i and j
    record: NDArray[Any]  # one RECORD
    read: Callable[[int], NDArray[np.float32] | None]  # a side's dense array, as `dense_array` makes it

    def shape(self, side: int) -> tuple[int, int]:
        width, height = self.sizes[side]
        return height, width

    def at(self, side: int, pixels: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any]]:
        rows = _rows(self.sizes[side], pixels)
        return self.record["points"][side][rows], self.record["confidence"][side][rows]

    def dense(self, side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        values = self.read(side)
        if values is None:
            return None
        points, confidence = np.split(values, [3 * len(values) // 4])
        return points.reshape(-1, 3), confidence


def make_record(prediction: Prediction, keys: Keys) -> NDArray[Any]:
    """What is kept of every prediction, one RECORD."""
    record = np.zeros((), RECORD)
    record["key"] = keys
    for side in (0, 1):
        height, width = prediction.shape(side)
        kept = spread((width, height), KEPT)
        record["points"][side], record["confidence"][side] = prediction.at(side, kept)
        record["score"][side] = _mean_log(prediction.dense(side)[1])
    return record


def record_keys(record: NDArray[Any]) -> Keys:
    """The keys that the record was made with; of a foreign file they may be any, and none of a photo's."""
    first, second = record["key"]
    return first.decode("latin-1"), second.decode("latin-1")


def is_sound(records: NDArray[Any]) -> bool:
    """Whether these can be what `make_record` makes, some in a row: points may be anything, as a network's may."""
    return records.dtype == RECORD and records.ndim == 1 and bool((np.abs(records["score"]) < LARGEST).all())


def is_dense(values: NDArray[Any], size: Size) -> bool:
    """Whether this can be what `dense_array` makes of a photo of this size."""
    return values.dtype == np.float32 and values.shape == (4 * size[0] * size[1],)


def dense_array(prediction: Prediction, side: int) -> NDArray[np.float32]:
    """(4 H W,): all points of a side, then all confidences."""
    return np.concatenate([part.reshape(-1) for part in prediction.dense(side)])


def _mean_log(confidence: NDArray[np.float32]) -> float:
    """Of the confidences that are numbers."""
    C = confidence[np.isfinite(confidence)].astype(np.float64)
    return float(np.log(np.maximum(C, 1)).mean()) if len(C) else 0.0


@lru_cache(maxsize=8)
def _order(size: Size) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The kept pixels' places in a record, by rising pixel, and those pixels."""
    kept = spread(size, KEPT)
    order = np.argsort(kept, kind="stable")
    return order, kept[order]


def _rows(size: Size, pixels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where in a record these pixels of a photo are; raises KeyError for one that was not kept."""
    order, kept = _order(size)
    place = np.minimum(np.searchsorted(kept, pixels), KEPT - 1)
    if (kept[place] != pixels).any():
        raise KeyError(f"only the {KEPT} pixels of spread() are kept")
    return order[place]
