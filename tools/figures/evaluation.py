"""Makes evaluation.png: the sample room from above with its true cameras and the found ones, laid over them.

python tools/figures/evaluation.py [MODEL]   the classical pipeline's beside the model's where pycolmap is installed
"""

import importlib
import runpy
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
STUDIO = ROOT / "samples" / "studio"
SIZE, ZOOM = (520, 480), 2  # of a panel, pixels; drawn larger by so much and made smaller
CENTRE, METRE = np.array([-0.5, -0.3]), 80  # the middle of a panel in the room, and pixels of a metre
CEILING = 2.2  # metres: what is above would hide the room
REACH = 0.45  # metres, of a camera's picture
TRUE, FOUND = (40, 40, 40), (220, 80, 20)

Array = NDArray[np.float64]


def main() -> None:
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    scoring = importlib.import_module("dust3r.evaluation.exam.scoring")
    truth = scoring.read_truth(STUDIO)
    backdrop = _room(truth, scoring.read_depths(truth))
    panels = [
        _panel(name, found, truth, backdrop)
        for name, found in (("the bundled model", _by_model(truth)), ("the classical pipeline", _by_pycolmap(truth)))
        if found is not None
    ]
    picture = Image.new("RGB", (SIZE[0] * len(panels), SIZE[1]))
    for k, panel in enumerate(panels):
        picture.paste(panel.resize(SIZE, Image.Resampling.LANCZOS), (k * SIZE[0], 0))
    picture.quantize(128).save(IMAGES / "evaluation.png", optimize=True)


def _by_model(truth: Sequence[Any]) -> dict[str, Array]:
    ours = {
        name: importlib.import_module(f"dust3r.{name}")
        for name in ("core.checkpoints.local", "core.pipeline.reconstruct", "core.settings")
    }
    loading = importlib.import_module("dust3r.core.checkpoints.loading")
    device = importlib.import_module("dust3r.core.runtime.device").pick_device("auto")
    path = ours["core.checkpoints.local"].find_model(sys.argv[1] if len(sys.argv) > 1 else "small")
    model = loading.load_model(path, device)
    settings = ours["core.settings"].ReconstructionSettings()
    result = ours["core.pipeline.reconstruct"].reconstruct([photo.path for photo in truth], model, settings)
    return {view.name: view.cam2world for view in result.views}


def _by_pycolmap(truth: Sequence[Any]) -> dict[str, Array] | None:
    classical = importlib.import_module("dust3r.evaluation.exam.classical")
    found = importlib.import_module("dust3r.evaluation.exam.found")
    main_of = importlib.import_module("dust3r.cli.main").main
    with tempfile.TemporaryDirectory() as folder:
        if main_of(["classical", *(str(photo.path) for photo in truth), "--output", folder, "--quiet"]) != 0:
            return None
        photos, _ = found.load_found(Path(folder) / classical.FOUND)
    return {Path(path).name: photo.cam2world for path, photo in photos.items()}


def _panel(name: str, found: dict[str, Array], truth: Sequence[Any], backdrop: Image.Image) -> Image.Image:
    """The found cameras over the true ones; a line leads from where each truly stood."""
    poses = importlib.import_module("dust3r.evaluation.metrics.poses")
    there = [photo for photo in truth if photo.name in found]
    moved, true = np.stack([found[photo.name] for photo in there]), np.stack([photo.cam2world for photo in there])
    move, _, _ = poses.align_cameras(moved, true)
    moved[:, :3, 3] = move.apply(moved[:, :3, 3])
    moved[:, :3, :3] = move.R @ moved[:, :3, :3]
    panel = backdrop.copy()
    draw = ImageDraw.Draw(panel)
    for photo, pose in zip(there, moved, strict=True):
        draw.line([*_pixels(photo.cam2world[:3, 3]), *_pixels(pose[:3, 3])], fill=FOUND, width=ZOOM)
    for photo in truth:
        _camera(draw, photo.cam2world, photo, TRUE)
    for photo, pose in zip(there, moved, strict=True):
        _camera(draw, pose, photo, FOUND)
    for row, (text, colour) in enumerate((("true cameras", TRUE), (f"found by {name}", FOUND))):
        draw.text((16 * ZOOM, (12 + 22 * row) * ZOOM), text, fill=colour, font=ImageFont.load_default(16 * ZOOM))
    return panel


def _room(truth: Sequence[Any], depths: dict[str, Any]) -> Image.Image:
    """The true points of all photos from above, the higher over the lower, pale."""
    points, colors = [], []
    for photo in truth:
        depth = depths[photo.name].astype(np.float64)
        y, x = np.nonzero(depth)
        rays = np.stack([x + 0.5, y + 0.5, np.ones(len(x))], axis=1) @ np.linalg.inv(photo.K).T
        points.append((depth[y, x, None] * rays) @ photo.cam2world[:3, :3].T + photo.cam2world[:3, 3])
        with Image.open(photo.path) as image:
            colors.append(np.asarray(image.convert("RGB"))[y, x])
    place, color = np.concatenate(points), np.concatenate(colors)
    order = np.argsort(place[:, 2])[: int((place[:, 2] < CEILING).sum())]
    canvas = np.full((SIZE[1] * ZOOM, SIZE[0] * ZOOM, 3), 255, np.uint8)
    x, y = np.floor(_pixels(place[order])).astype(int).T
    inside = (x >= 1) & (y >= 1) & (x < canvas.shape[1]) & (y < canvas.shape[0])
    for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
        canvas[y[inside] - down, x[inside] - right] = 150 + color[order][inside] * 0.4
    return Image.fromarray(canvas)


def _camera(draw: ImageDraw.ImageDraw, pose: Array, photo: Any, colour: tuple[int, int, int]) -> None:
    """What the camera sees as a triangle."""
    half = REACH * photo.size[0] / 2 / photo.K[0, 0]
    corners = np.array([[0, 0, 0], [-half, 0, REACH], [half, 0, REACH]]) @ pose[:3, :3].T + pose[:3, 3]
    outline = [tuple(corner) for corner in _pixels(corners)]
    draw.line([*outline, outline[0]], fill=colour, width=2 * ZOOM, joint="curve")


def _pixels(points: Array) -> Array:
    """World (..., 3) to the canvas: from above, y up."""
    return (np.array(SIZE) / 2 + METRE * (points[..., :2] - CENTRE) * [1, -1]) * ZOOM


if __name__ == "__main__":
    main()
