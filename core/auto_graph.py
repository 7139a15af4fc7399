"""Which edges a reconstruction is made of: those of its scene graph, `auto` grown as the network judges it."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, Protocol

from .growing import grow
from .inference import PREDICTING
from .model.dust3r import Encoded
from .progress import Report, part_of, silent
from .retrieval import likeness_of, pooled
from .scene_graph import AUTO, Edge, make_edges
from .settings import ReconstructionSettings

UNSURE = "The model is sure of hardly any pair of these photos: all pairs tried are used, and cameras may be far off"


class Inference(Protocol):
    """What the network says of some photos, worked out when it is asked for."""

    def encode(self, photos: Iterable[int], report: Report) -> None: ...

    def encoded(self, photo: int) -> Encoded: ...

    def infer(self, edges: Sequence[Edge], report: Report) -> None: ...

    def score(self, edge: Edge) -> tuple[float, float]:
        """How sure the network is of photos i and j of an inferred edge: mean log confidence."""
        ...


class ChosenEdges(NamedTuple):
    """The edges, in a fixed order, and what the user should know of them."""

    edges: list[Edge]
    warnings: tuple[str, ...]


def choose_edges(
    inference: Inference,
    count: int,
    settings: ReconstructionSettings,
    report: Report = silent,
    known: Collection[Edge] = (),
) -> ChosenEdges:
    """The edges of `count` photos; of `auto`, the pairs that say something, and (k, k) for a photo without any.

    known: edges that an earlier, smaller set of photos ended with; then only pairs of new photos are tried.
    """
    if settings.scene_graph != AUTO or count == 1:
        return ChosenEdges(make_edges(count, settings.scene_graph, settings.symmetrize), ())
    inference.encode(range(count), report)
    likeness = likeness_of([pooled(inference.encoded(photo)) for photo in range(count)])
    most = len(make_edges(count, AUTO, settings.symmetrize))
    judge = _Judge(inference, settings.symmetrize, report, most)
    grown = grow(likeness, judge, sorted({Edge(min(edge), max(edge)) for edge in known}))
    report(PREDICTING, most, most)
    alone = sorted(set(range(count)) - {photo for pair in grown.pairs for photo in pair})
    edges = [*_directed(grown.pairs, settings.symmetrize), *(Edge(photo, photo) for photo in alone)]
    return ChosenEdges(edges, () if grown.telling else (UNSURE,))


class _Judge:
    """Says how sure the network is of the second photo of a pair, for which it has to know how the two lie."""

    def __init__(self, inference: Inference, symmetrize: bool, report: Report, most: int) -> None:
        self._inference, self._symmetrize = inference, symmetrize
        self._report, self._done, self._most = report, 0, most

    def __call__(self, pairs: Sequence[Edge]) -> list[float]:
        """The mean over both directions of each pair's mean log confidence."""
        edges = _directed(pairs, self._symmetrize)
        self._inference.infer(edges, part_of(self._report, self._done, self._most))
        self._done += len(edges)
        strength = [self._inference.score(edge)[1] for edge in edges]
        return [sum(each) / len(each) for each in (strength[k :: len(pairs)] for k in range(len(pairs)))]


def _directed(pairs: Sequence[Edge], symmetrize: bool) -> list[Edge]:
    return [*pairs, *(Edge(j, i) for i, j in pairs if symmetrize)]
