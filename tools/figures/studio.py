"""The sample studio with its true cameras and depths, as a reconstruction: what pictures of results begin with."""

import importlib
import runpy
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
STUDIO = ROOT / "samples" / "studio"


def ours(name: str) -> Any:
    """A module of the package by its dotted name."""
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    return importlib.import_module(f"dust3r.{name}")


def true_reconstruction(near: float = np.inf) -> Any:
    """Every pixel of every photo a point at its true depth, as sure as it is near; masked from `near` metres on."""
    posed, results = ours("core.cameras.posed_images"), ours("core.reconstruction.result")
    mapping = ours("core.images.pixel_mapping").PixelMapping
    views = []
    for photo in posed.read_posed_photos(STUDIO):
        depth = posed.read_depth(photo.depth)
        with Image.open(photo.path) as image:
            colors = np.asarray(image.convert("RGB"))
        arrays = {"depth": depth, "confidence": np.float32(1) + 8 / depth, "colors": colors, "mask": depth < near}
        place = {"K": photo.K, "cam2world": photo.cam2world, "mapping": mapping(photo.size, photo.size)}
        views.append(results.AlignedView(name=photo.name, path=photo.path, **place, **arrays))
    return results.Reconstruction(tuple(views), "truth@0", None, ours("core.version").VERSION)
