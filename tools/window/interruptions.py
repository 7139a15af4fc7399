"""A reconstruction that Blender takes down with it, and every other way in which a job may end early, in a real window.

usage: xvfb-run -a -s "-screen 0 1600x900x24" python3 interruptions.py OUT_FOLDER PHOTO_FOLDER [PART ...]
Blender is killed in the midst of a job and started again, where Resume ends the job; then a file is loaded, the
extension switched off, the scene removed and Blender quit while a job runs. The exit status says whether all of it was
clean. Saves running.png, offer.png, together.png and resumed.png, and of them running.jpg for docs/images. Started by
itself inside Blender, once for each part.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parent))
from tour import PATIENCE, play  # noqa: E402  it lies beside
from tour import Person as Tourist  # noqa: E402

EXTENSION = "bl_ext.user_default.dust3r"
GAP = 12  # pixels between the parts of running.jpg
AWAY = 1.6  # extents of what is drawn, from its middle to the eye
KILLED = "killed"  # a wish that is no picture
PARTS = ("begin", "resume", "load", "switch_off", "remove_scene", "undo_and_save", "quit", "find")


def drive() -> int:
    """Play every part in a Blender of its own."""
    out, photos = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"LIBGL_ALWAYS_SOFTWARE": "1", "WISH": str(out / "wish.json"), "PHOTOS": str(photos)}
    for part in sys.argv[3:] or PARTS:
        status = _watch(part, out, environment)
        print(f"{part}: {'clean' if status == 0 else f'status {status}'}", flush=True)
        if status:
            return 1
    if {"begin", "resume"} <= set(sys.argv[3:] or PARTS):
        _join(out)
    return 0


def _join(out: Path) -> None:
    """The page's picture, running.jpg: a job at work, and the offer to go on with it."""
    from PIL import Image

    shots = [Image.open(out / name).convert("RGB") for name in ("together.png", "offer.png")]
    parts = [shots[0].crop((300, 80, 1290, 700)), shots[1].crop((1025, 80, 1290, 700))]
    joined = Image.new("RGB", (sum(part.width for part in parts) + GAP, parts[0].height), "white")
    joined.paste(parts[0], (0, 0))
    joined.paste(parts[1], (parts[0].width + GAP, 0))
    joined.save(out / "running.jpg", quality=85)


def _watch(part: str, out: Path, environment: dict[str, str]) -> int:
    """Run one part, saving the screen, or killing Blender, when it is wished for; its exit status, 0 once killed."""
    from PIL import ImageGrab

    wish = out / "wish.json"
    command = ["blender", "--python-exit-code", "3", "--python", str(HERE)]
    blender, end = subprocess.Popen(command, env=environment | {"PART": part}), time.monotonic() + PATIENCE
    while time.monotonic() < end and blender.poll() is None:
        time.sleep(0.05)
        if not wish.exists():
            continue
        name = wish.read_text().strip('"')
        if name == KILLED:
            blender.kill()
            blender.wait()
            wish.unlink()
            return 0
        ImageGrab.grab(xdisplay="").convert("RGB").save(out / f"{name}.png")
        wish.unlink()
    if blender.poll() is None:
        blender.kill()
        return 124
    return blender.returncode


