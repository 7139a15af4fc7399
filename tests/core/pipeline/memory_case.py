"""A reconstruction in a process of its own that says what it was planned to need and what it needed, as JSON lines."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from dust3r.core.checkpoints.loading import LoadedModel
from dust3r.core.images.preprocessing import load_views
from dust3r.core.images.reader import find_photos
from dust3r.core.inference.array_store import FolderStore, MemoryStore
from dust3r.core.networks.dust3r.config import DPTWidths, ModelConfig
from dust3r.core.networks.dust3r.dust3r import DUSt3R
from dust3r.core.networks.precision import for_inference
from dust3r.core.pipeline import reconstruct as pipeline
from dust3r.core.pipeline.memory_plan import Needs, Scene
from dust3r.core.runtime.memory import keep_freed_memory
from dust3r.core.scene_graph.edges import make_edges
from dust3r.core.settings import AlignmentSettings, ReconstructionSettings
from PIL import Image

CPU = torch.device("cpu")
TINY = ModelConfig(
    encoder_width=96, encoder_depth=1, encoder_heads=2, decoder_width=96, decoder_depth=2, decoder_heads=2, mlp_ratio=2
)
CONFIGS = {
    "linear": replace(TINY, head="linear", image_size=256),
    "dpt": replace(TINY, head="dpt", image_size=512, dpt=DPTWidths((24, 48, 96, 192), 32, 64)),
}


def write_photos(folder: Path, count: int) -> None:
    """Photos of smooth noise."""
    random = np.random.default_rng(0)
    for number in range(count):
        coarse = Image.fromarray((random.random((12, 16, 3)) * 255).astype(np.uint8))
        coarse.resize((640, 480), Image.Resampling.BICUBIC).save(folder / f"{number:03}.jpg")


class Peaks:
    """A report that notes the most memory that was held until each stage's end."""

    def __init__(self) -> None:
        self.stage, self.peaks = "", {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage != self.stage:
            self.note()
            self.stage = stage

    def note(self) -> None:
        status = Path("/proc/self/status").read_text()
        self.peaks[self.stage] = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024


def main(folder: Path, kind: str, count: int, storage: str) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    keep_freed_memory()
    config = CONFIGS[kind]
    network = for_inference(DUSt3R(config), CPU)
    write_photos(folder, count)
    mappings = [view.mapping for view in load_views(find_photos([folder]), pipeline.framing_of(config))[0]]
    planned = Needs(config, "cpu", 4).plan(Scene.of(mappings, make_edges(count)), storage, 2**18)
    store, peaks = MemoryStore() if storage == "memory" else FolderStore(folder / "shelf"), Peaks()
    settings = ReconstructionSettings("complete", cameras="network", alignment=AlignmentSettings(iterations=0))
    model = LoadedModel(network, config, "random", "0" * 64)
    pipeline.reconstruct(find_photos([folder]), model, settings, peaks, store)
    peaks.note()
    sys.stdout.write(json.dumps({"planned": planned.peaks, "needed": peaks.peaks}))
