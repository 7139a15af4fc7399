"""The Python that a worker process runs on, and its environment. Imports no torch."""

import os
import shutil
import sys
from pathlib import Path

from ..errors import ReconstructionError
from .environment import let_waiting_threads_sleep


def own_python() -> str:
    """The interpreter of this Blender, or, where Blender is linked to the system's Python, that one."""
    if Path(sys.executable).name.startswith("python"):
        return sys.executable
    found = shutil.which(f"python{sys.version_info.major}.{sys.version_info.minor}") or shutil.which("python3")
    if found is None:
        raise ReconstructionError("Blender's Python was not found; choose one in the extension's preferences")
    return found


def worker_environment(python: str | None = None) -> dict[str, str]:
    """The worker's environment: with Blender's own Python it also finds the wheels that the extension brought."""
    environment = dict(os.environ, PYTHONIOENCODING="utf-8")
    let_waiting_threads_sleep(environment)
    for name in ("PYTHONPATH", "PYTHONHOME", "__PYVENV_LAUNCHER__"):  # they would lead another Python astray
        environment.pop(name, None)
    if python is None:
        packages = [path for path in sys.path if Path(path).name in {"site-packages", "dist-packages"}]
        environment["PYTHONPATH"] = os.pathsep.join(packages)
    return environment
