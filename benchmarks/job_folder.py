"""What a job folder holds, what aligning out of it takes: prints a table and writes benchmarks/results/job_folder.md.

.venv/bin/python benchmarks/job_folder.py [--machine "2-core x86 CPU"] [--large]

The predictions are an oracle's: the true pointmaps of a synthetic scene with smooth errors. The network is not run.
"""

import argparse
import json
import resource
import runpy
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
runpy.run_path(str(ROOT / "headless.py"))["import_package"]()

from dust3r.core.alignment.aligner import AlignmentPhoto, align  # noqa: E402
from dust3r.core.images.pixel_mapping import PixelMapping  # noqa: E402
from dust3r.core.inference.array_store import ArrayStore, FolderStore, MemoryStore  # noqa: E402
from dust3r.core.inference.prediction import Prediction  # noqa: E402
from dust3r.core.inference.prediction_store import DENSE, RECORDS, PredictionStore  # noqa: E402
from dust3r.core.scene_graph.edges import Edge, make_edges  # noqa: E402
from dust3r.core.scene_graph.shard import WHOLE  # noqa: E402
from dust3r.evaluation.metrics.poses import pose_metrics  # noqa: E402
from dust3r.tests.synthetic import synthetic_pairs  # noqa: E402

Image = NDArray[np.float32]

FOLDER = ROOT / "build" / "benchmarks" / "job_folder"  # what is filled stays, for the next run
FILLED = "filled.json"
COMMAND = [sys.executable, __file__]
NOISE, TURN = 0.03, 1.0  # standard deviations: log depth, degrees of an edge's relative pose
CELLS = (5, 6)  # of the smooth errors


@dataclass(frozen=True)
class Case:
    """A number of photos of one size and the graph over them."""

    photos: int
    size: tuple[int, int]  # (width, height)
    graph: str

    @property
    def name(self) -> str:
        return f"{self.photos}-{self.size[0]}x{self.size[1]}-{self.graph}"

    @property
    def edges(self) -> list[Edge]:
        return make_edges(self.photos, self.graph)

    @property
    def mappings(self) -> list[PixelMapping]:
        return [PixelMapping(self.size, self.size, offset=(-0.5, -0.5))] * self.photos

    def store(self, arrays: ArrayStore) -> PredictionStore:
        return PredictionStore(arrays, [f"{photo:032d}" for photo in range(self.photos)], [self.size] * self.photos)


SMALL = [Case(12, (112, 80), "complete"), Case(24, (112, 80), "complete")]
CASES = [*SMALL, Case(100, (128, 96), "complete"), Case(1000, (128, 96), "swin-6")]
LARGE = [Case(100, (512, 384), "complete")]


class Oracle:
    """True pointmaps with smooth errors of depth and of relative pose, and a confidence that knows them."""

    def __init__(self, case: Case) -> None:
        scene = synthetic_pairs().make_scene(case.photos, case.size, path="orbit", seed=3)
        self.poses, self.depth = scene["poses"], np.stack(scene["depth"]).astype(np.float32)
        u, v = np.meshgrid(np.arange(case.size[0]), np.arange(case.size[1]))
        centred = np.stack([u - case.size[0] / 2, v - case.size[1] / 2], -1)
        ones = np.ones((*u.shape, 1))
        self._rays = [np.concatenate([centred / f, ones], -1).astype(np.float32) for f in scene["focals"]]
        self._rise, self._run = (_hats(side, cells) for side, cells in zip(u.shape, CELLS, strict=True))

    def __call__(self, edge: Edge) -> Prediction:
        made = np.random.default_rng([edge.i, edge.j])
        scale = made.uniform(0.5, 2) / 3
        turn = np.deg2rad(TURN) * made.standard_normal(3)
        relative = np.linalg.inv(self.poses[edge.i]) @ self.poses[edge.j]
        R = (np.eye(3) + np.cross(np.eye(3), turn)) @ relative[:3, :3]
        own, sure_i = self._seen(edge.i, made)
        other, sure_j = self._seen(edge.j, made)
        other = other @ R.T.astype(np.float32) + relative[:3, 3].astype(np.float32)
        arrays = (np.float32(scale) * own, np.float32(scale) * other, sure_i, sure_j)
        return Prediction(edge, *map(torch.from_numpy, arrays))

    def _seen(self, photo: int, made: np.random.Generator) -> tuple[Image, Image]:
        off = NOISE * (self._rise @ made.standard_normal(CELLS).astype(np.float32) @ self._run.T)
        sure = (1 + 14 * np.exp(-np.abs(off) / NOISE)).astype(np.float32, copy=False)
        return self._rays[photo] * (self.depth[photo] * np.exp(off))[..., None], sure


