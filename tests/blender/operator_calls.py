"""Calls of every operator there is, without a table of them: names, arguments and choices come from Blender."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
STUDIO = ROOT / "samples" / "studio" / "images"
SMALL = {"views": 2, "size": (64, 48), "samples": 1, "minutes": 0.02, "iterations": 2, "map_size": 64, "neighbours": 1}
FIXED = {"model", "device", "engine"}  # choices that change the machine's work, not the scene's
KINDS = ("scenes", "collections", "objects", "meshes", "cameras", "curves", "materials", "node_groups", "images")
VOLATILE = {"dust3r", "dust3r_job", "cycles"}  # told otherwise, never saved, and another add-on's


@dataclass(frozen=True)
class Call:
    """One operator with its arguments."""

    operator: str  # after "dust3r."
    arguments: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.operator}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


@dataclass(frozen=True)
class Outcome:
    """finished, cancelled, off (poll said no) or refused, and what was said."""

    kind: str
    said: str = ""


def operator_classes() -> dict[str, type]:
    """Every operator of the enabled extension, by its name after "dust3r."."""
    found = {name: getattr(bpy.types, name) for name in dir(bpy.types) if name.startswith("DUST3R_OT_")}
    return {name.removeprefix("DUST3R_OT_"): cls for name, cls in found.items()}


def starts_worker(name: str) -> bool:
    """True for an operator whose work is a process, and so takes seconds."""
    return name == "reconstruct" or any(base.__name__ == "WorkerOperator" for base in operator_classes()[name].__mro__)


def calls(name: str, folder: Path) -> Iterator[Call]:
    """An operator as it is, with arguments of the least work, and with each choice of each of its enums.

    folder: where it may write. One that starts a worker, which takes seconds, is called once.
    """
    given = _least(name, folder)
    if starts_worker(name):
        yield Call(name, given)
        return
    yield Call(name, _least(name, folder, needed=False))
    if given:
        yield Call(name, given)
    for prop in _properties(name):
        if prop.type == "ENUM" and prop.identifier not in FIXED and not prop.is_enum_flag:
            for item in prop.enum_items:
                if item.identifier != prop.default:
                    yield Call(name, given | {prop.identifier: item.identifier})


def make(call: Call) -> Outcome:
    """Do it as a script does, with an undo step of its own; raises AssertionError for a traceback or a bare refusal."""
    operator = getattr(bpy.ops.dust3r, call.operator)
    try:
        if not operator.poll():
            return _off(operator, call)
        result = operator("EXEC_DEFAULT", True, **call.arguments)
    except RuntimeError as error:
        said = str(error).strip()
        assert "Traceback" not in said and "Python:" not in said, f"{call}: {said}"
        assert said.startswith(("Error: ", "Warning: ")), f"{call}: {said}"
        return Outcome("refused", said)
    assert result in ({"FINISHED"}, {"CANCELLED"}), f"{call}: {result}"
    return Outcome(next(iter(result)).lower())


def undoable(name: str) -> bool:
    """Whether Blender keeps an undo step of it."""
    return "UNDO" in getattr(operator_classes()[name], "bl_options", set())


def snapshot() -> dict[str, Any]:
    """What the file says, data-block by data-block, as far as an operator of ours could change it."""
    bpy.context.view_layer.update()
    return {f"{kind} {block.name_full}": _told(block) for kind in KINDS for block in getattr(bpy.data, kind)}


def difference(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The names of what is not the same, with what it was and is."""
    names = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    return [f"{name}: {_changed(before.get(name), after.get(name))}" for name in sorted(names)]


