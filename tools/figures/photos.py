"""Makes photos.jpg: how the frames of a clip move and how sharp they are, and which of them are taken as keyframes.

The clip is a window that slides over a photo of samples/studio: it stands still, slides, hurries (which blurs), slides.
"""

import importlib
import runpy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
PHOTO = ROOT / "samples" / "studio" / "images" / "studio_04.jpg"
FRAME = (256, 192)  # (width, height) of the clip
STEPS = [0] * 20 + [3] * 25 + [14] * 8 + [3] * 27  # pixels that the window slides before each frame
TAKEN = 7
WIDTH, HEIGHT, LEFT = 1120, 330, 60
BARS, CURVE, MARK = (180, 180, 180), (30, 80, 200), (220, 60, 30)


def main() -> None:
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    keyframes: Any = importlib.import_module("dust3r.core.images.keyframes")
    clip = frames()
    greys = [np.asarray(frame.convert("L"), np.float32) / 255 for frame in clip]
    measures = keyframes.measure(greys)
    chosen = keyframes.choose_keyframes(measures, TAKEN)
    true = np.cumsum(STEPS) / FRAME[0]
    print(f"travel {measures.travel[-1]:.2f} widths, true {true[-1]:.2f}; frames {[number + 1 for number in chosen]}")
    picture(clip, measures, chosen).save(IMAGES / "photos.jpg", quality=88)


def frames() -> list[Image.Image]:
    """What the sliding window shows; as blurred as it slides far in a quarter of a frame's time."""
    with Image.open(PHOTO) as photo:
        wide = photo.convert("RGB").resize((FRAME[0] + sum(STEPS), round((FRAME[0] + sum(STEPS)) * 0.75)))
    top, found = (wide.height - FRAME[1]) // 2, []
    for x, step in zip(np.cumsum(STEPS), STEPS, strict=True):
        window = wide.crop((int(x), top, int(x) + FRAME[0], top + FRAME[1]))
        found.append(window.filter(ImageFilter.BoxBlur((step / 4, 0))))
    return found


def picture(clip: list[Image.Image], measures: Any, chosen: list[int]) -> Image.Image:
    """Bars: sharpness; curve: travel; below, the chosen frames."""
    canvas = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(canvas)
    right, low, high = WIDTH - 20, 190, 20
    x = np.linspace(LEFT, right, len(clip))
    bars, curve = (low - (low - high) * values / values.max() for values in (measures.sharpness, measures.travel))
    for number in range(len(clip)):
        color = MARK if number in chosen else BARS
        draw.rectangle((x[number] - 4, bars[number], x[number] + 4, low), fill=color)
    draw.line(points(x, curve), fill=CURVE, width=3)
    draw.text((4, high), "sharpness", fill="black")
    draw.text((4, high + 14), "travel", fill=CURVE)
    draw.text((LEFT, low + 4), "frame 1", fill="black")
    draw.text((right - 50, low + 4), f"frame {len(clip)}", fill="black")
    width = (WIDTH - LEFT) // len(chosen)
    for place, number in enumerate(chosen):
        small = clip[number].resize((width - 8, (width - 8) * FRAME[1] // FRAME[0]))
        canvas.paste(small, (LEFT + place * width, low + 22))
    return canvas


def points(x: NDArray[Any], y: NDArray[Any]) -> list[tuple[float, float]]:
    return list(zip(x.tolist(), y.tolist(), strict=True))


if __name__ == "__main__":
    main()
