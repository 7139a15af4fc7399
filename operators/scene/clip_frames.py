"""Frames out of a movie by Blender's own decoder: a private scene's sequencer shows the clip, and renders it."""

import math
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import InputError, first_line
from ...core.images.keyframes import LONG_SIDE, STAGE, FrameChoice, Grey, choose_keyframes, measure
from ...core.images.reader import existing_file, open_grey
from ...core.images.video import LISTING, Clip, ClipFrames, is_movie, turn_of
from ...core.io.atomic import check_replaceable, check_writable
from ...core.io.interruption import held_back
from ...core.progress import Report, silent
from .quiet import blender_silenced

WRITING = "Writing frames"
STAGES = {STAGE: 1.0, WRITING: 1.0}
BATCH = 32  # frames that are decoded in one go
LOOKED_AT = 12  # frames that one is chosen of: more in a row hardly differ
QUALITY = 95  # of the JPEG files
TURNS_MOVIES = (4, 4)  # the first Blender that shows movies of phones upright by itself


def read_clip(path: Path) -> Clip:
    """What Blender's decoder says of a movie; raises InputError where it cannot read it."""
    with _decoder(path) as decoder:
        return decoder.clip


def turn_to_do(path: Path) -> int:
    """Quarter turns clockwise that make a movie upright and that this Blender does not do by itself."""
    return 0 if bpy.app.version >= TURNS_MOVIES else turn_of(path)


def extract_frames(path: Path, folder: Path, choice: FrameChoice, report: Report = silent) -> ClipFrames:
    """Write the chosen frames of a movie into a folder as JPEG files, and what they are beside them.

    Raises InputError where the clip cannot be read or a frame cannot be written; nothing of it stays then.
    """
    check_writable(folder / LISTING)
    ours = _earlier_frames(folder)
    with _decoder(path) as decoder, tempfile.TemporaryDirectory(prefix=".frames-", dir=folder) as partial:
        clip, runs = decoder.clip, _chosen(decoder, choice, report)
        written: list[Path] = []
        frames = ClipFrames.of(clip, choice, (number for run in runs for number in run))
        for file in frames.files(folder):
            check_replaceable(file)
            if file.exists() and file.name not in ours:
                raise InputError(f"{file} exists already and is no frame of an earlier run; choose another folder")
        for run in runs:
            report(WRITING, len(written), len(frames.numbers))
            written += decoder.write(run, Path(partial), quality=QUALITY)
        with held_back():
            for file, final in zip(written, frames.files(folder), strict=True):
                file.replace(final)
            frames.save(folder)
    report(WRITING, len(written), len(written))
    return frames


def _earlier_frames(folder: Path) -> Collection[str]:
    """Names of the frames that lie in the folder."""
    try:
        return ClipFrames.load(folder).numbers
    except InputError:
        return ()


def _chosen(decoder: "_Decoder", choice: FrameChoice, report: Report) -> list[range]:
    """Numbers of the frames, from 1, in runs that are decoded in one go."""
    considered = choice.considered(decoder.clip.frames)
    if choice.way == "every":
        numbers = considered[:: choice.number]
        return [numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH)]
    looked_at = considered[:: max(1, len(considered) // (choice.number * LOOKED_AT))]
    measures = measure(decoder.small_frames(looked_at, report))
    return [range(looked_at[index], looked_at[index] + 1) for index in choose_keyframes(measures, choice.number)]


class _Decoder:
    """A scene that shows a clip and nothing else, its colours as they are stored."""

    def __init__(self, scene: Any, clip: Clip) -> None:
        self.clip, self._scene = clip, scene

    def small_frames(self, numbers: range, report: Report) -> Iterator[Grey]:
        """Frames at the size at which they are looked at."""
        percentage = min(100, -(-100 * LONG_SIDE // max(self.clip.size)))
        for start in range(0, len(numbers), BATCH):
            report(STAGE, start, len(numbers))
            with tempfile.TemporaryDirectory() as folder:
                files = self.write(numbers[start : start + BATCH], Path(folder), percentage=percentage)
                yield from (open_grey(file, LONG_SIDE) for file in files)
        report(STAGE, len(numbers), len(numbers))

    def write(self, numbers: range, folder: Path, percentage: int = 100, quality: int = 90) -> Sequence[Path]:
        """JPEG files of these frames, at so many percent of the clip's size; raises InputError."""
        scene, render = self._scene, self._scene.render
        scene.frame_start, scene.frame_end, scene.frame_step = numbers[0], numbers[-1], numbers.step
        render.resolution_percentage, render.image_settings.quality = percentage, quality
        render.filepath = str(folder / "#######")
        files = [folder / f"{number:07d}" for number in numbers]
        try:
            with blender_silenced():
                bpy.ops.render.render(animation=True, scene=scene.name)
        except RuntimeError as error:
            raise InputError(f"{self.clip.path} cannot be turned into frames ({first_line(error)})") from error
        missing = [number for number, file in zip(numbers, files, strict=True) if not _is_whole(file)]
        if missing:
            raise InputError(f"Frame {missing[0]} of {self.clip.path} cannot be written to {folder}; free some space")
        return files


@contextmanager
def _decoder(path: Path) -> Iterator[_Decoder]:
    """Gone after the block; raises InputError where the clip cannot be read."""
    existing_file(path)
    if not is_movie(path):
        raise _unreadable(path)
    scene: Any = bpy.data.scenes.new("DUSt3R frames")
    try:
        strip = _add_strip(scene, path)
        element = strip.elements[0]
        size, fps, frames = (element.orig_width, element.orig_height), element.orig_fps, strip.frame_duration
        if not (all(size) and frames > 0):
            raise _unreadable(path)
        turn = turn_to_do(path)
        size = size[::-1] if turn % 2 else size
        strip.transform.rotation = -turn * math.pi / 2
        _prepare(scene, size)
        yield _Decoder(scene, Clip(path.resolve(), float(fps), frames, size))
    finally:
        bpy.data.scenes.remove(scene)


def _add_strip(scene: Any, path: Path) -> Any:
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences  # before Blender 4.4
    try:
        strip = strips.new_movie("clip", str(path.resolve()), 1, 1)
    except RuntimeError as error:
        raise _unreadable(path) from error
    if not strip.elements:
        raise _unreadable(path)
    return strip


def _prepare(scene: Any, size: tuple[int, int]) -> None:
    render, image = scene.render, scene.render.image_settings
    render.resolution_x, render.resolution_y = size
    render.pixel_aspect_x = render.pixel_aspect_y = 1
    render.use_sequencer, render.use_compositing, render.use_file_extension = True, False, False
    render.use_overwrite, render.use_stamp = True, False
    if hasattr(image, "media_type"):
        image.media_type = "IMAGE"
    image.file_format, image.color_mode = "JPEG", "RGB"
    view = scene.view_settings
    view.view_transform, view.look, view.exposure, view.gamma = "Standard", "None", 0, 1


def _is_whole(file: Path) -> bool:
    """A JPEG to its last mark: a full disk cuts it off in silence."""
    return file.is_file() and file.read_bytes()[-2:] == b"\xff\xd9"


def _unreadable(path: Path) -> InputError:
    return InputError(f"{path} is no movie that Blender can read; convert it to MP4 (H.264)")
