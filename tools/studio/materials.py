"""Every surface of the room by name: wood, brick, cloth, glaze. Procedural nodes, or patterns made by `patterns`."""

from collections.abc import Callable
from typing import Any

import bpy
import numpy as np

from studio.nodes import Nodes, linear
from studio.patterns import PATTERNS


def wood(name: str, dark: str, light: str, along: int = 0, roughness: float = 0.42) -> Any:
    """Grain along one axis of the object."""
    nodes = Nodes(name)
    scale = [9.0, 9.0, 9.0]
    scale[along] = 0.7
    at = nodes.coordinates((scale[0], scale[1], scale[2]))
    rings = nodes.noise(at, 1.6, 6, 0.9)
    pores = nodes.noise(at, 14.0, 3)
    share = nodes.math("ADD", nodes.math("MULTIPLY", pores, 0.22), nodes.math("MULTIPLY", rings, 0.86))
    return nodes.finish(nodes.ramp(share, (0.36, dark), (0.68, light)), roughness, normal=nodes.bump(share, 0.6))


def planks(name: str, dark: str, light: str) -> Any:
    """Floor boards along x, each cut from another piece of wood."""
    nodes = Nodes(name)
    at = nodes.coordinates()
    boards = {"Vector": at, "Scale": 1.0, "Mortar Size": 0.0022, "Mortar Smooth": 0.3, "Bias": 0.0}
    boards |= {"Brick Width": 1.35, "Row Height": 0.135, "Color1": (0, 0, 0, 1), "Color2": (1, 1, 1, 1)}
    cut = nodes.add("TexBrick", boards, offset=0.37, offset_frequency=2)
    stretched = nodes.coordinates((0.8, 9.0, 1.0))
    piece = nodes.math("MULTIPLY", cut.outputs["Color"], 37.0)
    values = {"Vector": stretched, "W": piece, "Scale": 2.2, "Detail": 7.0, "Distortion": 0.8}
    grain = nodes.add("TexNoise", values, noise_dimensions="4D")
    tone = nodes.math(
        "ADD", nodes.math("MULTIPLY", grain.outputs[0], 0.75), nodes.math("MULTIPLY", cut.outputs[0], 0.3)
    )
    color = nodes.mix(cut.outputs["Fac"], nodes.ramp(tone, (0.28, dark), (0.78, light)), linear("2a1a10"))
    height = nodes.math("SUBTRACT", nodes.math("MULTIPLY", tone, 0.2), cut.outputs["Fac"])
    return nodes.finish(
        color, nodes.math("ADD", nodes.math("MULTIPLY", tone, 0.25), 0.3), normal=nodes.bump(height, 1.5)
    )


def bricks(name: str, first: str, second: str, mortar: str) -> Any:
    """An old wall of bricks, standing in the object's xz plane, whitewashed in places."""
    nodes = Nodes(name)
    at = nodes.coordinates(turn_x=-np.pi / 2)
    rough = nodes.noise(at, 3.0, 2)
    shaken = nodes.add("VectorMath", {0: at, 1: (0.0, 0.0, 0.0)}, operation="ADD")
    wobble = nodes.add("TexNoise", {"Vector": at, "Scale": 7.0}).outputs["Color"]
    small = nodes.add("VectorMath", {0: wobble, 1: (0.012, 0.012, 0.0)}, operation="MULTIPLY").outputs[0]
    nodes.tree.links.new(small, shaken.inputs[1])
    wall = {
        "Vector": shaken.outputs[0],
        "Scale": 1.0,
        "Mortar Size": 0.007,
        "Mortar Smooth": 0.35,
        "Brick Width": 0.245,
    }
    wall |= {"Row Height": 0.078, "Color1": linear(first), "Color2": linear(second), "Mortar": linear(mortar)}
    laid = nodes.add("TexBrick", wall, offset=0.5)
    grit = nodes.noise(at, 45.0, 6)
    stained = nodes.mix(0.55, laid.outputs["Color"], nodes.ramp(grit, (0.3, "6b5a50"), (0.7, "ffffff")), "MULTIPLY")
    wash = nodes.ramp(nodes.noise(at, 2.1, 8, 0.4), (0.42, "000000"), (0.7, "b0b0b0"))
    color = nodes.mix(wash, stained, linear("e9e2d6"))
    height = nodes.math("SUBTRACT", nodes.math("MULTIPLY", grit, 0.3), laid.outputs["Fac"])
    height = nodes.math("ADD", height, nodes.math("MULTIPLY", rough, 0.2))
    return nodes.finish(color, 0.85, normal=nodes.bump(height, 6.0))


