"""Found errors of cameras over the foretold ones, on random small problems, and a plot of them."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..core.alignment.aligner import Alignment, AlignmentPhoto, align
from ..core.geometry.rotation import rotation_angle
from ..core.scene_graph.edges import make_edges
from ..evaluation.metrics.poses import align_cameras
from ..tests.synthetic import integer_mapping, predictions_of, synthetic_pairs

Array = NDArray[np.float64]

KINDS = ("rotation", "centre", "scale", "focal", "pair rotation", "pair direction", "pair scale")
COLORS = (
    (200, 80, 40),
    (40, 110, 200),
    (150, 90, 170),
    (40, 150, 80),
    (250, 170, 130),
    (140, 180, 250),
    (210, 170, 230),
)
SIZE, MARGIN, GREATEST = (560, 400), 50, 4.0  # of the plot, pixels; of the errors in foretold ones
GRAPHS = ("complete", "swin-1", "swin-2-noncyclic", "swin-1-noncyclic")


def main(root: Path) -> None:
    parser = argparse.ArgumentParser(description="Checks the alignment's own uncertainties against the truth")
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--output", type=Path, default=root / "docs" / "images" / "alignment_calibration.png")
    arguments = parser.parse_args()
    ratios = [errors_over_foretold(seed) for seed in range(arguments.problems)]
    ratio = {kind: np.concatenate([found[kind] for found in ratios]) for kind in KINDS}
    print("| | count | median | within 1 | within 2 | within 3 |\n|---|---|---|---|---|---|")
    for kind, values in ratio.items():
        shares = " | ".join(f"{100 * (values < k).mean():.0f} %" for k in (1, 2, 3))
        print(f"| {kind} | {len(values)} | {np.median(values):.2f} | {shares} |")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    plot(ratio).save(arguments.output, optimize=True)


def errors_over_foretold(seed: int) -> dict[str, Array]:
    """Per kind (N,): the errors of one random problem's cameras, over their standard errors."""
    generator = np.random.default_rng(seed)
    maker = synthetic_pairs()
    count = int(generator.integers(3, 9))
    scene = maker.make_scene(count, (112, 80), seed=1000 + seed, span=float(generator.uniform(30, 110)))
    noise = ("low", "medium", "high")[generator.integers(3)]
    edges = [tuple(edge) for edge in make_edges(count, GRAPHS[generator.integers(len(GRAPHS))])]
    predictions = predictions_of(maker.make_pairs(scene, edges, noise, seed))
    mappings = [integer_mapping(size) for size in scene["sizes"]]
    rows = zip(mappings, scene["pps"], strict=True)
    found = align([AlignmentPhoto(mapping, principal_point=tuple(p)) for mapping, p in rows], predictions)
    return {**_of_cameras(found, scene), **_of_pairs(found, scene, np.array(edges))}


def _of_cameras(found: Alignment, scene: dict[str, Any]) -> dict[str, Array]:
    move, rotation, centre = align_cameras(found.cam2world, scene["poses"])
    depth = np.array([np.median(part) for part in found.depth]) * float(move.scale)
    growth = _growth(found, scene)
    sure = found.uncertainty
    return {
        "rotation": rotation / sure.rotation,
        "centre": centre / (depth * sure.centre),
        "scale": np.abs(growth - growth.mean()) / sure.scale,
        "focal": np.abs(np.log(found.focal / scene["focals"])) / sure.focal,
    }


def _of_pairs(found: Alignment, scene: dict[str, Any], edges: NDArray[np.int64]) -> dict[str, Array]:
    i, j = edges[edges[:, 0] < edges[:, 1]].T
    each, sure = np.flatnonzero(edges[:, 0] < edges[:, 1]), found.pair_uncertainty
    apart = [np.linalg.inv(poses[i]) @ poses[j] for poses in (found.cam2world, scene["poses"])]
    turn = np.degrees(rotation_angle(apart[0][:, :3, :3] @ apart[1][:, :3, :3].swapaxes(-1, -2)))
    ways = [one[:, :3, 3] / np.linalg.norm(one[:, :3, 3], axis=1)[:, None] for one in apart]
    direction = np.degrees(np.arccos(np.clip((ways[0] * ways[1]).sum(1), -1, 1)))
    growth = _growth(found, scene)
    return {
        "pair rotation": turn / sure.rotation[each],
        "pair direction": direction / sure.direction[each],
        "pair scale": np.abs(growth[j] - growth[i]) / sure.scale[each],
    }


def _growth(found: Alignment, scene: dict[str, Any]) -> Array:
    """(N,): log of how much larger a photo's depths are than the true ones, up to a constant."""
    true = [
        ((points - pose[:3, 3]) @ pose[:3, :3])[..., 2]
        for points, pose in zip(scene["pts"], scene["poses"], strict=True)
    ]
    return np.array([np.median(np.log(part / z)) for part, z in zip(found.depth, true, strict=True)])


def plot(ratio: dict[str, Array]) -> Image.Image:
    """The share of cameras whose error is below x foretold standard errors, for x from 0 to GREATEST."""
    image = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(image)
    x = np.linspace(0, GREATEST, 200)
    for k in range(int(GREATEST) + 1):
        _line(draw, np.array([k, k]), np.array([0, 1]), (225, 225, 225), 1)
        draw.text((_place(k, 0)[0] - 3, SIZE[1] - MARGIN + 6), str(k), fill="black")
    for share in (0, 0.25, 0.5, 0.68, 0.95, 1):
        _line(draw, np.array([0, GREATEST]), np.array([share, share]), (225, 225, 225), 1)
        draw.text((10, _place(0, share)[1] - 6), f"{100 * share:.0f} %", fill="black")
    for (kind, values), color, row in zip(ratio.items(), COLORS, range(len(ratio)), strict=True):
        _line(draw, x, (values[:, None] < x).mean(0), color, 3)
        draw.text((SIZE[0] - MARGIN - 90, SIZE[1] - MARGIN - 20 - 18 * (len(ratio) - row)), kind, fill=color)
    draw.text((MARGIN, 14), "Share of cameras whose error is below x times the foretold standard error", fill="black")
    draw.text((SIZE[0] // 2, SIZE[1] - 22), "x", fill="black")
    return image


def _place(x: float, share: float) -> tuple[float, float]:
    width, height = SIZE[0] - 2 * MARGIN, SIZE[1] - 2 * MARGIN
    return MARGIN + width * x / GREATEST, SIZE[1] - MARGIN - height * share


def _line(draw: ImageDraw.ImageDraw, x: Array, share: Array, color: tuple[int, int, int], width: int) -> None:
    draw.line([_place(float(a), float(b)) for a, b in zip(x, share, strict=True)], fill=color, width=width)
