"""A Blender that ends in the midst of a job, as somebody tells it to.

Arguments: the .blend to open, a job's folder, and "exit" if it ends by itself. Prints "worker PID".
"""

import runpy
import sys
import time
from pathlib import Path

import bpy

runpy.run_path(str(Path(__file__).resolve().parents[2] / "headless.py"))["import_package"]()

from dust3r.core.jobs.process import WorkerJob  # noqa: E402  importable only now

scene, job, *how = sys.argv[1:]
bpy.ops.wm.open_mainfile(filepath=scene)
worker = WorkerJob(["work", job])
while worker.progress is None and worker.running:
    time.sleep(0.01)
sys.stdout.write(f"worker {worker._process.pid}\n")
sys.stdout.flush()
time.sleep(0 if how == ["exit"] else 600)
