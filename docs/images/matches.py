"""Makes matches.jpg: two sample photos side by side, a thinned choice of their matches as lines."""

import colorsys
import importlib
import runpy
import sys
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = [ROOT / "samples" / "studio" / "images" / f"studio_0{number}.jpg" for number in (1, 2)]
SHOWN = 60


def main() -> None:
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    core: dict[str, Any] = {
        name: importlib.import_module(f"dust3r.core.{name}")
        for name in ("checkpoints", "device", "images", "model.weights", "pipeline", "two_photos")
    }
    path = core["checkpoints"].find_model(sys.argv[1] if len(sys.argv) > 1 else None)
    model = core["model.weights"].load_model(path, core["device"].pick_device("auto"))
    framing = core["pipeline"].framing_of(model.config)
    a, b = (core["images"].load_view(photo, framing) for photo in PHOTOS)
    pair = core["two_photos"].show_pair(model.network, (a, b))
    pixels_a, pixels_b = pair.matches().thinned(SHOWN).pixels(*pair.mappings)
    with Image.open(PHOTOS[0]) as left, Image.open(PHOTOS[1]) as right:
        picture = Image.new("RGB", (left.width + right.width, max(left.height, right.height)))
        picture.paste(left, (0, 0))
        picture.paste(right, (left.width, 0))
        draw = ImageDraw.Draw(picture)
        for (x, y), (u, v) in zip(pixels_a, pixels_b, strict=True):
            hue = colorsys.hsv_to_rgb(y / left.height, 0.9, 1.0)
            draw.line([x, y, u + left.width, v], fill=tuple(round(255 * part) for part in hue), width=1)
    picture.save(Path(__file__).with_name("matches.jpg"), quality=85)


if __name__ == "__main__":
    main()