def _changed(old: Any, new: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return "came" if old is None else "went" if new is None else (old, new)
    return {key: (old.get(key), new.get(key)) for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


def _off(operator: Any, call: Call) -> Outcome:
    try:
        operator("EXEC_DEFAULT", **call.arguments)
    except RuntimeError as error:
        said = str(error)
        assert "context is incorrect" not in said, f"{call} is off and does not say why"
        return Outcome("off", said)
    raise AssertionError(f"{call} is off and runs")


def _properties(name: str) -> list[Any]:
    return [prop for prop in getattr(bpy.ops.dust3r, name).get_rna_type().properties if prop.identifier != "rna_type"]


def _least(name: str, folder: Path, needed: bool = True) -> dict[str, Any]:
    """Arguments by the names of properties. needed: those without which there is nothing to work with, too."""
    inputs = {
        "directory": str(STUDIO),
        "files": [{"name": "studio_01.jpg"}, {"name": "studio_02.jpg"}],
        "filepath": str(STUDIO / "studio_03.jpg"),
        "folder": str(folder / name),
        "model": "small",
    }
    known = SMALL | (inputs if needed else {})
    return {prop.identifier: known[prop.identifier] for prop in _properties(name) if _fits(prop, known)}


def _fits(prop: Any, known: dict[str, Any]) -> bool:
    value = known.get(prop.identifier)
    if value is None or (prop.type == "ENUM" and prop.identifier != "model"):
        return False
    return not isinstance(value, tuple) or getattr(prop, "array_length", 0) == len(value)


def _told(block: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"own": {key: _plain(value) for key, value in _own(block).items()}}
    if isinstance(block, bpy.types.Object):
        # not matrix_world: Blender forgets that of what no view layer shows
        told |= {"at": _numbers(block.matrix_basis), "parent": block.parent and block.parent.name_full}
        told |= {"data": block.data and block.data.name_full}
        told["modifiers"] = {modifier.name: _modifier(modifier) for modifier in block.modifiers}
        told |= {"mode": block.mode, "shown": (block.hide_viewport, block.hide_render)}
    elif isinstance(block, bpy.types.Mesh) and block.attributes.get("position"):
        told["places"] = _digest(block)
        told["attributes"] = sorted(attribute.name for attribute in block.attributes)
    elif isinstance(block, bpy.types.Collection):
        told["holds"] = sorted(thing.name_full for thing in block.all_objects)
    elif isinstance(block, bpy.types.Scene):
        told |= _scene(block)
    return told


def _scene(scene: bpy.types.Scene) -> dict[str, Any]:
    render, markers = scene.render, scene.timeline_markers
    return {
        "camera": scene.camera and scene.camera.name_full,
        "format": (render.resolution_x, render.resolution_y, render.pixel_aspect_x, render.pixel_aspect_y),
        "frames": (scene.frame_start, scene.frame_end, scene.frame_current),
        "markers": sorted((marker.frame, marker.name, marker.camera and marker.camera.name_full) for marker in markers),
        "settings": _plain(getattr(scene, "dust3r", None)),
        "holds": sorted(thing.name_full for thing in scene.objects),
    }


def _digest(mesh: bpy.types.Mesh) -> int:
    places: Any = mesh.attributes["position"].data
    numbers = np.empty(3 * len(places), np.float32)
    places.foreach_get("vector", numbers)
    return zlib.crc32(np.round(numbers, 4).tobytes())


def _modifier(modifier: Any) -> dict[str, Any]:
    return {key: _plain(value) for key, value in _own(modifier).items()} | {"shown": modifier.show_viewport}


def _own(block: Any) -> dict[str, Any]:
    """Custom properties, where Blender keeps any."""
    try:
        return {key: value for key, value in block.items() if key not in VOLATILE}
    except TypeError:
        return {}


def _plain(value: Any) -> Any:
    """As something that can be compared after the data-block is gone."""
    if isinstance(value, bpy.types.ID):
        return value.name_full
    if isinstance(value, bpy.types.PropertyGroup):
        names = [prop.identifier for prop in value.bl_rna.properties if prop.identifier not in {"rna_type", "name"}]
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, float):
        return round(value, 4)
    if hasattr(value, "to_list"):
        return _plain(value.to_list())
    if hasattr(value, "to_dict"):
        return {key: _plain(entry) for key, entry in value.to_dict().items()}
    if hasattr(value, "__iter__") and not isinstance(value, (str, bytes)):
        return tuple(_plain(entry) for entry in value)
    return value


def _numbers(matrix: Any) -> tuple[float, ...]:
    return tuple(round(number, 4) + 0.0 for row in matrix for number in row)
