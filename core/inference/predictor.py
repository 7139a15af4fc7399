"""The network and what it has said so far: nothing is encoded or decoded that lies in the store already."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import InputError
from ..images.preprocessing import View
from ..networks.depth_anything_3.depth_anything_3 import DepthAnything3
from ..networks.dust3r.dust3r import Encoded
from ..networks.network import Network
from ..progress import Report, part_of, silent
from ..scene_graph.edges import Edge
from ..scene_graph.shard import WHOLE, Shard
from .array_store import ArrayStore
from .forward import decode, encode
from .prediction import KEY, PairPrediction
from .prediction_store import PredictionStore

ENCODED, GRAPH = "encoded", "graph"  # kinds in the store
KEYS = np.dtype(f"S{KEY}")
PHOTOS = 16  # encoded before they are put in the store together


class Predictor:
    """What a network says of some views, one forward pass for everything that the store lacks."""

    def __init__(
        self,
        network: Network,
        views: Sequence[View],
        store: ArrayStore,
        batch_pixels: int | None = None,
        predicted: Callable[[Iterable[int]], None] = lambda photos: None,
    ) -> None:
        """batch_pixels: as for `inference.decode`; predicted: called with photos all of whose pairs are there."""
        self.views, self._batch_pixels, self._predicted = views, batch_pixels, predicted
        self._network, self._store = network, store
        self.keys = tuple(photo_key(view) for view in views)
        self._pairs = PredictionStore(store, self.keys, [view.mapping.view_size for view in views])

    def encode(self, photos: Iterable[int], report: Report = silent, shard: Shard = WHOLE) -> None:
        """Put in the store what the encoder says of these photos, by their numbers.

        Every shard needs all of them, and leaves out what another has put there by then.
        """
        numbers = self._unencoded(sorted(photos))
        begin = len(numbers) * (shard.number - 1) // shard.parts
        ordered = numbers[begin:] + numbers[:begin]
        for start in range(0, len(ordered), PHOTOS):
            some = self._unencoded(ordered[start : start + PHOTOS])
            views, shifted = [self.views[photo] for photo in some], part_of(report, start, len(ordered))
            # Each alone: what is kept of a photo must not depend on its company, to the last bit.
            for photo, one in zip(some, encode(self._network, views, shifted, batch_pixels=1), strict=True):
                self._store.put(ENCODED, self.keys[photo], one.tokens.float().numpy())

    def _unencoded(self, photos: Iterable[int]) -> list[int]:
        """Equal photos once."""
        numbers = {self.keys[photo]: photo for photo in photos if not self._store.has(ENCODED, self.keys[photo])}
        return list(numbers.values())

    def encoded(self, photo: int) -> Encoded:
        """What the encoder says of a photo."""
        width, height = self.views[photo].mapping.view_size
        tokens = self._tokens(photo)
        if tokens is None:
            self._store.drop(ENCODED, self.keys[photo])
            self.encode([photo])
            tokens = self._tokens(photo)
        if tokens is None:
            raise InputError("What the encoder says of a photo cannot be read back; check the disk of the job folder")
        return Encoded(torch.from_numpy(np.array(tokens)), (height, width))

    def _tokens(self, photo: int) -> NDArray[np.float32] | None:
        """(1, N, C) of a photo, if the store has what can be that."""
        config, (width, height) = self._network.config, self.views[photo].mapping.view_size
        shape = (1, height // config.patch_size * (width // config.patch_size), config.encoder_width)
        tokens = self._store.get(ENCODED, self.keys[photo])
        return tokens if tokens is not None and tokens.dtype == np.float32 and tokens.shape == shape else None

    def predict(self, edges: Sequence[Edge], report: Report = silent) -> Sequence[PairPrediction]:
        """The predictions of the edges, in their order."""
        self.infer(edges, report)
        self._decode(WHOLE.chunks(self._pairs.bare(edges)), report)
        self._predicted(chain(*edges))
        kept = self._pairs.of(edges)
        for key in self.keys:
            self._store.use(ENCODED, key)
        self._store.use(GRAPH, self._graph_name())
        return kept

    def infer(self, edges: Sequence[Edge], report: Report = silent, shard: Shard = WHOLE) -> None:
        """Put in the store what this shard's part of the edges lacks there.

        The parts depend on all edges, not on what is there: an interrupted run, or several, end with the same values.
        """
        missing = set(self._pairs.missing(edges))
        self._decode([[edge for edge in chunk if edge in missing] for chunk in shard.chunks(edges)], report, shard)

    def score(self, edge: Edge) -> tuple[float, float]:
        """How sure the network is of each side of a predicted edge: mean log confidence."""
        return self._pairs.score(edge)

    def last_graph(self) -> list[Edge]:
        """The edges that `keep_graph` was given for these photos; else those between them that it was given for
        others, of which most are among these; none before."""
        name = self._graph_name()
        if self._store.has(GRAPH, name):
            return self._graph(name)
        return max(map(self._graph, self._store.names(GRAPH)), key=lambda edges: len(set(chain(*edges))), default=[])

    def _graph(self, name: str) -> list[Edge]:
        kept = self._store.get(GRAPH, name)
        number = {key.encode(): photo for photo, key in enumerate(self.keys)}
        if kept is None or kept.dtype != KEYS or kept.shape[1:] != (2,):
            return []
        return [Edge(number[i], number[j]) for i, j in kept.tolist() if i in number and j in number]

    def _graph_name(self) -> str:
        return hashlib.sha256("".join(sorted(set(self.keys))).encode()).hexdigest()[:KEY]

    def keep_graph(self, edges: Sequence[Edge]) -> None:
        """Put in the store which edges the graph of these photos ended with."""
        pairs = [[self.keys[photo] for photo in edge] for edge in edges]
        self._store.put(GRAPH, self._graph_name(), np.array(pairs, dtype=KEYS))

    def _decode(self, chunks: Sequence[Sequence[Edge]], report: Report, shard: Shard = WHOLE) -> None:
        self.encode({photo for chunk in chunks for edge in chunk for photo in edge}, report, shard)
        done, total = 0, sum(map(len, chunks))
        left = Counter(photo for chunk in chunks for edge in chunk for photo in edge)
        for chunk in filter(None, chunks):
            encoded = {photo: self.encoded(photo) for photo in sorted({photo for edge in chunk for photo in edge})}
            part = part_of(report, done, total)
            assert not isinstance(self._network, DepthAnything3)  # which has a predictor of its own
            self._pairs.add(list(decode(self._network, encoded, chunk, part, self._batch_pixels)))
            done += len(chunk)
            left.subtract(photo for edge in chunk for photo in edge)
            self._predicted(photo for photo, pairs in left.items() if not pairs)


def photo_key(view: View) -> str:
    """Equal for two photos where the network sees the same: of every byte of the photo as it is framed."""
    shape = "x".join(map(str, view.image.shape))
    return hashlib.sha256(shape.encode() + view.image.numpy().tobytes()).hexdigest()[:KEY]
