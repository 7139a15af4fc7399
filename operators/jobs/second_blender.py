"""A second Blender that works on a copy of the open scene, so that the first stays free."""

from pathlib import Path

import bpy

from ...core.errors import InputError
from ..addon.preferences import ROOT_PACKAGE

COMMAND = "dust3r"  # as registered: blender --command dust3r


def save_copy(path: Path) -> None:
    """Write the open file as it is now; raises InputError when that is not possible."""
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True, check_existing=False)
    except RuntimeError as error:
        raise InputError(f"The scene cannot be copied: {str(error).strip().splitlines()[-1]}") from error


def launcher() -> list[str]:
    """What understands the arguments of `headless.py`, with Blender at hand."""
    return [bpy.app.binary_path, "--addons", ROOT_PACKAGE, "--command", COMMAND]
