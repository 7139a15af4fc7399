"""Every way of getting photos into the list, in a real window, and a list of a thousand, with pictures of it.

usage: xvfb-run -a -s "-screen 0 1600x900x24" python3 photos.py OUT_FOLDER FOLDER
FOLDER holds photos/, clip.mp4 and, for the speed of a long list, many/. It drops, pastes and takes frames as a person
does, checks what the person would see (the exit status says whether all of it held) and saves pictures, from
photos_1_dropped.png to photos_5_drop.png. It is started again inside Blender, to play the person.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parent))

import tour  # noqa: E402  it lies beside this file, wherever that is

SLOWER = 1.5  # times as long as a short list may a long one take to be drawn


class PhotoPerson(tour.Person):
    """What is done and looked at inside Blender; each step yields the seconds to wait."""

    @property
    def photos(self) -> Any:
        return self.bpy.context.scene.dust3r.photos

    def steps(self) -> Iterator[float]:
        place = Path(os.environ["PHOTOS"])
        yield from self.drop(place / "photos")
        yield from self.paste(place / "photos")
        yield from self.movie(place / "clip.mp4")
        if (place / "many").is_dir():
            yield from self.many(place / "many")
        yield from self.choose_where_to(place / "photos")

    def drop(self, folder: Path) -> Iterator[float]:
        """As Blender calls it for files dropped onto the viewport: only while the tab is open."""
        handler = next(kind for kind in self.bpy.types.FileHandler.__subclasses__() if kind.__name__.endswith("photos"))
        with self.override():
            assert not handler.poll_drop(self.bpy.context), "a drop is taken while the tab is closed"
        yield from self.open_tab()
        names = sorted(path.name for path in folder.iterdir())
        with self.override():
            assert handler.poll_drop(self.bpy.context), "a drop is not taken while the tab is open"
        self.press("add_photos", "INVOKE_DEFAULT", directory=f"{folder}/", files=[{"name": name} for name in names])
        assert [photo.name for photo in self.photos] == names, "the dropped photos are not in the list"
        self.photos[1].use = False
        yield 1.0  # thumbnails are read
        yield from self.picture("photos_1_dropped")

    def choose_where_to(self, folder: Path) -> Iterator[float]:
        """Blender's menu for a drop that it could take itself; last, since it stays open until somebody chooses."""
        files = [{"name": path.name} for path in folder.iterdir()]
        with self.override():
            self.bpy.ops.wm.drop_import_file("INVOKE_DEFAULT", directory=f"{folder}/", files=files)
        yield from self.picture("photos_5_drop")

    def paste(self, folder: Path) -> Iterator[float]:
        self.press("clear_photos")
        self.bpy.context.window_manager.clipboard = f'"{folder}"\n'
        assert self.press("paste_photos") == {"FINISHED"}
        assert len(self.photos) == len(list(folder.iterdir())), "a pasted folder is not in the list"
        self.press("clear_photos")
        yield 0.1

    def movie(self, path: Path) -> Iterator[float]:
        """Another Blender decodes; this one shows how far it is, and the frames when they are there."""
        self.press("clear_frames")
        assert self.press("add_movie_frames", filepath=str(path), way="auto", number=12) == {"RUNNING_MODAL"}
        while self.state.running and self.state.share < 0.05:
            yield 0.02
        yield from self.picture("photos_2_movie")
        yield from self.until_idle(60)
        assert len(self.photos) == 12, f"{len(self.photos)} frames came, not 12"
        yield 1.0
        yield from self.picture("photos_3_frames")

    def many(self, folder: Path) -> Iterator[float]:
        """A long list takes no longer to draw than the short one that is there."""
        short = yield from self.seconds_to_draw()
        self.press("clear_photos")
        began = time.monotonic()
        self.press("add_photos", directory=f"{folder}/")
        added = time.monotonic() - began
        long = yield from self.seconds_to_draw()
        began = time.monotonic()
        self.press("sort_photos", key="TIME")
        told = f"added in {added:.2f} s, sorted by time in {time.monotonic() - began:.2f} s, the window is"
        print(
            f"{len(self.photos)} photos: {told} drawn in {long:.3f} s, with a short list in {short:.3f} s", flush=True
        )
        yield 3.0  # thumbnails are read
        yield from self.picture("photos_4_many")
        assert long < SLOWER * short, "a long list is slow to draw"

    def seconds_to_draw(self) -> Generator[float, None, float]:
        """The median over jumps through the list; returns it."""
        settings, times = self.bpy.context.scene.dust3r, []
        for jump in range(12):
            settings.active_photo = jump * (len(self.photos) - 1) // 11
            self.area.tag_redraw()
            yield 0.3
            began = time.monotonic()
            with self.override():
                self.bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=1)
            times.append(time.monotonic() - began)
        return sorted(times)[len(times) // 2]

    def override(self) -> Any:
        return self.bpy.context.temp_override(window=self.window, area=self.area, region=self.region)


if __name__ == "__main__":
    if "WISH" in os.environ:
        tour.play(PhotoPerson)
    else:
        sys.exit(tour.drive(HERE))
