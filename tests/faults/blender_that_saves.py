"""A Blender that adds reconstructions to a file and saves it over and over, with a worker at its side, until killed.

Arguments: the .blend, a folder with a result, a job's folder. Prints "worker PID", then "saved N" after each save.
"""

import runpy
import sys
from pathlib import Path

import bpy

runpy.run_path(str(Path(__file__).resolve().parents[2] / "headless.py"))["import_package"]()

from dust3r.core.jobs.process import WorkerJob  # noqa: E402
from dust3r.core.reconstruction.result import Reconstruction  # noqa: E402  importable only now
from dust3r.operators.scene import add_reconstruction  # noqa: E402


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


scene, result, job = sys.argv[1:]
bpy.ops.wm.open_mainfile(filepath=scene)
worker = WorkerJob(["work", job])
say(f"worker {worker._process.pid}")
reconstruction = Reconstruction.load(Path(result))
for count in range(1, 1000):
    add_reconstruction(bpy.context.scene, reconstruction, f"number {count}")
    bpy.ops.wm.save_mainfile()
    say(f"saved {count}")
