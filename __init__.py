"""DUSt3R: photos to a point cloud and matching cameras, inside Blender."""


def register() -> None:
    """Called by Blender on enable."""
    from .operators import registration

    registration.register()


def unregister() -> None:
    """Called by Blender on disable."""
    from .operators import registration

    registration.unregister()
