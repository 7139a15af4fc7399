"""Makes scene_graph.png: forty cameras in a circle from above, the pairs of three scene graphs between them.

The pairs are those of benchmarks/scene_graph.py, whose predictions fail where photos overlap by little: pairs of
photos that show hardly anything in common (overlap below 0.12) are red.
"""

import importlib
import runpy
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
GRAPHS = ("complete", "swin-6", "auto")
COUNT, SEED, DISORDER = 40, 0, 0.05
SIDE, MARGIN = 380, 40
SHARED, STRANGE = (60, 110, 200), (220, 80, 60)


def main() -> None:
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    scenes, suite = (
        importlib.import_module(f"dust3r.benchmarks.{name}") for name in ("suite.graph_scenes", "scene_graph")
    )
    photos = scenes.synthetic("orbit", COUNT, SEED, DISORDER)
    picture = Image.new("RGB", (len(GRAPHS) * SIDE, SIDE), "white")
    for k, graph in enumerate(GRAPHS):
        pairs = {tuple(sorted(edge)) for edge in suite._pairs(photos, graph) if edge.i != edge.j}
        picture.paste(_drawn(photos, sorted(pairs), graph, scenes.FAILING), (k * SIDE, 0))
    picture.quantize(64).save(IMAGES / "scene_graph.png")


def _drawn(photos: Any, pairs: list[tuple[int, int]], graph: str, failing: float) -> Image.Image:
    centres = photos.cam2world[:, :3, 3][:, [0, 2]]
    low, high = centres.min(0), centres.max(0)
    places = MARGIN + (centres - low) / (high - low).max() * (SIDE - 2 * MARGIN)
    image = Image.new("RGB", (2 * SIDE, 2 * SIDE), "white")  # drawn twice as large: lines are smooth afterwards
    draw = ImageDraw.Draw(image)
    for i, j in sorted(pairs, key=lambda pair: -photos.pairs.overlap[pair]):
        strange = photos.pairs.overlap[i, j] < failing
        draw.line([*(2 * places[i]), *(2 * places[j])], fill=STRANGE if strange else SHARED, width=1 if strange else 2)
    for x, y in 2 * places:
        draw.ellipse([x - 7, y - 7, x + 7, y + 7], fill="black")
    image = image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    strange = np.mean([photos.pairs.overlap[pair] < failing for pair in pairs])
    text = f"{graph}: {len(pairs)} pairs, {strange:.0%} with little in common"
    ImageDraw.Draw(image).text((10, SIDE - 26), text, fill="black", font_size=16)
    print(text)
    return image


if __name__ == "__main__":
    main()
