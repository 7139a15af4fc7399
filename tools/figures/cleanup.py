"""Makes cleanup.jpg: the points of a drawn place with known flaws, before and after each filter of core/cleanup.

The place comes from the training scenes; its true depths get what networks do to depths: a sky at some distance, edges
that are smoothed, a patch that hangs in the air, a streak far away.
"""

import importlib
import runpy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
SIZE = (384, 288)  # of a photo
PANEL = (300, 220)  # of each picture
SCENE, NUMBER, VIEWS = 1_000_007, 3, 3
SHOWN = 1  # the photo that the flaws are put into


@dataclass(frozen=True)
class Eye:
    """Where a picture is taken from, in the frame of the photo with the flaws; degrees and medians of its depth."""

    turn: float  # about the scene's middle, from above seen anticlockwise
    rise: float
    away: float
    focal: float = 1.0  # of the picture's width


EYES = {
    "outliers": Eye(60, 10, 45.0),
    "sky": Eye(48, 14, 3.2),
    "floaters": Eye(45, 12, 1.7),
    "edges": Eye(42, 34, 1.3),
}


def main() -> None:
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    find, flaws = (importlib.import_module(f"dust3r.core.{name}") for name in ("cleanup.find", "flaws"))
    views = flawed_views()
    found = find.find_flaws(views)[SHOWN]
    points, colors = views[SHOWN].camera_points().reshape(-1, 3), views[SHOWN].colors.reshape(-1, 3)
    picture = Image.new("RGB", (len(EYES) * (PANEL[0] + 4) - 4, 2 * PANEL[1] + 4), "white")
    for column, (name, eye) in enumerate(EYES.items()):
        earlier = [flaws.FLAWS[one].bit for one in list(EYES)[:column]]
        before = found.ravel() & sum(earlier) == 0  # what the filters to the left have hidden stays hidden
        after = before & (found.ravel() & flaws.FLAWS[name].bit == 0)
        for row, kept in enumerate((before, after)):
            panel = seen_from(eye, points[kept], colors[kept], float(np.median(views[SHOWN].depth)))
            word = "hidden" if row else "shown"
            ImageDraw.Draw(panel).text((6, 4), f"{flaws.FLAWS[name].title} {word}", fill="black")
            picture.paste(panel, (column * (PANEL[0] + 4), row * (PANEL[1] + 4)))
    picture.save(IMAGES / "cleanup.jpg", quality=80)


def flawed_views() -> list[Any]:
    """Photos of the place with true cameras and surfaces, and the flaws in one of them."""
    source = importlib.import_module("dust3r.training.scenes.source")
    reconstruction = importlib.import_module("dust3r.core.reconstruction.result")
    mapping = importlib.import_module("dust3r.core.images.pixel_mapping").PixelMapping(SIZE, SIZE)
    batch = source.ProceduralSource(SCENE, 0.6).batch(NUMBER, 1, VIEWS, 1, SIZE)
    views = []
    for k in range(VIEWS):
        pose, surface = batch.cam2world[0, k].numpy().astype(float), batch.valid[0, k].numpy()
        depth = ((batch.points[0, k].numpy() - pose[:3, 3]) @ pose[:3, 2]).astype(np.float32)
        depth, confidence = spoilt(depth, surface, k == SHOWN)
        colors = batch.images[0, k].permute(1, 2, 0).numpy()
        path, K, mask = Path(f"{k}.png"), batch.K[0, k].numpy().astype(float), np.ones(depth.shape, bool)
        view = reconstruction.AlignedView(path.name, path, mapping, K, pose, depth, confidence, colors, mask)
        views.append(view)
    return views


def spoilt(depth: Any, surface: Any, flawed: bool) -> tuple[Any, Any]:
    """Depth and confidence (H, W) as a network might give them."""
    rng = np.random.default_rng(0)
    wave = gaussian_filter(rng.standard_normal(depth.shape), 25)
    sky = 2.2 * np.quantile(depth[surface], 0.9) * np.exp(0.2 * wave / wave.std())
    depth = np.where(surface, depth, sky)
    depth = 1 / gaussian_filter(1 / depth, 1.3)
    confidence = np.where(surface, 6 + rng.random(depth.shape), 1.03)
    if flawed:
        y, x = np.mgrid[: depth.shape[0], : depth.shape[1]]
        patch = (x - 228) ** 2 + (y - 84) ** 2 < 26**2
        streak = (np.abs(x - 100) < 40) & (y > 168) & (y < 176)
        depth = np.where(patch, 0.6 * depth, np.where(streak, 25 * np.median(depth), depth))
        confidence = np.where(patch | streak, 1.5, confidence)
    return depth.astype(np.float32), confidence.astype(np.float32)


def seen_from(eye: Eye, points: Any, colors: Any, unit: float) -> Image.Image:
    """The points (N, 3) as squares of three pixels on white, the nearest in front; unit: the median depth."""
    turn, rise = np.radians(eye.turn), np.radians(eye.rise)
    Ry = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    Rx = np.array([[1, 0, 0], [0, np.cos(rise), -np.sin(rise)], [0, np.sin(rise), np.cos(rise)]])
    x, y, z = Rx @ Ry @ (points - [0, 0, unit]).T + np.array([[0], [0], [eye.away * unit]])
    canvas = np.full((PANEL[1], PANEL[0], 3), 255, np.uint8)
    order = np.argsort(-z)
    order = order[z[order] > 0.05 * unit]
    column = (eye.focal * PANEL[0] * x[order] / z[order] + PANEL[0] / 2).astype(int)
    row = (eye.focal * PANEL[0] * y[order] / z[order] + PANEL[1] / 2).astype(int)
    for down, right in np.ndindex(2, 2):
        inside = (column + right >= 0) & (column + right < PANEL[0]) & (row + down >= 0) & (row + down < PANEL[1])
        canvas[row[inside] + down, column[inside] + right] = colors[order[inside]]
    return Image.fromarray(canvas)


if __name__ == "__main__":
    main()
