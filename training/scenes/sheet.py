"""A contact sheet: what a source delivers, to look at before training on it."""

import colorsys

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..batch import SceneBatch

MARGIN = 6
BAND = 26  # pixels under a scene for its pairs
INVALID = (40, 0, 60)

Pixels = NDArray[np.uint8]


def contact_sheet(batch: SceneBatch) -> Image.Image:
    """Per scene a row of photos, a row of depths (near is bright; violet: no point), and arcs between paired views."""
    scenes, views, _, height, width = batch.images.shape
    row = 2 * height + BAND + MARGIN
    sheet = Image.new("RGB", (views * (width + MARGIN) - MARGIN, scenes * row - MARGIN), "white")
    for s in range(scenes):
        photos = batch.images[s].permute(0, 2, 3, 1).cpu().numpy()
        depths = depth_pictures(_depths(batch, s), batch.valid[s].cpu().numpy())
        for v in range(views):
            corner = v * (width + MARGIN), s * row
            sheet.paste(Image.fromarray(photos[v]), corner)
            sheet.paste(Image.fromarray(depths[v]), (corner[0], corner[1] + height))
        _link(ImageDraw.Draw(sheet), batch.pairs[s].tolist(), s * row + 2 * height, width)
    return sheet


def depth_pictures(depth: NDArray[np.float32], valid: NDArray[np.bool_]) -> Pixels:
    """Depths (V, H, W) as pictures (V, H, W, 3) on one scale of nearness."""
    near = 1 / np.maximum(depth, 1e-6)
    low, high = np.percentile(near[valid], (1, 99)) if valid.any() else (0.0, 1.0)
    grey = np.clip((near - low) / max(high - low, 1e-9), 0, 1)[..., None]
    colours = np.concatenate([grey**0.7, grey**1.2, 0.35 + 0.4 * grey * (1 - grey)], -1)
    return np.where(valid[..., None], colours * 255, INVALID).astype(np.uint8)


def _depths(batch: SceneBatch, scene: int) -> NDArray[np.float32]:
    """z in each view's own frame, (V, H, W)."""
    pose = batch.cam2world[scene].cpu()
    away = batch.points[scene].cpu() - pose[:, None, None, :3, 3]
    return (away * pose[:, None, None, :3, 2]).sum(-1).numpy()


def _link(pen: ImageDraw.ImageDraw, pairs: list[list[int]], top: int, width: int) -> None:
    """An arc per ordered pair (i, j), with a dot at i: the view whose frame the points are in."""
    for number, (i, j) in enumerate(pairs):
        a, b = ((v + 0.5) * (width + MARGIN) + 5 * (number % 5 - 2) for v in (i, j))
        colour = tuple(int(255 * c) for c in colorsys.hsv_to_rgb(number * 0.618 % 1, 0.9, 0.7))
        depth = BAND * (0.35 + 0.6 * abs(i - j) / max(1, max(max(p) for p in pairs)))
        pen.arc([min(a, b), top - depth, max(a, b) + 1, top + depth], 0, 180, fill=colour, width=1)
        pen.ellipse([a - 2.5, top, a + 2.5, top + 5], fill=colour)
