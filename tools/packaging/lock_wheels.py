"""Write wheels.lock anew: download every wheel that a zip may carry, for all platforms and Pythons, and hash it.

usage: .venv/bin/python tools/packaging/lock_wheels.py [--wheels wheels]

Run it after a pin changed. It needs the package index and, for Linux builds of torch, the index of PyTorch's CPU builds
or a folder with them that pip knows. A Python for which torch is not to be had gets no scipy either: such a Blender
has to bring both, and everything else still fits in a few megabytes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fetch_wheels import CPU, run_pip_download
from wheel_set import LOCK, PackagingError, normalized, read_lock, sha256

REQUIREMENTS = LOCK.parents[2] / "requirements.txt"
DIRECT = (
    "torch",
    "scipy",
    "roma",
    "scikit-image",
    "pillow",
    "pillow-heif",
    "poselib",
    "pycolmap",
    "safetensors",
    "huggingface_hub",
)  # the versions of requirements.txt
# What those need that Blender does not bring; docs/design.md says why not numpy, requests, setuptools and others.
INDIRECT = (
    "filelock==4.2.11",
    "fsspec==2026.9.0",
    "jinja2==3.1.6",
    "lazy-loader==0.6",
    "markupsafe==3.0.4",
    "mpmath==1.3.0",
    "networkx==3.6.1",
    "packaging==26.3",
    "pyyaml==6.0.3",
    "sympy==1.14.0",
    "tqdm==4.70.1",
    "typing_extensions==4.16.0",
)
# Blender 4.2 to 5.0 run Python 3.11, 5.1 and later 3.13; a Linux distribution's Blender runs the system's Python.
PYTHONS = {"linux-x64": ("3.11", "3.13", "3.14"), "windows-x64": ("3.11", "3.13"), "macos-arm64": ("3.11", "3.13")}
TAGS = {
    "linux-x64": ["manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"],
    "windows-x64": ["win_amd64"],
    "macos-arm64": ["macosx_14_0_arm64"],  # the oldest that this torch runs on
}
HEADER = "# SHA-256 and name of every wheel that the zip may carry; written by lock_wheels.py. A name may come twice.\n"


def direct_pins() -> list[str]:
    """The direct dependencies as requirements.txt pins them: "torch==2.13.0", …"""
    wanted = {normalized(project) for project in DIRECT}
    pins = (line.split("#")[0].strip() for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines())
    return [pin for pin in pins if normalized(pin.partition("==")[0]) in wanted]


def download(platform: str, python: str, folder: Path) -> None:
    """Download the wheels of one platform and Python into `folder`. Raises PackagingError."""
    pins = {normalized(pin.partition("==")[0]): pin for pin in (*direct_pins(), *INDIRECT)}
    torch = pins.pop("torch") + ("+cpu" if platform == "linux-x64" else "")
    if run_pip_download([torch], TAGS[platform], python, folder) and run_pip_download(
        [torch], TAGS[platform], python, folder, ["--extra-index-url", CPU.index]
    ):
        print(f"{platform}, Python {python}: no {torch} to be had; scipy is left out too")
        del pins["scipy"]
    errors = run_pip_download(list(pins.values()), TAGS[platform], python, folder)
    if errors:
        raise PackagingError(f"pip could not download the wheels of {platform} for Python {python}:\n{errors}")


def write_lock(folder: Path) -> None:
    """Write the lock from the wheels in `folder`; digests known before stay valid for the same file name."""
    known = {wheel.file_name: wheel.digests for wheel in read_lock()} if LOCK.exists() else {}
    lines = [
        f"{digest}  {path.name}\n"
        for path in sorted(folder.glob("*.whl"))
        for digest in sorted({sha256(path), *known.get(path.name, ())})
    ]
    LOCK.write_text(HEADER + "".join(lines), encoding="utf-8")
    print(f"{LOCK}: {len(lines)} wheels")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wheels", type=Path, default=LOCK.parents[2] / "wheels", help="an empty folder, best")
    folder: Path = parser.parse_args().wheels
    folder.mkdir(parents=True, exist_ok=True)
    for platform, pythons in PYTHONS.items():
        for python in pythons:
            download(platform, python, folder)
    write_lock(folder)


if __name__ == "__main__":
    main()
