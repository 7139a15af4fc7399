"""What a Python offers to the network: torch, devices, memory, and whether it computes what it should. No torch."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import InputError
from .files import replacing
from .typed import check_types

TITLES = {"cuda": "CUDA", "rocm": "ROCm", "mps": "Metal", "cpu": "CPU"}


@dataclass(frozen=True, slots=True)
class ComputeDevice:
    """Something that the network can run on."""

    kind: str  # a key of TITLES
    name: str
    total: int | None  # bytes of memory; None where nobody says
    free: int | None

    @property
    def text(self) -> str:
        """For people: "CUDA: NVIDIA H100, 77.1 of 79.2 GB free"."""
        memory = ""
        if self.free is not None:
            of = f" of {self.total / 1e9:.1f}" if self.total is not None else ""
            memory = f", {self.free / 1e9:.1f}{of} GB free"
        return f"{TITLES[self.kind]}: {self.name}{memory}"


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The bundled model's word on two small images, beside the one that was written down."""

    device: str  # a key of TITLES
    precision: str  # of the network's products
    loading: float  # seconds until the model was on the device
    seconds: float  # of the network, for both orders of the images
    difference: float  # from what was written down: mean distance of the points over their mean length
    allowed: float

    @property
    def passed(self) -> bool:
        return self.difference <= self.allowed  # false for NaN

    @property
    def text(self) -> str:
        """For people, one sentence."""
        where = f"{TITLES[self.device]} in {self.precision}"
        if not self.passed:
            return (
                f"Self-test failed on {where}: the points are off by {self.difference:.2%}, {self.allowed:.2%} is "
                "allowed; choose another device, or install another torch"
            )
        return (
            f"Self-test passed on {where}: {self.seconds:.2f} s for a pair, {self.loading:.1f} s to load, "
            f"points off by {self.difference:.1e}"
        )


@dataclass(frozen=True, slots=True)
class Runtime:
    """The Python that would do the work."""

    python: str  # version
    executable: str
    system: str
    torch: str  # version
    build: str  # what torch was built for: "CUDA 12.4", "ROCm 6.2", "CPU"
    devices: tuple[ComputeDevice, ...]  # the one that "auto" takes first
    advice: tuple[str, ...] = ()  # what could be better, a sentence each
    self_test: SelfTest | None = None

    @property
    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"Python {self.python} ({self.executable}) on {self.system}"
        yield f"torch {self.torch}, built for {self.build}"
        yield from (device.text for device in self.devices)
        if self.self_test is not None:
            yield self.self_test.text

    def save(self, path: Path) -> None:
        """Write it as JSON; raises InputError when that is not possible."""
        with replacing(path) as file:
            file.write(json.dumps(asdict(self), indent=1).encode())

    @classmethod
    def load(cls, path: Path) -> "Runtime":
        """Read what `save` wrote; raises InputError for anything else."""
        try:
            return cls.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise InputError(f"{path} is no description of a runtime ({error}); check it again") from error

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Runtime":
        """The way back from `dataclasses.asdict`; raises TypeError or KeyError."""
        test = content["self_test"]
        parts = {
            "devices": tuple(ComputeDevice(**device) for device in content["devices"]),
            "advice": tuple(content["advice"]),
            "self_test": SelfTest(**test) if test else None,
        }
        runtime = cls(**{**content, **parts})
        for record in (runtime, *runtime.devices, *filter(None, [runtime.self_test])):
            check_types(record)
        return runtime


def find_python(chosen: Path) -> Path:
    """The interpreter that a path means: the file itself, or that of the environment which the folder is."""
    places = ("bin/python3", "bin/python", "Scripts/python.exe", "python.exe")
    inside = [chosen / place for place in places] if chosen.is_dir() else []
    return next((path for path in inside if path.is_file()), chosen)
