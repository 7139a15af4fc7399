"""Makes world.jpg: the studio from the side, in its first camera's frame and with its floor brought down.

Above: true cameras and depths. Below: what the bundled model makes of the photos.
"""

from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from studio import IMAGES, STUDIO, ours, true_reconstruction

SIDE = (440, 260)  # of each panel
WIDE = 7.5  # metres, or what the model takes for as much, across a panel
TITLES = ("in the first camera's frame", "with the floor brought down")
NEAR = 6.0  # metres: what is further off is left out
GROUND, CAMERA = (40, 170, 60), (230, 120, 20)


def main() -> None:
    world = ours("core.world.transform")
    picture = Image.new("RGB", (2 * SIDE[0], 2 * SIDE[1]), "white")
    for row, result in enumerate((true_reconstruction(NEAR), predicted())):
        first = world.moved(result, np.linalg.inv(result.views[0].cam2world))
        panels = first, world.moved(first, world.on_the_ground(first))
        unit = float(np.median([np.median(view.depth[view.mask]) for view in result.views])) / 3
        for column, shown in enumerate(panels):
            panel = seen_from_the_side(shown, WIDE * unit, TITLES[column])
            picture.paste(panel, (column * SIDE[0], row * SIDE[1]))
    picture.save(IMAGES / "world.jpg", quality=80)


def predicted() -> Any:
    """The studio through the bundled model, in the alignment's world."""
    path, device = ours("core.checkpoints.local").find_model("small"), ours("core.runtime.device").pick_device("cpu")
    model = ours("core.checkpoints.loading").load_model(path, device)
    settings = ours("core.settings").ReconstructionSettings(scene_graph="complete")
    return ours("core.pipeline.reconstruct").reconstruct(sorted((STUDIO / "images").iterdir()), model, settings)


def seen_from_the_side(result: Any, wide: float, title: str) -> Image.Image:
    """What points ahead in the world goes to the right, up is up; the line is the world's ground, y = 0."""
    cloud = result.visible_points()
    step = 1 + len(cloud.position) // 400_000
    position, color = cloud.position[::step], cloud.color[::step]
    middle = np.median(position[:, [2, 1]], axis=0)

    def pixels(points: Any) -> Any:
        at = (points[:, [2, 1]] - middle) * SIDE[0] / wide + np.array(SIDE) / 2
        return at.astype(np.int64)

    panel = np.full((SIDE[1], SIDE[0], 3), 255, np.uint8)
    order = np.argsort(position[:, 0])
    columns, rows = pixels(position[order]).T
    inside = (columns >= 0) & (columns < SIDE[0]) & (rows >= 0) & (rows < SIDE[1])
    panel[rows[inside], columns[inside]] = color[order][inside]
    image = Image.fromarray(panel)
    draw = ImageDraw.Draw(image)
    ground = int(pixels(np.zeros((1, 3)))[0, 1])
    draw.line([0, ground, SIDE[0], ground], fill=GROUND, width=2)
    for view in result.views:
        stands, looks = pixels(
            np.stack([view.cam2world[:3, 3], view.cam2world[:3, 3] + wide / 20 * view.cam2world[:3, 2]])
        )
        draw.line([*stands.tolist(), *looks.tolist()], fill=CAMERA, width=2)
        draw.ellipse([*(stands - 4).tolist(), *(stands + 4).tolist()], fill=CAMERA)
    draw.text((8, 6), title, fill="black", font_size=16)
    return image


if __name__ == "__main__":
    main()
