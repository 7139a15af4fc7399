"""Where predictions are kept: all of them at a spread of pixels, the surest of every photo at all pixels.

A photo's own depth needs few edges at full resolution; cameras need all edges, but few pixels of each. So what is kept
grows with the photos, and hardly with the edges.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..scene_graph.edges import Edge
from .array_store import ArrayStore
from .prediction import (
    KEY,
    CachedPrediction,
    Keys,
    Prediction,
    Size,
    dense_array,
    is_dense,
    is_sound,
    make_record,
    record_keys,
)

DENSE_SIDES = 16  # of every photo: up to 9 photos complete that is all, and for 24 the depth is hardly worse
FEWEST_DENSE = 8  # below, a photo's surest edges are predicted again (after photos or edges were taken away)
RECORDS, DENSE = "pairs", "dense"  # kinds in the store


class _Side(NamedTuple):
    """One photo's part of a prediction."""

    pair: Keys
    side: int  # 0: of the first photo, 1: of the second

    @property
    def name(self) -> str:
        return f"{self.pair[0]}-{self.pair[1]}-{self.side}"


class PredictionStore:
    """The predictions of a job's photos in a store, which may hold those of others too.

    keys: of each photo, of what the network sees of it; equal photos share their predictions. sizes: (width, height).
    """

    def __init__(self, store: ArrayStore, keys: Sequence[str], sizes: Sequence[Size]) -> None:
        self._store, self._keys, self._sizes = store, keys, sizes
        self._photos = set(keys)
        self._size_of = dict(zip(keys, sizes, strict=True))
        self._records: dict[Keys, NDArray[Any]] = {}
        self._wanted: dict[str, set[_Side]] = {}
        self._present = set(store.names(DENSE))
        self._read: set[str] = set()
        self._chunks: set[str] = set()  # of those that were read, what is of these photos
        self._read_records()

    def missing(self, edges: Sequence[Edge]) -> list[Edge]:
        """Those of the edges that nothing is kept of. From now on these edges compete for what is kept densely."""
        asked = self._sides(edges)
        for key, sides in asked.items():
            self._wanted.setdefault(key, set()).update(sides)
        self._read_records()
        # Other processes may have kept sides without knowing of each other's surer ones, or been stopped half way.
        self._present = set(self._store.names(DENSE))
        self._forget(self._places(asked))
        return [edge for edge in edges if self._pair(edge) not in self._records]

    def bare(self, edges: Sequence[Edge]) -> list[Edge]:
        """The kept edges whose dense sides are needed again, because too few of some photo's others are there."""
        needed: set[Keys] = set()
        for sides in self._sides(edges).values():
            absent = [side for side in self._ranked(sides) if not self._is_present(side)]
            lacking = min(FEWEST_DENSE, len(sides)) - (len(sides) - len(absent))
            needed |= {side.pair for side in absent[: max(lacking, 0)]}
        return [edge for edge in edges if self._pair(edge) in needed]

    def add(self, predictions: Sequence[Prediction]) -> None:
        """Keep predictions of edges that `missing` was asked for: all of them, or, when interrupted, none."""
        records = np.stack([make_record(prediction, self._pair(prediction.edge)) for prediction in predictions])
        self._records |= {record_keys(record): record for record in records}
        places = self._places({key for record in records for key in record_keys(record)})
        for prediction in predictions:
            for side in (0, 1):
                name = _Side(self._pair(prediction.edge), side).name
                if places[name] < DENSE_SIDES:
                    self._store.put(DENSE, name, dense_array(prediction, side))
                    self._present.add(name)
        name = hashlib.sha256(records["key"].tobytes()).hexdigest()[:KEY]
        self._store.put(RECORDS, name, records)
        self._read.add(name)
        self._chunks.add(name)
        self._forget(places)

    def of(self, edges: Sequence[Edge]) -> list[CachedPrediction]:
        """The kept predictions of these edges, none of which may be missing."""
        rank: dict[str, int] = {}
        for sides in self._sides(edges).values():
            present = [side.name for side in self._ranked(sides) if side.name in self._present]
            rank |= {name: place for place, name in enumerate(present[:DENSE_SIDES])}
        self._use(sorted(rank, key=lambda name: -rank[name]))
        return [self._kept(edge, rank.keys()) for edge in edges]

    def score(self, edge: Edge) -> tuple[float, float]:
        """How sure the network is of each side of a kept edge: mean log confidence."""
        first, second = self._records[self._pair(edge)]["score"]
        return float(first), float(second)

    def _read_records(self) -> None:
        """Those that were not read yet: other processes may have put some there."""
        for name in sorted(set(self._store.names(RECORDS)) - self._read):
            records = self._store.get(RECORDS, name)
            if records is not None and is_sound(records):
                self._take(name, records)
            else:
                self._store.drop(RECORDS, name)
            self._read.add(name)

    def _take(self, name: str, records: NDArray[Any]) -> None:
        """What a chunk says of these photos; one that says nothing of them is let go, and its file closed."""
        own = [record for record in records if self._photos.issuperset(record_keys(record))]
        if own:
            self._records = {record_keys(record): record for record in own} | self._records
            self._chunks.add(name)

    def _is_present(self, side: _Side) -> bool:
        """Whether all pixels of it are kept; a damaged file is dropped."""
        if side.name in self._present and self._dense(side) is None:
            self._store.drop(DENSE, side.name)
            self._present.remove(side.name)
        return side.name in self._present

    def _dense(self, side: _Side) -> NDArray[np.float32] | None:
        """All pixels of it; None where they are not kept, or where it is a damaged file that keeps them."""
        values = self._store.get(DENSE, side.name)
        size = self._size_of[side.pair[side.side]]
        return values if values is not None and is_dense(values, size) else None

    def _use(self, dense: Sequence[str]) -> None:
        """Note what is of use, what can be spared last: a few sides less of every photo cost nothing."""
        for name in dense:
            self._store.use(DENSE, name)
        for name in self._chunks:
            self._store.use(RECORDS, name)

    def _kept(self, edge: Edge, best: Set[str]) -> CachedPrediction:
        pair, sizes = self._pair(edge), (self._sizes[edge.i], self._sizes[edge.j])

        def read(side: int) -> NDArray[np.float32] | None:
            part = _Side(pair, side)
            return self._dense(part) if part.name in best else None

        return CachedPrediction(edge, sizes, self._records[pair], read)

    def _places(self, photos: Iterable[str]) -> dict[str, int]:
        """How many of a photo's sides that are asked for are surer, by the side's name."""
        ranked = (self._ranked(self._wanted[photo]) for photo in photos)
        return {side.name: place for sides in ranked for place, side in enumerate(sides)}

    def _forget(self, places: Mapping[str, int]) -> None:
        """Let go of the sides that are not among their photo's surest."""
        for name in {name for name in self._present if places.get(name, 0) >= DENSE_SIDES}:
            self._store.drop(DENSE, name)
            self._present.remove(name)

    def _sides(self, edges: Iterable[Edge]) -> Mapping[str, set[_Side]]:
        """By photo, its part of all edges."""
        sides: dict[str, set[_Side]] = defaultdict(set)
        for edge in edges:
            for side, key in enumerate(pair := self._pair(edge)):
                sides[key].add(_Side(pair, side))
        return sides

    def _ranked(self, sides: Iterable[_Side]) -> list[_Side]:
        """Those of which something is kept, the surest first."""
        kept = [side for side in sides if side.pair in self._records]
        return sorted(kept, key=lambda side: (-self._records[side.pair]["score"][side.side], side))

    def _pair(self, edge: Edge) -> Keys:
        return self._keys[edge.i], self._keys[edge.j]
