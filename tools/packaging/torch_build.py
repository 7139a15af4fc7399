"""Which build of torch a zip carries: for the processor, or for the graphics cards of one CUDA or ROCm version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from wheel_set import LOCK, PackagingError, Wheel, read_lock

PYTORCH_INDEX = "https://download.pytorch.org/whl/"
NAME = re.compile(r"cpu|cu\d{3}|rocm\d+(\.\d+)+")


@dataclass(frozen=True, slots=True)
class TorchBuild:
    """One build, as PyTorch names it."""

    name: str  # "cpu", "cu130", "rocm6.4": what follows the + in torch's version
    index: str  # URL of the package index that has it

    @classmethod
    def parse(cls, text: str) -> TorchBuild:
        """From a build's name, or from the URL of an index that ends in one. Raises PackagingError."""
        name = text.rstrip("/").rpartition("/")[2]
        if not NAME.fullmatch(name):
            raise PackagingError(
                f"{text!r} is no build of torch: give cpu, one such as cu130 or rocm6.4, or the URL of an index "
                "that ends in one."
            )
        return cls(name, text if "/" in text else PYTORCH_INDEX + name)

    @property
    def is_cpu(self) -> bool:
        return self.name == "cpu"

    @property
    def platforms(self) -> tuple[str, ...]:
        """Where such a build exists."""
        if self.is_cpu:
            return ("linux-x64", "windows-x64", "macos-arm64")
        return ("linux-x64", "windows-x64") if self.name.startswith("cu") else ("linux-x64",)

    @property
    def lock(self) -> Path:
        """Pins all wheels for the processor's build; torch and what it alone needs for another."""
        return LOCK if self.is_cpu else LOCK.with_name(f"wheels-{self.name}.lock")

    def check_platform(self, platform: str) -> None:
        """Raise PackagingError where there is no such build for the platform."""
        if platform not in self.platforms:
            raise PackagingError(f"There is no {self.name} build of torch for {platform}: leave --torch out.")

    def read_wheels(self) -> list[Wheel]:
        """Every wheel that is pinned for this build. Raises PackagingError where none is."""
        common = read_lock()
        if self.is_cpu:
            return common
        if not self.lock.exists():
            raise PackagingError(
                f"No wheels are pinned for the {self.name} build of torch: run "
                f"`tools/packaging/lock_torch.py {self.name}` on Linux, where {self.index} can be reached."
            )
        return sorted(
            [*(wheel for wheel in common if wheel.project != "torch"), *read_lock(self.lock)],
            key=lambda wheel: wheel.file_name,
        )
