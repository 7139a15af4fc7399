"""`make bench-scene-graph`: the scene graph `auto` against others, in pose accuracy and in pairs."""

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.sparse.csgraph import connected_components

from ...core.alignment.aligner import align
from ...core.checkpoints import find_model
from ...core.growing import Judge, grow, pair_strength
from ...core.metrics.poses import pair_errors, summarise_errors
from ...core.model.weights import load_model
from ...core.scene_graph import Edge, make_edges
from ...core.spread import KEPT, spread
from .graph_scenes import FAILING, Photos, posed, rendered, synthetic
from .synthetic import machine

SEEDS = 3
PATHS = (("arc", 24, 0.1), ("orbit", 24, 0.3), ("walk", 40, 0.3))
TOGETHER = (20, 15, 1)  # photos of three places
ELSEWHERE = 0.03  # strength of a pair of different places
LOST = 180.0  # degrees, between photos of different components
GRAPHS = ("complete", "swin-6", "blind", "auto")
HEAD = (
    "| photos | N | graph | pairs a photo | AUC@5 | AUC@10 | AUC@30 | against complete | rotation ° |\n"
    + "|---" * 9
    + "|"
)

ABOUT = f"""Generator: `tests/golden/synthetic_pairs.py`, medium noise, 64x48; pairs that overlap by less than about
{FAILING:.0%} fail (a wrong pose, no confidence), which its own do not. Likeness: the true overlap with noise of
that standard deviation, or what the encoder of the named model finds. Rendered views: held-out training scenes at the
greatest difficulty. swin-6: each photo with the six before and after it in the list. blind: `auto` that takes every
confidence for 1. AUC: of the larger of rotation and direction error of all pairs of photos; against complete: AUC@30,
mean and standard error over the {SEEDS} scenes of a row. Pairs a photo: unordered, mean and greatest."""


def main(root: Path) -> None:
    parser = argparse.ArgumentParser(description="The scene graph auto against others")
    parser.add_argument("folders", nargs="*", type=Path, default=[root / "samples" / "buddha"], help="posed folders")
    parser.add_argument("--model", help="a checkpoint; else the best one present")
    parser.add_argument("--output", type=Path, default=root / "benchmarks" / "scene_graph.md")
    arguments = parser.parse_args()
    model = load_model(find_model(arguments.model), torch.device("cpu"))
    lines = []
    for path, count, noise in PATHS:
        lines += _compared([synthetic(path, count, seed, noise) for seed in range(SEEDS)])
    for scenes in zip(*(rendered(model, 24, seed) for seed in range(SEEDS)), strict=True):
        lines += _compared(scenes)
    for folder in arguments.folders:
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
    found = align(photos.mappings, photos.pairs.predict(edges), principal_points=photos.centres)
    i, j = np.triu_indices(len(photos.cam2world), 1)
    apart = found.component[i] != found.component[j]
    errors = pair_errors(found.cam2world, photos.cam2world)
    rotation, direction = (np.where(apart, LOST, error) for error in errors)
    others = np.bincount(np.ravel(pairs), minlength=len(photos.cam2world))
    figures = {"pairs": others.mean(), "most": others.max(), "rotation": float(np.median(rotation))}
    return summarise_errors(rotation, direction) | figures


def _pairs(photos: Photos, graph: str) -> list[Edge]:
    if graph == "auto":
        return grow(photos.likeness, _judge(photos))
    if graph == "blind":
        return grow(photos.likeness, lambda pairs: [1.0] * len(pairs))
    return make_edges(len(photos.cam2world), graph, symmetrize=False)


def _judge(photos: Photos) -> Judge:
    def strength(edge: Edge) -> float:
        pair, sizes = photos.pairs.predict([edge])[0], (photos.mappings[photo].view_size for photo in edge)
        told = (pair.at(side, np.unique(spread(size, KEPT)))[1] for side, size in enumerate(sizes))
        return pair_strength(*(float(np.log(confidence).mean()) for confidence in told))

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
    parts, label = connected_components(graph, directed=False)
    held = [[int(count) for count in np.bincount(place[label == part], minlength=3)] for part in range(parts)]
    return _shown(f"- {seed}: {'; '.join(map(str, held))}; tried with {tried.mean():.1f} others on average")


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
