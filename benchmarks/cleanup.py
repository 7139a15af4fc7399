"""Clean-up filters on scenes whose truth is known, and their time: writes benchmarks/cleanup.md."""

import importlib
import os
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    # Before NumPy and torch start theirs: CPU-seconds are comparable on one thread only.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    importlib.import_module("dust3r.benchmarks.suite.cleanup").main(ROOT)