def _hats(side: int, cells: int) -> Image:
    """(side, cells): linear interpolation between evenly spaced values."""
    at = np.linspace(0, cells - 1, side)[:, None]
    return np.maximum(1 - np.abs(at - np.arange(cells)), 0).astype(np.float32)


def fill(case: Case) -> None:
    """Put the oracle's predictions, the truth and what that took into a folder."""
    oracle, folder = Oracle(case), FOLDER / case.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    np.savez(folder / "truth.npz", poses=oracle.poses, depth=oracle.depth)
    store = case.store(FolderStore(folder))
    store.missing(case.edges)
    for chunk in WHOLE.chunks(case.edges):
        store.add([oracle(edge) for edge in chunk])
    (folder / FILLED).write_text(json.dumps({"fill_gb": _peak_gb()}))


def solve(case: Case, storage: str) -> None:
    """Align out of the folder, or out of memory, or from every pixel of every pair ("all"); print what it took."""
    folder = FOLDER / case.name
    if storage == "disk":
        predictions = case.store(FolderStore(folder)).of(case.edges)
    else:
        oracle = Oracle(case)
        predictions = [oracle(edge) for edge in case.edges]
        if storage == "memory":
            store = case.store(MemoryStore())
            store.missing(case.edges)
            store.add(predictions)
            predictions = store.of(case.edges)
    wall, cpu = time.perf_counter(), time.process_time()
    found = align([AlignmentPhoto(mapping) for mapping in case.mappings], predictions)
    row = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu, "peak_gb": _peak_gb()}
    with np.load(folder / "truth.npz") as truth:
        metrics = pose_metrics(found.cam2world, truth["poses"])
        off = np.log(np.stack(found.depth) / truth["depth"])
    row |= {"depth_percent": 100 * float(np.abs(off - np.median(off)).mean()), "loss": found.loss}
    print(json.dumps(row | {key: float(value) for key, value in metrics.items()}))


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def _run(case: Case, step: str) -> dict[str, float]:
    """Aligning in a process of its own, so that its peak is its own."""
    command = [*COMMAND, "--case", case.name, "--step", step]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def measure(case: Case) -> Iterator[str]:
    """The table's rows of a case."""
    folder = FOLDER / case.name
    if not (folder / FILLED).exists():
        subprocess.run([*COMMAND, "--case", case.name, "--step", "fill"], check=True)
    filled = json.loads((folder / FILLED).read_text())
    size = [sum(p.stat().st_size for p in (folder / kind).iterdir()) / 1e9 for kind in (RECORDS, DENSE)]
    every = len(case.edges) * 2 * 16 * case.size[0] * case.size[1] / 1e9
    for step in ("all", "memory", "disk") if case in SMALL else ("disk",):
        row = _run(case, step)
        yield (
            f"| {case.photos} | {case.size[0]} x {case.size[1]} | {case.graph} | {len(case.edges)} | {step} | "
            f"{every:.2f} | {size[0]:.2f} + {size[1]:.2f} | {filled['fill_gb']:.2f} | {row['peak_gb']:.2f} | "
            f"{row['cpu_s']:.1f} | {row['depth_percent']:.3f} | {row['loss']:.5f} |"
        )


HEAD = (
    "| photos | size | graph | pairs | storage | all pixels of all pairs, GB | kept: spread + dense, GB | "
    "peak while filling, GB | peak while aligning, GB | CPU s of the alignment | depth error, % | loss |"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machine", default="2-core x86 CPU")
    parser.add_argument("--large", action="store_true", help="100 photos of 512 x 384 too: 6 GB of disk, half an hour")
    parser.add_argument("--case")
    parser.add_argument("--step")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cases = [*CASES, *LARGE]
    if arguments.case:
        case = next(case for case in cases if case.name == arguments.case)
        fill(case) if arguments.step == "fill" else solve(case, arguments.step)
        return
    about = (__doc__ or "").splitlines()[-1]
    lines = ["# The job folder's predictions", "", f"{arguments.machine}; {about}", "", HEAD]
    lines.append("|" + " --- |" * (HEAD.count("|") - 1))
    for case in cases if arguments.large else CASES:
        for row in measure(case):
            print(row, flush=True)
            lines.append(row)
    (ROOT / "benchmarks" / "results" / "job_folder.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
