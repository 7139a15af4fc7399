"""Which photos are shown to the network together. Imports no torch."""

import re
from typing import NamedTuple

from ..errors import InputError

AUTO = "auto"
MOST_NEIGHBOURS = 12  # other photos that one is tried with in `auto`
FORMS = "auto, complete, swin-W, logwin-W or oneref-ID (W and ID are whole numbers; add -noncyclic to swin and logwin)"


class Edge(NamedTuple):
    """An ordered pair of photos; its outputs live in camera i."""

    i: int
    j: int


def make_edges(
    count: int, graph: str = "complete", symmetrize: bool = True, prefilter: str | None = None
) -> list[Edge]:
    """The edges of a scene graph over `count` photos, in a fixed order, each once, never a photo with itself.

    auto: which photos meet depends on what they show (core/pipeline/edge_choice.py): here complete up to
    MOST_NEIGHBOURS photos, and for more a closed window as large as that graph may get. complete: every pair. swin-W:
    each photo and the W after it. logwin-W: each photo and those 1, 2, 4, ..., 2^(W-1) after it. oneref-ID: photo ID
    and every other. Windows wrap around unless "-noncyclic" is added; a W beyond the number of photos adds no edges.
    symmetrize: both directions of every edge. prefilter: "seq-N" keeps edges of photos at most N apart in the list,
    "cyc-N" in the closed ring. A single photo is the one exception: its only edge is (0, 0). Raises InputError for an
    unknown graph or filter, or a reference that does not exist.
    """
    if count < 1:
        raise InputError("A scene graph needs at least one photo, got none")
    name, number, cyclic = _parse(_stand_in(count) if graph == AUTO else graph)
    if count == 1:
        return [Edge(0, 0)]
    edges = list(dict.fromkeys(Edge(i, j) for i, j in _pairs(count, name, number, cyclic) if i != j))
    if symmetrize:
        edges = list(dict.fromkeys(edges + [Edge(j, i) for i, j in edges]))
    return edges if prefilter is None else _near(edges, prefilter, count)


def _stand_in(count: int) -> str:
    return "complete" if count <= MOST_NEIGHBOURS else f"swin-{MOST_NEIGHBOURS // 2}"


def _near(edges: list[Edge], prefilter: str, count: int) -> list[Edge]:
    match = re.fullmatch(r"(seq|cyc)-?(\d{1,99})", prefilter)
    if match is None:
        raise InputError(f"Unknown prefilter {prefilter!r}: use seq-N or cyc-N")
    limit, ring = int(match[2]), match[1] == "cyc"
    return [Edge(i, j) for i, j in edges if min(abs(i - j), count - abs(i - j) if ring else count) <= limit]


def _parse(graph: str) -> tuple[str, int, bool]:
    match = re.fullmatch(r"(complete)|(swin|logwin)(?:-(\d{1,99}))?(-noncyclic)?|(oneref)(?:-(\d{1,99}))?", graph)
    if match is None:
        raise InputError(f"Unknown scene graph {graph!r}: use {FORMS}")
    complete, window, size, noncyclic, oneref, reference = match.groups()
    if complete:
        return complete, 0, False
    if oneref:
        return oneref, int(reference or 0), False
    if size is not None and int(size) < 1:
        raise InputError(f"Scene graph {graph!r} has an empty window: use 1 or more")
    return window, int(size or 3), not noncyclic


def _pairs(count: int, name: str, number: int, cyclic: bool) -> list[tuple[int, int]]:
    if name == "complete":
        return [(i, j) for i in range(count) for j in range(i)]
    if name == "oneref":
        if number >= count:
            raise InputError(f"oneref-{number} names a photo that is not there: {count} photos are numbered from 0")
        return [(number, j) for j in range(count)]
    most = min(number, count)  # beyond, steps modulo `count` repeat
    offsets = range(1, most + 1) if name == "swin" else [2**k for k in range(most)]
    pairs = [(i, i + offset) for i in range(count) for offset in offsets]
    if cyclic:
        return [(min(i, j % count), max(i, j % count)) for i, j in pairs]
    return [(i, j) for i, j in pairs if j < count]
