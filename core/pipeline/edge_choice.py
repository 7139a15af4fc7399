"""Which edges a reconstruction is made of: those of its scene graph, `auto` grown as the network judges it."""

from collections.abc import Sequence
from typing import NamedTuple

from ..inference.forward import PREDICTING
from ..inference.group_predictor import GroupPredictor
from ..inference.predictor import Predictor
from ..progress import Report, part_of, silent
from ..scene_graph.edges import AUTO, Edge, make_edges
from ..scene_graph.pair_selection import SURE, grow, pair_strength
from ..scene_graph.retrieval import likeness_of, pooled
from ..scene_graph.shard import WHOLE, Shard
from ..settings import ReconstructionSettings

UNSURE = "The model is sure of hardly any pair of these photos: cameras may be far off"


class ChosenEdges(NamedTuple):
    """The edges, in a fixed order, and what the user should know of them."""

    edges: list[Edge]
    warnings: tuple[str, ...]


def choose_edges(
    predictor: Predictor,
    settings: ReconstructionSettings,
    report: Report = silent,
    shard: Shard = WHOLE,
    edges: list[Edge] | None = None,
) -> ChosenEdges:
    """The edges of a scene graph; of `auto`, the pairs that say something, and (k, k) for a photo without any.

    What `auto` asks the network is in the predictor's store afterwards; where the store has the graph of some of the
    photos, only pairs of the others are tried. shard: whose part of that is begun with, where several are at it; edges:
    those of `make_edges`, where the caller has them.
    """
    count = len(predictor.views)
    edges = make_edges(count, settings.scene_graph, settings.symmetrize) if edges is None else edges
    if isinstance(predictor, GroupPredictor):
        return _in_groups(predictor, settings, report, edges)
    if settings.scene_graph != AUTO or count == 1:
        return ChosenEdges(edges, ())
    predictor.encode(range(count), report, shard)
    likeness = likeness_of([pooled(predictor.encoded(photo)) for photo in range(count)])
    known = sorted({Edge(min(edge), max(edge)) for edge in predictor.last_graph()})
    judge = _Judge(predictor, settings.symmetrize, report, len(edges), shard)
    pairs = grow(likeness, judge, known)
    report(PREDICTING, len(edges), len(edges))
    edges = [*_directed(pairs, settings.symmetrize), *_alone(pairs, count)]
    predictor.keep_graph(edges)
    return ChosenEdges(edges, () if 2 * len(judge.sure) >= count else (UNSURE,))


def _in_groups(
    predictor: GroupPredictor, settings: ReconstructionSettings, report: Report, edges: list[Edge]
) -> ChosenEdges:
    """The edges whose photos a network of many photos sees at once; of `auto` those with much in common."""
    count = len(predictor.views)
    if count == 1:
        return ChosenEdges(edges, ())
    if settings.scene_graph == AUTO:
        edges = _directed(predictor.pairs(report), settings.symmetrize)
    else:
        predictor.infer(edges, report)
        edges = predictor.shared(edges)
    return ChosenEdges([*edges, *_alone(edges, count)], ())


def _alone(edges: Sequence[Edge], count: int) -> list[Edge]:
    """(k, k) for each photo without an edge."""
    return [Edge(photo, photo) for photo in sorted(set(range(count)) - {photo for edge in edges for photo in edge})]


class _Judge:
    """Says how strong pairs are, and remembers which photos the network is plainly sure of in some pair."""

    def __init__(self, predictor: Predictor, symmetrize: bool, report: Report, most: int, shard: Shard) -> None:
        self._predictor, self._symmetrize, self._shard = predictor, symmetrize, shard
        self._report, self._done, self._most = report, 0, most
        self.sure: set[int] = set()

    def __call__(self, pairs: Sequence[Edge]) -> list[float]:
        """The strength of each pair, the mean over both directions."""
        edges = _directed(pairs, self._symmetrize)
        for part in self._shard.turns(edges):
            self._predictor.infer(edges, part_of(self._report, self._done, self._most), part)
        self._done += len(edges)
        scores = [self._predictor.score(edge) for edge in edges]
        self.sure |= {photo for edge, (_, other) in zip(edges, scores, strict=True) if other >= SURE for photo in edge}
        strength = [pair_strength(*score) for score in scores]
        return [sum(each) / len(each) for each in (strength[k :: len(pairs)] for k in range(len(pairs)))]


def _directed(pairs: Sequence[Edge], symmetrize: bool) -> list[Edge]:
    return [*pairs, *(Edge(j, i) for i, j in pairs if symmetrize)]
