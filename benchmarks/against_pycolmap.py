"""The bundled model and the classical pipeline on photos with true cameras: writes benchmarks/against_pycolmap.md.

python benchmarks/against_pycolmap.py [FOLDER ...]   more sets beside those of samples/
"""

import importlib
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    more = [Path(folder) for folder in sys.argv[1:]]
    importlib.import_module("dust3r.benchmarks.suite.against_pycolmap").main(ROOT, more)
