"""A folder of at most 10 MiB that trains on another machine: code, configs and ready-made surfaces, nothing else.

usage: python tools/pack_training.py OUT [--surfaces SURFACES] [--start MODEL]
Then, on a machine with torch, NumPy, SciPy, Numba, Pillow and safetensors, in OUT (docs/training.md):
    python3 headless.py train configs/h200.toml --output run --device cuda --artifacts ARTIFACTS
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKED = ("__init__.py", "headless.py", "LICENSE", "core", "training", "cli", "benchmarks", "configs")
SURFACES = "build/surfaces"  # where configs/h200.toml looks for them
START = "start"  # where a model lies that the run begins with; its weights come on top of LARGEST
LARGEST = 10 << 20  # bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT", help="a new folder")
    parser.add_argument("--surfaces", type=Path, help="what tools/fetch_textures.py --ready wrote")
    parser.add_argument("--start", type=Path, metavar="MODEL", help="a model's folder, for train --start start")
    arguments = parser.parse_args()
    if arguments.out.exists():
        sys.exit(f"There is {arguments.out} already; name a new folder")
    size = pack(arguments.out, arguments.surfaces)
    if size > LARGEST:
        sys.exit(f"{arguments.out} has {size / 2**20:.1f} MiB, more than {LARGEST >> 20}; are the surfaces ready-made?")
    if arguments.start is not None:
        shutil.copytree(arguments.start, arguments.out / START)
    print(f"{arguments.out}: {size / 2**20:.1f} MiB" + (f" and the model {START}" if arguments.start else ""))


def pack(out: Path, surfaces: Path | None) -> int:
    """Copy what training needs out of the checkout, with the surfaces; how many bytes that is."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *PACKED]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    for name in names:
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    if surfaces is not None:
        shutil.copytree(surfaces, out / SURFACES)
    return sum(path.stat().st_size for path in out.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
