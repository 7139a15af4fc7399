"""A reconstruction back from its collection: what the .blend file holds is enough, the job's folder may be gone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...core.axes import WORLD_TO_Z_UP
from ...core.errors import InputError
from ...core.given import GIVEN
from ...core.pixel_mapping import PixelMapping
from ...core.reconstruction import AlignedView, PointCloud, Reconstruction
from .point_cloud import minimum_confidence, points_modifier, read_points
from .reconstruction import RECIPE, read_recipe
from .shared import scene_of


def find_collection(context: bpy.types.Context) -> bpy.types.Collection | None:
    """The reconstruction of the active object, else the scene's latest; None when there is none."""
    ours = [child for child in scene_of(context).collection.children_recursive if RECIPE in child]
    chosen = [collection for collection in ours if context.object and collection.objects.get(context.object.name)]
    return (chosen or ours or [None])[-1]


def read_reconstruction(collection: bpy.types.Collection) -> Reconstruction:
    """What `add_reconstruction` was given, as far as the collection still holds it.

    Cameras are those that were found, wherever their objects are now. A pixel without a point (masked, or deleted by
    hand) is masked, with depth NaN, confidence 1 and black; the minimum confidence is what the modifier says now.
    Raises InputError when the collection is no reconstruction, or of a version that did not say enough.
    """
    recipe, cloud = read_recipe(collection), find_points(collection)
    if recipe is None or cloud is None:
        raise InputError(f"{collection.name!r} is not a whole reconstruction; choose one that DUSt3R made")
    if "views" not in recipe:
        raise InputError(
            f"{collection.name!r} was made by an older version that did not keep enough; reconstruct again"
        )
    points = read_points(cloud)
    position = points.position @ WORLD_TO_Z_UP[:3, :3]  # back to z forward
    points = replace(points, position=position)
    photos = zip(recipe["photos"].items(), recipe["views"], strict=True)
    views = tuple(_view(k, name, photo | view, points) for k, ((name, photo), view) in enumerate(photos))
    settings = recipe["settings"] | {"min_confidence": minimum_confidence(cloud)}
    given = {name: recipe[name] for name in GIVEN if name in recipe}
    return Reconstruction(views, recipe["model"], settings, recipe["version"], tuple(recipe["warnings"]), given)


def find_points(collection: bpy.types.Collection) -> bpy.types.Object | None:
    """The object with the points of a reconstruction; None when it is gone."""
    return next((thing for thing in collection.objects if thing.type == "MESH" and points_modifier(thing)), None)


def _view(index: int, name: str, entry: dict[str, Any], points: PointCloud) -> AlignedView:
    mapping, mine = PixelMapping.from_dict(entry["mapping"]), points.view == index
    K, cam2world = np.array(entry["K"]), np.array(entry["cam2world"])
    shape = mapping.view_size[::-1]
    at, z = _pixels(points.position[mine], K, cam2world, mapping)
    depth, confidence = np.full(shape, np.nan, np.float32), np.ones(shape, np.float32)
    colors, mask = np.zeros((*shape, 3), np.uint8), np.zeros(shape, bool)
    depth[at], confidence[at], colors[at], mask[at] = z, points.confidence[mine], points.color[mine], True
    path = Path(entry["path"])
    return AlignedView(name, path, mapping, K, cam2world, depth, confidence, colors, mask, entry["component"])


def _pixels(
    position: NDArray[Any], K: NDArray[np.float64], cam2world: NDArray[np.float64], mapping: PixelMapping
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]:
    """Of world points (M, 3) on their pixels' rays: the network pixels' (rows, columns) and the depths, (M,) each."""
    x, y, z = (cam2world[:3, :3].T @ (position - cam2world[:3, 3]).T).astype(np.float64)
    columns = (K[0, 0] * x / z + K[0, 2] - mapping.offset[0]) / mapping.scale[0] - 0.5
    rows = (K[1, 1] * y / z + K[1, 2] - mapping.offset[1]) / mapping.scale[1] - 0.5
    return (np.rint(rows).astype(np.int64), np.rint(columns).astype(np.int64)), z
