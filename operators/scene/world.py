"""A reconstruction in the scene moved to another world: points, cameras, recipe and all else in its collection."""

import json
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.reconstruction.result import Reconstruction
from ...core.reconstruction.world_frame import WorldFrame, is_similarity, scale_of
from ...core.world.transform import OPENGL_TO_OPENCV, WORLD_TO_Z_UP, moved, moved_pose
from .cameras import PHOTO, camera_data
from .point_cloud import points_modifier
from .points_nodes import points_input, set_points_input
from .reading import find_points, read_reconstruction
from .reconstruction import RECIPE, read_recipe
from .shared import check_own

PICK = "dust3r_pick"  # custom property of the empties that are picked points
Array = NDArray[np.float64]


def to_core(points: Array) -> Array:
    """Points (..., 3) of Blender's world in core's, where y points down."""
    return points @ WORLD_TO_Z_UP[:3, :3]


def seen_reconstruction(collection: bpy.types.Collection) -> Reconstruction:
    """The reconstruction where its points are now, moved by hand or not, in core's axes.

    Raises InputError where there is none, and where its points were stretched or mirrored.
    """
    return moved(read_reconstruction(collection), _hand_move(collection))


def move_world(collection: bpy.types.Collection, similarity: Array, choice: str) -> None:
    """Move all that a reconstruction's collection holds by a similarity (4, 4) of core's world, which settles a choice.

    choice: of `world_frame.CHOICES`. Points and recipe take the move, and the points' own move, into their
    own numbers; so exports, meshes and photos placed later are in the new world. Other objects are carried along
    and scaled about the world's origin; cameras are carried and not scaled. Raises InputError as
    `seen_reconstruction` does, and for a library's, before anything has moved.
    """
    check_own(collection)
    recipe, cloud, before = read_recipe(collection), find_points(collection), _hand_move(collection)
    if recipe is None or cloud is None:
        raise _not_whole(collection)
    in_blender = WORLD_TO_Z_UP @ similarity @ WORLD_TO_Z_UP.T
    _write_moved(collection, recipe, similarity @ before, choice)
    for thing in collection.objects:
        if thing.type == "CAMERA":
            _scale_extent(camera_data(thing), scale_of(in_blender))
        if thing != cloud and not (thing.parent and collection.objects.get(thing.parent.name)):
            _carry(thing, in_blender)
    _move_points(cloud, in_blender @ np.array(cloud.matrix_world, dtype=np.float64))


def moved_since(collection: bpy.types.Collection, world_frame: WorldFrame) -> Array:
    """The similarity (4, 4), core's axes, by which a reconstruction's world was moved since it had this frame.

    Raises InputError where it is no reconstruction any more.
    """
    recipe = read_recipe(collection)
    if recipe is None:
        raise _not_whole(collection)
    try:
        now = WorldFrame.from_dict(recipe.get("world")).similarity
    except (KeyError, TypeError, ValueError) as error:
        raise _not_whole(collection) from error
    return np.eye(4) if np.array_equal(now, world_frame.similarity) else now @ np.linalg.inv(world_frame.similarity)


def picked_points(context: bpy.types.Context, only_marked: bool = False) -> Array:
    """(N, 3), Blender's world: the selected vertices in Edit Mode, else where the selected objects are.

    Cameras and points of a reconstruction are no picks. The active object comes last. only_marked: of objects, those
    that `add_pick` made.
    """
    active = context.active_object
    if active is not None and active.mode == "EDIT" and isinstance(active.data, bpy.types.Mesh):
        return _selected_vertices(active)
    chosen = [thing for thing in context.selected_objects if PHOTO not in thing and not points_modifier(thing)]
    chosen = [thing for thing in chosen if PICK in thing or not only_marked]
    chosen.sort(key=lambda thing: (thing == active, thing.name))
    return np.array([thing.matrix_world.translation for thing in chosen], dtype=np.float64).reshape(-1, 3)


