"""Both solvers on a real network's predictions: pose accuracy, and how well the photos agree among themselves."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.cameras.posed_images import read_posed_photos
from ..core.checkpoints.loading import LoadedModel, load_model
from ..core.checkpoints.local import find_model
from ..core.geometry.camera import intrinsics, pixel_rays, project
from ..core.images.preprocessing import load_views
from ..core.inference.forward import predict
from ..core.localization.matching import Matches, Pointmap, match_pointmaps
from ..core.pipeline.reconstruct import framing_of
from ..core.scene_graph.edges import Edge, make_edges
from .suite.cells import Inputs
from .suite.measure import Found, Run, pose_accuracy, run_dense, run_ours
from .suite.report import machine, write_section

EdgeMatches = tuple[Edge, Matches]

ABOUT = """Complete graphs, both directions, 300 dense steps. Reprojection: the network's own matches (mutual
nearest neighbours of an edge's two pointmaps among the more confident half of each), a photo's solved
point projected into the other photo; median distance to the matched pixel, network pixels. Depth:
median disagreement of the two photos' solved depths there. Both judge the solvers against the
predictions; AUC (5/10/30), rotation and focal against the true cameras. CPU s, reprojection, depth,
rotation, focal: ours / dense."""


def main(root: Path) -> None:
    parser = argparse.ArgumentParser(description="Ours against the published dense solver on real photos")
    samples = [root / "samples" / name for name in ("studio", "buddha")]
    parser.add_argument("folders", nargs="*", type=Path, default=samples, help="folders with images/ and cameras.json")
    parser.add_argument("--model", help="a checkpoint; else the best one present")
    parser.add_argument("--output", type=Path, default=root / "benchmarks" / "results" / "alignment.md")
    arguments = parser.parse_args()
    model = load_model(find_model(arguments.model), torch.device("cpu"))
    lines = [
        "| photos | N | CPU s | reprojection px | depth % | AUC ours | AUC dense | rotation ° | focal % |",
        "|---" * 9 + "|",
    ]
    for folder in arguments.folders:
        given = _given(folder, model)
        matches = list(_matches(given))

        def judge(inputs: Inputs, found: Found, matches: Sequence[EdgeMatches] = matches) -> dict[str, float]:
            return pose_accuracy(inputs, found) | consistency(inputs, found, matches)

        name = folder.name if root in folder.resolve().parents else f"{folder.name} (not in this repository)"
        lines.append(_line(name, len(given.mappings), run_ours(given, judge), run_dense(given, judge=judge)))
        print(lines[-1], flush=True)
    table = "\n".join(lines)
    text = f"## Real predictions\n\n{machine(root)} Model: {model.name}.\n\n{table}\n\n{ABOUT}"
    write_section(arguments.output, "real", text)


def consistency(given: Inputs, found: Found, matches: Sequence[EdgeMatches]) -> dict[str, float]:
    """Median reprojection error (network pixels) and disagreement of depths (percent) over all matches, both ways."""
    pixels, depths = [], []
    for (first, second), pair in matches:
        both = ((first, second, pair.at_a, pair.at_b), (second, first, pair.at_b, pair.at_a))
        for i, j, at_i, at_j in both:
            there, depth = _carried(given, found, i, j, at_i)
            off = there - given.mappings[j].photo_pixels().reshape(-1, 2)[at_j]
            pixels.append(np.linalg.norm(off / np.array(given.mappings[j].scale), axis=-1))
            depths.append(np.abs(np.log(np.maximum(depth, 1e-9) / found.depth[j].reshape(-1)[at_j])))
    return {
        "reprojection": float(np.median(np.concatenate(pixels))),
        "depth": float(100 * np.median(np.concatenate(depths))),
    }


def _carried(
    given: Inputs, found: Found, i: int, j: int, at: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixels of photo i (M,), with their depth, as photo j sees them: photo pixels (M, 2) and depth (M,)."""
    slopes = pixel_rays(given.mappings[i].photo_pixels().reshape(-1, 2)[at], found.focal[i], found.principal_point[i])
    points = slopes * found.depth[i].reshape(-1)[at, None]
    move = np.linalg.inv(found.cam2world[j]) @ found.cam2world[i]
    points = points @ move[:3, :3].T + move[:3, 3]
    return project(points, intrinsics(found.focal[j], found.principal_point[j]))


def _given(folder: Path, model: LoadedModel) -> Inputs:
    truth = read_posed_photos(folder)
    views, _ = load_views([photo.path for photo in truth], framing_of(model.config))
    predictions = predict(model.network, views, make_edges(len(views)))
    mappings = [view.mapping for view in views]
    wider = [mapping.photo_size[0] / photo.size[0] for mapping, photo in zip(mappings, truth, strict=True)]
    focal = np.array([photo.K[0, 0] for photo in truth], dtype=np.float64) * np.array(wider, dtype=np.float64)
    centres = np.array([mapping.photo_centre for mapping in mappings], dtype=np.float64)
    return Inputs(mappings, predictions, centres, np.stack([photo.cam2world for photo in truth]), focal)


def _matches(given: Inputs) -> Iterator[EdgeMatches]:
    """What the network holds for one point, seen by both photos of an edge."""
    for prediction in given.predictions:
        maps = [Pointmap(*prediction.dense(side)) for side in (0, 1)]
        yield prediction.edge, match_pointmaps(maps[0], maps[1])


def _line(name: str, count: int, ours: Run, dense: Run) -> str:
    def both(key: str, digits: int) -> str:
        return f"{getattr(ours, key):.{digits}f} / {getattr(dense, key):.{digits}f}"

    aucs = ["/".join(f"{getattr(run, key):.1f}" for key in ("auc5", "auc10", "auc30")) for run in (ours, dense)]
    columns = [name, str(count), both("cpu_s", 2), both("reprojection", 2), both("depth", 1), *aucs]
    return "| " + " | ".join([*columns, both("rotation", 2), both("focal", 2)]) + " |"