def wallpaper(name: str, ground: str, line: str) -> Any:
    """Contour lines of an uneven field: a pattern that repeats nowhere."""
    nodes = Nodes(name)
    field = nodes.noise(nodes.coordinates(), 1.5, 1.5, 0.3)
    phase = nodes.math("FRACT", nodes.math("MULTIPLY", field, 15.0))
    distance = nodes.math("ABSOLUTE", nodes.math("SUBTRACT", phase, 0.5))
    ink = nodes.ramp(distance, (0.05, "ffffff"), (0.085, "000000"))
    paper = nodes.mix(nodes.noise(nodes.coordinates(), 60.0, 3), linear(ground), linear("ffffff"), "SOFT_LIGHT")
    return nodes.finish(nodes.mix(ink, paper, linear(line)), 0.75)


def plaster(name: str, code: str) -> Any:
    nodes = Nodes(name)
    at = nodes.coordinates()
    tone = nodes.ramp(nodes.noise(at, 1.2, 8), (0.3, "cfcac2"), (0.7, "ffffff"))
    return nodes.finish(
        nodes.mix(1.0, linear(code), tone, "MULTIPLY"), 0.9, normal=nodes.bump(nodes.noise(at, 30.0), 1.0)
    )


def cloth(name: str, first: str, second: str, thread: float = 190.0, sheen: float = 0.3) -> Any:
    """Tweed: two yarns, flecks, and slow changes of tone."""
    nodes = Nodes(name)
    at = nodes.coordinates()
    weave = nodes.noise(at, thread, 2)
    slow = nodes.noise(at, 7.0, 3)
    share = nodes.math("ADD", nodes.math("MULTIPLY", weave, 0.7), nodes.math("MULTIPLY", slow, 0.3))
    color = nodes.ramp(share, (0.36, first), (0.64, second))
    return nodes.finish(color, 0.95, normal=nodes.bump(weave, 1.6), sheen_weight=sheen)


def printed(
    name: str, pattern: str, repeat: tuple[float, float] = (1, 1), roughness: float = 0.9, weave: float = 0.0
) -> Any:
    """A made pattern over the surface's own texture coordinates; weave: height of threads in millimetres."""
    nodes = Nodes(name)
    where = nodes.add("TexCoord").outputs["UV"]
    where = nodes.add("Mapping", {0: where, "Scale": (*repeat, 1)}).outputs[0]
    color = nodes.add("TexImage", {0: where}, image=_image(pattern)).outputs[0]
    if not weave:
        return nodes.finish(color, roughness)
    return nodes.finish(color, roughness, normal=nodes.bump(nodes.noise(nodes.coordinates(), 220.0, 2), weave))


def _image(pattern: str) -> Any:
    pixels = PATTERNS[pattern]()
    height, width = pixels.shape[:2]
    image: Any = bpy.data.images.new(pattern, width, height)
    image.pixels.foreach_set(np.concatenate([pixels, np.ones((height, width, 1))], axis=-1).astype(np.float32).ravel())
    image.update()
    return image


