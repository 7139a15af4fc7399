"""Every way of getting photos into the list, in a real window, and a list of a thousand, with pictures of it.

usage: xvfb-run -a -s "-screen 0 1600x900x24" python3 photos.py OUT_FOLDER PHOTO_FOLDER
It drops, pastes and takes frames of a movie (of the photos, made beforehand) as a person does, checks what the person
would see (the exit status says whether all of it held) and saves pictures, from photos_1_dropped.png to
photos_5_drop.png. It is started again inside Blender, to play the person.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parent))

import tour  # noqa: E402  it lies beside this file, wherever that is

HELD = 6  # frames of the movie for which each photo is shown
MANY = 1000  # photos of the long list
SLOWER = 1.5  # times as long as a short list may a long one take to be drawn


class PhotoPerson(tour.Person):
    """What is done and looked at inside Blender; each step yields the seconds to wait."""

    @property
    def photos(self) -> Any:
        return self.bpy.context.scene.dust3r.photos

    def steps(self) -> Iterator[float]:
        photos = sorted(Path(os.environ["PHOTOS"]).iterdir())
        with tempfile.TemporaryDirectory(dir=photos[0].parent.parent) as scratch:
            yield from self.drop(photos[0].parent)
            yield from self.paste(photos[0].parent)
            yield from self.movie(self.write_movie(photos, Path(scratch) / "clip.mp4"), len(photos))
            yield from self.many(photos, Path(scratch) / "many")
            yield from self.choose_where_to(photos[0].parent)

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

    def write_movie(self, photos: list[Path], path: Path) -> Path:
        """A movie that shows each photo for some frames."""
        scene = self.bpy.data.scenes.new("movie")
        strips, render = scene.sequence_editor_create().strips, scene.render
        shown = [strips.new_image(path.name, str(path), 1, 1 + HELD * number) for number, path in enumerate(photos)]
        for strip in shown:
            strip.frame_final_duration = HELD
        scene.frame_start, scene.frame_end = 1, HELD * len(photos)
        render.resolution_x, render.resolution_y = shown[-1].elements[0].orig_width, shown[-1].elements[0].orig_height
        render.image_settings.media_type, render.image_settings.file_format = "VIDEO", "FFMPEG"
        render.ffmpeg.format, render.ffmpeg.codec = "MPEG4", "H264"
        render.filepath, render.use_file_extension = str(path), False
        self.bpy.ops.render.render(animation=True, scene=scene.name)
        self.bpy.data.scenes.remove(scene)
        return path

    def movie(self, path: Path, count: int) -> Iterator[float]:
        """Another Blender decodes; this one shows how far it is, and the frames when they are there."""
        self.press("clear_frames")
        assert self.press("add_movie_frames", filepath=str(path), way="every", number=HELD) == {"RUNNING_MODAL"}
        yield from self.picture("photos_2_movie")
        yield from self.until_idle()
        assert len(self.photos) == count, f"{len(self.photos)} frames came, not {count}"
        yield 1.0
        yield from self.picture("photos_3_frames")

    def many(self, photos: list[Path], folder: Path) -> Iterator[float]:
        """A long list takes no longer to draw than the short one that is there."""
        folder.mkdir()
        for number in range(MANY):
            os.link(photos[number % len(photos)], folder / f"IMG_{number:04d}{photos[0].suffix}")
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
