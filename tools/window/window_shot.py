#!/usr/bin/env python3
"""Start Blender in a window, wait until it is really drawn, and save a picture of the screen.

usage: xvfb-run -a -s "-screen 0 1600x900x24" python3 window_shot.py OUT.png [--ready FILE] [--timeout S] -- ARGUMENTS

ARGUMENTS go to Blender; FILE is one that a --python script writes when the window shows what is wanted
(open_sidebar.py does). Blender's own screenshot operator gives black pictures under software OpenGL; the X root
window does not. Exit status 0 only if a picture was saved.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image, ImageGrab

FEWEST_COLORS = 500  # an undrawn window has a handful


def parse_arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("--ready", type=Path, help="wait until this file is there")
    parser.add_argument("--timeout", type=float, default=90.0, help="seconds until giving up")
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    return parser.parse_args(sys.argv[1:split]), sys.argv[split + 1 :]


def drawn_picture(blender: subprocess.Popen[bytes], ready: Path | None, timeout: float) -> Image.Image | None:
    """The first picture that is colourful and equal to the one before; None when Blender ends or time is up."""
    previous = b""
    end = time.monotonic() + timeout
    while time.monotonic() < end and blender.poll() is None:
        time.sleep(0.5)
        if ready and not ready.exists():
            continue
        picture = ImageGrab.grab(xdisplay="").convert("RGB")
        current = picture.tobytes()
        if current == previous and len(picture.getcolors(1 << 24) or ()) > FEWEST_COLORS:
            return picture
        previous = current
    return None


def stop(blender: subprocess.Popen[bytes]) -> None:
    """End Blender, by force after ten seconds."""
    if blender.poll() is not None:
        return
    blender.terminate()
    try:
        blender.wait(10)
    except subprocess.TimeoutExpired:
        blender.kill()


def main() -> int:
    options, arguments = parse_arguments()
    if options.ready:
        options.ready.unlink(missing_ok=True)
    environment = os.environ | {"LIBGL_ALWAYS_SOFTWARE": "1"}
    if options.ready:
        environment["READY"] = str(options.ready)
    blender = subprocess.Popen(["blender", *arguments], env=environment)
    try:
        picture = drawn_picture(blender, options.ready, options.timeout)
    finally:
        stop(blender)
    if picture is None:
        print("no picture: Blender ended, or the window was not drawn in time", file=sys.stderr)
        return 1
    picture.save(options.picture)
    print(f"saved {options.picture}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
