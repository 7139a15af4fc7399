"""Data-blocks that all reconstructions of a file share, and taking everything back when one fails."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import bpy

from ...core.errors import InputError

STAMP = "dust3r_version"  # custom property: which version of our code made a shared block
KINDS = (
    "objects",
    "collections",
    "meshes",
    "curves",
    "cameras",
    "images",
    "materials",
    "node_groups",
    "movieclips",
    "actions",
)
SETTINGS = ("camera", "frame_start", "frame_end", "frame_current")
RENDER_SETTINGS = (
    "resolution_x",
    "resolution_y",
    "resolution_percentage",
    "pixel_aspect_x",
    "pixel_aspect_y",
    "fps",
    "fps_base",
)


def scene_of(context_or_scene: bpy.types.Context | bpy.types.Scene) -> bpy.types.Scene:
    return context_or_scene if isinstance(context_or_scene, bpy.types.Scene) else context_or_scene.scene


def check_own(collection: bpy.types.Collection) -> None:
    """Raises InputError where a collection, or something in it, is another .blend's: changes would not be saved."""
    blocks = [collection, *collection.objects, *(thing.data for thing in collection.objects if thing.data)]
    library = next((block.library for block in blocks if block.library), None)
    if library is None and collection.override_library is not None:
        library = collection.override_library.reference.library
    if library is not None:
        owner = bpy.path.basename(library.filepath)
        raise InputError(f"{collection.name!r} belongs to {owner}; change it in that file")


def shared_block(blocks: Any, name: str, version: int, make: Callable[[str], Any]) -> Any:
    """The block of `blocks` with this name (or name.001, ...) and version stamp, else a new one from `make`."""
    for block in blocks:
        if block.name.startswith(name) and block.get(STAMP) == version and block.library is None:
            return block
    block = make(name)
    block[STAMP] = version
    return block


@contextmanager
def taken_back_on_failure(scene: bpy.types.Scene) -> Iterator[None]:
    """When the block raises, the file's data and the scene's settings are again what they were."""
    before, markers = set(_all_blocks()), set(scene.timeline_markers)
    settings = [(scene, name, getattr(scene, name)) for name in SETTINGS]
    settings += [(scene.render, name, getattr(scene.render, name)) for name in RENDER_SETTINGS]

    def take_back() -> None:
        for marker in set(scene.timeline_markers) - markers:
            scene.timeline_markers.remove(marker)
        for owner, name, value in settings:
            setattr(owner, name, value)
        bpy.data.batch_remove(list(set(_all_blocks()) - before))

    with ExitStack() as on_failure:
        on_failure.callback(take_back)
        yield
        on_failure.pop_all()


def _all_blocks() -> Iterator[bpy.types.ID]:
    for kind in KINDS:
        yield from getattr(bpy.data, kind)
