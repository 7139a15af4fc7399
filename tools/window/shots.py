"""A movie in a real window: reconstructed, its world set, a camera animated and matched to it, with pictures of it.

usage: xvfb-run -a -s "-screen 0 1600x900x24" python3 shots.py OUT_FOLDER PHOTO_FOLDER
The movie is made of the photos beforehand. Checks what a person would see (the exit status says whether all of it held)
and saves shots_1_world.png, shots_2_animated.png and shots_3_matched.png. It is started again inside Blender, to play
the person.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parent))

import tour  # noqa: E402  it lies beside this file, wherever that is
from photos import HELD, PhotoPerson  # noqa: E402


class ShotPerson(PhotoPerson):
    """What is done and looked at inside Blender; each step yields the seconds to wait."""

    def steps(self) -> Iterator[float]:
        photos = sorted(Path(os.environ["PHOTOS"]).iterdir())
        with tempfile.TemporaryDirectory(dir=photos[0].parent.parent) as scratch:
            yield from self.open_tab()
            yield from self.solved(self.write_movie(photos, Path(scratch) / "clip.mp4"), len(photos))
            yield from self.world()
            yield from self.animated()
            yield from self.matched()

    def solved(self, clip: Path, count: int) -> Iterator[float]:
        """One frame of each photo, reconstructed."""
        for thing in list(self.bpy.data.objects):
            self.bpy.data.objects.remove(thing)
        assert self.press("add_movie_frames", filepath=str(clip), way="every", number=HELD) == {"RUNNING_MODAL"}
        yield from self.until_idle()
        assert self.press("reconstruct", "INVOKE_DEFAULT", name="DUSt3R") == {"RUNNING_MODAL"}
        yield from self.until_idle()
        assert len(self.cameras()) == count, "a frame has no camera"

    def world(self) -> Iterator[float]:
        """Two picked points, two metres apart."""
        scene = self.bpy.context.scene
        for place in ((-0.4, 0, 0), (0.4, 0, 0)):
            scene.cursor.location = place
            assert self.press("pick_point") == {"FINISHED"}
        assert self.press("set_scale", length=2.0) == {"FINISHED"}
        first, second = (thing for thing in self.bpy.context.selected_objects if thing.type == "EMPTY")
        assert abs((first.location - second.location).length - 2) < 1e-4, "the points are not two metres apart"
        yield from self.shown_beside("world", "World", "shots_1_world")

    def animated(self) -> Iterator[float]:
        assert self.press("animate_camera") == {"FINISHED"}
        yield from self.shown_beside("camera_path", "Shots", "shots_2_animated")

    def matched(self) -> Iterator[float]:
        """Between two of the photos, through the camera and over the movie."""
        assert self.press("match_footage") == {"FINISHED"}
        scene = self.bpy.context.scene
        scene.frame_set(scene.frame_end // 2)
        self.area.spaces.active.region_3d.view_perspective = "CAMERA"
        yield 3.0  # the movie is opened
        yield from self.picture("shots_3_matched")

    def shown_beside(self, panel: str, tab: str, name: str) -> Iterator[float]:
        """A picture of the whole reconstruction with an open panel."""
        double = self.unfolded(f"DUST3R_PT_{panel}")
        yield from self.open_tab(tab)
        self.view_all()
        yield from self.picture(name)
        self.bpy.utils.unregister_class(double)


if __name__ == "__main__":
    if "WISH" in os.environ:
        tour.play(ShotPerson)
    else:
        sys.exit(tour.drive(HERE))
