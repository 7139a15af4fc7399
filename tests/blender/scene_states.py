"""Scenes in the states that people leave them in. Each function of STATES makes one, from an empty scene."""

import stat
from collections.abc import Callable
from pathlib import Path

import bpy
from dust3r.operators.scene import add_reconstruction
from dust3r.tests.blender.synthetic_reconstruction import SHOTS, make_reconstruction

ROOT = Path(__file__).resolve().parents[2]
STUDIO = ROOT / "samples" / "studio" / "images"
STATES: dict[str, Callable[[Path], None]] = {}


def state(make: Callable[[Path], None]) -> Callable[[Path], None]:
    """Enter it into STATES, named as it is."""
    STATES[make.__name__.replace("_", " ")] = make
    return make


@state
def empty(folder: Path) -> None:
    """A new file without anything."""


@state
def photos_listed(folder: Path) -> None:
    files = [{"name": "studio_01.jpg"}, {"name": "studio_02.jpg"}]
    bpy.ops.dust3r.add_photos(directory=str(STUDIO), files=files)
    settings = bpy.context.scene.dust3r
    settings.model, settings.iterations = "small", 2


@state
def reconstructed(folder: Path) -> None:
    """With the photos in the list, another object, and both cameras selected."""
    (folder / "photos").mkdir()
    collection = add_reconstruction(bpy.context.scene, make_reconstruction(folder / "photos", SHOTS[:2]))
    bpy.ops.mesh.primitive_cube_add(size=1)
    bpy.ops.dust3r.add_photos(directory=str(folder / "photos"))
    settings = bpy.context.scene.dust3r
    settings.model, settings.iterations, settings.active_photo = "small", 2, 0
    _select([thing for thing in collection.objects if thing.type == "CAMERA"])


@state
def in_other_units(folder: Path) -> None:
    reconstructed(folder)
    units = bpy.context.scene.unit_settings
    units.system, units.scale_length = "IMPERIAL", 0.01


@state
def renamed(folder: Path) -> None:
    reconstructed(folder)
    for blocks in (bpy.data.collections, bpy.data.objects, bpy.data.cameras, bpy.data.meshes, bpy.data.node_groups):
        for block in blocks:
            block.name = f"Ünders {block.name[::-1]} ☃"
    bpy.context.scene.name = "Szene"


@state
def cameras_deleted(folder: Path) -> None:
    reconstructed(folder)
    bpy.data.batch_remove([thing for thing in bpy.data.objects if thing.type == "CAMERA"])


@state
def one_camera_deleted(folder: Path) -> None:
    reconstructed(folder)
    bpy.data.objects.remove(bpy.data.objects[SHOTS[0].name])
    bpy.context.scene.frame_set(1)  # as any playback does: markers choose the camera


@state
def points_deleted(folder: Path) -> None:
    reconstructed(folder)
    bpy.data.objects.remove(bpy.data.objects["DUSt3R Points"])


@state
def collection_taken_out(folder: Path) -> None:
    reconstructed(folder)
    bpy.context.scene.collection.children.unlink(bpy.data.collections["DUSt3R"])


@state
def collection_excluded(folder: Path) -> None:
    reconstructed(folder)
    bpy.context.view_layer.layer_collection.children["DUSt3R"].exclude = True


@state
def photos_gone(folder: Path) -> None:
    reconstructed(folder)
    for photo in (folder / "photos").iterdir():
        photo.unlink()


@state
def points_in_edit_mode(folder: Path) -> None:
    reconstructed(folder)
    _select([bpy.data.objects["DUSt3R Points"]])
    bpy.ops.object.mode_set(mode="EDIT")


@state
def modifier_removed(folder: Path) -> None:
    reconstructed(folder)
    bpy.data.objects["DUSt3R Points"].modifiers.clear()


@state
def stretched_and_parented(folder: Path) -> None:
    reconstructed(folder)
    parent, points = bpy.data.objects["Cube"], bpy.data.objects["DUSt3R Points"]
    points.parent, points.scale = parent, (1, 2, -3)
    bpy.data.objects[SHOTS[0].name].parent = parent


@state
def scene_copied_in_full(folder: Path) -> None:
    reconstructed(folder)
    bpy.ops.scene.new(type="FULL_COPY")


@state
def scene_copied_linked(folder: Path) -> None:
    reconstructed(folder)
    bpy.ops.scene.new(type="LINK_COPY")


@state
def library_linked(folder: Path) -> None:
    _link(folder)
    bpy.context.scene.collection.children.link(bpy.data.collections["DUSt3R"])
    _select([thing for thing in bpy.context.scene.objects if thing.type == "CAMERA"])


@state
def library_instanced(folder: Path) -> None:
    _link(folder)
    instance = bpy.data.objects.new("Instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", bpy.data.collections["DUSt3R"]
    bpy.context.scene.collection.objects.link(instance)
    _select([instance])


@state
def library_overridden(folder: Path) -> None:
    _link(folder)
    linked, scene = bpy.data.collections["DUSt3R"], bpy.context.scene
    linked.override_hierarchy_create(scene, bpy.context.view_layer, do_fully_editable=True)
    _select([thing for thing in scene.objects if thing.type == "CAMERA"])


@state
def read_only_file(folder: Path) -> None:
    path = save(folder / "scene.blend")
    path.chmod(stat.S_IREAD)
    bpy.ops.wm.open_mainfile(filepath=str(path))


@state
def of_the_first_version(folder: Path) -> None:
    """What a user of the first version, on Blender 4.2, has on disk: photos, settings and a reconstruction of two."""
    bpy.ops.wm.open_mainfile(filepath=str(ROOT / "tests" / "blender" / "first_version.blend"))


def save(path: Path) -> Path:
    """A new .blend with a reconstruction in it, which stays the open file."""
    reconstructed(path.parent)
    bpy.ops.wm.save_as_mainfile(filepath=str(path), check_existing=False)
    return path


def _link(folder: Path) -> None:
    library = save(folder / "library.blend")
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
        wanted.collections = ["DUSt3R"]
    settings = bpy.context.scene.dust3r
    settings.model, settings.iterations = "small", 2


def _select(things: list[bpy.types.Object]) -> None:
    for thing in bpy.context.view_layer.objects:
        thing.select_set(thing in things)
    bpy.context.view_layer.objects.active = things[0] if things else None
