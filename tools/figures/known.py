"""Makes known.jpg: the studio from above, nothing known, four cameras known, and masks as well."""

import importlib
import runpy
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
STUDIO = ROOT / "samples" / "studio"
PINNED = ("studio_01.jpg", "studio_02.jpg", "studio_07.jpg", "studio_08.jpg")
NEAR = 3.6  # metres: what is further off is masked
SIDE, REACH, MIDDLE = 400, 4.0, (0.7, 0.4)  # of each panel: pixels; metres, half a side; metres
TITLES = ("nothing known", "four cameras known", "and masks")
TRUE, FOUND, KNOWN = (40, 170, 60), (230, 120, 20), (30, 90, 230)


def main() -> None:
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    names = (
        "core.checkpoints.local",
        "core.runtime.device",
        "core.cameras.priors",
        "core.images.masks",
        "evaluation.metrics.poses",
        "core.checkpoints.loading",
        "core.pipeline.reconstruct",
        "core.cameras.posed_images",
    )
    ours: dict[str, Any] = {name: importlib.import_module(f"dust3r.{name}") for name in (*names, "core.settings")}
    truth = ours["core.cameras.posed_images"].read_posed_photos(STUDIO)
    photos = [photo.path for photo in truth]
    path = ours["core.checkpoints.local"].find_model(sys.argv[1] if len(sys.argv) > 1 else None)
    model = ours["core.checkpoints.loading"].load_model(path, ours["core.runtime.device"].pick_device("auto"))
    settings = ours["core.settings"].ReconstructionSettings(scene_graph="complete")
    known = ours["core.cameras.priors"].read_known(STUDIO, photos)
    pins = {photo: camera for photo, camera in known.items() if photo.name in PINNED}
    with tempfile.TemporaryDirectory() as folder:
        masks = _write_masks(ours, truth, Path(folder))
        priors = [
            ours["core.cameras.priors"].Priors(),
            ours["core.cameras.priors"].Priors(pins),
            ours["core.cameras.priors"].Priors(pins, masks),
        ]
        results = [
            ours["core.pipeline.reconstruct"].reconstruct(photos, model, settings, priors=each) for each in priors
        ]
    poses = np.stack([photo.cam2world for photo in truth])
    moved, _, _ = ours["evaluation.metrics.poses"].align_cameras(
        np.stack([view.cam2world for view in results[0].views]), poses
    )
    picture = Image.new("RGB", (3 * SIDE, SIDE), "white")
    for k, (result, similarity) in enumerate(zip(results, (moved, None, None), strict=True)):
        picture.paste(_seen_from_above(result, similarity, poses, k > 0), (k * SIDE, 0))
        ImageDraw.Draw(picture).text((k * SIDE + 10, SIDE - 30), TITLES[k], fill="black", font_size=18)
    picture.save(IMAGES / "known.jpg", quality=85)


def _write_masks(ours: dict[str, Any], truth: Any, folder: Path) -> dict[Path, Path]:
    for photo in truth:
        near = ours["core.cameras.posed_images"].read_depth(photo.depth) < NEAR
        Image.fromarray(near.astype(np.uint8) * 255).save(folder / f"{photo.name}.png")
    return ours["core.images.masks"].find_masks(folder, [photo.path for photo in truth])


def _seen_from_above(result: Any, similarity: Any, poses: NDArray[Any], pinned: bool) -> Image.Image:
    cloud = result.visible_points()
    position = similarity.apply(cloud.position) if similarity is not None else cloud.position
    panel = np.full((SIDE, SIDE, 3), 255, np.uint8)
    order = np.argsort(position[:, 2])  # what is higher covers what is lower
    columns, rows = _pixels(position[order]).T
    inside = (columns > 0) & (columns < SIDE) & (rows > 0) & (rows < SIDE)
    for down, right in np.ndindex(2, 2):
        panel[rows[inside] - down, columns[inside] - right] = cloud.color[order][inside]
    image = Image.fromarray(panel)
    draw = ImageDraw.Draw(image)
    for view, pose in zip(result.views, poses, strict=True):
        found = view.cam2world[None, :3, 3]
        found = similarity.apply(found) if similarity is not None else found
        true, place = (tuple(_pixels(centre)[0].tolist()) for centre in (pose[None, :3, 3], found))
        draw.line([true, place], fill=TRUE, width=2)
        for (x, y), colour in ((true, TRUE), (place, KNOWN if pinned and view.name in PINNED else FOUND)):
            draw.ellipse([x - 5, y - 5, x + 5, y + 5], fill=colour)
    return image


def _pixels(position: NDArray[Any]) -> NDArray[np.int64]:
    """(N, 2): x to the right, y up."""
    x, y = position[:, 0] - MIDDLE[0], MIDDLE[1] - position[:, 1]
    return (np.column_stack([x, y]) * SIDE / (2 * REACH) + SIDE / 2).astype(np.int64)


if __name__ == "__main__":
    main()
