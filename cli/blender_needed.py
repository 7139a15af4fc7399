"""What can be done only where Blender is."""

from ..core.errors import InputError


def require_bpy(who: str) -> None:
    """Raise InputError, beginning with who needs it, where Blender's Python module is missing."""
    try:
        import bpy  # noqa: F401  a missing bpy is worth knowing before the work
    except ImportError as error:
        raise InputError(
            f"{who} Blender's Python module; run inside Blender "
            "(blender --command dust3r ...) or install bpy (make setup does)"
        ) from error
