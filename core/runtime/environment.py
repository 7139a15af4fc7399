"""Whether a Python can run this package, and the variables it runs under. Imports nothing that a Python may lack.

Python 3.6 can read it already.
"""

import importlib.util
import json
import os
import sys
from typing import MutableMapping  # noqa: UP035

OLDEST = (3, 11)
PROTOCOL, EXIT_CODE = 2, 2  # of core/jobs/messages.py and InputError, which an older Python cannot import
# as they are imported -> as they are installed
PACKAGES = {
    "numpy": "numpy",
    "torch": "torch",
    "PIL": "pillow",
    "scipy": "scipy",
    "roma": "roma",
    "safetensors": "safetensors",
    "huggingface_hub": "huggingface_hub",
    "certifi": "certifi",
}

# OpenMP's threads (GNU's; Intel's and Apple's) sleep while they wait for work. By default they spin, and beside other
# programs that use the cores they then take most of the time that the work itself needs. GNU's spin for some
# microseconds all the same: between small steps that is cheaper than to wake (benchmarks/busy_machine.py).
PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "2000", "KMP_BLOCKTIME": "0"}


def let_waiting_threads_sleep(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set PASSIVE, where the user has not chosen otherwise. OpenMP reads it once, when torch is loaded."""
    if "OMP_WAIT_POLICY" not in environment:
        for name, value in PASSIVE.items():
            environment.setdefault(name, value)


def missing_packages() -> list:
    """What has to be installed, by the names that pip knows."""
    return [project for name, project in PACKAGES.items() if importlib.util.find_spec(name) is None]


def complaint():  # noqa: ANN201  text or None, which an older Python cannot say
    """Why this Python cannot run the package, and what to do, in one sentence; None where it can."""
    if sys.version_info < OLDEST:
        found, needed = ".".join(map(str, sys.version_info[:2])), ".".join(map(str, OLDEST))
        return f"{sys.executable} is Python {found}, too old: {needed} or newer is needed; choose another"
    missing = missing_packages()
    if missing:
        command = f"{sys.executable} -m pip install {' '.join(missing)}"
        return f"{sys.executable} has no {', '.join(missing)}; install what is missing with: {command}"
    return None


def refuse(reason: str, arguments: list) -> int:
    """Say in the way that the arguments ask for (cli/output.py) that nothing can be done; returns the exit code."""
    if "--json-progress" in arguments:
        message = {"protocol": PROTOCOL, "kind": "ErrorMessage", "text": reason, "exit_code": EXIT_CODE}
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    sys.stderr.write(reason + "\n")
    return EXIT_CODE
