"""A first session in a real window: from photos to a rendered camera move over a mesh, in at most seven actions.

usage: xvfb-run -a -s "-screen 0 1600x900x24" python3 first_session.py OUT_FOLDER PHOTO_FOLDER
It works in a scene with things of the artist's own, presses what a person presses, counts that, checks what the person
would find (the exit status says whether all of it held) and saves a picture of each moment, from session_1_photos.png
on. It is started again inside Blender, to play the person.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parent))

import tour  # noqa: E402  it lies beside this file, wherever that is

MOST_ACTIONS = 7


class SessionPerson(tour.Person):
    """What is done and looked at inside Blender; each step yields the seconds to wait."""

    actions = 0

    def act(self, name: str, *how: str, count: int = 1, **properties: Any) -> None:
        """Press a button; count: actions that it takes, such as the button and OK in its dialog."""
        self.actions += count
        assert self.press(name, *how, **properties) <= {"FINISHED", "RUNNING_MODAL"}, f"{name} was cancelled"

    def steps(self) -> Iterator[float]:
        yield from self.open_tab()
        yield from self.picture("session_0_empty")
        yield from self.photos()
        yield from self.result()
        yield from self.fit()
        yield from self.mesh()
        with tempfile.TemporaryDirectory() as scratch:
            yield from self.shot(Path(scratch))
        assert self.actions <= MOST_ACTIONS, f"{self.actions} actions"
        print(f"photos to a rendered shot in {self.actions} actions", flush=True)

    @property
    def scene(self) -> Any:
        return self.bpy.context.scene

    def theirs(self) -> tuple[Any, ...]:
        """What is the artist's own."""
        scene, space = self.scene, self.area.spaces[0]
        return (
            scene.camera,
            (scene.frame_start, scene.frame_end, scene.frame_current),
            (scene.render.resolution_x, scene.render.resolution_y),
            len(scene.timeline_markers),
            space.shading.type,
        )

    def photos(self) -> Iterator[float]:
        folder = Path(os.environ["PHOTOS"])
        files = [{"name": path.name} for path in sorted(folder.iterdir())]
        self.act("add_photos", directory=str(folder), files=files, count=2)  # the button, and OK in the file browser
        yield 1.0  # thumbnails are read
        yield from self.picture("session_1_photos")

    def result(self) -> Iterator[float]:
        before, things = self.theirs(), set(self.bpy.data.objects)
        assert before[0] is not None and before[-1] == "SOLID", "the scene is not Blender's own first one"
        self.act("reconstruct", "INVOKE_DEFAULT")
        while self.state.running and self.state.share < 0.3:
            yield 0.02
        yield from self.picture("session_2_running")
        yield from self.until_idle()
        assert self.theirs() == before, "the artist's camera, frames, format, markers or shading changed"
        points = self.bpy.context.view_layer.objects.active
        assert points not in things and points.select_get(), "the new points are not selected"
        for thing in things:
            assert not thing.select_get(), f"{thing.name} is selected besides"
        yield from self.picture("session_3_result")

    def fit(self) -> Iterator[float]:
        """A look at one photo, which leaves everything as it was."""
        before = self.theirs()
        self.press("look_through_photo")
        yield from self.picture("session_4_fit")
        others = [thing for thing in self.bpy.context.visible_objects if thing.get("dust3r_photo")]
        assert others == [self.scene.camera], "other photos' cameras stand in the picture"
        self.scene.dust3r.photo_looked_through.alpha = 0.9
        self.press("next_photo", direction="NEXT")
        assert abs(self.scene.dust3r.photo_looked_through.alpha - 0.9) < 1e-6, "the opacity did not stay"
        self.scene.dust3r.only_its_points = True
        yield from self.picture("session_5_next")
        self.press("leave_photo")
        self.scene.dust3r.only_its_points = False
        assert self.theirs() == before, "Leave Photo did not bring everything back"

    def mesh(self) -> Iterator[float]:
        if find_spec("skimage") is None:  # Debian's Python has none; fused meshes need it
            self.scene.dust3r.mesh.kind = "grid"
        self.act("create_mesh", "INVOKE_DEFAULT")
        yield from self.until_idle()
        problem = self.bpy.context.window_manager.dust3r_job.problem
        assert not problem, problem
        mesh = self.bpy.context.view_layer.objects.active
        assert mesh.get("dust3r_mesh") and mesh.select_get(), "the mesh is not selected"
        assert self.scene.dust3r.shown == "MESH" and self.scene.dust3r.lit, "the mesh is not shown, or is not lit"
        yield from self.picture("session_6_mesh")

    def shot(self, folder: Path) -> Iterator[float]:
        self.act("animate_camera", move="orbit", seconds=0.125, count=2)  # the button, and OK in its dialog
        yield from self.picture("session_7_shot")
        render = self.scene.render
        render.engine, render.resolution_percentage, render.filepath = "CYCLES", 25, str(folder / "shot_")
        self.scene.cycles.samples = 4
        self.act("render_shot", "EXEC_DEFAULT")
        frames = sorted(folder.glob("shot_*.png"))
        assert len(frames) == self.scene.frame_end - self.scene.frame_start + 1, "a frame is missing"
        frames[0].rename(Path(os.environ["WISH"]).with_name("session_8_rendered.png"))


if __name__ == "__main__":
    if "WISH" in os.environ:
        tour.play(SessionPerson)
    else:
        sys.exit(tour.drive(HERE))
