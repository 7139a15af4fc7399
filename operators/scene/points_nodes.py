"""The one geometry-nodes group of all point clouds: vertices to points, filtered and coloured live.

Nodes, sockets and modifier inputs are found by name at run time, hence Any for their types.
"""

from typing import Any

import bpy

from .materials import SHOWN_COLOR, points_material
from .shared import shared_block

COLOR, CONFIDENCE, VIEW = "color", "confidence", "view"  # attributes of the mesh
NODES_NAME = "DUSt3R Points"  # of the group and of the modifiers that use it
VERSION = 1  # raise it whenever _make changes what the group does
# dark blue to yellow, equally spaced; linear RGB of matplotlib's viridis
CONFIDENCE_RAMP = ((0.06, 0.0, 0.09), (0.04, 0.09, 0.26), (0.01, 0.28, 0.26), (0.11, 0.58, 0.12), (0.98, 0.80, 0.02))
GOLDEN_RATIO = 0.618034  # steps of hue by which neighbouring numbers differ most


def points_node_group() -> bpy.types.GeometryNodeTree:
    """The shared group, made at its first use.

    Inputs: Radius (scene units), Minimum Confidence (the network's scale, from 1), View (index of the photo whose
    points are shown, -1 for all), Color (Photo, Confidence or View), Viewport Share (of the points; renders show all).
    """
    return shared_block(bpy.data.node_groups, NODES_NAME, VERSION, _make)


def set_points_input(modifier: Any, name: str, value: float) -> None:
    """Set an input of the group on one point cloud's modifier, in every Blender version."""
    identifier = _identifier(modifier, name)
    if hasattr(modifier, "properties"):  # from Blender 5.2 on
        getattr(modifier.properties.inputs, identifier).value = value
    else:
        modifier[identifier] = value
    modifier.id_data.update_tag()


def points_input(modifier: Any, name: str) -> Any:
    """The value of an input of the group on one point cloud's modifier, in every Blender version."""
    identifier = _identifier(modifier, name)
    if hasattr(modifier, "properties"):
        return getattr(modifier.properties.inputs, identifier).value
    return modifier[identifier]


def _identifier(modifier: Any, name: str) -> str:
    items = modifier.node_group.interface.items_tree
    return next(item.identifier for item in items if item.name == name and item.in_out == "INPUT")


def _make(name: str) -> bpy.types.GeometryNodeTree:
    group: Any = bpy.data.node_groups.new(name, "GeometryNodeTree")
    group.is_modifier = True
    _declare_sockets(group)
    inputs = _add(group, "NodeGroupInput", (-3, 0)).outputs
    shown = _shown(group, inputs)
    points = _add(
        group, "GeometryNodeMeshToPoints", (1, 0),
        {"Mesh": inputs["Geometry"], "Selection": shown, "Radius": inputs["Radius"]},
    ).outputs[0]  # fmt: skip
    color = {"Geometry": points, "Name": SHOWN_COLOR, "Value": _color(group, inputs)}
    colored = _add(group, "GeometryNodeStoreNamedAttribute", (2, 0), color, data_type="BYTE_COLOR").outputs[0]
    material = {"Geometry": colored, "Material": points_material()}
    finished = _add(group, "GeometryNodeSetMaterial", (3, 0), material).outputs[0]
    _add(group, "NodeGroupOutput", (4, 0), {"Geometry": finished})
    return group


