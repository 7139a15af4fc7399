"""The verb `mesh`: the surface of a finished reconstruction as a file."""

import argparse
from dataclasses import replace

from ..core.io.atomic import together
from ..core.jobs.job import find_result
from ..core.meshing.files import UNTEXTURED, WRITERS, check_output, save_meshes
from ..core.meshing.meshes import make_meshes, stages
from ..core.progress import Timeline
from .blender_needed import require_bpy
from .mesh_arguments import read_mesh
from .output import Output

GLTF = ".glb"


def mesh(arguments: argparse.Namespace, output: Output) -> None:
    """Make the meshes and write them; raises InputError for what cannot be used, before the work where possible."""
    settings, path = read_mesh(arguments), arguments.output
    check_output(path, (*WRITERS, GLTF))
    if path.suffix.lower() == GLTF:
        require_bpy("glTF is written by Blender's exporter, which needs")
    if path.suffix.lower() in UNTEXTURED:
        settings = replace(settings, texture=False)
    reconstruction = find_result(arguments.folder)
    meshes, warnings = make_meshes(reconstruction, settings, Timeline(stages(settings), output.progress))
    if path.suffix.lower() == GLTF:
        from .blender import write_meshes  # only now: it needs Blender

        warnings += write_meshes(meshes, path)
    else:
        with together():
            save_meshes(path, meshes)
    for warning in warnings:
        output.warning(warning)
    faces = sum(len(one.faces) for one in meshes)
    made = "1 mesh" if len(meshes) == 1 else f"{len(meshes)} meshes"
    output.result(str(path), f"{made} of {faces} faces -> {path}")
