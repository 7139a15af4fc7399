"""A reconstruction back from its collection: what the .blend file holds is enough, the job's folder may be gone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...core.cameras.evidence import CameraEvidence
from ...core.cameras.priors import PRIOR_KEYS
from ...core.errors import InputError, first_line
from ...core.images.pixel_mapping import PixelMapping
from ...core.io.atomic import DAMAGED_ARRAYS
from ...core.io.validation import check_camera
from ...core.reconstruction.result import AlignedView, PointCloud, Reconstruction
from ...core.reconstruction.tracks import Tracks
from ...core.world.transform import WORLD_TO_Z_UP
from .cameras import SIZE, VIEW_INDEX
from .flaws import can_hide, hidden_flaws
from .point_cloud import minimum_confidence, points_modifier, read_points
from .reconstruction import RECIPE, TRACKS, read_recipe
from .shared import scene_of


def find_collection(context: bpy.types.Context) -> bpy.types.Collection | None:
    """The reconstruction of the active object, else the scene's latest; None when there is none."""
    ours = reconstructions(scene_of(context))
    chosen = [collection for collection in ours if context.object and collection.objects.get(context.object.name)]
    return (chosen or ours or [None])[-1]


def reconstructions(scene: bpy.types.Scene) -> list[bpy.types.Collection]:
    """Those of the scene, in its order; without those that every view layer excludes: Blender does not place these."""
    found: dict[bpy.types.Collection, None] = {}
    layers = [layer.layer_collection for layer in scene.view_layers]
    while layers:
        layer = layers.pop(0)
        layers = [*(child for child in layer.children if not child.exclude), *layers]
        if RECIPE in layer.collection:
            found.setdefault(layer.collection)
    return list(found)


def active_reconstruction(context: bpy.types.Context) -> bpy.types.Collection:
    """What `find_collection` finds; raises InputError when there is none."""
    collection = find_collection(context)
    if collection is None:
        raise InputError("There is no reconstruction in this scene; reconstruct some photos first")
    return collection


def photo_cameras(collection: bpy.types.Collection) -> list[bpy.types.Object]:
    """The cameras of a reconstruction's photos and of those placed in it later, in the order of their numbers."""
    cameras = [thing for thing in collection.objects if thing.type == "CAMERA" and SIZE in thing]
    ours = [camera for camera in cameras if isinstance(camera.get(VIEW_INDEX), int)]
    return sorted(ours, key=lambda camera: camera[VIEW_INDEX])


def read_reconstruction(collection: bpy.types.Collection) -> Reconstruction:
    """What `add_reconstruction` was given, as far as the collection still holds it.

    Cameras are those that were found, wherever their objects are now. A pixel without a point (masked, or deleted by
    hand) is masked, with depth NaN, confidence 1 and black; the minimum confidence, and which flaws are hidden, is what
    the modifier says now.
    Raises InputError when the collection is no reconstruction, or of a version that did not say enough.
    """
    recipe, cloud = read_recipe(collection), find_points(collection)
    if recipe is None or cloud is None:
        raise InputError(f"{collection.name!r} is not a whole reconstruction; choose one that DUSt3R made")
    if "views" not in recipe:
        raise InputError(
            f"{collection.name!r} was made by an older version that did not keep enough; reconstruct again"
        )
    try:
        return _rebuilt(recipe, cloud, collection.get(TRACKS))
    except DAMAGED_ARRAYS as error:
        raise InputError(
            f"The recipe of {collection.name!r} is not as DUSt3R wrote it ({first_line(error)}); reconstruct again"
        ) from error


