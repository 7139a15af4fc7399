"""Scenes and collections that are found again after a while, whatever they are called by then."""

from dataclasses import dataclass

import bpy

from ...core.errors import ReconstructionError


@dataclass(frozen=True, slots=True)
class Place:
    """Where the result of a job belongs; renaming, undo and redo lead to no other, another file to none."""

    name: str  # when the job began
    _uid: int
    _blocks: str  # of bpy.data

    @classmethod
    def of(cls, block: bpy.types.Scene | bpy.types.Collection) -> "Place":
        blocks = "scenes" if isinstance(block, bpy.types.Scene) else "collections"
        return cls(block.name, block.session_uid, blocks)

    def find(self) -> bpy.types.Scene | bpy.types.Collection | None:
        """The block; None once it is gone."""
        return next((block for block in getattr(bpy.data, self._blocks) if block.session_uid == self._uid), None)


def scene_again(place: Place) -> bpy.types.Scene:
    """The scene of a place; raises ReconstructionError once it is gone."""
    scene = place.find()
    if not isinstance(scene, bpy.types.Scene):
        raise ReconstructionError(f"The scene {place.name} is gone; open it and try again")
    return scene


def collection_again(place: Place) -> bpy.types.Collection:
    """The reconstruction's collection of a place; raises ReconstructionError once it is gone."""
    collection = place.find()
    if not isinstance(collection, bpy.types.Collection):
        raise ReconstructionError(f"The reconstruction {place.name} is gone; choose another and try again")
    return collection
