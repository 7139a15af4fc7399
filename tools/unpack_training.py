"""A model's folder out of what a run left with --artifacts: its weights put together again, its logs beside them.

usage: python tools/unpack_training.py ARTIFACTS MODEL
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from headless import import_package  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifacts", type=Path, metavar="ARTIFACTS", help="the folder that train --artifacts filled")
    parser.add_argument("model", type=Path, metavar="MODEL", help="a new folder")
    arguments = parser.parse_args()
    import_package()
    errors = importlib.import_module("dust3r.core.errors")
    try:
        importlib.import_module("dust3r.training.artifacts").read_artifacts(arguments.artifacts, arguments.model)
    except errors.InputError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