def glaze(name: str, first: str, second: str, roughness: float = 0.18, scale: float = 14.0) -> Any:
    """Ceramic with clouds and specks."""
    nodes = Nodes(name)
    at = nodes.coordinates()
    clouds = nodes.ramp(nodes.noise(at, scale, 5, 0.6), (0.35, first), (0.65, second))
    specks = nodes.ramp(nodes.noise(at, 160.0, 1), (0.66, "000000"), (0.7, "ffffff"))
    return nodes.finish(nodes.mix(specks, clouds, linear("2b2320")), roughness)


def wicker(name: str, first: str, second: str, rows: float = 70.0, strands: int = 24) -> Any:
    """Woven cane, or coarse knitting, around something upright; rows: per metre; strands: in one turn."""
    nodes = Nodes(name)
    where = nodes.add("TexCoord").outputs
    around = nodes.math("MULTIPLY", nodes.add("SeparateXYZ", {0: where["UV"]}).outputs[0], 2 * np.pi * strands)
    up = nodes.math("MULTIPLY", nodes.add("SeparateXYZ", {0: where["Object"]}).outputs[2], rows)
    turn = nodes.math("ADD", around, nodes.math("MULTIPLY", nodes.math("FLOOR", up), np.pi))
    strand = nodes.math("SINE", turn)
    rib = nodes.math("ABSOLUTE", nodes.math("SINE", nodes.math("MULTIPLY", up, np.pi)))
    height = nodes.math("ADD", nodes.math("MULTIPLY", strand, 0.25), nodes.math("MULTIPLY", rib, 0.25))
    share = nodes.math(
        "ADD", nodes.math("ADD", height, 0.25), nodes.math("MULTIPLY", nodes.noise(nodes.coordinates(), 30.0), 0.5)
    )
    return nodes.finish(nodes.ramp(share, (0.15, first), (0.85, second)), 0.7, normal=nodes.bump(height, 6.0))


def leaf(name: str, dark: str, light: str) -> Any:
    nodes = Nodes(name)
    place = nodes.add("SeparateXYZ", {0: nodes.add("TexCoord").outputs["UV"]})
    middle = nodes.math("ABSOLUTE", nodes.math("SUBTRACT", place.outputs[0], 0.5))
    vein = nodes.ramp(middle, (0.02, "ffffff"), (0.07, "000000"))
    tone = nodes.ramp(nodes.noise(nodes.coordinates(), 12.0), (0.3, dark), (0.7, light))
    color = nodes.mix(vein, tone, linear("9fb77a"))
    return nodes.finish(color, 0.38, transmission_weight=0.0, subsurface_weight=0.0)


def painted(name: str, code: str, roughness: float = 0.45, metallic: float = 0.0) -> Any:
    """One colour, slightly uneven."""
    nodes = Nodes(name)
    tone = nodes.ramp(nodes.noise(nodes.coordinates(), 9.0, 6), (0.3, "c9c4bc"), (0.65, "ffffff"))
    return nodes.finish(nodes.mix(0.7, linear(code), tone, "MULTIPLY"), roughness, metallic=metallic)


def book(name: str) -> Any:
    """Cloth binding in the object's own colour, with bands and a title in gold across the back."""
    nodes = Nodes(name)
    ground = nodes.add("ObjectInfo").outputs["Color"]
    height = nodes.add("SeparateXYZ", {0: nodes.add("TexCoord").outputs["Generated"]}).outputs[2]
    bands = nodes.ramp(
        height, (0.0, "000000"), (0.1, "ffffff"), (0.115, "000000"), (0.88, "ffffff"), (0.895, "000000"), steps=True
    )
    title = nodes.ramp(height, (0.0, "000000"), (0.45, "ffffff"), (0.72, "000000"), steps=True)
    letters = nodes.ramp(nodes.noise(nodes.coordinates(), 90.0, 1), (0.55, "000000"), (0.58, "b0b0b0"))
    ink = nodes.mix(1.0, bands, nodes.mix(1.0, title, letters, "MULTIPLY"), "ADD")
    worn = nodes.mix(
        0.5, ground, nodes.ramp(nodes.noise(nodes.coordinates(), 40.0), (0.3, "a0a0a0"), (0.7, "ffffff")), "MULTIPLY"
    )
    return nodes.finish(nodes.mix(ink, worn, linear("e2c784")), 0.6)


