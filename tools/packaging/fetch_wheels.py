"""Download pinned wheels with pip; every file that is used is checked against the lock."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from torch_build import TorchBuild
from wheel_set import LOCK, PackagingError, Wheel, verify

CPU = TorchBuild.parse("cpu")


def fetch(wheels: Iterable[Wheel], pythons: Iterable[str], folder: Path, build: TorchBuild = CPU) -> None:
    """Put every wheel into `folder`; files that are there already are only verified.

    pythons: "3.11", …; each wheel fits one of them at least. build: what "+" versions are of. Raises PackagingError.
    """
    wheels = list(wheels)
    folder.mkdir(parents=True, exist_ok=True)
    for python in pythons:
        missing = [wheel for wheel in wheels if wheel.fits_python(python) and not (folder / wheel.file_name).exists()]
        local = [wheel for wheel in missing if "+" in wheel.version]
        _download([wheel for wheel in missing if wheel not in local], python, folder)
        # A machine may have these in a folder of its own, known to pip; only then the public index.
        _download(local, python, folder, other_index=build.index)
    for wheel in wheels:
        _check(folder / wheel.file_name, wheel)


def _check(path: Path, wheel: Wheel) -> None:
    if not path.exists():
        raise PackagingError(f"pip brought another file than {path.name}, which {LOCK.name} pins: renew the lock.")
    verify(path, wheel)


def _download(wheels: list[Wheel], python: str, folder: Path, other_index: str = "") -> None:
    if not wheels:
        return
    names = ", ".join(f"{wheel.project} {wheel.version}" for wheel in wheels)
    print(f"downloading for Python {python}: {names}", flush=True)
    errors = run_pip_download(requirements(wheels), tags(wheels), python, folder)
    if errors and other_index:
        errors = run_pip_download(
            requirements(wheels), tags(wheels), python, folder, ["--extra-index-url", other_index]
        )
    if errors:
        raise PackagingError(f"pip could not download {names} for Python {python} as pinned in {LOCK.name}:\n{errors}")


def requirements(wheels: Iterable[Wheel]) -> list[str]:
    """Lines of a requirements file that only the pinned files satisfy."""
    return [
        " ".join(
            [f"{wheel.project}=={wheel.version}", *(f"--hash=sha256:{digest}" for digest in sorted(wheel.digests))]
        )
        for wheel in wheels
    ]


def tags(wheels: Iterable[Wheel]) -> list[str]:
    """The platform tags that pip must accept to take these wheels on any machine."""
    return sorted({tag for wheel in wheels for tag in wheel.platform_tags} - {"any"})


def run_pip_download(
    lines: list[str], platforms: list[str], python: str, folder: Path, options: Iterable[str] = ()
) -> str:
    """Run `pip download` for one Python; its errors, or "" when all is there."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "requirements.txt")
        file.write_text("\n".join(lines), encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--disable-pip-version-check", "--dest", str(folder), "--python-version", python]
        command += [argument for tag in platforms for argument in ("--platform", tag)]
        done = subprocess.run([*command, *options, "-r", str(file)], stderr=subprocess.PIPE, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr.strip() or f"pip ended with status {done.returncode}"
