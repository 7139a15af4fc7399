"""The wheels a zip may carry: what `wheels.lock` pins, and which of them fit a platform and a Python."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

LOCK = Path(__file__).with_name("wheels.lock")

# Blender's name of a platform -> how the wheels' platform tags begin and end.
PLATFORM_TAGS = {
    "linux-x64": ("manylinux", "_x86_64"),
    "windows-x64": ("win", "_amd64"),
    "macos-arm64": ("macosx_", "_arm64"),
}
CHOICES = ("all", "pure", "none")


class PackagingError(Exception):
    """The zip cannot be made; the message says what was found, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel by its file name; a file with any of the digests is the pinned one."""

    file_name: str
    digests: frozenset[str]  # SHA-256, hexadecimal

    @property
    def project(self) -> str:
        """The normalised name, as pip compares it: huggingface_hub -> huggingface-hub."""
        return normalized(self.file_name.split("-")[0])

    @property
    def version(self) -> str:
        return self.file_name.split("-")[1]

    @property
    def platform_tags(self) -> list[str]:
        return self.file_name.removesuffix(".whl").split("-")[-1].split(".")

    @property
    def is_pure(self) -> bool:
        """Whether one file serves every Python from 3.8 on: plain Python, or the stable ABI."""
        return self._abi in ("none", "abi3")

    @property
    def _abi(self) -> str:
        return self.file_name.split("-")[-2]

    def fits_python(self, python: str) -> bool:
        """python: "3.11"."""
        return self.is_pure or self._abi == "cp" + python.replace(".", "")

    def fits_platform(self, platform: str) -> bool:
        """platform: a key of PLATFORM_TAGS."""
        start, end = PLATFORM_TAGS[platform]
        return any(tag == "any" or (tag.startswith(start) and tag.endswith(end)) for tag in self.platform_tags)


def normalized(project: str) -> str:
    """A project's name as pip compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", project).lower()


def read_lock(path: Path = LOCK) -> list[Wheel]:
    """Every pinned wheel, sorted by file name.

    Lines are `SHA-256  file name`, as sha256sum writes them; a file name on several lines may have any of the digests.
    Raises PackagingError for a line that is neither that, nor empty, nor a # comment.
    """
    digests: dict[str, set[str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"([0-9a-f]{64})  ([^\s/\\]+\.whl)", line)
        if match is None:
            raise PackagingError(f"{path.name}, line {number}: expected 'SHA-256  file.whl', found {line!r}.")
        digests.setdefault(match[2], set()).add(match[1])
    return [Wheel(name, frozenset(found)) for name, found in sorted(digests.items())]


def select(lock: Iterable[Wheel], platform: str, pythons: Iterable[str], choice: str = "all") -> list[Wheel]:
    """The wheels for a platform and some Pythons; choice: all, pure (one file for every Python) or none."""
    if choice == "none":
        return []
    pythons = list(pythons)
    return [
        wheel
        for wheel in lock
        if wheel.fits_platform(platform)
        and any(wheel.fits_python(python) for python in pythons)
        and (wheel.is_pure or choice == "all")
    ]


def pythons_of(lock: Iterable[Wheel], platform: str) -> list[str]:
    """The Pythons for which the lock has compiled wheels of this platform, oldest first."""
    abis = {wheel._abi for wheel in lock if wheel.fits_platform(platform) and not wheel.is_pure}
    return sorted((f"3.{abi.removeprefix('cp3')}" for abi in abis), key=lambda python: int(python[2:]))


def not_carried(wheels: Iterable[Wheel], lock: Iterable[Wheel], python: str) -> list[str]:
    """The projects of the lock that this Python gets no wheel of."""
    carried = {wheel.project for wheel in wheels if wheel.fits_python(python)}
    return sorted({wheel.project for wheel in lock} - carried)


def sha256(path: Path) -> str:
    """The file's SHA-256 digest, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(path: Path, wheel: Wheel) -> None:
    """Raise PackagingError unless the file at `path` is the pinned one."""
    found = sha256(path)
    if found not in wheel.digests:
        raise PackagingError(
            f"{path} has the SHA-256 {found}, but {LOCK.name} pins {' or '.join(sorted(wheel.digests))}: "
            "delete the file and run this again; if it stays so, the file offered is not the one that was tested."
        )
