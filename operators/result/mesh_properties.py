"""How a mesh is made, as Blender properties: the scene and the operator inherit the same."""

import math
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty

from ...core.meshing.settings import MeshSettings

DEFAULTS = MeshSettings()
AUTOMATIC = 0.0  # voxel, as the points are worth


class MeshProperties:
    """Kind and details of a mesh; a test holds the defaults to core's."""

    kind: EnumProperty(
        name="Kind",
        description="What becomes of the photos' depth",
        items=(
            ("fused", "One of All Photos", "Photos fused into one surface; what none of them shows stays open"),
            ("grid", "One for Each Photo", "Each photo's pixels as a mesh, cut where depth jumps"),
        ),
        default=DEFAULTS.kind,
    )
    texture: BoolProperty(
        name="Texture",
        description="From the photos in full resolution; off: colors of vertices",
        default=DEFAULTS.texture,
    )
    voxel: FloatProperty(
        name="Voxel Size",
        description="Size of the smallest detail of the fused mesh; 0: what the points are worth",
        default=AUTOMATIC if DEFAULTS.voxel is None else DEFAULTS.voxel,
        min=AUTOMATIC,
        precision=4,
        subtype="DISTANCE",
    )
    texture_size: IntProperty(
        name="Texture Size",
        description="Most pixels of the fused mesh's texture each way",
        default=DEFAULTS.texture_size,
        min=64,
        max=16384,
    )
    max_slope: FloatProperty(
        name="Maximum Slope",
        description="Faces that a photo sees at a more grazing angle are cut",
        default=math.radians(DEFAULTS.max_slope),
        min=math.radians(1),
        max=math.radians(89.9),
        subtype="ANGLE",
    )
    min_island: IntProperty(
        name="Minimum Island",
        description="Pieces of fewer faces are left out",
        default=DEFAULTS.min_island,
        min=0,
        soft_max=10000,
    )


class DUST3R_PG_mesh(MeshProperties, bpy.types.PropertyGroup):
    """The next mesh; saved with the scene."""


def read_mesh_settings(chosen: dict[str, Any]) -> MeshSettings:
    """Core's settings from the values of the properties above; raises InputError for values out of range."""
    values = chosen | {"voxel": chosen["voxel"] or None, "max_slope": math.degrees(chosen["max_slope"])}
    return MeshSettings(**values)
