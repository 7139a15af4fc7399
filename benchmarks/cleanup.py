"""Whether flawed points are worse than the others, whether the sky is found, and what the search costs."""

import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ..core.checkpoints.loading import load_model
from ..core.cleanup.find import find_flaws
from ..core.flaws import FLAWS
from ..core.images.reader import find_photos
from ..core.pipeline.reconstruct import reconstruct
from ..core.settings import ReconstructionSettings
from ..tests.core.cleanup_scene import room_views
from ..training.scenes.source import HELD_OUT_SEEDS, ProceduralSource
from .suite.report import machine

SCENES, VIEWS, SIZE, DIFFICULTY = 40, 4, (256, 192), 0.6
SEED = HELD_OUT_SEEDS + 101
OPEN = 0.15  # share of sky from which on a photo is counted as one under the open sky
COUNTS, LARGE = (10, 50), (512, 384)

ABOUT = f"""{SCENES} held-out training scenes, {VIEWS} photos of {SIZE[0]} x {SIZE[1]} each, rooms and outdoors,
reconstructed by the bundled model. Depth errors are relative, after each photo's own scale.
Sky: photos that show at least {OPEN:.0%} of it, and all photos (windows of rooms included, which a sky that must
reach the top of the picture leaves out); falsely taken: of the pixels that show a surface.
Seconds: one thread; a room of known depths, {LARGE[0]} x {LARGE[1]}."""


@dataclass(frozen=True)
class Judged:
    """One photo's pixels against the truth; (H, W) each."""

    error: NDArray[np.float64]  # signed, relative, of the depth; NaN for sky
    flaws: NDArray[np.uint8]

    @property
    def sky(self) -> NDArray[np.bool_]:
        return np.isnan(self.error)


def main(root: Path) -> None:
    photos = list(_judged(root / "models" / "small"))
    lines = ["| points | share, % | median error, % | of the others, % | bias, % |", "|---" * 5 + "|"]
    lines += [_error_line(name, photos) for name in ("floaters", "edges", "outliers")]
    lines += ["", "| photos | sky found, % | falsely taken, % |", "|---" * 3 + "|"]
    lines += [_sky_line(f"under the sky ({OPEN:.0%})", [photo for photo in photos if photo.sky.mean() >= OPEN])]
    lines += [_sky_line("all", photos), "", "| photos | seconds | GiB |", "|---" * 3 + "|"]
    lines += [_cost_line(count) for count in COUNTS]
    text = f"# Clean-up\n\n{machine(root)}\n\n" + "\n".join(lines) + f"\n\n{ABOUT}\n"
    (root / "benchmarks" / "results" / "cleanup.md").write_text(text, encoding="utf-8")


def _judged(checkpoint: Path) -> Iterator[Judged]:
    torch.set_num_threads(1)
    model = load_model(checkpoint, torch.device("cpu"))
    settings = ReconstructionSettings(scene_graph="complete")
    source = ProceduralSource(SEED, DIFFICULTY)
    for number in range(SCENES):
        batch = source.batch(number, 1, VIEWS, 1, SIZE)
        with tempfile.TemporaryDirectory() as folder:
            for k, image in enumerate(batch.images[0].permute(0, 2, 3, 1).numpy()):
                Image.fromarray(image).save(Path(folder) / f"{k}.png")
            result = reconstruct(find_photos([Path(folder)]), model, settings)
        away = batch.points[0].numpy() - batch.cam2world[0, :, None, None, :3, 3].numpy()
        depth = np.einsum("vhwk,vk->vhw", away, batch.cam2world[0, :, :3, 2].numpy())
        for view, true, surface in zip(result.views, depth, batch.valid[0].numpy(), strict=True):
            rows, columns = (np.round(axis - 0.5).astype(int) for axis in reversed(view.mapping.photo_axes()))
            ratio = view.depth / np.where(surface, true, np.nan)[np.ix_(rows, columns)]
            assert view.flaws is not None
            yield Judged(ratio / np.nanmedian(ratio) - 1, view.flaws)


def _error_line(name: str, photos: list[Judged]) -> str:
    error = np.concatenate([photo.error[~photo.sky] for photo in photos])
    has = np.concatenate([photo.flaws[~photo.sky] for photo in photos]) & FLAWS[name].bit != 0
    figures = (has.mean(), np.median(np.abs(error[has])), np.median(np.abs(error[~has])), np.median(error[has]))
    return f"| {name} | " + " | ".join(f"{100 * figure:.1f}" for figure in figures) + " |"


def _sky_line(title: str, photos: list[Judged]) -> str:
    true = np.concatenate([photo.sky.ravel() for photo in photos])
    found = np.concatenate([photo.flaws.ravel() for photo in photos]) & FLAWS["sky"].bit != 0
    return f"| {title} | {100 * found[true].mean():.0f} | {100 * found[~true].mean():.1f} |"


def _cost_line(count: int) -> str:
    views = room_views(5, noise=0.02, size=LARGE) * (count // 5)
    began = time.process_time()
    find_flaws(views)
    seconds = time.process_time() - began
    return f"| {count} | {seconds:.1f} | {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} |"
