"""Builds the furnished room of `samples/studio` and photographs it: eight photos, their true cameras and depth.

usage: python tools/studio/make_studio.py [--output samples/studio] [--walk N] [--samples 64] [--only N ...]
"""

import argparse
import json
import os
import runpy
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from studio.cameras import HEIGHT, WIDTH, intrinsics, poses, walk  # noqa: E402
from studio.rendering import aim, measure_depth, prepare, take_photo  # noqa: E402
from studio.room import furnish  # noqa: E402


def main() -> None:
    options = _parse()
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()  # the depth is measured as training views' is
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    furnish()
    prepare(options.samples)
    for folder in ("images", "depth"):
        (options.output / folder).mkdir(parents=True, exist_ok=True)
    cameras = poses() if options.walk is None else walk(options.walk)
    for number, (name, cam2world) in enumerate(cameras.items(), start=1):
        if options.only is None or number in options.only:
            began = time.monotonic()
            with _silence(), tempfile.TemporaryDirectory() as scratch:
                aim(cam2world)
                _save_photo(Path(scratch), options.output / "images" / name)
                _save_depth(Path(scratch), options.output / "depth" / f"{Path(name).stem}.png")
            print(f"{name}  {time.monotonic() - began:.0f} s", flush=True)
    _save_cameras(options.output / "cameras.json", cameras)
    print(f"Made {options.output}")


def _parse() -> Any:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=ROOT / "samples" / "studio", help="folder to write into")
    parser.add_argument("--walk", type=int, metavar="N", help="N photos of a longer walk instead of the sample's eight")
    parser.add_argument("--samples", type=int, default=64, help="paths per pixel")
    parser.add_argument("--only", type=int, nargs="+", metavar="N", help="numbers of the photos to make, from 1")
    return parser.parse_args()


@contextmanager
def _silence() -> Iterator[None]:
    """Blender's renderer reports on the process's own standard output, thousands of lines: send them nowhere."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(nowhere)
        os.close(kept)


def _save_photo(scratch: Path, path: Path) -> None:
    """Through a PNG, because a JPEG that Blender writes carries the time it was made."""
    take_photo(scratch / "photo.png")
    with Image.open(scratch / "photo.png") as photo:
        photo.convert("RGB").save(path, quality=92, optimize=True)


def _save_depth(scratch: Path, path: Path) -> None:
    depth = measure_depth(scratch / "depth.exr")
    Image.fromarray(np.rint(depth * 1000).astype(np.uint16)).save(path, optimize=True)


def _save_cameras(path: Path, cameras: dict[str, Any]) -> None:
    K = intrinsics().tolist()
    photos = {
        name: {"width": WIDTH, "height": HEIGHT, "K": K, "cam2world": pose.tolist()} for name, pose in cameras.items()
    }
    path.write_text(json.dumps({"photos": photos}, indent=1) + "\n")


if __name__ == "__main__":
    main()
