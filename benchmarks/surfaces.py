"""Depth of the network alone, of the photos alone and of both together, against the true depth of posed folders.

usage: python benchmarks surfaces [FOLDER ...]   (samples/studio; more folders have a cameras.json with depth maps too)
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.cameras.posed_images import PosedPhoto, read_depth, read_posed_photos
from ..core.checkpoints.loading import load_model
from ..core.checkpoints.local import find_model
from ..core.inference.array_store import MemoryStore
from ..core.pipeline.reconstruct import reconstruct
from ..core.reconstruction.result import Reconstruction, unconfirmed_of
from ..core.settings import ReconstructionSettings
from ..evaluation.exam.scoring import depth_at
from .suite.report import machine

HEAD = """| set | depth | pixels % | within 1 % | within 3 % | abs-rel % |
|---|---|---|---|---|---|"""
ABOUT = """Cameras are solved from the photos, with the bundled model. One unit a set: the median of true over found
depth of the pixels that photos confirm, for the network alone of all. Pixels: the share of those with a true depth that
a row judges; then the shares of these within 1 and 3 % of the truth, and the mean of |found - true| / true. Each figure
is the median over the photos that have a true depth. Shown: what no flaw and no confidence hides by default.
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """One photo's pixels with a true depth, (M,) each."""

    ratio: NDArray[np.float64]  # found over true depth
    confirmed: NDArray[np.bool_]
    shown: NDArray[np.bool_]


def main(root: Path) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, default=[root / "samples" / "studio"])
    lines = [f"# Surfaces\n\n{machine(root)}\n\n{HEAD}"]
    lines += [row for folder in parser.parse_args().folders for row in _rows(folder)]
    text = "\n".join([*lines, "", ABOUT])
    (root / "benchmarks" / "results" / "surfaces.md").write_text(text, encoding="utf-8")


def _rows(folder: Path) -> list[str]:
    truth = read_posed_photos(folder)
    model = load_model(find_model("small"), torch.device("cpu"))
    solve = partial(reconstruct, [photo.path for photo in truth], model, store=MemoryStore())
    network = _judged(truth, solve(ReconstructionSettings(surfaces="network")))
    photos = _judged(truth, solve(ReconstructionSettings()))
    rows = {
        "the network's": (network, [np.ones_like(one.shown) for one in network]),
        "the photos'": (photos, [one.confirmed for one in photos]),
        "both": (photos, [np.ones_like(one.shown) for one in photos]),
        "both, shown": (photos, [one.shown for one in photos]),
    }
    return [f"| {folder.name} | {name} | {_figures(*row)} |" for name, row in rows.items()]


def _judged(truth: Sequence[PosedPhoto], result: Reconstruction) -> list[Judged]:
    """Of the photos that have a true depth."""
    found = {view.path: index for index, view in enumerate(result.views)}
    unconfirmed = unconfirmed_of(result.views)
    sound = result.without_flaws().views
    judged = []
    for photo in truth:
        index = found.get(photo.path.resolve())
        if photo.depth is None or index is None:
            continue
        view = result.views[index]
        true = depth_at(read_depth(photo.depth), view.mapping.photo_pixels(), photo.size)
        known = (true > 0) & view.kept()
        confirmed = np.zeros_like(known) if unconfirmed is None else ~unconfirmed[index]
        shown = sound[index].kept(result.min_confidence)
        judged.append(Judged(view.depth[known] / true[known].astype(np.float64), confirmed[known], shown[known]))
    return judged


def _figures(judged: Sequence[Judged], chosen: Sequence[NDArray[np.bool_]]) -> str:
    together, confirmed = (np.concatenate([getattr(one, name) for one in judged]) for name in ("ratio", "confirmed"))
    unit = np.median(together[confirmed] if confirmed.any() else together)
    rows = []
    for one, pixels in zip(judged, chosen, strict=True):
        if pixels.any():
            ratio = one.ratio[pixels] / unit
            off = np.maximum(ratio, 1 / ratio) - 1
            rows.append((pixels.mean(), (off < 0.01).mean(), (off < 0.03).mean(), np.abs(ratio - 1).mean()))
    return " | ".join(f"{100 * value:.1f}" for value in np.median(rows, axis=0)) if rows else "– | – | – | –"
