"""A reconstruction in a real window, from an empty list to the look through a camera, with a picture of each moment.

usage: xvfb-run -a -s "-screen 0 1600x900x24" python3 tour.py OUT_FOLDER PHOTO_FOLDER [PART ...]
It presses what a person presses, checks what the person would see (the exit status says whether all of it held) and
saves 1_before.png, 2_during.png, 3_after.png, 4_through_camera.png, 5_export.png, 6_cancelled.png and
7_worker_killed.png, and beside each of these a .json that says where in it is what. Started again by itself inside
Blender, where it plays the person.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
PARTS = ("reconstruct", "look_through", "export", "cancel_a_second_one", "lose_a_worker", "undo")  # in this order
PATIENCE = 900  # seconds that a whole script, or one of its jobs, may take on a machine that others use too
DRAWN = 3  # times before a picture is taken: panels slide to their places


def drive(script: Path = HERE, options: Sequence[str] = ()) -> int:
    """Start Blender on a script that plays a person, and save the screen whenever that person asks for it."""
    from PIL import ImageGrab

    out, photos = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    wish, status = out / "wish.json", 1
    environment = os.environ | {"LIBGL_ALWAYS_SOFTWARE": "1", "WISH": str(wish), "PHOTOS": str(photos)}
    environment["PARTS"] = " ".join(sys.argv[3:] or PARTS)
    blender = subprocess.Popen(
        ["blender", *options, "--python-exit-code", "3", "--python", str(script)], env=environment
    )
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and blender.poll() is None:
        time.sleep(0.1)
        if wish.exists():
            name = json.loads(wish.read_text())
            ImageGrab.grab(xdisplay="").convert("RGB").save(out / f"{name}.png")
            print(f"saved {name}.png", flush=True)
            wish.unlink()
    if blender.poll() is None:
        blender.kill()
    else:
        status = blender.returncode
    return status


class Person:
    """What is done and looked at inside Blender; each step yields the seconds to wait."""

    def __init__(self, bpy: Any) -> None:
        self.bpy = bpy
        self.window = bpy.context.window_manager.windows[0]
        self.area = next(area for area in self.window.screen.areas if area.type == "VIEW_3D")
        self.region = next(region for region in self.area.regions if region.type == "WINDOW")

    def press(self, operator: str, /, *how: str, **properties: Any) -> set[str]:
        with self.bpy.context.temp_override(window=self.window, area=self.area, region=self.region):
            run = getattr(self.bpy.ops.dust3r, operator)
            return run(*(how or ("EXEC_DEFAULT",)), True, **properties)  # True: with its undo step

    def picture(self, name: str) -> Iterator[float]:
        wish = Path(os.environ["WISH"])
        for _ in range(DRAWN):
            self.area.tag_redraw()
            yield 0.4
        wish.with_name(f"{name}.json").write_text(json.dumps(self.places()))
        wish.with_suffix(".part").write_text(json.dumps(name))
        wish.with_suffix(".part").rename(wish)
        while wish.exists():
            yield 0.1

    def places(self) -> dict[str, list[float]]:
        """Left, top, right, bottom in the picture, pixels: of the viewport, the sidebar and a photo looked through."""
        boxes = {region.type: (region.x, region.y, region.width, region.height) for region in self.area.regions}
        (x, y, wide, high), sidebar = boxes["WINDOW"], boxes["UI"]
        found = {"viewport": (x, y, min(wide, sidebar[0] - x), high), "sidebar": sidebar}  # the sidebar lies on it
        if self.area.spaces[0].region_3d.view_perspective == "CAMERA":
            found["photo"] = self.frame()
        top = self.window.height
        return {name: [x, top - y - high, x + wide, top - y] for name, (x, y, wide, high) in found.items()}

    def frame(self) -> tuple[float, float, float, float]:
        """The camera's frame in the window: left, bottom, width, height in pixels."""
        from bpy_extras.view3d_utils import location_3d_to_region_2d

        scene = self.bpy.context.scene
        view, camera = self.area.spaces[0].region_3d, scene.camera
        corners = [camera.matrix_world @ corner for corner in camera.data.view_frame(scene=scene)]
        x, y = zip(*(location_3d_to_region_2d(self.region, view, corner) for corner in corners), strict=True)
        return self.region.x + min(x), self.region.y + min(y), max(x) - min(x), max(y) - min(y)

    def until_idle(self, seconds: float = PATIENCE) -> Iterator[float]:
        end = time.monotonic() + seconds
        while self.state.running and time.monotonic() < end:
            yield 0.1
        assert not self.state.running, "the job did not end"

    def worker(self) -> subprocess.Popen[str]:
        running = importlib.import_module("bl_ext.user_default.dust3r.operators.jobs.running")
        return running._current._process

    @property
    def state(self) -> Any:
        return self.bpy.context.window_manager.dust3r_job

    def steps(self) -> Iterator[float]:
        for part in os.environ["PARTS"].split():
            yield from getattr(self, part)()

    def reconstruct(self) -> Iterator[float]:
        bpy, photos = self.bpy, Path(os.environ["PHOTOS"])
        for thing in list(bpy.data.objects):
            bpy.data.objects.remove(thing)
        yield from self.open_tab()
        files = [{"name": path.name} for path in sorted(photos.iterdir())]
        self.press("add_photos", directory=str(photos), files=files)
        yield from self.picture("1_before")
        assert self.press("reconstruct", "INVOKE_DEFAULT", name="DUSt3R") == {"RUNNING_MODAL"}
        while self.state.running and self.state.share < 0.3:
            yield 0.02
        yield from self.picture("2_during")
        yield from self.until_idle()
        assert len(self.cameras()) == len(files), "a photo has no camera"
        self.view_all()
        yield from self.picture("3_after")

    def view_all(self) -> None:
        """Look at everything, by shaders that are compiled: drawn into an image, Blender waits for them."""
        with self.bpy.context.temp_override(window=self.window, area=self.area, region=self.region):
            self.bpy.ops.view3d.view_all()
            self.bpy.ops.render.opengl(view_context=True)

    def look_through(self) -> Iterator[float]:
        camera = self.cameras()[len(self.cameras()) // 2]
        self.bpy.context.view_layer.objects.active = camera
        self.press("look_through_photo")
        yield from self.picture("4_through_camera")
        assert self.bpy.context.scene.camera == camera, "the look is through another camera"

    def cameras(self) -> list[Any]:
        return [thing for thing in self.bpy.data.collections["DUSt3R"].objects if thing.type == "CAMERA"]

    def undo(self) -> Iterator[float]:
        bpy = self.bpy
        for step in ("the look through the camera", "the reconstruction"):
            assert "DUSt3R" in bpy.data.collections, f"undoing {step} came too late"
            with bpy.context.temp_override(window=self.window):
                bpy.ops.ed.undo()
            yield 0.5
        assert "DUSt3R" not in bpy.data.collections, "one undo step did not take the reconstruction back"

    def open_tab(self, name: str = "DUSt3R") -> Iterator[float]:
        space = self.area.spaces[0]
        space.show_region_ui = True
        sidebar = next(region for region in self.area.regions if region.type == "UI")
        for _ in range(30):
            self.area.tag_redraw()
            yield 0.3
            if sidebar.active_panel_category == name:
                return
            sidebar.active_panel_category = name

    def cancel_a_second_one(self) -> Iterator[float]:
        before = set(self.bpy.data.objects)
        self.press("clear_cache")  # or the job is done before anybody can cancel it
        assert self.press("reconstruct", "INVOKE_DEFAULT", name="DUSt3R") == {"RUNNING_MODAL"}
        process = self.worker()
        while self.state.running and self.state.share <= 0:  # two photos are done soon after
            yield 0.02
        assert self.state.running, "the job was done before anybody could cancel it"
        began = time.monotonic()
        self.press("cancel")
        process.wait(5)
        took = time.monotonic() - began
        print(f"the worker was gone {took:.2f} s after Cancel", flush=True)
        assert took < 2, "cancelling took too long"
        yield from self.until_idle(30)
        assert set(self.bpy.data.objects) == before, "a cancelled job changed the scene"
        yield from self.picture("6_cancelled")

    def lose_a_worker(self) -> Iterator[float]:
        """The system kills the worker, as it does when memory runs out."""
        before = set(self.bpy.data.objects)
        self.press("clear_cache")
        assert self.press("reconstruct", "INVOKE_DEFAULT", name="DUSt3R") == {"RUNNING_MODAL"}
        yield 2.0
        self.worker().kill()
        yield from self.until_idle(30)
        assert set(self.bpy.data.objects) == before, "a lost worker changed the scene"
        yield from self.picture("7_worker_killed")

    def export(self) -> Iterator[float]:
        """What the open Export section says, into a folder; the scene stays as it was."""
        bpy, out = self.bpy, Path(os.environ["WISH"]).parent / "exported"
        shutil.rmtree(out, ignore_errors=True)
        shown, before = self.unfolded("DUST3R_PT_export"), set(bpy.data.objects)
        chosen = bpy.context.scene.dust3r.export
        chosen.format, chosen.folder = "colmap", str(out)
        yield from self.open_tab("Export")
        yield from self.picture("5_export")
        yield from self.open_tab()
        bpy.utils.unregister_class(shown)
        for name, made in (("colmap", {"sparse", "images"}), ("gltf", {"DUSt3R.glb"})):
            assert self.press("export", format=name) == {"FINISHED"}
            assert made <= {path.name for path in out.iterdir()}, f"{name} did not come"
        assert set(bpy.data.objects) == before, "exporting changed the scene"

    def unfolded(self, name: str) -> Any:
        """A panel's open double in a tab of its own: which panels are open is the person's affair, not a script's."""
        folded = getattr(self.bpy.types, name)
        place = {"bl_idname": f"{name}_open", "bl_options": set(), "bl_parent_id": "", "bl_category": folded.bl_label}
        double = type(f"{name}_open", (folded,), place)
        self.bpy.utils.register_class(double)
        return double


def play(person: type[Person] = Person) -> None:
    """Take one of the person's steps at a time between Blender's redraws; a failed step ends Blender with status 3."""
    import traceback

    import bpy

    bpy.context.preferences.view.show_splash = False
    bpy.context.preferences.view.use_save_prompt = False
    bpy.context.preferences.use_preferences_save = False
    steps: Iterator[float] | None = None

    def tick() -> float | None:
        nonlocal steps
        try:
            steps = steps or person(bpy).steps()
            return next(steps)
        except StopIteration:
            print("the tour is done", flush=True)
            os._exit(0)
        except Exception:  # noqa: BLE001  whatever went wrong, the status has to say so
            traceback.print_exc()
            os._exit(3)

    bpy.app.timers.register(tick, first_interval=1.0, persistent=True)


if __name__ == "__main__":
    if "WISH" in os.environ:
        play()
    else:
        sys.exit(drive())
