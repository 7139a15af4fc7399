"""Short words for building a material out of shader nodes."""

from typing import Any

import bpy
import numpy as np

from studio.patterns import rgb


def linear(code: str) -> tuple[float, float, float, float]:
    """An sRGB colour code as the linear RGBA that shaders take."""
    values = np.where(rgb(code) <= 0.04045, rgb(code) / 12.92, ((rgb(code) + 0.055) / 1.055) ** 2.4)
    return float(values[0]), float(values[1]), float(values[2]), 1.0


class Nodes:
    """A material under construction: short words for adding and joining shader nodes."""

    def __init__(self, name: str) -> None:
        self.material: Any = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.tree.nodes.clear()

    def add(self, kind: str, inputs: dict[Any, Any] | None = None, **settings: Any) -> Any:
        """A node; `inputs` maps a socket's name or number to a value or to another node's output."""
        node: Any = self.tree.nodes.new(f"ShaderNode{kind}")
        for key, value in settings.items():
            setattr(node, key, value)
        for key, value in (inputs or {}).items():
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, node.inputs[key])
            else:
                node.inputs[key].default_value = value
        return node

    def coordinates(self, scale: tuple[float, float, float] = (1, 1, 1), turn_x: float = 0.0) -> Any:
        """Metres along the object's own axes, scaled."""
        where = self.add("TexCoord").outputs["Object"]
        return self.add("Mapping", {0: where, "Rotation": (turn_x, 0, 0), "Scale": scale}).outputs[0]

    def noise(self, at: Any, scale: float, detail: float = 4.0, distortion: float = 0.0) -> Any:
        values = {"Vector": at, "Scale": scale, "Detail": detail, "Distortion": distortion}
        return self.add("TexNoise", values).outputs[0]

    def ramp(self, share: Any, *stops: tuple[float, str], steps: bool = False) -> Any:
        """Colours along a value."""
        node = self.add("ValToRGB", {0: share})
        elements = node.color_ramp.elements
        node.color_ramp.interpolation = "CONSTANT" if steps else "LINEAR"
        for position, _ in stops[2:]:
            elements.new(position)
        for element, (position, code) in zip(elements, stops, strict=True):
            element.position, element.color = position, linear(code)
        return node.outputs[0]

    def mix(self, share: Any, first: Any, second: Any, blend: str = "MIX") -> Any:
        return self.add("MixRGB", {0: share, 1: first, 2: second}, blend_type=blend).outputs[0]

    def math(self, operation: str, first: Any, second: Any = 0.0) -> Any:
        return self.add("Math", {0: first, 1: second}, operation=operation).outputs[0]

    def bump(self, height: Any, millimetres: float) -> Any:
        return self.add("Bump", {"Height": height, "Distance": millimetres / 1000}).outputs[0]

    def finish(self, color: Any, roughness: Any = 0.6, **inputs: Any) -> Any:
        """The whole as one plausible surface; returns the material."""
        names = {key.replace("_", " ").title(): value for key, value in inputs.items()}
        surface = self.add("BsdfPrincipled", {"Base Color": color, "Roughness": roughness, **names})
        self.tree.links.new(surface.outputs[0], self.add("OutputMaterial").inputs["Surface"])
        return self.material
