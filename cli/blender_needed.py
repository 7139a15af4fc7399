"""The check that Blender's Python module is present."""

from ..core.errors import InputError
from ..core.io.interruption import held_back


def require_bpy(who: str) -> None:
    """Load Blender's Python module; raises InputError, whose sentence begins with `who`, where it is missing."""
    try:
        with held_back():  # Blender swallows an interrupt while it loads, and continues without NumPy
            import bpy  # noqa: F401  to refuse before the work
    except ImportError as error:
        raise InputError(
            f"{who} Blender's Python module; run inside Blender "
            "(blender --command dust3r ...) or install bpy (make setup does)"
        ) from error
