"""`mesh`: the surface of a finished reconstruction as a file."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import get_args

from ...core.io.atomic import together
from ...core.jobs.job import find_result
from ...core.meshing.settings import Kind, MeshSettings
from ...core.progress import Timeline
from ..blender_needed import require_bpy
from ..output import Output
from ..shared_arguments import add_result, confidence

HELP = "a finished reconstruction's surface: of each photo, or one of all (docs/export.md)"
DEFAULTS = MeshSettings()
GLTF = ".glb"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add_result(parser, "RESULT")
    add("--kind", choices=get_args(Kind), default=DEFAULTS.kind, help="a mesh for each photo, or one of all")
    output = "PLY: colours of vertices; OBJ and glTF (.glb, needs bpy): with the texture; .npz: arrays"
    add("--output", type=Path, required=True, metavar="MESH.obj", help=f"{output}; nothing is overwritten")
    lowest = "leave pixels below out (default: those hidden in Blender)"
    add("--min-confidence", type=confidence, metavar="C", help=lowest)
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
    """The inverse of `read_mesh`: the arguments after the verb for these settings."""
    words = ["--kind", settings.kind, "--max-slope", str(settings.max_slope), "--min-island", str(settings.min_island)]
    words += ["--max-voxels", str(settings.max_voxels), "--texture-size", str(settings.texture_size)]
    for name, value in (("--min-confidence", settings.min_confidence), ("--voxel", settings.voxel)):
        words += [] if value is None else [name, str(value)]
    return words if settings.texture else [*words, "--no-texture"]


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Make the meshes and write them; raises InputError for what cannot be used, before the work where possible."""
    from ...core.meshing.files import UNTEXTURED, WRITERS, check_output, save_meshes
    from ...core.meshing.meshes import make_meshes, stages

    settings, path = read_mesh(arguments), arguments.output
    check_output(path, (*WRITERS, GLTF))
    if path.suffix.lower() == GLTF:
        require_bpy("glTF is written by Blender's exporter, which needs")
    if path.suffix.lower() in UNTEXTURED:
        settings = replace(settings, texture=False)
    reconstruction = find_result(arguments.folder)
    meshes, warnings = make_meshes(reconstruction, settings, Timeline(stages(settings), output.progress))
    if path.suffix.lower() == GLTF:
        from ..blender import write_meshes  # only now: it needs Blender

        warnings += write_meshes(meshes, path)
    else:
        with together():
            save_meshes(path, meshes)
    for warning in warnings:
        output.warning(warning)
    faces = sum(len(one.faces) for one in meshes)
    made = "1 mesh" if len(meshes) == 1 else f"{len(meshes)} meshes"
    output.result(str(path), f"{made} of {faces} faces -> {path}")
