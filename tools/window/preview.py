"""What is seen while photos are aligned, against what comes of it, in a real window: all stands where it will stand.

usage: xvfb-run -a -s "-screen 0 1600x900x24" python3 preview.py OUT_FOLDER PHOTO_FOLDER
Reconstructs all photos but the last; then moves the world by Set Scale, Set North and Set Origin, and reconstructs
all, which keeps to that world. The exit status says whether the last cameras and points drawn were where the result has
them.
Saves new_during.png, new_after.png, settled_during.png and settled_after.png. Started by itself inside Blender.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import KDTree

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parent))
from interruptions import EXTENSION  # noqa: E402  it lies beside
from interruptions import Person as Interrupter  # noqa: E402
from tour import drive, play  # noqa: E402

NEAR = {"new": 0.05, "settled": 0.01}  # of the points' extent; a new world's floor is sought again in the result


class Person(Interrupter):
    """Looks at the numbers behind the picture as well."""

    def steps(self) -> Iterator[float]:
        photos = sorted(Path(os.environ["PHOTOS"]).iterdir())
        for thing in list(self.bpy.data.objects):
            self.bpy.data.objects.remove(thing)
        yield from self.open_tab()
        self.press("clear_cache")
        settings = self.bpy.context.scene.dust3r  # what the photos change of cameras comes after the last preview
        settings.cameras = settings.surfaces = "network"
        yield from self.watched("new", photos[:-1])
        first = self.bpy.data.collections["DUSt3R"]
        self.press("set_scale", way="factor", factor=0.5)
        self.press("set_north", way="angle", angle=1.0)
        self.bpy.context.scene.cursor.location = (2.0, 1.0, 0.0)
        self.press("set_origin")
        kept = _centres(first)
        first.hide_viewport = True
        yield from self.watched("settled", photos)
        found = _centres(self.bpy.data.collections["DUSt3R.001"])
        moved = max(np.linalg.norm(found[name] - place) for name, place in kept.items())
        print(f"cameras moved by {moved:.4f} at most between the two settled worlds", flush=True)

    def watched(self, name: str, photos: list[Path]) -> Iterator[float]:
        """Reconstruct photos, with a picture of the preview and one of the result, and compare the two."""
        files = [{"name": path.name} for path in photos]
        overlay = importlib.import_module(f"{EXTENSION}.operators.scene.preview_overlay")
        before = set(self.bpy.data.collections)
        assert self.press(
            "reconstruct", "INVOKE_DEFAULT", name="DUSt3R", directory=str(photos[0].parent), files=files
        ) == {"RUNNING_MODAL"}
        yield from self.until(overlay.is_shown)
        self.look_at_all()
        with self.held_worker():
            yield from self.picture(f"{name}_during")
        seen = overlay._overlay
        while self.state.running:
            seen = overlay._overlay or seen
            yield 0.02
        assert not overlay.is_shown(), "the preview is still there"
        (collection,) = set(self.bpy.data.collections) - before
        yield 5.0  # shaders compile
        yield from self.picture(f"{name}_after")
        self.compare(name, overlay, seen._preview, collection)

    def compare(self, name: str, overlay: Any, preview: Any, collection: Any) -> None:
        """The cameras' places, and how far points that were drawn lie from those that were made."""
        reading = importlib.import_module(f"{EXTENSION}.operators.scene.reading")
        views = reading.read_reconstruction(collection).views  # with what is not shown, as the preview has it
        found = overlay.to_blender(np.concatenate([view.world_points().reshape(-1, 3) for view in views]))
        off = np.quantile(KDTree(found).query(overlay.to_blender(preview.position))[0], 0.9)
        extent = float(np.ptp(np.quantile(found, [0.1, 0.9], axis=0), axis=0).max())
        cameras = np.sort(overlay.to_blender(preview.cameras)[:, 0], axis=0)
        apart = np.abs(cameras - np.sort(np.stack(list(_centres(collection).values())), axis=0)).max() / extent
        print(f"{name}: cameras apart {apart:.4f}, points {off / extent:.4f} of the extent", flush=True)
        assert apart < NEAR[name], "cameras were drawn elsewhere"
        assert off / extent < NEAR[name], "points were drawn elsewhere"


def _centres(collection: Any) -> dict[str, np.ndarray]:
    cameras = [thing for thing in collection.objects if thing.type == "CAMERA"]
    return {camera.data.name.partition(".0")[0]: np.array(camera.matrix_world.translation) for camera in cameras}


if __name__ == "__main__":
    if "WISH" in os.environ:
        play(Person)
    else:
        sys.exit(drive(HERE))
