"""HEIC, what phones save by default: read by the package pillow-heif, which the extension brings. Imports no torch."""

import importlib
import logging
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from .errors import InputError

HEIC = "HEIF"  # Pillow's name of it
HEIC_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}  # ISO 23008-12

log = logging.getLogger(__name__)


def register_heic() -> bool:
    """Let Pillow read HEIC; whether it can from now on."""
    try:
        _find_libraries()
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError as error:  # the package is not there, or a library that it needs
        log.debug("HEIC photos cannot be read (%s)", error)
        return False
    return True


def is_heic(path: Path) -> bool:
    """By its first bytes: photos change their names on the way from a phone."""
    with path.open("rb") as file:
        start = file.read(12)
    return start[4:8] == b"ftyp" and start[8:] in BRANDS


def unreadable_heic(path: Path) -> InputError:
    """What to say where the package is missing."""
    return InputError(
        f"{path} is a HEIC photo, which this Python cannot read without the package pillow-heif; "
        f"install it with: {sys.executable} -m pip install pillow-heif, or let the phone save JPEG"
    )


def damaged_heic(path: Path) -> InputError:
    """What to say where the package can make nothing of the file."""
    return InputError(f"{path} cannot be read (a HEIC photo, damaged or cut off); replace the file or leave it out")


def _find_libraries() -> None:
    """Blender 4.2 unpacks the libraries of Windows wheels to where Windows does not look for them."""
    package = find_spec("pillow_heif")
    if sys.platform == "win32" and package and package.origin:
        for folder in Path(package.origin).parents[1].glob("pillow_heif-*.data/platlib"):
            os.add_dll_directory(str(folder))
