"""`make bench-scene-graph`: the scene graph `auto` against others, in pose accuracy and in pairs."""

import argparse
import time
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from ..core.alignment.aligner import AlignmentPhoto, align
from ..core.cameras.posed_images import read_posed_photos
from ..core.checkpoints.loading import LoadedModel, load_model
from ..core.checkpoints.local import find_model
from ..core.images.preprocessing import load_views
from ..core.inference.array_store import MemoryStore
from ..core.inference.predictor import Predictor
from ..core.pipeline.edge_choice import choose_edges
from ..core.pipeline.reconstruct import framing_of
from ..core.scene_graph.edges import Edge, make_edges
from ..core.scene_graph.pair_selection import PLAIN, SURE, Judge, grow, pair_strength
from ..core.settings import ReconstructionSettings
from ..evaluation.metrics.poses import pair_errors, summarise_errors
from .suite.graph_scenes import FAILING, Photos, posed, rendered, synthetic
from .suite.report import machine

SEEDS = 3
PATHS = (("arc", 24, 0.1), ("orbit", 24, 0.3), ("walk", 40, 0.3))
TOGETHER = (20, 15, 1)  # photos of three places
ELSEWHERE = 0.03  # strength of a pair of different places
LOST = 180.0  # degrees, between photos of different components
GRAPHS = ("complete", "swin-6", "blind", "absolute", "auto")
HEAD = (
    "| photos | N | graph | pairs a photo | AUC@5 | AUC@10 | AUC@30 | against complete | rotation ° |\n"
    + "|---" * 9
    + "|"
)

ABOUT = f"""Generator: `tests/golden/synthetic_pairs.py`, medium noise, 64x48; pairs that overlap by less than about
{FAILING:.0%} fail (a wrong pose, no confidence), which its own do not. Likeness: the true overlap with noise of
that standard deviation, or what the encoder of the named model finds. Rendered views: held-out training scenes at the
greatest difficulty. swin-6: each photo with the six before and after it in the list. blind: `auto` that takes every
confidence for 1; absolute: that takes the second photo's as it stands, not relative to the first's. AUC: of the larger
of rotation and direction error of all pairs of photos; against complete: AUC@30, mean and standard error over the
{SEEDS} scenes of a row. Pairs a photo: unordered, mean and greatest."""


ABOUT_RATIOS = """Ratios of the mean log confidence of the second photo to that of the first, all edges:

| photos | edges | 5 % | median | 95 % | below SURE / PLAIN |
|---|---|---|---|---|---|"""


def main(root: Path) -> None:
    parser = argparse.ArgumentParser(description="The scene graph auto against others")
    parser.add_argument("folders", nargs="*", type=Path, help="posed folders; else the samples")
    parser.add_argument("--model", help="a checkpoint; else the best one present")
    parser.add_argument("--output", type=Path, default=root / "benchmarks" / "results" / "scene_graph.md")
    arguments = parser.parse_args()
    folders = arguments.folders or [root / "samples" / name for name in ("studio", "buddha")]
    model = load_model(find_model(arguments.model), torch.device("cpu"))
    lines = []
    for path, count, noise in PATHS:
        lines += _compared([synthetic(path, count, seed, noise) for seed in range(SEEDS)])
    for scenes in zip(*(rendered(model, 24, seed) for seed in range(SEEDS)), strict=True):
        lines += _compared(scenes)
    for folder in folders:
        for photos in posed(model, folder):
            lines += _compared([photos])
    table = "\n".join([HEAD, *lines])
    places = "\n".join(_places(seed) for seed in range(SEEDS))
    text = f"""# The scene graph auto

{machine(root)}

{table}

{ABOUT}

## Two places and a stranger

Photos of the three places in every part that `auto` makes, by scene:

{places}

## The photo sets in one list

Photos of each set in every part that `auto` makes with {model.name}:

{_sets(model, folders)}

## A thousand photos

{_thousand()}
"""
    arguments.output.write_text(text, encoding="utf-8")


def _compared(scenes: Sequence[Photos]) -> Iterator[str]:
    """A line for every graph: means over the scenes."""
    complete: list[float] = []
    for graph in GRAPHS:
        rows = [_measured(photos, graph) for photos in scenes]
        column = {key: np.array([row[key] for row in rows]) for key in rows[0]}
        mean = {key: float(values.mean()) for key, values in column.items()}
        complete = complete or column["auc30"].tolist()
        lead = column["auc30"] - complete
        spread = f" ± {lead.std(ddof=1) / len(lead) ** 0.5:.2f}" if len(lead) > 1 else ""
        aucs = " | ".join(f"{mean[key]:.1f}" for key in ("auc5", "auc10", "auc30"))
        found = f"{mean['pairs']:.1f}, {column['most'].max():.0f} | {aucs} | {lead.mean():+.2f}{spread}"
        yield _shown(f"| {scenes[0].name} | {len(scenes[0].cam2world)} | {graph} | {found} | {mean['rotation']:.2f} |")


def _measured(photos: Photos, graph: str) -> dict[str, float]:
    pairs = _pairs(photos, graph)
    edges = [*pairs, *(Edge(j, i) for i, j in pairs)]
    records = [AlignmentPhoto(m, principal_point=c) for m, c in zip(photos.mappings, photos.centres, strict=True)]
    found = align(records, photos.pairs.predict(edges))
    i, j = np.triu_indices(len(photos.cam2world), 1)
    apart = found.component[i] != found.component[j]
    errors = pair_errors(found.cam2world, photos.cam2world)
    rotation, direction = (np.where(apart, LOST, error) for error in errors)
    others = np.bincount(np.ravel(pairs), minlength=len(photos.cam2world))
    figures = {"pairs": others.mean(), "most": others.max(), "rotation": float(np.median(rotation))}
    return summarise_errors(rotation, direction) | figures


