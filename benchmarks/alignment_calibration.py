"""How well the alignment knows its own errors: 200 random problems, found errors over foretold ones. See --help."""

import importlib
import os
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    importlib.import_module("dust3r.benchmarks.suite.calibration").main(ROOT)
