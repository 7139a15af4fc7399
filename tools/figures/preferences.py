"""The extension's preferences, cut out of the picture that `make test-window` takes: preferences.jpg.

usage: .venv/bin/python tools/figures/preferences.py [build/tour/preferences.png]
"""

import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SHOWN = (175, 310, 1100, 1650)  # left, top, right, bottom in the window's picture, pixels


def main() -> None:
    """Cut and save."""
    taken = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "tour" / "preferences.png"
    Image.open(taken).convert("RGB").crop(SHOWN).save(ROOT / "docs" / "images" / "preferences.jpg", quality=82)


if __name__ == "__main__":
    main()
