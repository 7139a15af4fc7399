"""Pin torch for graphics cards: write the lock of one build from what its index says, without downloading it.

usage: .venv/bin/python tools/packaging/lock_torch.py cu130     (or rocm6.4, or the URL of an index that ends in one)

It writes wheels-cu130.lock: torch and the libraries that this build alone needs, for every platform and Python
that has it. Everything else stays pinned in wheels.lock. On Linux only: pip judges requirements by where it runs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from lock_wheels import HEADER, PYTHONS, TAGS, direct_pins
from torch_build import TorchBuild
from wheel_set import PackagingError, normalized, read_lock

NOT_CARRIED = {"numpy", "setuptools"}  # Blender's own; what only torch's compiler uses
Pin = tuple[str, str]  # SHA-256, file name


def pins_of(build: TorchBuild, platform: str, python: str) -> set[Pin]:
    """Torch and what wheels.lock lacks of its requirements; empty where there is no such build for this Python."""
    version = next(pin.partition("==")[2] for pin in direct_pins() if pin.startswith("torch=="))
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--extra-index-url", build.index, "--python-version", python]
    command += [argument for tag in TAGS[platform] for argument in ("--platform", tag)]
    command += [] if platform == "linux-x64" else ["--no-deps"]  # elsewhere the wheel has its libraries inside
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "report.json")
        command += ["--target", scratch, "--report", str(report), f"torch=={version}+{build.name}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{platform}, Python {python}: {done.stderr.strip().splitlines()[-1]}")
            return set()
        return pins_in(json.loads(report.read_text(encoding="utf-8")))


def pins_in(report: dict[str, Any]) -> set[Pin]:
    """The wheels that a report of pip names, but for those that are pinned already or not carried."""
    known = {wheel.project for wheel in read_lock()} - {"torch"} | NOT_CARRIED
    found = {}
    for item in report["install"]:
        url = item["download_info"]["url"].replace("%2B", "+")
        archive = item["download_info"]["archive_info"]
        hashes = archive.get("hashes") or dict([archive["hash"].split("=", 1)])  # an older pip has one alone
        digest = hashes["sha256"]
        found[normalized(item["metadata"]["name"])] = (digest, url.partition("#")[0].rpartition("/")[2])
    return {pin for project, pin in found.items() if project not in known}


def write_lock(build: TorchBuild) -> int:
    """Write the build's lock; the number of wheels. Raises PackagingError where it is to be had for no Python."""
    if build.is_cpu:
        raise PackagingError(
            "The build for the processor is pinned in wheels.lock: run tools/packaging/lock_wheels.py instead."
        )
    pins = {
        pin for platform in build.platforms for python in PYTHONS[platform] for pin in pins_of(build, platform, python)
    }
    if not pins:
        raise PackagingError(f"{build.index} has no {build.name} build of this torch for any platform and Python.")
    lines = (f"{digest}  {name}\n" for digest, name in sorted(pins, key=lambda pin: pin[1]))
    build.lock.write_text(HEADER.replace("lock_wheels.py", "lock_torch.py") + "".join(lines), encoding="utf-8")
    return len(pins)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("build", help="as PyTorch names it: cu130, rocm6.4; or the URL of an index that ends in one")
    try:
        build = TorchBuild.parse(parser.parse_args().build)
        if not sys.platform.startswith("linux"):
            raise PackagingError("Run this on Linux: pip would leave out what torch needs there.")
        print(f"{build.lock}: {write_lock(build)} wheels")
    except PackagingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
