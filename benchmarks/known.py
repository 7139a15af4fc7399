"""What known poses and lenses buy the other photos, where the truth is known: writes benchmarks/known.md."""

import importlib
import os
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    importlib.import_module("dust3r.benchmarks.suite.known").main(ROOT)
