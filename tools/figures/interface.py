"""The sidebar in German with the list of presets, cut out of the picture that `make test-window` takes: interface.jpg.

usage: .venv/bin/python tools/figures/interface.py [build/tour/german.png]
"""

import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SHOWN = (720, 80, 1315, 815)  # left, top, right, bottom in the window's picture, pixels


def main() -> None:
    """Cut and save."""
    taken = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "tour" / "german.png"
    Image.open(taken).convert("RGB").crop(SHOWN).save(ROOT / "docs" / "images" / "interface.jpg", quality=85)


if __name__ == "__main__":
    main()