def _pairs(photos: Photos, graph: str) -> list[Edge]:
    if graph in ("auto", "absolute"):
        return grow(photos.likeness, _judge(photos, relative=graph == "auto"))
    if graph == "blind":
        return grow(photos.likeness, lambda pairs: [1.0] * len(pairs))
    return make_edges(len(photos.cam2world), graph, symmetrize=False)


def _judge(photos: Photos, relative: bool = True) -> Judge:
    def strength(edge: Edge) -> float:
        photos.pairs.predict([edge])
        own, other = photos.pairs.score(edge)
        return pair_strength(own, other) if relative else other

    return lambda pairs: [(strength(edge) + strength(Edge(edge.j, edge.i))) / 2 for edge in pairs]


def _places(seed: int) -> str:
    """An orbit and an arc in different rooms and one photo of a third: how `auto` parts them."""
    rooms = [synthetic(path, 20, seed + 100 * k, 0.3) for k, path in enumerate(("orbit", "arc", "walk"))]
    place, number = np.repeat(range(3), TOGETHER), np.concatenate([np.arange(count) for count in TOGETHER])
    count = sum(TOGETHER)
    likeness = 0.3 * np.random.default_rng(seed).standard_normal((count, count))
    likeness = (likeness + likeness.T) / 2
    judges, tried = [_judge(room) for room in rooms], np.zeros(count, dtype=int)
    for k, room in enumerate(rooms):
        here = np.flatnonzero(place == k)
        likeness[np.ix_(here, here)] = room.likeness[np.ix_(number[here], number[here])]

    def judge(pairs: Sequence[Edge]) -> list[float]:
        np.add.at(tried, np.array(pairs), 1)
        return [
            judges[place[i]]([Edge(int(number[i]), int(number[j]))])[0] if place[i] == place[j] else ELSEWHERE
            for i, j in pairs
        ]

    graph = np.zeros((count, count))
    graph[tuple(np.transpose(grow(likeness, judge)))] = 1
    return _shown(f"- {seed}: {_held(graph, place)}; tried with {tried.mean():.1f} others on average")


def _sets(model: LoadedModel, folders: Sequence[Path]) -> str:
    """How the model parts photos of several places that were thrown together, and the confidences that it goes by."""
    paths = [[photo.path for photo in read_posed_photos(folder)] for folder in folders]
    place = np.repeat(range(len(folders)), list(map(len, paths)))
    views, _ = load_views(list(chain(*paths)), framing_of(model.config))
    predictor = Predictor(model.network, views, MemoryStore())
    edges, warnings = choose_edges(predictor, ReconstructionSettings())
    graph = np.zeros((len(place), len(place)))
    graph[tuple(np.transpose(edges))] = 1
    names = ", ".join(f"{folder.name} ({len(some)})" for folder, some in zip(folders, paths, strict=True))
    found = _shown(f"{names}: {_held(graph, place)}. {' '.join(warnings)}".strip())
    return "\n".join([found, "", ABOUT_RATIOS, *_ratios(predictor, place, [folder.name for folder in folders])])


def _ratios(predictor: Predictor, place: NDArray[np.int_], names: Sequence[str]) -> Iterator[str]:
    """A line for every set's own pairs, and one for those of two."""
    edges = make_edges(len(place), "complete")
    predictor.infer(edges)
    own, other = np.transpose([predictor.score(edge) for edge in edges])
    ends = place[np.array(edges)]
    same = ends[:, 0] == ends[:, 1]
    for number, name in enumerate([*names, "of two sets"]):
        ratio = (other / own)[same & (ends[:, 0] == number) if number < len(names) else ~same]
        low, middle, high = np.quantile(ratio, [0.05, 0.5, 0.95])
        below = np.mean(ratio < SURE / PLAIN)
        yield _shown(f"| {name} | {len(ratio)} | {low:.3f} | {middle:.3f} | {high:.3f} | {below:.0%} |")


def _held(graph: NDArray[np.float64], place: NDArray[np.int_]) -> str:
    """How many photos of each place are in each connected part of the graph."""
    parts, label = connected_components(graph, directed=False)
    counts = (np.bincount(place[label == part], minlength=int(place.max()) + 1) for part in range(parts))
    return "; ".join(str(count.tolist()) for count in counts)


def _thousand() -> str:
    """What growing itself costs."""
    rng = np.random.default_rng(0)
    place = rng.random((1000, 2))
    apart = np.linalg.norm(place[:, None] - place, axis=-1)
    noise = 0.1 * rng.standard_normal(apart.shape)
    asked: list[int] = []

    def judge(pairs: Sequence[Edge]) -> list[float]:
        asked.append(len(pairs))
        return [max(0.0, 1.5 - float(apart[pair]) / 0.06) for pair in pairs]

    began = time.process_time()
    grown = grow(-apart + (noise + noise.T) / 2, judge)
    spent = time.process_time() - began
    rounds = ", ".join(map(str, asked))
    return _shown(
        f"Scattered over a square, each like those around it: {sum(asked)} pairs tried in rounds of {rounds}; "
        f"{len(grown)} kept; {spent:.1f} CPU-s besides inference."
    )


def _shown(line: str) -> str:
    print(line, flush=True)
    return line
