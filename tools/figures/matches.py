"""Makes matches.jpg: two sample photos side by side, a thinned choice of their matches as lines."""

import colorsys
import importlib
import runpy
import sys
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
PHOTOS = [ROOT / "samples" / "studio" / "images" / f"studio_0{number}.jpg" for number in (1, 2)]
SHOWN = 60


def main() -> None:
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    ours: dict[str, Any] = {
        name: importlib.import_module(f"dust3r.{name}")
        for name in (
            "core.checkpoints.local",
            "core.runtime.device",
            "core.images.preprocessing",
            "core.checkpoints.loading",
            "core.pipeline.reconstruct",
            "core.localization.image_pair",
        )
    }
    path = ours["core.checkpoints.local"].find_model(sys.argv[1] if len(sys.argv) > 1 else None)
    model = ours["core.checkpoints.loading"].load_model(path, ours["core.runtime.device"].pick_device("auto"))
    framing = ours["core.pipeline.reconstruct"].framing_of(model.config)
    a, b = (ours["core.images.preprocessing"].load_view(photo, framing) for photo in PHOTOS)
    pair = ours["core.localization.image_pair"].show_pair(model.network, (a, b))
    pixels_a, pixels_b = pair.matches().thinned(SHOWN).pixels(*pair.mappings)
    with Image.open(PHOTOS[0]) as left, Image.open(PHOTOS[1]) as right:
        picture = Image.new("RGB", (left.width + right.width, max(left.height, right.height)))
        picture.paste(left, (0, 0))
        picture.paste(right, (left.width, 0))
        draw = ImageDraw.Draw(picture)
        for (x, y), (u, v) in zip(pixels_a, pixels_b, strict=True):
            hue = colorsys.hsv_to_rgb(y / left.height, 0.9, 1.0)
            draw.line([x, y, u + left.width, v], fill=tuple(round(255 * part) for part in hue), width=1)
    picture.save(IMAGES / "matches.jpg", quality=85)


if __name__ == "__main__":
    main()