def shade(name: str, code: str, strength: float) -> Any:
    """The cloth of a lamp that is lit from inside."""
    nodes = Nodes(name)
    threads = nodes.noise(nodes.coordinates((160, 160, 40)), 1.0, 2)
    color = nodes.mix(nodes.math("MULTIPLY", threads, 0.5), linear(code), linear("8a6a44"), "MULTIPLY")
    return nodes.finish(color, 0.9, emission_color=color, emission_strength=strength)


TABLE: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "floor": (planks, ("6b4020", "c4935f")),
    "brick": (bricks, ("9d5a42", "c48e70", "cfc4b4")),
    "wallpaper": (wallpaper, ("7f9c8f", "cfd6bd")),
    "plaster": (plaster, ("e6dfd2",)),
    "white": (painted, ("eeeae2",)),
    "oak": (wood, ("8a5a2c", "c99a5e")),
    "oak upright": (wood, ("8a5a2c", "c99a5e", 2)),
    "walnut": (wood, ("3a2114", "7d4e2e")),
    "walnut upright": (wood, ("3a2114", "7d4e2e", 2)),
    "sofa": (cloth, ("2c4656", "6b8794")),
    "seat": (cloth, ("9c5a24", "d69a4a")),
    "pouf": (wicker, ("5f5040", "c2ac8a", 34.0, 30)),
    "throw": (printed, ("stripes", (3, 1), 0.95, 1.5)),
    "rug": (printed, ("rug", (1, 1), 0.97, 2.5)),
    "zigzag": (printed, ("zigzag", (1, 2), 0.95, 1.0)),
    "leaves": (printed, ("leaves", (1, 2), 0.95, 1.0)),
    "striped": (printed, ("stripes", (1, 2), 0.95, 1.0)),
    "hills": (printed, ("hills", (1, 1), 0.6)),
    "arches": (printed, ("arches", (1, 1), 0.6)),
    "brushwork": (printed, ("brushwork", (1, 1), 0.5)),
    "ball": (printed, ("panels", (1, 1), 0.3)),
    "magazine": (printed, ("magazine", (1, 1), 0.35)),
    "blue glaze": (glaze, ("1f4a63", "6fa3ad")),
    "white glaze": (glaze, ("e9e2d3", "cfc3ae", 0.25)),
    "clay": (glaze, ("a8583a", "c98058", 0.8, 9.0)),
    "orange": (glaze, ("d9761c", "eb9a32", 0.4, 30.0)),
    "wicker": (wicker, ("5e3c1c", "d0a468")),
    "leaf": (leaf, ("1d3f20", "4d7a38")),
    "pale leaf": (leaf, ("5d7a5c", "93a888")),
    "stem": (painted, ("5a4a2c",)),
    "soil": (glaze, ("2a1c12", "4a3524", 0.95, 40.0)),
    "brass": (painted, ("c79a4a", 0.3, 1.0)),
    "iron": (painted, ("2a2a2c", 0.5)),
    "leather": (glaze, ("6b3a1e", "965a30", 0.5, 8.0)),
    "green leather": (glaze, ("2c4034", "4a6350", 0.5, 8.0)),
    "dark leather": (painted, ("3a2417", 0.5)),
    "card": (painted, ("f2ede1", 0.8)),
    "paper": (painted, ("efe8d6", 0.9)),
    "book": (book, ()),
    "shade": (shade, ("f3d9a6", 1.6)),
}


def material(name: str) -> Any:
    """The surface of that name, made on first use."""
    if name not in bpy.data.materials:
        make, values = TABLE[name]
        make(name, *values)
    return bpy.data.materials[name]
