"""Run one benchmark by name: `python benchmarks alignment --full`; each writes a table of benchmarks/results/.

The others (blender_import, busy_machine, generator, inference, job_folder, many_photos, meshing, training) need a fresh
process each and are run as files: `python benchmarks/inference.py`.
"""

import argparse
import importlib
import os
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ONE_THREAD = (
    "alignment",
    "alignment_calibration",
    "alignment_real",
    "cleanup",
    "known",
    "pairs",
    "scene_graph",
    "surfaces",
)
ALL_THREADS = ("against_pycolmap",)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=(*ONE_THREAD, *ALL_THREADS))
    name = parser.parse_args(sys.argv[1:2]).name
    if name in ONE_THREAD:  # set before NumPy and torch load: CPU-seconds are comparable on one thread only
        os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    sys.argv = [f"{sys.argv[0]} {name}", *sys.argv[2:]]
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    importlib.import_module(f"dust3r.benchmarks.{name}").main(ROOT)