def add_pick(collection: bpy.types.Collection, place: Array) -> bpy.types.Object:
    """An empty at a place (3,) of Blender's world that goes with the reconstruction; half as large as its cameras.

    Raises InputError for a library's.
    """
    check_own(collection)
    point = bpy.data.objects.new("Point", None)
    size = next((camera_data(thing).display_size / 2 for thing in collection.objects if thing.type == "CAMERA"), 0.1)
    point.empty_display_type, point.empty_display_size, point.show_in_front = "PLAIN_AXES", size, True
    point.location = place.tolist()
    point[PICK] = True
    collection.objects.link(point)
    return point


def camera_pose(camera: bpy.types.Object) -> Array:
    """(4, 4), core's axes: where a camera object stands now; its scale, and its parents', only moves it."""
    world = np.array(camera.matrix_world, dtype=np.float64)
    world[:3, :3] /= np.maximum(np.linalg.norm(world[:3, :3], axis=0), 1e-30)
    return WORLD_TO_Z_UP.T @ world @ OPENGL_TO_OPENCV


def _selected_vertices(thing: bpy.types.Object) -> Array:
    thing.update_from_editmode()
    mesh: Any = thing.data
    selected, places = np.empty(len(mesh.vertices), bool), np.empty((len(mesh.vertices), 3), np.float32)
    mesh.vertices.foreach_get("select", selected)
    mesh.vertices.foreach_get("co", places.reshape(-1))
    to_world = np.array(thing.matrix_world, dtype=np.float64)
    return places[selected] @ to_world[:3, :3].T + to_world[:3, 3]


def _hand_move(collection: bpy.types.Collection) -> Array:
    """(4, 4), core's axes: by what the points' object was moved since they were made or last taken along."""
    cloud = find_points(collection)
    if cloud is None:
        raise InputError(f"The points of {collection.name!r} are gone; reconstruct again")
    move = WORLD_TO_Z_UP.T @ np.array(cloud.matrix_world, dtype=np.float64) @ WORLD_TO_Z_UP
    if not is_similarity(move):
        raise InputError(f"{cloud.name!r} is stretched or mirrored; give its scale three equal numbers above 0")
    return move


def _not_whole(collection: bpy.types.Collection) -> InputError:
    return InputError(f"{collection.name!r} is not a whole reconstruction; choose one that DUSt3R made")


def _write_moved(collection: bpy.types.Collection, recipe: dict[str, Any], similarity: Array, choice: str) -> None:
    """The recipe with its cameras moved, and the frame with the choice."""
    for entry in recipe["photos"].values():
        entry["cam2world"] = moved_pose(np.array(entry["cam2world"], dtype=np.float64), similarity).tolist()
    recipe["world"] = WorldFrame.from_dict(recipe.get("world")).then(similarity, (choice,)).as_dict()
    collection[RECIPE] = json.dumps(recipe)


def _carry(thing: bpy.types.Object, in_blender: Array) -> None:
    """Cameras and picked points have no scale afterwards: it would show nothing, or in their symbols only."""
    stands = Matrix((in_blender @ np.array(thing.matrix_world, dtype=np.float64)).tolist())
    if PICK in thing:
        thing.empty_display_size *= scale_of(in_blender)
    thing.matrix_world = stands.normalized() if thing.type == "CAMERA" or PICK in thing else stands


def _scale_extent(camera: bpy.types.Camera, scale: float) -> None:
    """Clipping and symbol keep up with the world."""
    for name in ("clip_start", "clip_end", "display_size"):
        setattr(camera, name, getattr(camera, name) * scale)


def _move_points(cloud: bpy.types.Object, in_blender: Array) -> None:
    """Into the points themselves, so that the object stands at the origin as a new one does."""
    positions: Any = cloud.data.attributes["position"].data  # type: ignore[union-attr]
    points = np.empty((len(positions), 3), np.float32)
    positions.foreach_get("vector", points.reshape(-1))
    placed = points @ in_blender[:3, :3].T + in_blender[:3, 3]
    positions.foreach_set("vector", placed.astype(np.float32).reshape(-1))
    cloud.data.update()  # type: ignore[union-attr]
    cloud.matrix_world = Matrix.Identity(4)
    modifier = points_modifier(cloud)
    set_points_input(modifier, "Radius", points_input(modifier, "Radius") * scale_of(in_blender))
