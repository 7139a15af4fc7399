"""Makes monocular.jpg: a photo, its depth and its points from the side, of that photo alone; prints what it is worth.

Every photo of samples/studio is reconstructed by itself. The figures, as in docs/photos.md: absolute relative error
of depth and the share within a factor of 1.25, one scale for each photo, over all pixels; error of the focal.
"""

import importlib
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
STUDIO = ROOT / "samples" / "studio"
SHOWN = "studio_04.jpg"
WIDTH, HEIGHT = 384, 288  # of each of the three pictures
NEAR, FAR = np.array([250, 230, 90.0]), np.array([40, 20, 90.0])  # colours of the nearest and the furthest depth


def main() -> None:
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    names = (
        "core.checkpoints.local",
        "core.runtime.device",
        "evaluation.metrics.depth",
        "core.checkpoints.loading",
        "core.pipeline.reconstruct",
        "core.cameras.posed_images",
        "core.settings",
    )
    ours: dict[str, Any] = {name: importlib.import_module(f"dust3r.{name}") for name in names}
    path = ours["core.checkpoints.local"].find_model(sys.argv[1] if len(sys.argv) > 1 else None)
    model = ours["core.checkpoints.loading"].load_model(path, ours["core.runtime.device"].pick_device("auto"))
    settings = ours["core.settings"].ReconstructionSettings()
    figures = []
    for photo in ours["core.cameras.posed_images"].read_posed_photos(STUDIO):
        (view,) = ours["core.pipeline.reconstruct"].reconstruct([photo.path], model, settings).views
        true = _at(view, ours["core.cameras.posed_images"].read_depth(photo.depth))
        depth = ours["evaluation.metrics.depth"].depth_metrics(view.depth[true > 0], true[true > 0])
        focal = 100 * abs(view.K[0, 0] / photo.K[0, 0] - 1)
        figures.append((depth["absrel"], depth["delta125"], focal))
        print(
            f"{photo.name}: abs-rel {depth['absrel']:.1f} %, within 1.25 {depth['delta125']:.0f} %, focal {focal:.1f} %"
        )
        if photo.name == SHOWN:
            _picture(view).save(IMAGES / "monocular.jpg", quality=85)
    print("median: abs-rel {:.1f} %, within 1.25 {:.0f} %, focal {:.1f} %".format(*np.median(figures, axis=0)))


def _at(view: Any, depth: NDArray[Any]) -> NDArray[Any]:
    """A photo's depth map at the network's pixels."""
    x, y = np.moveaxis(np.floor(view.mapping.photo_pixels()).astype(int), -1, 0)
    return depth[y, x]


def _picture(view: Any) -> Image.Image:
    low, high = np.percentile(np.log(view.depth), [1, 99])
    share = np.clip((np.log(view.depth) - low) / (high - low), 0, 1)[..., None]
    shades = (NEAR * (1 - share) + FAR * share).astype(np.uint8)
    picture = Image.new("RGB", (3 * WIDTH, HEIGHT), "white")
    with Image.open(view.path) as photo:
        for k, panel in enumerate((photo, Image.fromarray(shades), _from_the_side(view))):
            picture.paste(panel.resize((WIDTH, HEIGHT)), (k * WIDTH, 0))
    return picture


def _from_the_side(view: Any) -> Image.Image:
    """The points seen along the camera's x axis, to the right what is far, with the camera's outline."""
    points, colors = view.camera_points()[view.mask], view.colors[view.mask]
    far, tall = np.percentile(points[:, 2], 99), np.percentile(np.abs(points[:, 1]), 99)
    scale = min(0.9 * WIDTH / far, 0.45 * HEIGHT / tall)
    order = np.argsort(-points[:, 0])  # what is nearer to the looker, left of the camera, covers the rest
    columns, rows = (scale * points[order][:, [2, 1]] + (10, HEIGHT / 2)).astype(int).T
    inside = (columns >= 0) & (columns < WIDTH - 1) & (rows >= 0) & (rows < HEIGHT - 1)
    panel = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    for down, right in np.ndindex(2, 2):
        panel[rows[inside] + down, columns[inside] + right] = colors[order][inside]
    image = Image.fromarray(panel)
    reach = 0.12 * WIDTH
    slope = view.mapping.photo_size[1] / 2 / view.K[1, 1]
    corners = [(10, HEIGHT / 2), (10 + reach, HEIGHT / 2 - slope * reach), (10 + reach, HEIGHT / 2 + slope * reach)]
    ImageDraw.Draw(image).polygon(corners, outline=(30, 90, 230), width=2)
    return image


if __name__ == "__main__":
    main()
