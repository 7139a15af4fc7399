"""The list of photos and a drop onto the viewport, cut out of pictures that `make test-window` takes: photo_list.jpg.

usage: .venv/bin/python tools/figures/photo_list.py [build/tour]
"""

import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
LIST, DROP = (1030, 84, 1322, 362), (560, 340, 1010, 520)  # pixels of the window
GAP = 16  # pixels between the two


def main() -> None:
    """Cut, lay side by side and save."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "tour"
    parts = [
        Image.open(folder / f"{name}.png").convert("RGB").crop(shown)
        for name, shown in (("session_1_photos", LIST), ("photos_5_drop", DROP))
    ]
    height = max(part.height for part in parts)
    picture = Image.new("RGB", (sum(part.width for part in parts) + GAP, height), "white")
    left = 0
    for part in parts:
        picture.paste(part, (left, (height - part.height) // 2))
        left += part.width + GAP
    picture.save(ROOT / "docs" / "images" / "photo_list.jpg", quality=85)


if __name__ == "__main__":
    main()
