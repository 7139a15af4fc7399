"""How fast a large reconstruction comes into Blender: prints tables and writes benchmarks/results/blender_import.md.

.venv/bin/python benchmarks/blender_import.py [--machine "2-core x86 CPU"] [--points 10000000] [--photos 8]
"""

import argparse
import cProfile
import logging
import pstats
import resource
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
runpy.run_path(str(ROOT / "headless.py"))["import_package"]()

from dust3r.core.images.pixel_mapping import PixelMapping  # noqa: E402
from dust3r.core.reconstruction.result import AlignedView, PointCloud, Reconstruction  # noqa: E402
from dust3r.core.settings import ReconstructionSettings  # noqa: E402
from dust3r.operators.scene import add_reconstruction, points_modifier, set_points_input  # noqa: E402

SIZE = (512, 384)  # of a view
PHOTO_SIZE = (6000, 4000)  # 24 megapixels
REPEATS = 3  # the best counts: others may use the machine
PERCENTAGES = (100, 50, 20, 10, 1)
# functions of ours and of Blender, and what they do for the import
STEPS = {
    "point_cloud": "points into world space, one array each",
    "scene_scale": "median depth and spacing",
    "rgba": "colors to what Blender takes",
    "foreach_set": "attributes written",
    "cameras": "recipe",
}


@dataclass(frozen=True)
class Seconds:
    """The shortest of several runs."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} | {self.cpu:.2f}"


def best(work: Callable[[], object], before: Callable[[], object] = lambda: None, repeats: int = REPEATS) -> Seconds:
    """Wall and CPU seconds of `work`, each run after an untimed `before`."""
    runs = []
    for _ in range(repeats):
        before()
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        runs.append((time.perf_counter() - wall, time.process_time() - cpu))
    walls, cpus = zip(*runs, strict=True)
    return Seconds(min(walls), min(cpus))


def make_reconstruction(points: int) -> Reconstruction:
    """Views of random depth, confidence and colour, of as many pixels together; their photos do not exist."""
    rng = np.random.default_rng(0)
    views = tuple(_view(f"{k}.jpg", rng) for k in range(max(1, round(points / np.prod(SIZE)))))
    return Reconstruction(views, "benchmark@0", ReconstructionSettings(min_confidence=1.5, hide=()), "0")


def _view(name: str, rng: np.random.Generator) -> AlignedView:
    (width, height), cam2world = SIZE, np.eye(4)
    cam2world[:3, 3] = rng.normal(size=3)
    return AlignedView(
        name=name,
        path=Path("no such folder", name),
        mapping=PixelMapping(PHOTO_SIZE, SIZE, (PHOTO_SIZE[0] / width, PHOTO_SIZE[1] / height)),
        K=np.array([[5000.0, 0, PHOTO_SIZE[0] / 2], [0, 5000.0, PHOTO_SIZE[1] / 2], [0, 0, 1]]),
        cam2world=cam2world,
        depth=1 + rng.random((height, width), np.float32),
        confidence=1 + 5 * rng.random((height, width), np.float32),
        colors=rng.integers(0, 256, (height, width, 3), np.uint8),
        mask=np.ones((height, width), bool),
    )


def empty() -> Any:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    return bpy.context.scene


def import_rows(reconstruction: Reconstruction, points: int) -> list[str]:
    """The import, first and later, its steps by CPU time, and the copy of the arrays."""
    first, more = first_import(points)
    whole = best(lambda: add_reconstruction(bpy.context.scene, reconstruction), empty)
    empty()
    profile = cProfile.Profile(time.process_time)
    profile.runcall(add_reconstruction, bpy.context.scene, reconstruction)
    rows = ["| step | wall s | CPU s |", "|---|---|---|"]
    rows += [f"| **whole import**, the first of a process (peak {more:.0f} MB more) | {first} |"]
    rows += [f"| **whole import**, later, in memory that the process has already | {whole} |"]
    stats: Any = pstats.Stats(profile)
    for name, title in STEPS.items():
        seconds = sum(entry[3] for (_, _, called), entry in stats.stats.items() if _is(called, name))
        rows.append(f"| {title} | | {seconds:.2f} |")
    cloud = reconstruction.point_cloud()
    copy = best(lambda: [np.copy(getattr(cloud, name)) for name in PointCloud.__dataclass_fields__])
    return [*rows, f"| for comparison: plain copy of the cloud's arrays | {copy} |"]


def first_import(points: int) -> tuple[Seconds, float]:
    """The best of several processes that import once, and by how many MB the import raises their peak."""
    command = [sys.executable, __file__, "--points", str(points), "--only-first"]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(REPEATS)]
    walls, cpus, peaks = zip(*(map(float, run.stdout.splitlines()[-1].split()) for run in runs), strict=True)
    return Seconds(min(walls), min(cpus)), max(peaks)


def print_first_import(reconstruction: Reconstruction) -> None:
    """Wall seconds, CPU seconds and MB, for `first_import`."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    first = best(lambda: add_reconstruction(bpy.context.scene, reconstruction), empty, repeats=1)
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 1e6
    print(first.wall, first.cpu, more)


