"""Makes relative_pose.png: how far each method's camera is off, by the share of its data that is wrong."""

import importlib
import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
SHARES = np.arange(0, 0.81, 0.1)  # of the data that are wrong
SEEDS, NOISE = range(10), 0.5  # pixels, and percent of the points' distance
SIZE, MARGIN, ZOOM = (440, 300), (56, 34), 2  # of a panel, pixels; drawn larger by so much and made smaller
LOWEST, HIGHEST = 1e-3, 1e2  # of both scales
NOTHING = (180.0, 100.0)  # how far off no pose at all is
LIMITS = (0.5, 1.0)  # what the tests hold all methods to at three tenths: degrees, percent
COLORS = {"essential": (200, 60, 40), "procrustes": (40, 120, 200), "pnp": (40, 150, 80)}
GREY = (150, 150, 150)

Array = NDArray[np.float64]


def main() -> None:
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    methods = get_args(importlib.import_module("dust3r.core.geometry.method").Method)
    found = {method: errors(method) for method in methods}
    panels = [
        panel(title, [(method, found[method][:, k]) for method in methods], limit)
        for k, (title, limit) in enumerate(zip(("turn, degrees", "place, % of the way"), LIMITS, strict=True))
    ]
    picture = Image.new("RGB", (2 * SIZE[0], SIZE[1]))
    for k, one in enumerate(panels):
        picture.paste(one.resize(SIZE, Image.Resampling.LANCZOS), (k * SIZE[0], 0))
    picture.save(IMAGES / "relative_pose.png", optimize=True)


def errors(method: str) -> Array:
    """(shares, 2): medians of degrees, and of percent of the distance between the cameras."""
    relative_pose = importlib.import_module("dust3r.core.geometry.relative_pose").relative_pose
    two_views = importlib.import_module("dust3r.tests.core.pair_scene").two_views
    found = np.empty((len(SHARES), len(SEEDS), 2))
    for at in np.ndindex(*found.shape[:2]):
        views, truth = two_views(SEEDS[at[1]], noise=NOISE, outliers=SHARES[at[0]])
        pose = relative_pose(views, method)
        found[at] = NOTHING if pose is None else off(pose.cam2world, truth)
    return np.median(found, axis=1)


def off(pose: Array, truth: Array) -> tuple[float, float]:
    """Degrees, and percent of the distance between the cameras."""
    angle = importlib.import_module("dust3r.core.geometry.rotation").rotation_angle(pose[:3, :3].T @ truth[:3, :3])
    distance = np.linalg.norm(pose[:3, 3] - truth[:3, 3]) / np.linalg.norm(truth[:3, 3])
    return float(np.degrees(angle)), float(100 * distance)


def panel(title: str, curves: Sequence[tuple[str, Array]], limit: float) -> Image.Image:
    """One chart, its height logarithmic, ZOOM times as large as shown."""
    picture = Image.new("RGB", (SIZE[0] * ZOOM, SIZE[1] * ZOOM), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13 * ZOOM)
    for power in range(-3, 3):
        (left, y), (right, _) = position(0, 10.0**power), position(SHARES[-1], 1)
        draw.line([left, y, right, y], fill=(225, 225, 225), width=ZOOM)
        draw.text((left - 6 * ZOOM, y), f"{10.0**power:g}", GREY, font, anchor="rm")
    for share in SHARES[::2]:
        x, y = position(share, LOWEST)
        draw.text((x, y + 4 * ZOOM), f"{share:.0%}", GREY, font, anchor="mt")
    draw.line([position(0, limit), position(SHARES[-1], limit)], fill=GREY, width=ZOOM)
    for number, (method, values) in enumerate(curves):
        draw.line([position(*at) for at in zip(SHARES, values, strict=True)], fill=COLORS[method], width=2 * ZOOM)
        draw.text(((MARGIN[0] + 12 + 90 * number) * ZOOM, 26 * ZOOM), method, COLORS[method], font)
    draw.text((MARGIN[0] * ZOOM, 6 * ZOOM), f"{title}; across: share of wrong data", (60, 60, 60), font)
    return picture


def position(share: float, error: float) -> tuple[float, float]:
    """Of a value in a panel, in its pixels."""
    x = MARGIN[0] + (SIZE[0] - MARGIN[0] - 16) * share / SHARES[-1]
    part = np.log(np.clip(error, LOWEST, HIGHEST) / LOWEST) / np.log(HIGHEST / LOWEST)
    return ZOOM * x, ZOOM * float(SIZE[1] - MARGIN[1] - (SIZE[1] - MARGIN[1] - 48) * part)


if __name__ == "__main__":
    main()
