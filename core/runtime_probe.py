"""Looks at the Python that this runs in: its torch, and the devices that torch finds."""

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from .environment import complaint
from .errors import InputError, first_line
from .memory import reachable_memory
from .runtime import ComputeDevice, Runtime

if TYPE_CHECKING:
    from types import ModuleType

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
