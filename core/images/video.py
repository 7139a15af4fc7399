"""Frames of a movie as photo files, and how a phone was held while it took the movie. Imports no torch."""

import hashlib
import json
import logging
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..io.atomic import read_text, write_json
from .heif import FULL, boxes, top_level
from .keyframes import FrameChoice
from .reader import existing_file

MOVIE_SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mts", ".m2ts", ".mpg", ".mpeg", ".ogv"})
LISTING = "clip.json"  # beside the frames; written last, so a folder without it is not whole
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Clip:
    """What a movie file says of itself."""

    path: Path
    fps: float  # frames a second
    frames: int
    size: tuple[int, int]  # (width, height), pixels, upright

    def name_of(self, frame: int) -> str:
        """The file name of a frame, counted from 1 as in Blender; names sort as frames do."""
        return f"{self.path.stem}_{frame:06d}.jpg"


@dataclass(frozen=True, slots=True)
class ClipFrames:
    """The frames of a clip that lie in a folder."""

    clip: Clip
    numbers: dict[str, int]  # file name: number of the frame, from 1
    state: str = ""  # tells the movie as it was, and the choice

    @classmethod
    def of(cls, clip: Clip, choice: FrameChoice, numbers: Iterable[int]) -> Self:
        """These frames of the clip as it is now."""
        return cls(clip, {clip.name_of(number): number for number in numbers}, _state(clip.path, choice))

    def save(self, folder: Path) -> None:
        """Write LISTING; raises InputError when that is not possible."""
        clip = {"path": str(self.clip.path), "fps": self.clip.fps, "frames": self.clip.frames, "size": self.clip.size}
        content = {"format": FORMAT, "clip": clip, "numbers": self.numbers, "state": self.state}
        write_json(folder / LISTING, content)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; raises InputError where the folder holds no frames of a clip."""
        path = folder / LISTING
        try:
            content = json.loads(read_text(path))
            if content["format"] != FORMAT:
                raise InputError(f"{path} was written by another version (format {content['format']}, not {FORMAT})")
            said, numbers = content["clip"], {str(name): int(number) for name, number in content["numbers"].items()}
            if astray := [name for name in numbers if Path(name).name != name]:
                raise InputError(f"{path} names {astray[0]!r}, which is not in its folder; take the frames again")
            width, height = said["size"]
            clip = Clip(Path(said["path"]), float(said["fps"]), int(said["frames"]), (int(width), int(height)))
            return cls(clip, numbers, str(content["state"]))
        except (OSError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise InputError(f"{path} lists no frames of a clip ({error}); take the frames again") from error

    def files(self, folder: Path) -> list[Path]:
        """The frames in the order of the clip."""
        return [folder / name for name in sorted(self.numbers, key=lambda name: self.numbers[name])]


def frame_of(photo: Path) -> tuple[Clip, int] | None:
    """The clip that a photo file is a frame of, and the frame's number from 1; None for any other photo."""
    try:
        found = ClipFrames.load(photo.parent)
    except InputError:
        return None
    return (found.clip, found.numbers[photo.name]) if photo.name in found.numbers else None


def frames_of_one_movie(photos: Sequence[Path]) -> tuple[Clip, list[int], NDArray[np.float64]]:
    """The clip that most of the photos are frames of; which photos these are, in its order, and their numbers (N,).

    Raises InputError where fewer than two are frames of one clip.
    """
    found: dict[Path, list[tuple[int, int, Clip]]] = {}
    for index, photo in enumerate(photos):
        source = frame_of(photo)
        if source is not None:
            found.setdefault(source[0].path, []).append((source[1], index, source[0]))
    shown = sorted(max(found.values(), key=len, default=[]), key=lambda entry: entry[:2])
    if len(shown) < 2:
        raise InputError("These photos are no frames of one movie; add a movie to the photos and reconstruct it")
    return shown[0][2], [index for _, index, _ in shown], np.array([float(number) for number, _, _ in shown])


def frames_folder_name(movie: Path, choice: FrameChoice) -> str:
    """Equal for one content of a movie and one choice, so that frames need not be taken twice. Raises InputError."""
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '_', movie.stem)[:40]}-{_state(movie, choice)[:10]}"


def finished_frames(folder: Path, movie: Path, choice: FrameChoice) -> ClipFrames | None:
    """The frames of this movie and choice that lie in a folder; None where one is missing, or they are others'.

    Raises InputError where the movie is gone.
    """
    state = _state(movie, choice)
    try:
        found = ClipFrames.load(folder)
    except InputError:
        return None
    return found if found.state == state and all(path.is_file() for path in found.files(folder)) else None


def _state(movie: Path, choice: FrameChoice) -> str:
    """A digest of what the frames depend on."""
    file = existing_file(movie).stat()
    said = f"{movie.resolve()} {file.st_size} {file.st_mtime_ns} {choice}"
    return hashlib.sha256(said.encode(errors="surrogateescape")).hexdigest()


def is_movie(path: Path) -> bool:
    """By its suffix."""
    return path.suffix.lower() in MOVIE_SUFFIXES


log = logging.getLogger(__name__)

HANDLER = FULL + 4  # bytes before the kind of media in the box hdlr
MATRIX = {0: FULL + 36, 1: FULL + 48}  # bytes before the matrix in the box tkhd, by its version
ONE = 1 << 16  # 16.16 fixed point
QUARTERS = {(0, ONE, -ONE, 0): 1, (-ONE, 0, 0, -ONE): 2, (0, -ONE, ONE, 0): 3}  # by the matrix: ISO 14496-12, 8.3.2


def turn_of(movie: Path) -> int:
    """Quarter turns clockwise, 0 to 3, that make a frame as it is stored upright; 0 where the file tells of none.

    Only MP4 and QuickTime files tell, which is what phones write.
    """
    try:
        for kind, track in boxes(top_level(movie, b"moov")):
            if kind == b"trak" and _is_video(parts := dict(boxes(track))):
                return _quarters(parts[b"tkhd"])
    except (OSError, ValueError, LookupError, struct.error) as error:
        log.info("%s does not tell how it was held (%s)", movie, error)
    return 0


def _is_video(track: dict[bytes, bytes]) -> bool:
    media = dict(boxes(track.get(b"mdia", b"")))
    return media.get(b"hdlr", b"")[HANDLER : HANDLER + 4] == b"vide"


def _quarters(tkhd: bytes) -> int:
    a, b, _, c, d = struct.unpack_from(">5i", tkhd, MATRIX[tkhd[0]])
    return QUARTERS.get((a, b, c, d), 0)
