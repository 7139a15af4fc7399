"""Does this machine's torch compute what it should? The bundled model on two patterns, beside what is written down."""

import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..checkpoints.loading import LoadedModel, load_model
from ..checkpoints.local import BUNDLED
from ..errors import InputError
from ..images.pixel_mapping import PixelMapping
from ..images.preprocessing import View, network_image
from ..networks.precision import precision_name
from ..progress import Report, silent
from ..runtime.device import pick_device, pick_precision
from ..runtime.probe import SelfTest
from ..scene_graph.edges import Edge
from ..settings import Device, Precision
from .forward import predict

STAGE = "Testing"
MODEL = BUNDLED / "small"
WRITTEN = "self_test.npz"  # in the model's folder
SIZE = (96, 64)  # width, height of the patterns
STEP = 8  # of the pixels of each map, this one in both directions is compared
# Of the points' mean length, see SelfTest; TF32 of a graphics card rounds to 1e-3, bfloat16 gives 2e-3 on a CPU.
ALLOWED = {torch.float32: 5e-3, torch.float16: 0.02, torch.bfloat16: 0.02}


def run_self_test(device: Device = "auto", precision: Precision = "auto", report: Report = silent) -> SelfTest:
    """Load the bundled model, show it two patterns in both orders, and compare.

    report: two steps. Raises InputError where the device is not there or nothing is written down for these weights,
    ModelUnavailable where the model is not.
    """
    report(STAGE, 0, 2)
    began, on = time.perf_counter(), pick_device(device)
    products = pick_precision(precision, on)
    model = load_model(MODEL, on, products)
    expected, loaded = read_expected(MODEL / WRITTEN, model.sha256), time.perf_counter()
    report(STAGE, 1, 2)
    found = sample(model)
    ended = time.perf_counter()
    difference = float(np.linalg.norm(found - expected, axis=-1).mean() / np.linalg.norm(expected, axis=-1).mean())
    report(STAGE, 2, 2)
    kind = "rocm" if on.type == "cuda" and getattr(torch.version, "hip", None) else on.type
    name = precision_name(model.network)
    return SelfTest(kind, name, loaded - began, ended - loaded, difference, ALLOWED[products])


def sample(model: LoadedModel) -> NDArray[np.float32]:
    """(2, 2, h, w, 3): the points of both patterns, in both orders, at every STEP-th pixel."""
    predictions = predict(model.network, [pattern(0), pattern(1)], [Edge(0, 1), Edge(1, 0)])
    maps = [[prediction.points_i, prediction.points_j] for prediction in predictions]
    return np.array([[points[::STEP, ::STEP].numpy() for points in both] for both in maps], np.float32)


def pattern(number: int) -> View:
    """A picture that is the same on every machine: whole numbers only, shifted from one pattern to the other."""
    width, height = SIZE
    x, y = np.meshgrid(np.arange(width) + 5 * number, np.arange(height) + 2 * number)
    colors = np.stack([x * 2 + y, (x // 8 + y // 8) % 2 * 160 + y, x * y // 24], axis=-1).astype(np.uint8)
    mapping = PixelMapping(SIZE, SIZE, (1.0, 1.0), (0.0, 0.0))
    name = f"pattern {number}"
    return View(name, Path(name), network_image(colors), np.ones((height, width), bool), mapping)


def read_expected(path: Path, sha256: str) -> NDArray[np.float32]:
    """What `tools/seal_small.py` wrote for these weights; raises InputError where there is nothing for them."""
    try:
        with np.load(path, allow_pickle=False) as written:
            points, weights = written["points"], str(written["sha256"])
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); install the extension again") from error
    if weights != sha256:
        raise InputError(f"{path} belongs to other weights ({weights[:12]}, not {sha256[:12]}); install again")
    return points
