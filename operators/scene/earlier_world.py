"""The world of an earlier reconstruction of the same photos, for a new one to be laid onto."""

from collections.abc import Iterable
from pathlib import Path

import bpy

from ...core.errors import InputError
from ...core.reconstruction.result import Reconstruction
from .reading import find_points, reconstructions
from .reconstruction import read_recipe
from .world import seen_reconstruction

ENOUGH = 24  # photos that two worlds need to share


def earlier_world(scene: bpy.types.Scene, photos: Iterable[Path]) -> Reconstruction | None:
    """The scene's latest reconstruction that holds one of these photos and whose world the user has settled.

    It is told where it is now, moved by hand or not, with ENOUGH at most of these photos. None where there is none that
    can be read.
    """
    wanted = {photo.resolve() for photo in photos}
    ours = [collection for collection in reconstructions(scene) if find_points(collection)]
    for collection in reversed(ours):
        try:
            if _is_settled(collection):
                found = seen_reconstruction(collection)
                shared = [index for index, view in enumerate(found.views) if view.path.resolve() in wanted]
                if shared:
                    return found.of_views(shared[:: -(-len(shared) // ENOUGH)])
        except InputError:  # somebody's damaged recipe is no reason not to reconstruct
            continue
    return None


def _is_settled(collection: bpy.types.Collection) -> bool:
    recipe = read_recipe(collection) or {}
    world = recipe.get("world")
    return bool(isinstance(world, dict) and world.get("choices"))
