"""One function for both kinds: a reconstruction to meshes."""

from dataclasses import replace

from ..errors import InputError
from ..export.selection import split_worlds
from ..progress import Report, silent
from ..reconstruction.result import Reconstruction
from . import bake, fuse, texture, visibility
from .depth_map import DepthMap
from .fuse import fused_mesh, without_islands
from .grid_mesh import grid_mesh
from .mesh import Mesh, Warn
from .settings import Kind, MeshSettings
from .surface import SUPPORT

GRID = "Meshing photos"


def stages(settings: MeshSettings) -> dict[str, float]:
    """Stage -> its part of the whole time, as `Timeline` wants them."""
    kinds: dict[Kind, dict[str, float]] = {
        "grid": {GRID: 1.0},
        "fused": {fuse.STAGE: 4.0} | ({visibility.STAGE: 3.0, bake.STAGE: 3.0} if settings.texture else {}),
    }
    return kinds[settings.kind]


def make_meshes(
    reconstruction: Reconstruction, settings: MeshSettings, report: Report = silent
) -> tuple[list[Mesh], list[str]]:
    """One mesh for each photo, or one for each world of photos that belong together; and warnings, one sentence each.

    Raises InputError where no point is sure enough to make a face of, and what the work itself raises.
    """
    reconstruction = reconstruction.without_flaws()
    sure = reconstruction.min_confidence if settings.min_confidence is None else settings.min_confidence
    warnings: list[str] = []
    make = {"grid": _grid_meshes, "fused": _fused_meshes}[settings.kind]
    meshes = make(reconstruction, settings, sure, report, warnings.append)
    if not meshes:
        raise InputError(f"No surface shows at a minimum confidence of {sure:g}; lower it, or keep smaller pieces")
    return meshes, warnings


def _grid_meshes(
    reconstruction: Reconstruction, settings: MeshSettings, sure: float, report: Report, warn: Warn
) -> list[Mesh]:
    meshes, views = [], reconstruction.views
    for number, view in enumerate(views):
        report(GRID, number, len(views))
        mesh = without_islands(grid_mesh(view, sure, settings.max_slope), settings.min_island)
        if len(mesh.faces):
            meshes.append(mesh if settings.texture else replace(mesh, uv=None, photo=None))
        else:
            warn(f"{view.name} shows no surface at a minimum confidence of {sure:g}; it has no mesh")
    report(GRID, len(views), len(views))
    return meshes


def _fused_meshes(
    reconstruction: Reconstruction, settings: MeshSettings, sure: float, report: Report, warn: Warn
) -> list[Mesh]:
    meshes = []
    for number, world in enumerate(split_worlds(reconstruction), 1):
        maps = [DepthMap.of(view, sure, settings.max_slope) for view in world.views]
        made = fused_mesh(world, maps, settings, sure, report, warn)
        if made is None:
            warn(f"{_names(world)} shows no surface at a minimum confidence of {sure:g}; it has no mesh")
            continue
        mesh, voxel = made
        mesh = mesh if number == 1 else replace(mesh, name=f"{mesh.name} {number}")
        if settings.texture:
            mesh = texture.textured(mesh, maps, SUPPORT * voxel, settings.texture_size, report, warn)
        meshes.append(mesh)
    return meshes


def _names(world: Reconstruction) -> str:
    return ", ".join(view.name for view in world.views)
