"""Makes surface.png: what DTU's accuracy and completeness count, on a relief with a dent, a hole and stray points."""

import importlib
import runpy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
SIDE, STEP = 100.0, 0.4  # mm: of the relief, and between scan points
PIXELS, MARGIN, HEAD = 4, 16, 34  # a millimetre; around a panel; above it
FULL = 5.0  # mm: distances from there on have the last colour
NEAR, MIDDLE, FAR, UNCOUNTED = np.array([[60.0, 90, 190], [240, 210, 90], [200, 40, 30], [120, 120, 120]])

Array = NDArray[np.float64]


def main() -> None:
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    surface: Any = importlib.import_module("dust3r.evaluation.metrics.surface")
    scan, found = _scan(surface), _found(surface)
    figures = surface.surface_metrics(found, scan)
    found = surface.thinned(found, surface.SPACING)
    to_scan = surface.nearest_distances(found, scan.points, scan.corners)
    to_found = surface.nearest_distances(scan.points, found, scan.corners)
    panels = [
        _panel(f"accuracy {figures['accuracy']:.2f} mm", found, to_scan, scan.seen(found), surface.OUTLIER),
        _panel(f"completeness {figures['completeness']:.2f} mm", scan.points, to_found, None, surface.OUTLIER),
    ]
    picture = Image.new("RGB", (sum(panel.width for panel in panels), panels[0].height + HEAD), "white")
    for k, panel in enumerate(panels):
        picture.paste(panel, (k * panel.width, 0))
    _scale(ImageDraw.Draw(picture), picture.width, panels[0].height)
    picture.quantize(128, Image.Quantize.MAXCOVERAGE).save(IMAGES / "surface.png", optimize=True)


def _relief(x: Array, y: Array) -> Array:
    """Heights, mm."""
    return 20.0 + 4.0 * np.sin(x / 9.0) * np.cos(y / 11.0)


def _scan(surface: Any) -> Any:
    x, y = (axis.ravel() for axis in np.meshgrid(*(np.arange(STEP / 2, SIDE, STEP),) * 2))
    observable = np.ones((101, 101, 41), dtype=bool)
    observable[:, :, 30:] = False  # the air above the relief
    corners = np.array([[0.0, 0, 0], [SIDE, SIDE, 40]])
    points = np.stack([x, y, _relief(x, y)], axis=1)
    return surface.ScannedSurface(points, observable, corners, 1.0, np.array([0.0, 0, 1, 0]))


def _found(surface: Any) -> Array:
    """The relief with noise, a dent, a hole, and a cloud of stray points that no camera of the scanner saw."""
    random = np.random.default_rng(0)
    x, y = random.uniform(0, SIDE, (2, 60_000))
    dent = 5 * np.exp(-((x - 28) ** 2 + (y - 30) ** 2) / 250)
    points = np.stack([x, y, _relief(x, y) - dent + random.normal(0, 0.2, len(x))], axis=1)
    points = points[np.hypot(x - 70, y - 64) > 12]
    stray = random.normal([30, 78, 36], [5, 5, 1], (400, 3))
    return np.concatenate([points, stray])


def _panel(
    title: str, points: Array, distances: Array, counted: NDArray[np.bool_] | None, outlier: float
) -> Image.Image:
    """Points from above, by their distance; grey where they do not count."""
    side = round(SIDE * PIXELS)
    picture = Image.new("RGB", (side + 2 * MARGIN, side + MARGIN + HEAD), "white")
    draw = ImageDraw.Draw(picture)
    draw.text((MARGIN, 8), title, fill="black", font=ImageFont.load_default(16))
    kept = distances < outlier if counted is None else counted & (distances < outlier)
    colors = np.where(kept[:, None], _colors(distances), UNCOUNTED).astype(int)
    for number in np.lexsort((points[:, 2],)):
        x, y = MARGIN + PIXELS * points[number, 0], HEAD + PIXELS * points[number, 1]
        draw.rectangle([x - 1, y - 1, x + 1, y + 1], fill=tuple(colors[number]))
    return picture


def _colors(distances: Array) -> Array:
    share = 2 * np.clip(distances / FULL, 0, 1)[:, None]
    return np.where(share < 1, NEAR + share * (MIDDLE - NEAR), MIDDLE + (share - 1) * (FAR - MIDDLE))


def _scale(draw: ImageDraw.ImageDraw, width: int, top: int) -> None:
    left, right, font = width // 2 - 120, width // 2 + 120, ImageFont.load_default(14)
    for x in range(left, right):
        color = _colors(np.array([FULL * (x - left) / (right - left)]))[0].astype(int)
        draw.line([x, top + 6, x, top + 18], fill=tuple(color))
    draw.text((left - 40, top + 3), "0 mm", fill="black", font=font)
    draw.text((right + 8, top + 3), f"{FULL:.0f} mm and more", fill="black", font=font)


if __name__ == "__main__":
    main()
