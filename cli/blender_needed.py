"""What can be done only where Blender is."""

from ..core.errors import InputError
from ..core.io.interruption import held_back


def require_bpy(who: str) -> None:
    """Load Blender's Python module; raises InputError, beginning with who needs it, where it is missing."""
    try:
        with held_back():  # Blender swallows what an interrupt raises in the middle of it, and goes on without NumPy
            import bpy  # noqa: F401  a missing bpy is worth knowing before the work
    except ImportError as error:
        raise InputError(
            f"{who} Blender's Python module; run inside Blender "
            "(blender --command dust3r ...) or install bpy (make setup does)"
        ) from error