class Person(Tourist):
    """What is done in each part; the steps yield the seconds to wait."""

    def steps(self) -> Iterator[float]:
        return getattr(self, os.environ["PART"])()

    def begin(self) -> Iterator[float]:
        yield from self.start_job()
        yield from self.until(lambda: self.state.share > 0.45)
        with self.held_worker():
            yield from self.picture("running")
        yield from self.until(lambda: self.state.share > 0.6)
        Path(os.environ["WISH"]).write_text(KILLED)
        yield 60.0

    def resume(self) -> Iterator[float]:
        for thing in list(self.bpy.data.objects):
            self.bpy.data.objects.remove(thing)
        yield from self.open_tab()
        assert self.state.interrupted is not None, "what was killed is not offered"
        yield from self.picture("offer")
        began = time.monotonic()
        assert self.press("resume", "INVOKE_DEFAULT") == {"RUNNING_MODAL"}
        overlay = importlib.import_module(f"{EXTENSION}.operators.scene.preview_overlay")
        yield from self.until(overlay.is_shown)
        self.look_at_all()
        with self.held_worker():
            yield from self.picture("together")
        yield from self.until_idle()
        print(f"resumed in {time.monotonic() - began:.1f} s", flush=True)
        assert not overlay.is_shown(), "the preview is still there"
        cameras = [thing for thing in self.bpy.data.collections["DUSt3R"].objects if thing.type == "CAMERA"]
        assert len(cameras) == len(list(Path(os.environ["PHOTOS"]).iterdir())), "a photo has no camera"
        assert self.state.interrupted is None, "what has ended is still offered"
        yield from self.picture("resumed")

    def load(self) -> Iterator[float]:
        process = yield from self.start_job()
        self.bpy.ops.wm.read_homefile(use_empty=True)
        yield 1.0
        Person.__init__(self, self.bpy)  # another file has other windows
        self.check_gone(process)
        assert self.press("discard") == {"FINISHED"}
        assert self.state.interrupted is None, "what was discarded is still offered"

    def switch_off(self) -> Iterator[float]:
        process = yield from self.start_job()
        self.bpy.ops.preferences.addon_disable(module=EXTENSION)
        yield 1.0
        assert process.poll() is not None, "the worker outlives the extension"
        self.bpy.ops.preferences.addon_enable(module=EXTENSION)
        yield 1.0
        self.check_gone(process)
        assert self.press("discard") == {"FINISHED"}

    def remove_scene(self) -> Iterator[float]:
        bpy = self.bpy
        process = yield from self.start_job()
        other = bpy.data.scenes.new("Other")
        self.window.scene = other
        bpy.data.scenes.remove(bpy.data.scenes["Scene"])
        yield from self.until_idle()
        assert process.poll() is not None and "DUSt3R" not in bpy.data.collections, (
            "a job without a scene left something"
        )
        assert [scene.name for scene in bpy.data.scenes] == ["Other"]

    def undo_and_save(self) -> Iterator[float]:
        bpy = self.bpy
        yield from self.start_job()
        file = Path(os.environ["WISH"]).with_name("saved.blend")
        with bpy.context.temp_override(window=self.window):
            bpy.ops.ed.undo()
        bpy.ops.wm.save_as_mainfile(filepath=str(file))
        bpy.ops.mesh.primitive_monkey_add()
        yield from self.until_idle()
        assert "DUSt3R" in bpy.data.collections, "undoing and saving while it ran lost the result"
        bpy.data.collections.remove(bpy.data.collections["DUSt3R"])

    def quit(self) -> Iterator[float]:
        process = yield from self.start_job()
        Path(os.environ["WISH"]).with_name("worker.txt").write_text(str(process.pid))
        self.bpy.ops.wm.quit_blender()
        yield 60.0

    def find(self) -> Iterator[float]:
        pid = int(Path(os.environ["WISH"]).with_name("worker.txt").read_text())
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 0)
            raise AssertionError("the worker outlives Blender")
        yield from self.open_tab()
        assert self.state.interrupted is not None, "what Blender quit from is not offered"
        assert self.press("discard") == {"FINISHED"}

    def start_job(self) -> Iterator[float]:
        """Begin with the photos, all of them new to the model; returns the worker's process."""
        bpy, photos = self.bpy, Path(os.environ["PHOTOS"])
        for thing in list(bpy.data.objects):
            bpy.data.objects.remove(thing)
        yield from self.open_tab()
        self.press("clear_cache")
        self.press(
            "add_photos", directory=str(photos), files=[{"name": path.name} for path in sorted(photos.iterdir())]
        )
        assert self.press("reconstruct", "INVOKE_DEFAULT", name="DUSt3R") == {"RUNNING_MODAL"}
        yield from self.until(lambda: self.state.share > 0.1)
        return self.worker()

    def until(self, reached: Callable[[], bool]) -> Iterator[float]:
        end = time.monotonic() + PATIENCE
        while not reached():
            assert self.state.running and time.monotonic() < end, "the job did not come so far"
            yield 0.02

    def check_gone(self, process: subprocess.Popen[str]) -> None:
        """The job is gone without a trace but the offer to go on with it."""
        assert process.poll() is not None, "the worker is still there"
        assert not self.state.running, "the panel shows a job that is gone"
        assert self.state.interrupted is not None, "what was interrupted is not offered"

    @contextlib.contextmanager
    def held_worker(self) -> Iterator[None]:
        """It stands still, so that the picture shows what was waited for."""
        process = self.worker()
        process.send_signal(signal.SIGSTOP)
        yield
        process.send_signal(signal.SIGCONT)

    def look_at_all(self) -> None:
        """The preview is no object that the view could go to, and the world's size is the model's affair."""
        overlay = importlib.import_module(f"{EXTENSION}.operators.scene.preview_overlay")
        preview, view = overlay._overlay._preview, self.area.spaces[0].region_3d
        points, cameras = (overlay.to_blender(places.reshape(-1, 3)) for places in (preview.position, preview.cameras))
        ends = np.concatenate([np.quantile(points, [0.02, 0.98], axis=0), cameras])
        low, high = ends.min(axis=0), ends.max(axis=0)
        view.view_location, view.view_distance = (low + high) / 2, AWAY * float((high - low).max())


if __name__ == "__main__":
    if "WISH" in os.environ:
        play(Person)
    else:
        sys.exit(drive())
