"""Files of earlier versions: their points get today's node group when they are opened."""

import logging
from typing import Any

import bpy

from ..scene.point_cloud import renew_nodes

log = logging.getLogger(__name__)


@bpy.app.handlers.persistent
def renew_after_load(*args: Any) -> None:
    """For bpy.app.handlers.load_post. Linked files keep theirs; what was set stays as it is."""
    for thing in bpy.data.objects:
        if thing.type == "MESH" and thing.library is None and renew_nodes(thing):
            log.info("The points %s were given today's node group", thing.name)


def register() -> None:
    """From now on, and for the file that is open already."""
    bpy.app.handlers.load_post.append(renew_after_load)


def unregister() -> None:
    """Leave files as they are."""
    bpy.app.handlers.load_post.remove(renew_after_load)
