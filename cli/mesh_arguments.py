"""What can be written after `headless.py mesh`, and the settings it stands for."""

import argparse
from pathlib import Path
from typing import get_args

from ..core.meshing.settings import Kind, MeshSettings
from .parser import confidence

MESH = "a finished reconstruction's surface: of each photo, or one of all (docs/meshes.md)"
DEFAULTS = MeshSettings()


def add_mesh(parser: argparse.ArgumentParser) -> None:
    """The arguments of the verb `mesh`, but for those of every verb."""
    add = parser.add_argument
    add("folder", type=Path, metavar="RESULT", help="a finished job, or its result")
    add("--kind", choices=get_args(Kind), default=DEFAULTS.kind, help="a mesh for each photo, or one of all")
    output = "PLY: colours of vertices; OBJ and glTF (.glb, needs bpy): with the texture; .npz: arrays"
    add("--output", type=Path, required=True, metavar="MESH.obj", help=f"{output}; nothing is overwritten")
    add(
        "--min-confidence",
        type=confidence,
        metavar="C",
        help="leave pixels below out (default: those hidden in Blender)",
    )
    steep = "cut faces that a photo sees at a more grazing angle (default: %(default)s)"
    add("--max-slope", type=float, default=DEFAULTS.max_slope, metavar="DEGREES", help=steep)
    add("--voxel", type=float, metavar="SIZE", help="of a fused mesh, scene units (default: what the points are worth)")
    most = "let the voxel grow until there are no more (default: %(default)s)"
    add("--max-voxels", type=int, default=DEFAULTS.max_voxels, metavar="N", help=most)
    island = "leave out pieces of fewer faces (default: %(default)s)"
    add("--min-island", type=int, default=DEFAULTS.min_island, metavar="FACES", help=island)
    add("--no-texture", action="store_true", help="colours of vertices alone")
    size = "most pixels of a fused mesh's texture each way (default: %(default)s)"
    add("--texture-size", type=int, default=DEFAULTS.texture_size, metavar="N", help=size)


def read_mesh(arguments: argparse.Namespace) -> MeshSettings:
    """Core's settings; raises InputError for numbers out of range."""
    return MeshSettings(
        kind=arguments.kind,
        min_confidence=arguments.min_confidence,
        max_slope=arguments.max_slope,
        voxel=arguments.voxel,
        max_voxels=arguments.max_voxels,
        min_island=arguments.min_island,
        texture=not arguments.no_texture,
        texture_size=arguments.texture_size,
    )


def mesh_arguments(settings: MeshSettings) -> list[str]:
    """What to write after the verb for these settings: what `read_mesh` reads back."""
    words = ["--kind", settings.kind, "--max-slope", str(settings.max_slope), "--min-island", str(settings.min_island)]
    words += ["--max-voxels", str(settings.max_voxels), "--texture-size", str(settings.texture_size)]
    for name, value in (("--min-confidence", settings.min_confidence), ("--voxel", settings.voxel)):
        words += [] if value is None else [name, str(value)]
    return words if settings.texture else [*words, "--no-texture"]
