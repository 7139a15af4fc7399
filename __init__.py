"""DUSt3R: photos to a point cloud and matching cameras, inside Blender."""


def register() -> None:
    """Called by Blender on enable."""
    from .operators.addon import registration

    registration.register()


def unregister() -> None:
    """Called by Blender on disable."""
    from .operators.addon import registration

    registration.unregister()
