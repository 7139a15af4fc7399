"""How far the photos of which nothing is known are off, by what is known of the others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.alignment.aligner import Alignment, AlignmentPhoto, align
from ..core.alignment.known_focals import PHOTO_SPREAD, SYNTHETIC_SPREAD
from ..core.cameras.posed_images import read_depth, read_posed_photos
from ..core.cameras.priors import KnownCamera
from ..core.checkpoints.loading import load_model
from ..core.checkpoints.local import find_model
from ..core.images.exif import EXIF_SPREAD
from ..core.images.pixel_mapping import PixelMapping
from ..core.images.preprocessing import load_views
from ..core.inference.forward import predict
from ..core.inference.prediction import PairPrediction
from ..core.pipeline.reconstruct import framing_of
from ..core.scene_graph.edges import make_edges
from ..core.settings import AlignmentSettings
from ..evaluation.metrics.poses import pair_errors
from ..tests.synthetic import noisy_scene
from .suite.report import machine

SEEDS = range(8)
COUNT = 6
CHAIN = tuple((i, j) for i in range(COUNT) for j in range(COUNT) if abs(i - j) == 1)
SCENES: dict[str, dict[str, Any]] = {
    "medium noise, every photo with every other": {"noise": "medium"},
    "high noise, every photo with every other": {"noise": "high"},
    "medium noise, each with the next alone": {"noise": "medium", "edges": CHAIN},
    "high noise, each with the next alone": {"noise": "high", "edges": CHAIN},
}
ENDS = (0, 1, -2, -1)  # photos whose poses may be known; the others are judged

ABOUT = f"""Judged are the photos between the outer two on each side, whose poses are never given: median error of
rotation and direction to every other photo (degrees), of focals and of depths (percent; with two known poses in the
known world's units, else after one scale for all). Synthetic: {COUNT} photos on an arc of 100 degrees around a room,
pair predictions as in `tests/golden/synthetic_pairs.py` (112 x 80), one true focal, medians of {len(SEEDS)} seeds.
Lenses roughly: normal errors of {EXIF_SPREAD:.0%}, said to be so (`focal_spread`), as EXIF's are."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Predictions and the truth of N photos."""

    mappings: Sequence[PixelMapping]
    predictions: Sequence[PairPrediction]
    centres: list[tuple[float, float]]  # photo pixels
    poses: NDArray[np.float64]  # (N, 4, 4)
    focal: NDArray[np.float64]  # (N,), photo pixels
    depth: Sequence[NDArray[np.floating]]  # N x (H, W) of network pixels; 0 where not known
    network_spread: float = PHOTO_SPREAD  # as of `align`


@dataclass(frozen=True, slots=True)
class Case:
    """What is known."""

    poses: tuple[int, ...] = ()
    lens_error: float | None = None  # relative; None: lenses are not known
    shared: bool = False


CASES = {
    "nothing": Case(),
    "one pose": Case((0,)),
    "two poses": Case((0, -1)),
    "four poses": Case(ENDS),
    "lenses, roughly": Case(lens_error=EXIF_SPREAD),
    "one lens for all": Case(shared=True),
    "one lens for all, roughly known": Case(lens_error=EXIF_SPREAD, shared=True),
    "lenses": Case(lens_error=0.0),
    "lenses and two poses": Case((0, -1), 0.0),
    "lenses and four poses": Case(ENDS, 0.0),
}


def main(root: Path) -> None:
    lines = [f"# What is known, and what it buys\n\n{machine(root)}\n"]
    for name, options in SCENES.items():
        lines += list(_table(name, [_synthetic(seed, **options) for seed in SEEDS]))
    lines += list(_table("the studio photos through the bundled model", [_studio(root)]))
    text = "\n".join([*lines, ABOUT, ""])
    (root / "benchmarks" / "results" / "known.md").write_text(text, encoding="utf-8")


def _table(name: str, scenes: Sequence[Scene]) -> Iterator[str]:
    yield f"## {name[0].upper()}{name[1:]}\n"
    yield "| known | rotation ° | direction ° | focal % | depth % |\n|---|---|---|---|---|"
    for known, case in CASES.items():
        rows = [_errors(scene, case, seed) for seed, scene in enumerate(scenes)]
        yield f"| {known} | " + " | ".join(f"{value:.2f}" for value in np.median(rows, axis=0)) + " |"
    yield ""


def _errors(scene: Scene, case: Case, seed: int) -> tuple[float, float, float, float]:
    settings = AlignmentSettings(shared_focal="size" if case.shared else "off")
    rows = zip(scene.mappings, _known(scene, case, seed), scene.centres, strict=True)
    photos = [AlignmentPhoto(mapping, known=camera, principal_point=centre) for mapping, camera, centre in rows]
    found = align(photos, scene.predictions, settings, network_spread=scene.network_spread)
    judged = [k for k in range(len(scene.poses)) if k not in {end % len(scene.poses) for end in ENDS}]
    pairs = np.isin(np.stack(np.triu_indices(len(scene.poses), 1)), judged).any(0)
    rotation, direction = (errors[pairs] for errors in pair_errors(found.cam2world, scene.poses))
    focal = 100 * np.abs(found.focal[judged] / scene.focal[judged] - 1)
    depth = _depth_error(found, scene, judged, absolute=len(case.poses) > 1)
    return float(np.median(rotation)), float(np.median(direction)), float(np.median(focal)), depth


def _known(scene: Scene, case: Case, seed: int) -> list[KnownCamera]:
    error = np.random.default_rng(seed).normal(size=len(scene.poses))
    known = [KnownCamera() for _ in scene.poses]
    for k in case.poses:
        known[k] = KnownCamera(scene.poses[k])
    if case.lens_error is None:
        return known
    told = scene.focal * np.exp(case.lens_error * error)
    return [
        replace(camera, focal=float(focal), focal_spread=case.lens_error)
        for camera, focal in zip(known, told, strict=True)
    ]


def _depth_error(found: Alignment, scene: Scene, judged: list[int], absolute: bool) -> float:
    ratio = np.concatenate([(found.depth[k] / scene.depth[k])[scene.depth[k] > 0] for k in judged])
    return float(100 * np.median(np.abs(ratio / (1 if absolute else np.median(ratio)) - 1)))


def _synthetic(seed: int, noise: str, edges: tuple[tuple[int, int], ...] | None = None) -> Scene:
    scene, mappings, predictions, centres = noisy_scene(COUNT, noise, seed, edges, same_focal=True)
    return Scene(mappings, predictions, centres, scene["poses"], np.array(scene["focals"]), scene["depth"])


def _studio(root: Path) -> Scene:
    truth = read_posed_photos(root / "samples" / "studio")
    model = load_model(find_model("small"), torch.device("cpu"))
    views, _ = load_views([photo.path for photo in truth], framing_of(model.config))
    predictions = predict(model.network, views, make_edges(len(views)))
    depth = []
    for photo, view in zip(truth, views, strict=True):
        columns, rows = view.mapping.photo_pixels().astype(np.int64).transpose(2, 0, 1)
        depth.append(read_depth(photo.depth)[rows, columns] if photo.depth else np.zeros(rows.shape))
    mappings, focal = [view.mapping for view in views], np.array([photo.K[0, 0] for photo in truth])
    poses = np.stack([photo.cam2world for photo in truth])
    centres = [mapping.photo_centre for mapping in mappings]
    spread = SYNTHETIC_SPREAD if model.synthetic else PHOTO_SPREAD
    return Scene(mappings, predictions, centres, poses, focal, depth, spread)
