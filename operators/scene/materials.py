"""Materials that show a colour as it is, whatever the light; the one of all point clouds shows each point's own."""

from typing import Any

import bpy

from .shared import shared_block

SHOWN_COLOR = "shown_color"  # of the evaluated points; Cycles draws an attribute named "color" black on point clouds


def points_material() -> bpy.types.Material:
    """The shared material, made at its first use. Renders in Cycles and EEVEE."""
    return shared_block(bpy.data.materials, "DUSt3R Points", 1, _make)


def mesh_material(name: str, picture: bpy.types.Image | str) -> bpy.types.Material:
    """A new material that shows a picture, or the vertices' colours that an attribute has, whatever the light.

    The colour goes straight to the output, which Blender takes for light and glTF for an unlit material. The surface
    beside it, connected to nothing, is what USD's exporter finds, and `set_lit` connects it.
    """
    material: Any = bpy.data.materials.new(name)
    tree = _empty_tree(material)
    kind = "ShaderNodeVertexColor" if isinstance(picture, str) else "ShaderNodeTexImage"
    source, lit, output = (
        tree.nodes.new(one) for one in (kind, "ShaderNodeBsdfPrincipled", "ShaderNodeOutputMaterial")
    )
    if isinstance(picture, str):
        source.layer_name = picture
    else:
        source.image = picture
        tree.nodes.active = source  # what viewports in Solid show as texture
    source.location, lit.location, output.location = (0, 0), (300, -150), (600, 0)
    lit.inputs["Roughness"].default_value, lit.inputs["Specular IOR Level"].default_value = 1.0, 0.0
    tree.links.new(source.outputs["Color"], lit.inputs["Base Color"])
    tree.links.new(source.outputs["Color"], output.inputs["Surface"])
    return material


def is_lit(material: bpy.types.Material) -> bool:
    """Whether light changes what a material of `mesh_material` shows."""
    _, surface, output = _parts(material)
    return output is not None and any(link.from_node == surface for link in output.inputs["Surface"].links)


def set_lit(material: bpy.types.Material, lit: bool) -> None:
    """Connect the surface, or the colour alone, of a material that `mesh_material` made to its output.

    A material that was rebuilt by hand and lacks one of the nodes stays as it is.
    """
    source, surface, output = _parts(material)
    if source is not None and surface is not None and output is not None:
        shown = surface.outputs["BSDF"] if lit else source.outputs["Color"]
        surface.id_data.links.new(shown, output.inputs["Surface"])


def _parts(material: Any) -> tuple[Any, Any, Any]:
    """The nodes of a mesh's material: colour, surface and output; None for one that is gone."""
    nodes = {node.bl_idname: node for node in material.node_tree.nodes}
    source = nodes.get("ShaderNodeTexImage") or nodes.get("ShaderNodeVertexColor")
    return source, nodes.get("ShaderNodeBsdfPrincipled"), nodes.get("ShaderNodeOutputMaterial")


def emit(material: Any) -> Any:
    """Let the material shine in one colour and do nothing else; returns the emission node."""
    tree = _empty_tree(material)
    emission, output = tree.nodes.new("ShaderNodeEmission"), tree.nodes.new("ShaderNodeOutputMaterial")
    emission.location, output.location = (200, 0), (400, 0)
    tree.links.new(emission.outputs["Emission"], output.inputs["Surface"])
    return emission


def _empty_tree(material: Any) -> Any:
    if bpy.app.version < (5, 0):
        material.use_nodes = True  # always so from 5.0 on, and deprecated there
    material.node_tree.nodes.clear()
    return material.node_tree


def _make(name: str) -> bpy.types.Material:
    material: Any = bpy.data.materials.new(name)
    emission = emit(material)
    attribute = material.node_tree.nodes.new("ShaderNodeAttribute")
    attribute.attribute_name = SHOWN_COLOR
    material.node_tree.links.new(attribute.outputs["Color"], emission.inputs["Color"])
    return material
