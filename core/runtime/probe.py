"""What this Python offers to the network: torch, devices, memory. Imports torch only when asked."""

import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, first_line
from ..io.atomic import write_json
from ..io.validation import record_of
from .environment import complaint
from .memory import reachable_memory

if TYPE_CHECKING:
    from types import ModuleType

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
        write_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> "Runtime":
        """Read what `save` wrote; raises InputError for anything else."""
        try:
            return record_of(cls, json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise InputError(f"{path} is no description of a runtime ({error}); check it again") from error


def find_python(chosen: Path) -> Path:
    """The interpreter that a path means: the file itself, or that of the environment which the folder is."""
    places = ("bin/python3", "bin/python", "Scripts/python.exe", "python.exe")
    inside = [chosen / place for place in places] if chosen.is_dir() else []
    return next((path for path in inside if path.is_file()), chosen)


CUDA_INDEX = "https://download.pytorch.org/whl"  # where torch's builds for graphics cards are


def probe() -> Runtime:
    """What the worker would have here. Raises InputError, saying what to install, where it could not run at all."""
    if (reason := complaint()) is not None:
        raise InputError(reason)
    torch = _torch()
    devices = (*_graphics(torch), *_metal(torch), _processor())
    system = f"{platform.system()} {platform.machine()}"
    advice = tuple(_advice(torch, devices))
    return Runtime(platform.python_version(), sys.executable, system, torch.__version__, build(torch), devices, advice)


def build(torch: "ModuleType") -> str:
    """What a torch was built for."""
    if torch.version.cuda:
        return f"CUDA {torch.version.cuda}"
    hip = getattr(torch.version, "hip", None)
    return f"ROCm {hip}" if hip else "Metal" if torch.backends.mps.is_built() else "CPU"


def _torch() -> "ModuleType":
    try:
        import torch
    except (ImportError, OSError) as error:  # a library of CUDA that is not there is an OSError
        raise InputError(
            f"The torch of {sys.executable} cannot be loaded ({first_line(error)}); install it again for this machine"
        ) from error
    return torch


def _graphics(torch: "ModuleType") -> Iterator[ComputeDevice]:
    kind = "rocm" if getattr(torch.version, "hip", None) else "cuda"
    for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        free, total = torch.cuda.mem_get_info(number)
        yield ComputeDevice(kind, torch.cuda.get_device_name(number), total, free)


def _metal(torch: "ModuleType") -> Iterator[ComputeDevice]:
    if torch.backends.mps.is_available():
        total = torch.mps.recommended_max_memory()
        free = max(total - torch.mps.driver_allocated_memory(), 0)
        yield ComputeDevice("mps", f"{platform.machine()} graphics", total, free)


def _processor() -> ComputeDevice:
    cores = os.cpu_count() or 1
    name = f"{processor_name()}, {cores} thread{'' if cores == 1 else 's'}"
    return ComputeDevice("cpu", name, None, reachable_memory())


def processor_name(listing: Path = Path("/proc/cpuinfo")) -> str:
    """As its maker calls it, where the system tells."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", listing.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()


def _advice(torch: "ModuleType", devices: tuple[ComputeDevice, ...]) -> Iterator[str]:
    """What would make better use of the machine, or is needed for a part of the work."""
    if find_spec("skimage") is None:
        yield f"Fused meshes need scikit-image, which is missing: {sys.executable} -m pip install scikit-image"
    if devices[0].kind != "cpu":
        yield from _unsupported(torch)
    elif build(torch).startswith(("CUDA", "ROCm")):
        yield f"torch is built for {build(torch)} but finds no graphics card: install or update the card's driver"
    elif shutil.which("nvidia-smi"):
        yield (
            "There is an NVIDIA driver, but this torch is built for the CPU alone: make another Python environment "
            f"with `pip install torch --index-url {CUDA_INDEX}/cu126` and the other packages, and name it as Python"
        )


def _unsupported(torch: "ModuleType") -> Iterator[str]:
    """Cards that this build of torch has no code for."""
    if torch.version.cuda is None or not torch.cuda.is_available():
        return
    built = torch.cuda.get_arch_list()
    for number in range(torch.cuda.device_count()):
        major, minor = torch.cuda.get_device_capability(number)
        if built and not any(_runs_on(name, major, minor) for name in built):
            yield (
                f"torch {torch.__version__} has no code for {torch.cuda.get_device_name(number)} (sm_{major}{minor}): "
                "install a build for it, or choose the CPU"
            )


def _runs_on(name: str, major: int, minor: int) -> bool:
    """Whether what torch was compiled for, such as sm_86 or compute_90, serves a card of this capability.

    Finished code (sm) runs on its own generation from its own number on, intermediate code (compute) on all later ones.
    """
    found = re.fullmatch(r"(sm|compute)_(\d+)(\d)[a-f]?", name)
    if found is None:
        return True  # a name of later times
    theirs, ours = (int(found[2]), int(found[3])), (major, minor)
    return theirs <= ours and (found[1] == "compute" or theirs[0] == major)
