"""The sample studio, reconstructed by the bundled network, which is asked once."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from dust3r.core.cameras.posed_images import PosedPhoto
from dust3r.core.checkpoints.loading import load_model
from dust3r.core.inference.array_store import MemoryStore
from dust3r.core.pipeline.reconstruct import reconstruct
from dust3r.core.reconstruction.result import Reconstruction
from dust3r.core.settings import ReconstructionSettings


def solver(photos: Sequence[PosedPhoto], root: Path, **usual: Any) -> Callable[..., Reconstruction]:
    """Reconstructs the first `count` of the photos (None: all) with the usual and more settings, and priors."""
    model = load_model(root / "models" / "small", torch.device("cpu"), torch.float32)
    store = MemoryStore()

    def call(count=None, priors=None, **changes):
        settings = replace(ReconstructionSettings(ground="off"), **usual | changes)
        given = {} if priors is None else {"priors": priors}
        return reconstruct([photo.path for photo in photos[:count]], model, settings, store=store, **given)

    return call
