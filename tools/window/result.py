"""A finished reconstruction in a real window: photo to photo, a click into a photo, colours, and what panels say.

usage: xvfb-run -a -s "-screen 0 1600x900x24" python3 result.py OUT_FOLDER SCENE.blend
The extension has to be installed, and the .blend one of ours. It clicks as a person does, checks what the person would
see (the exit status says whether all of it held) and saves a picture of each moment. Started again by itself inside
Blender, where it plays the person.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parent))
import tour  # noqa: E402  it lies beside


class Person(tour.Person):
    """What is done and looked at inside Blender; each step yields the seconds to wait."""

    def __init__(self, bpy: Any) -> None:
        super().__init__(bpy)
        self.space = self.area.spaces[0]
        self.scene = bpy.context.scene

    def steps(self) -> Iterator[float]:
        self.space.shading.type = "MATERIAL"
        yield from self.open_tab()
        self.view_all()
        yield 3.0
        before = self.seen_from()
        yield from self.picture("1_result")
        yield from self.photo_to_photo(before)
        yield from self.click_into_a_photo()
        yield from self.sections()

    def seen_from(self) -> np.ndarray:
        return np.array(self.space.region_3d.view_matrix)

    def photo_to_photo(self, before: np.ndarray) -> Iterator[float]:
        self.press("look_through_photo")
        yield from self.picture("2_photo")
        first = self.scene.camera
        assert self.space.region_3d.view_perspective == "CAMERA", "the viewport does not look through the photo"
        self.press("next_photo", direction="NEXT")
        yield from self.picture("3_next_photo")
        assert self.scene.camera != first, "the next photo is the same"
        self.press("leave_photo")
        yield 0.5
        assert self.space.region_3d.view_perspective != "CAMERA", "the photo was not left"
        assert np.allclose(self.seen_from(), before, atol=1e-3), "the view is not as it was before the photos"

    def click_into_a_photo(self) -> Iterator[float]:
        from bpy_extras.view3d_utils import location_3d_to_region_2d

        x, y = self.region.x + self.region.width // 2 - 120, self.region.y + self.region.height // 2 - 60
        assert self.press("camera_ray", "INVOKE_DEFAULT") == {"RUNNING_MODAL"}
        yield 1.0
        yield from importlib.import_module("simulate").click(self.window, x, y)
        yield 0.5
        cursor = location_3d_to_region_2d(self.region, self.space.region_3d, self.scene.cursor.location)
        off = np.hypot(cursor.x + self.region.x - x, cursor.y + self.region.y - y)
        print(f"the 3D cursor is {off:.2f} pixels from the click", flush=True)
        assert off < 1, "the 3D cursor is not where the click was"
        yield from self.picture("4_clicked")
        self.press("next_photo", direction="NEXT")
        yield from self.picture("5_marked_in_the_next")
        self.press("leave_photo")
        self.view_all()
        yield from self.picture("6_marks")
        self.press("clear_marks")

    def sections(self) -> Iterator[float]:
        """Each section of Result, open in a tab of its own, with the points as it can show them."""
        cloud = next(thing for thing in self.scene.objects if thing.type == "MESH" and thing.modifiers)
        self.press("show_photo", photo="studio_03.jpg", action="HIDE")
        for name, color in (
            ("DUST3R_PT_points", "Depth"),
            ("DUST3R_PT_result_photos", "View"),
            ("DUST3R_PT_statistics", "Confidence"),
        ):
            self.choose(cloud, color)
            shown = self.unfolded(name)
            yield from self.open_tab(shown.bl_category)
            yield from self.picture(f"7_{name.removeprefix('DUST3R_PT_')}")
            self.bpy.utils.unregister_class(shown)
        self.press("show_photo", action="ALL")

    def choose(self, cloud: Any, color: str) -> None:
        nodes = importlib.import_module("bl_ext.user_default.dust3r.operators.scene.points_nodes")
        nodes.set_points_input(cloud.modifiers[0], "Color", color)
        assert nodes.points_input(cloud.modifiers[0], "Color") == color, f"the points do not take the colour {color}"


if __name__ == "__main__":
    if "WISH" in os.environ:
        tour.play(Person)
    else:
        sys.exit(tour.drive(HERE, ["--enable-event-simulate", sys.argv[2]]))