def _is(called: str, name: str) -> bool:
    """Functions of Blender have longer names in a profile."""
    return called == name or called.startswith(f"<method '{name}'")


def display_rows() -> list[str]:
    """What a change of a filter costs at a display percentage, without drawing."""
    cloud = next(thing for thing in bpy.context.scene.objects if thing.type == "MESH")
    modifier, rows = points_modifier(cloud), ["| display percentage | wall s | CPU s |", "|---|---|---|"]
    for percentage in PERCENTAGES:
        set_points_input(modifier, "Display Percentage", percentage)
        seconds = best(lambda: bpy.context.evaluated_depsgraph_get().update(), cloud.data.update_tag)
        rows.append(f"| {percentage} | {seconds} |")
    return rows


def saving_rows(folder: Path, points: int) -> list[str]:
    """Size of the saved scene over what its attributes take: 24 bytes a point."""
    attributes = 24 * points
    rows = ["| .blend | MB | of the attributes | wall s | CPU s |", "|---|---|---|---|---|"]
    for title, compress in (("plain", False), ("compressed", True)):
        path = folder / f"{title}.blend"
        seconds = best(lambda path=path, compress=compress: _save(path, compress))
        size = path.stat().st_size
        rows.append(f"| {title} | {size / 1e6:.1f} | {size / attributes:.3f} | {seconds} |")
    return rows


def _save(path: Path, compress: bool) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=compress, copy=True)


def photo_rows(folder: Path, count: int) -> list[str]:
    """Backgrounds of large photos, linked, against reading each once as their size property does."""
    views = [replace(view, path=path) for view, path in zip(_small_views(count), _photos(folder, count), strict=True)]
    turned = [replace(view, mapping=replace(view.mapping, exif_orientation=3)) for view in views]
    linked = best(lambda: _import(views), empty)
    linked_turned = best(lambda: _import(turned), empty)
    read = best(lambda: [tuple(image.size) for image in bpy.data.images], lambda: (empty(), _import(views)))
    rows = ["| 24-megapixel JPEGs behind cameras | wall s | CPU s |", "|---|---|---|"]
    rows += [f"| linked | {linked} |", f"| linked, turned by EXIF | {linked_turned} |"]
    return [*rows, f"| for comparison: each read once by Blender | {read} |"]


def _small_views(count: int) -> Iterator[AlignedView]:
    """Views of few points: the photos count here."""
    for view in make_reconstruction(count * int(np.prod(SIZE))).views:
        yield replace(view, mask=np.zeros_like(view.mask))


def _import(views: Sequence[AlignedView]) -> None:
    add_reconstruction(bpy.context.scene, Reconstruction(tuple(views), "benchmark@0", None, "0"))


def _photos(folder: Path, count: int) -> list[Path]:
    x, y = np.meshgrid(*(np.linspace(0, 1, side) for side in PHOTO_SIZE))
    noise = np.random.default_rng(0).normal(0, 8, x.shape)
    pixels = 255 * np.stack([x, y, 0.5 + 0.5 * np.sin(40 * x * y)], axis=-1) + noise[..., None]
    paths = [folder / f"{k}.jpg" for k in range(count)]
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(paths[0], quality=92)
    for path in paths[1:]:
        path.write_bytes(paths[0].read_bytes())
    return paths


def main() -> None:
    """Measure, print, write."""
    logging.disable()  # photos that do not exist are part of the plan
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machine", default="2-core x86 CPU")
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--photos", type=int, default=8)
    parser.add_argument("--only-first", action="store_true", help="print the figures of one import in a new process")
    arguments = parser.parse_args()
    reconstruction = make_reconstruction(arguments.points)
    if arguments.only_first:
        print_first_import(reconstruction)
        return
    points = sum(view.mask.size for view in reconstruction.views)
    with tempfile.TemporaryDirectory() as folder:
        tables = [import_rows(reconstruction, points), display_rows(), saving_rows(Path(folder), points)]
        tables.append(photo_rows(Path(folder), arguments.photos))
    head = (
        f"# Import into Blender\n\n{arguments.machine}, Blender {bpy.app.version_string}; {points} points of "
        f"{len(reconstruction.views)} photos, best of {REPEATS} runs.\nOther programs beside lengthen the wall's "
        "seconds more than the CPU's. Made by `benchmarks/blender_import.py`."
    )
    text = "\n\n".join([head, *("\n".join(rows) for rows in tables)]) + "\n"
    print(text)
    (ROOT / "benchmarks" / "results" / "blender_import.md").write_text(text)


if __name__ == "__main__":
    main()
