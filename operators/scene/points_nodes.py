"""The one geometry-nodes group of all point clouds: vertices to points, filtered and coloured live.

Nodes, sockets and modifier inputs are found by name at run time, hence Any for their types.
"""

from typing import Any

import bpy

from ...core.flaws import FLAWS, OF_CLOUD
from .materials import SHOWN_COLOR, points_material
from .shared import STAMP, shared_block

COLOR, CONFIDENCE, VIEW = "color", "confidence", "view"  # attributes of the mesh
SIZE = "size"  # where it is there, of each point over the usual one
HIDDEN = "hidden"  # one more, boolean: where it is there, points of photos that are switched off
COLORS = ("Photo", "Confidence", "View", "Depth")  # choices of the input Color, in the order of their numbers
NODES_NAME = "DUSt3R Points"  # of the group and of the modifiers that use it
DISPLAY_PERCENTAGE = "Display Percentage"  # the input that keeps viewports fast
HIDE = {name: f"Hide {flaw.title}" for name, flaw in FLAWS.items()}  # the inputs that hide the points with a flaw
VERSION = 6  # raise it whenever _make changes what the group does
# dark blue to yellow, equally spaced; linear RGB of matplotlib's viridis
RAMP = ((0.06, 0.0, 0.09), (0.04, 0.09, 0.26), (0.01, 0.28, 0.26), (0.11, 0.58, 0.12), (0.98, 0.80, 0.02))
E = 2.718281828  # Euler's number
LOGISTIC = E**1.702  # to its powers: the logistic curve nearest to the normal distribution's
GOLDEN_RATIO = 0.618034  # steps of hue by which neighbouring numbers differ most
RUN = 128  # points that are thinned together: fewer than a row has, so that a row does not depend on the one above


def points_node_group() -> bpy.types.GeometryNodeTree:
    """The shared group, made at its first use.

    Inputs: Radius (scene units), Minimum Confidence (the network's scale, from 1), View (index of the photo whose
    points are shown, -1 for all), Color (one of COLORS; Depth: before the scene's camera), Display Percentage (of the
    points, evenly spread, in viewports; renders show all), and one of HIDE for each of FLAWS.
    """
    return shared_block(bpy.data.node_groups, NODES_NAME, VERSION, _make)


def is_earlier(group: bpy.types.NodeTree) -> bool:
    """Whether a group of points in this file was made by an earlier version of ours."""
    version = group.get(STAMP)
    return group.library is None and isinstance(version, int) and version < VERSION


def set_points_input(modifier: Any, name: str, value: float | str) -> None:
    """Set an input of the group on one point cloud's modifier, in every Blender version; of Color, one of COLORS."""
    owner, path = points_slot(modifier, name)
    value = type(owner.path_resolve(path))(value)  # Blender would let a whole number change the input's type
    if owner is modifier:
        identifier = _identifier(modifier, name)
        modifier[identifier] = _number_in_menu(modifier, identifier, value) if isinstance(value, str) else value
    else:
        setattr(owner, path, value)
    modifier.id_data.update_tag()


def _number_in_menu(modifier: Any, identifier: str, choice: str) -> int:
    items = modifier.id_properties_ui(identifier).as_dict()["items"]
    return next(number for name, *_, number in items if name == choice)


def points_input(modifier: Any, name: str) -> Any:
    """The value of an input of the group on one point cloud's modifier, in every Blender version."""
    owner, path = points_slot(modifier, name)
    return owner.path_resolve(path)


def points_slot(modifier: Any, name: str) -> tuple[Any, str]:
    """Where an input's value is: the owner and its property's path, as `UILayout.prop` takes them."""
    identifier = _identifier(modifier, name)
    if hasattr(modifier, "properties"):  # from Blender 5.2 on
        return getattr(modifier.properties.inputs, identifier), "value"
    return modifier, f'["{identifier}"]'


def has_points_input(modifier: Any, name: str) -> bool:
    """Whether the modifier's group, which an earlier version of ours may have made, knows an input."""
    return any(item.name == name for item in modifier.node_group.interface.items_tree)


def _identifier(modifier: Any, name: str) -> str:
    items = modifier.node_group.interface.items_tree
    return next(item.identifier for item in items if item.name == name and item.in_out == "INPUT")


