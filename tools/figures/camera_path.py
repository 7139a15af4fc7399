"""Makes camera_path.jpg: two ways through the studio's eight cameras, from above."""

from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from studio import IMAGES, ours, true_reconstruction

SIDE, REACH = 420, 3.4  # of each panel: pixels; metres, half a side
NEAR = 4.5  # metres: what is further off is left out
STEP = 24  # frames from photo to photo
TITLES = ((0.0, "through every photo's place"), (1.0, "smoothed over one photo"))
PHOTO, WAY, FRAME = (230, 120, 20), (30, 90, 230), (30, 90, 230)


def main() -> None:
    world, result = ours("core.world.transform"), true_reconstruction(NEAR)
    result = world.moved(result, world.on_the_ground(result))
    picture = Image.new("RGB", (2 * SIDE, SIDE), "white")
    for column, (smoothing, title) in enumerate(TITLES):
        picture.paste(panel(result, smoothing, title), (column * SIDE, 0))
    picture.save(IMAGES / "camera_path.jpg", quality=80)


def panel(result: Any, smoothing: float, title: str) -> Image.Image:
    path = ours("core.cameras.camera_path")
    poses, K = (np.stack([getattr(view, name) for view in result.views]) for name in ("cam2world", "K"))
    sizes = np.array([view.mapping.photo_size for view in result.views])
    times = STEP * np.arange(len(poses), dtype=float)
    way = path.smoothed(path.path_through(poses, K, sizes, times), smoothing * STEP)
    frames = path.along(way, np.arange(times[-1] + 1)).cam2world
    cloud = result.visible_points()
    middle = np.median(np.concatenate([poses[:, :3, 3], cloud.position[:: len(cloud.position) // 8]]), axis=0)

    def pixels(points: Any) -> Any:
        at = (points - middle)[:, [0, 2]] * [1, -1] * SIDE / (2 * REACH) + SIDE / 2
        return at.astype(np.int64)

    image = Image.fromarray(seen_from_above(cloud, pixels))
    draw = ImageDraw.Draw(image)
    draw.line([tuple(at) for at in pixels(frames[:, :3, 3]).tolist()], fill=WAY, width=3)
    for frame in frames[:: STEP // 3]:
        ends = pixels(np.stack([frame[:3, 3], frame[:3, 3] + 0.35 * frame[:3, 2]]))
        draw.line([tuple(end) for end in ends.tolist()], fill=FRAME, width=1)
    for x, y in pixels(poses[:, :3, 3]).tolist():
        draw.ellipse([x - 5, y - 5, x + 5, y + 5], fill=PHOTO)
    draw.text((8, 6), title, fill="black", font_size=16)
    return image


def seen_from_above(cloud: Any, pixels: Any) -> Any:
    """The points, pale; what is higher covers what is lower."""
    canvas = np.full((SIDE, SIDE, 3), 255, np.uint8)
    order = np.argsort(-cloud.position[:, 1])
    columns, rows = pixels(cloud.position[order]).T
    inside = (columns >= 0) & (columns < SIDE) & (rows >= 0) & (rows < SIDE)
    canvas[rows[inside], columns[inside]] = 128 + cloud.color[order][inside] // 2
    return canvas


if __name__ == "__main__":
    main()