def _rebuilt(recipe: dict[str, Any], cloud: bpy.types.Object, kept_tracks: Any) -> Reconstruction:
    """The reconstruction of a recipe, its points and tracks; raises one of DAMAGED_ARRAYS where they do not fit."""
    points = read_points(cloud)
    position = points.position @ WORLD_TO_Z_UP[:3, :3]  # back to z forward
    points = replace(points, position=position)
    photos = zip(recipe["photos"].items(), recipe["views"], strict=True)
    views = tuple(_view(k, name, photo | view, points) for k, ((name, photo), view) in enumerate(photos))
    settings = recipe["settings"] | {"min_confidence": minimum_confidence(cloud)}
    if can_hide(points_modifier(cloud)):
        settings["hide"] = list(hidden_flaws(points_modifier(cloud)))
    priors = {name: recipe[name] for name in PRIOR_KEYS if name in recipe}
    tracks = Tracks.from_bytes(kept_tracks, len(views)) if isinstance(kept_tracks, bytes) else None
    result = Reconstruction.from_recipe(views, recipe | {"settings": settings}, priors)
    return replace(result, tracks=tracks.moved(result.world_frame.similarity)) if tracks else result


def find_points(collection: bpy.types.Collection) -> bpy.types.Object | None:
    """The object with the points of a reconstruction; None when it is gone."""
    return next((thing for thing in collection.objects if thing.type == "MESH" and points_modifier(thing)), None)


def _view(index: int, name: str, entry: dict[str, Any], points: PointCloud) -> AlignedView:
    mapping, mine = PixelMapping.from_dict(entry["mapping"]), points.view == index
    K, cam2world = (np.array(entry[key], dtype=np.float64) for key in ("K", "cam2world"))
    check_camera(K, cam2world)
    shape = mapping.view_size[::-1]
    at, z = _pixels(points.position[mine], K, cam2world, mapping)
    depth, confidence = np.full(shape, np.nan, np.float32), np.ones(shape, np.float32)
    colors, mask = np.zeros((*shape, 3), np.uint8), np.zeros(shape, bool)
    depth[at], confidence[at], colors[at], mask[at] = z, points.confidence[mine], points.color[mine], True
    flaws = None
    if points.flaws is not None:
        flaws = np.zeros(shape, np.uint8)
        flaws[at] = points.flaws[mine]
    path, component = Path(entry["path"]), entry["component"]
    digest = entry.get("sha256", "")  # scenes of before have none
    source = entry.get("focal_source", "network")
    evidence = CameraEvidence.from_dict(entry.get("evidence"))
    arrays = (K, cam2world, depth, confidence, colors, mask)
    return AlignedView(name, path, mapping, *arrays, component, flaws, digest, source, evidence)


def flaws_of_points(collection: bpy.types.Collection, searched: Reconstruction) -> NDArray[np.uint8]:
    """(N,), bits of FLAWS, of every point in the collection; 0 where nobody has looked.

    searched: what `read_reconstruction` gave, with its flaws.
    """
    cloud = find_points(collection)
    if cloud is None:
        raise InputError(f"{collection.name!r} is not a whole reconstruction; choose one that DUSt3R made")
    points = read_points(cloud)
    position, flaws = points.position @ WORLD_TO_Z_UP[:3, :3], np.zeros(len(points.position), np.uint8)
    for index, view in enumerate(searched.views):
        mine = points.view == index
        if view.flaws is not None:
            flaws[mine] = view.flaws[_pixels(position[mine], view.K, view.cam2world, view.mapping)[0]]
    return flaws


def _pixels(
    position: NDArray[Any], K: NDArray[np.float64], cam2world: NDArray[np.float64], mapping: PixelMapping
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]:
    """Of world points (M, 3) on their pixels' rays: the network pixels' (rows, columns) and the depths, (M,) each."""
    x, y, z = (cam2world[:3, :3].T @ (position - cam2world[:3, 3]).T).astype(np.float64)
    columns = (K[0, 0] * x / z + K[0, 2] - mapping.offset[0]) / mapping.scale[0] - 0.5
    rows = (K[1, 1] * y / z + K[1, 2] - mapping.offset[1]) / mapping.scale[1] - 0.5
    return (np.rint(rows).astype(np.int64), np.rint(columns).astype(np.int64)), z