def _declare_sockets(group: Any) -> None:
    new = group.interface.new_socket
    new("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    new("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    radius = new("Radius", in_out="INPUT", socket_type="NodeSocketFloat", description="Of every point")
    radius.subtype, radius.min_value, radius.default_value = "DISTANCE", 0.0, 0.01
    confidence = new(
        "Minimum Confidence", in_out="INPUT", socket_type="NodeSocketFloat", description="Points below are hidden"
    )
    confidence.min_value, confidence.default_value = 1.0, 1.0
    view = new("View", in_out="INPUT", socket_type="NodeSocketInt", description="Show one photo's points; -1: all")
    view.min_value, view.default_value = -1, -1
    new("Color", in_out="INPUT", socket_type="NodeSocketMenu", description="What the points' colors show")
    share = new(
        "Viewport Share", in_out="INPUT", socket_type="NodeSocketFloat",
        description="Share of the points that the viewport shows; renders show all",
    )  # fmt: skip
    share.subtype, share.min_value, share.max_value, share.default_value = "FACTOR", 0.0, 1.0, 1.0


def _shown(group: Any, inputs: Any) -> bpy.types.NodeSocket:
    """Which points are shown, as 1 or 0."""
    confidence = _named(group, CONFIDENCE, "FLOAT", (-3, -2))
    view = _named(group, VIEW, "INT", (-3, -3))
    unsure = _math(group, "LESS_THAN", (-2, -2), confidence, inputs["Minimum Confidence"])
    chosen = _math(group, "COMPARE", (-2, -3), view, inputs["View"], 0.5)
    every = _math(group, "LESS_THAN", (-2, -4), inputs["View"], -0.5)
    of_view = _math(group, "MAXIMUM", (-1, -3), chosen, every)
    # a point's fate hangs on its index alone, so that it does not flicker while filters change
    index = _add(group, "GeometryNodeInputIndex", (-3, -5)).outputs[0]
    chance = _add(group, "ShaderNodeTexWhiteNoise", (-2, -5), {"W": index}, noise_dimensions="1D").outputs["Value"]
    thinned = _math(group, "GREATER_THAN", (-1, -5), chance, inputs["Viewport Share"])
    viewport = _add(group, "GeometryNodeIsViewport", (-2, -6)).outputs[0]
    left_out = _math(group, "MULTIPLY", (-1, -6), thinned, viewport)
    hidden = _math(group, "MAXIMUM", (0, -5), unsure, left_out)
    return _math(group, "SUBTRACT", (0, -3), of_view, hidden)


def _color(group: Any, inputs: Any) -> bpy.types.NodeSocket:
    """The colour that the Color input asks for."""
    menu = _add(group, "GeometryNodeMenuSwitch", (1, 5), data_type="RGBA")
    menu.enum_items.clear()
    for name in ("Photo", "Confidence", "View"):
        menu.enum_items.new(name)
    sources = (_named(group, COLOR, "FLOAT_COLOR", (0, 4)), _confidence_color(group, inputs), _view_color(group))
    for name, source in zip(("Photo", "Confidence", "View"), sources, strict=True):
        group.links.new(source, menu.inputs[name])
    group.links.new(inputs["Color"], menu.inputs["Menu"])
    next(item for item in group.interface.items_tree if item.name == "Color").default_value = "Photo"
    return menu.outputs["Output"]


def _confidence_color(group: Any, inputs: Any) -> bpy.types.NodeSocket:
    """The ramp over log confidence, which is the alignment's weight, from none to the cloud's highest."""
    weight = _math(group, "LOGARITHM", (-2, 6), _named(group, CONFIDENCE, "FLOAT", (-3, 6)), 2.718281828)
    reach = {"Geometry": inputs["Geometry"], "Attribute": weight}
    highest = _add(group, "GeometryNodeAttributeStatistic", (-1, 7), reach, data_type="FLOAT").outputs["Max"]
    share = _math(group, "DIVIDE", (-1, 6), weight, highest)
    node = _add(group, "ShaderNodeValToRGB", (0, 6), {0: share})
    ramp = node.color_ramp
    for k, rgb in enumerate(CONFIDENCE_RAMP):
        place = k / (len(CONFIDENCE_RAMP) - 1)
        element = ramp.elements[k] if k < 1 else ramp.elements.new(place) if place < 1 else ramp.elements[-1]
        element.color = (*rgb, 1.0)
    return node.outputs["Color"]


def _view_color(group: Any) -> bpy.types.NodeSocket:
    """One hue per photo."""
    steps = _math(group, "MULTIPLY", (-2, 9), _named(group, VIEW, "INT", (-3, 9)), GOLDEN_RATIO)
    hue = _math(group, "FRACT", (-1, 9), steps)
    return _add(group, "FunctionNodeCombineColor", (0, 9), {0: hue, 1: 0.7, 2: 0.9}, mode="HSV").outputs["Color"]


def _named(group: Any, name: str, kind: str, place: tuple[int, int]) -> bpy.types.NodeSocket:
    return _add(group, "GeometryNodeInputNamedAttribute", place, {"Name": name}, data_type=kind).outputs["Attribute"]


def _math(group: Any, operation: str, place: tuple[int, int], *values: Any) -> Any:
    return _add(group, "ShaderNodeMath", place, dict(enumerate(values)), operation=operation).outputs[0]


def _add(
    group: Any, kind: str, place: tuple[int, int], inputs: dict[Any, Any] | None = None,
    **settings: Any,
) -> Any:  # fmt: skip
    """A node at (column, row), its inputs linked when given a socket and set when given a value."""
    node = group.nodes.new(kind)
    node.location = (220 * place[0], 180 * place[1])
    for name, value in settings.items():
        setattr(node, name, value)
    for key, value in (inputs or {}).items():
        if isinstance(value, bpy.types.NodeSocket):
            group.links.new(value, node.inputs[key])
        else:
            node.inputs[key].default_value = value
    return node
