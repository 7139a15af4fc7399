"""Run pytest inside a whole Blender, the one on the PATH, where tests find `bpy` as the extension does.

usage: python3 tools/window/pytest_in_blender.py ARGUMENTS
It has to be the Python that Blender runs on; PYTHONPATH leads to pytest and what else tests need. The exit status is
pytest's. Started by itself inside Blender, where it runs the tests.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

START = ("blender", "--background", "--factory-startup", "--python-use-system-env", "--python-exit-code", "3")


def outside() -> int:
    """Start a Blender with settings of its own, and take them away after it."""
    with tempfile.TemporaryDirectory(prefix="dust3r-blender-") as settings:
        environment = os.environ | {"BLENDER_USER_RESOURCES": settings}
        command = [*START, "--python", str(Path(__file__).resolve()), "--", *sys.argv[1:]]
        return subprocess.run(command, env=environment).returncode


def inside() -> None:
    """Run the tests, and leave at once: Blender would end with a status of its own."""
    import pytest

    status = int(pytest.main(["-p", "no:cacheprovider", *sys.argv[sys.argv.index("--") + 1 :]]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    if "bpy" in sys.modules:
        inside()
    else:
        sys.exit(outside())