def _make(name: str) -> bpy.types.GeometryNodeTree:
    group: Any = bpy.data.node_groups.new(name, "GeometryNodeTree")
    group.is_modifier = True
    _declare_sockets(group)
    inputs = _add(group, "NodeGroupInput", (-7, 0)).outputs
    shown = _shown(group, inputs)
    points = _add(
        group, "GeometryNodeMeshToPoints", (1, 0),
        {"Mesh": inputs["Geometry"], "Selection": shown, "Radius": _radius(group, inputs)},
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
    radius = new("Radius", in_out="INPUT", socket_type="NodeSocketFloat", description="Of a point of usual size")
    radius.subtype, radius.min_value, radius.default_value = "DISTANCE", 0.0, 0.01
    confidence = new(
        "Minimum Confidence", in_out="INPUT", socket_type="NodeSocketFloat", description="Points below are hidden"
    )
    confidence.min_value, confidence.default_value = 1.0, 1.0
    view = new("View", in_out="INPUT", socket_type="NodeSocketInt", description="Show one photo's points; -1: all")
    view.min_value, view.default_value = -1, -1
    new("Color", in_out="INPUT", socket_type="NodeSocketMenu", description="What the points' colors show")
    percentage = new(
        DISPLAY_PERCENTAGE, in_out="INPUT", socket_type="NodeSocketFloat",
        description="Of the points, evenly spread, in viewports; renders show all",
    )  # fmt: skip
    percentage.subtype, percentage.min_value, percentage.max_value = "PERCENTAGE", 0.0, 100.0
    percentage.default_value = 100.0
    for name, flaw in FLAWS.items():  # last: the inputs of earlier versions keep their identifiers
        new(HIDE[name], in_out="INPUT", socket_type="NodeSocketBool", description=f"{flaw.note}: hidden, not removed")


def _shown(group: Any, inputs: Any) -> bpy.types.NodeSocket:
    """Which points are shown, as 1 or 0."""
    confidence = _named(group, CONFIDENCE, "FLOAT", (-3, -2))
    view = _named(group, VIEW, "INT", (-3, -3))
    unsure = _math(group, "LESS_THAN", (-2, -2), confidence, inputs["Minimum Confidence"])
    of_one = _math(group, "COMPARE", (-2, -3), view, inputs["View"], 0.5)
    every = _math(group, "LESS_THAN", (-6, -4), inputs["View"], -0.5)
    of_view = _math(group, "MAXIMUM", (-1, -3), of_one, every)
    share = _math(group, "MULTIPLY", (-2, -7), inputs[DISPLAY_PERCENTAGE], 0.01)
    chosen = _math(group, "LESS_THAN", (0, -5), _rank(group), share)
    in_render = _math(group, "SUBTRACT", (-1, -6), 1.0, _add(group, "GeometryNodeIsViewport", (-2, -6)).outputs[0])
    displayed = _math(group, "MAXIMUM", (0, -6), chosen, in_render)
    confident_of_view = _math(group, "SUBTRACT", (0, -3), of_view, unsure)
    sound = _math(group, "SUBTRACT", (0, -8), confident_of_view, _flawed(group, inputs, every))
    return _math(group, "MINIMUM", (0, -4), sound, displayed)


def _radius(group: Any, inputs: Any) -> bpy.types.NodeSocket:
    """That of the input times the point's size."""
    size = _add(group, "GeometryNodeInputNamedAttribute", (-2, 1), {"Name": SIZE}, data_type="FLOAT").outputs
    alike = _math(group, "SUBTRACT", (-1, 2), 1.0, size["Exists"])  # and sizes of 0
    times = _math(group, "ADD", (-1, 1), size["Attribute"], alike)
    return _math(group, "MULTIPLY", (0, 1), inputs["Radius"], times)


def _flawed(group: Any, inputs: Any, every: Any) -> bpy.types.NodeSocket:
    """Whether a point has a flaw that is to be hidden or is of a photo that is, as 1 or 0; no attribute says no.

    every: 1 where the points of all photos are shown; flaws of the whole cloud hide nothing where some are not.
    """
    off = _named(group, HIDDEN, "BOOLEAN", (-6, -7))
    some_off = {"Geometry": inputs["Geometry"], "Attribute": off}
    most = _add(group, "GeometryNodeAttributeStatistic", (-5, -8), some_off, data_type="FLOAT").outputs["Max"]
    whole = _math(group, "SUBTRACT", (-4, -8), every, most)
    flawed = off
    for row, (name, flaw) in enumerate(FLAWS.items(), 8):
        has = _named(group, flaw.attribute, "BOOLEAN", (-3, -row))
        hidden = _math(group, "MULTIPLY", (-2, -row), has, inputs[HIDE[name]])
        if name in OF_CLOUD:
            hidden = _math(group, "MULTIPLY", (-2, -row - 1), hidden, whole)
        flawed = _math(group, "MAXIMUM", (-1, -row), hidden, flawed)
    return flawed


def _rank(group: Any) -> bpy.types.NodeSocket:
    """Of every point from 0 up to 1: those below any share are that share of the points, of every stretch of a row too.

    Steps of the golden ratio fill each run of points evenly; a random start of each keeps photos whose width resonates
    with the steps from showing stripes. It hangs on the index alone: nothing flickers while filters change.
    """
    index = _add(group, "GeometryNodeInputIndex", (-6, -5)).outputs[0]
    run = _math(group, "FLOOR", (-4, -6), _math(group, "DIVIDE", (-5, -6), index, RUN))
    start = _add(group, "ShaderNodeTexWhiteNoise", (-3, -6), {"W": run}, noise_dimensions="1D").outputs["Value"]
    place = _math(group, "MULTIPLY_ADD", (-3, -5), run, -RUN, index)
    return _math(group, "FRACT", (-1, -5), _math(group, "MULTIPLY_ADD", (-2, -5), place, GOLDEN_RATIO, start))


def _color(group: Any, inputs: Any) -> bpy.types.NodeSocket:
    """The colour that the Color input asks for."""
    menu = _add(group, "GeometryNodeMenuSwitch", (1, 5), data_type="RGBA")
    menu.enum_items.clear()
    for name in COLORS:
        menu.enum_items.new(name)
    photo, confidence = _named(group, COLOR, "FLOAT_COLOR", (0, 4)), _confidence_color(group, inputs)
    sources = (photo, confidence, _view_color(group), _depth_color(group, inputs))
    for name, source in zip(COLORS, sources, strict=True):
        group.links.new(source, menu.inputs[name])
    group.links.new(inputs["Color"], menu.inputs["Menu"])
    next(item for item in group.interface.items_tree if item.name == "Color").default_value = COLORS[0]
    return menu.outputs["Output"]


def _confidence_color(group: Any, inputs: Any) -> bpy.types.NodeSocket:
    """The ramp over log confidence, which is the alignment's weight, from none to the cloud's highest."""
    weight = _math(group, "LOGARITHM", (-2, 6), _named(group, CONFIDENCE, "FLOAT", (-3, 6)), E)
    reach = {"Geometry": inputs["Geometry"], "Attribute": weight}
    highest = _add(group, "GeometryNodeAttributeStatistic", (-1, 7), reach, data_type="FLOAT").outputs["Max"]
    share = _math(group, "DIVIDE", (-1, 6), weight, highest)
    return _ramp(group, (0, 6), share)


def _depth_color(group: Any, inputs: Any) -> bpy.types.NodeSocket:
    """The ramp over log depth before the scene's camera, as far from its mean as a normal distribution's share says.

    A few far points change nothing. Points behind the camera are as dark as those at it.
    """
    depth = _depth(group)
    before = _math(group, "GREATER_THAN", (-2, 11), depth, 0.0)
    logarithm = _math(group, "LOGARITHM", (-2, 13), depth, E)
    reach = {"Geometry": inputs["Geometry"], "Selection": before, "Attribute": logarithm}
    usual = _add(group, "GeometryNodeAttributeStatistic", (-1, 12), reach, data_type="FLOAT").outputs
    nearer = _math(group, "SUBTRACT", (-1, 13), usual["Mean"], logarithm)
    steps = _math(group, "DIVIDE", (0, 13), nearer, usual["Standard Deviation"])
    odds = _math(group, "POWER", (1, 13), LOGISTIC, steps)
    return _ramp(group, (1, 10), _math(group, "DIVIDE", (1, 11), before, _math(group, "ADD", (1, 12), odds, 1.0)))


def _depth(group: Any) -> bpy.types.NodeSocket:
    """Of every point before the scene's camera; 0 or less behind it."""
    camera = _add(group, "GeometryNodeInputActiveCamera", (-6, 11)).outputs[0]
    info = _add(group, "GeometryNodeObjectInfo", (-5, 11), {"Object": camera}, transform_space="RELATIVE")
    to_camera = _add(group, "FunctionNodeInvertMatrix", (-4, 11), {0: info.outputs["Transform"]}).outputs[0]
    position = _add(group, "GeometryNodeInputPosition", (-5, 12)).outputs[0]
    local = _add(group, "FunctionNodeTransformPoint", (-4, 12), {"Vector": position, "Transform": to_camera}).outputs[0]
    z = _add(group, "ShaderNodeSeparateXYZ", (-3, 12), {0: local}).outputs["Z"]
    return _math(group, "MULTIPLY", (-3, 11), z, -1.0)


def _ramp(group: Any, place: tuple[int, int], share: Any) -> bpy.types.NodeSocket:
    """The colour at a share, 0 to 1, of the way from dark blue to yellow."""
    node = _add(group, "ShaderNodeValToRGB", place, {0: share})
    ramp = node.color_ramp
    for k, rgb in enumerate(RAMP):
        at = k / (len(RAMP) - 1)
        element = ramp.elements[k] if k < 1 else ramp.elements.new(at) if at < 1 else ramp.elements[-1]
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
