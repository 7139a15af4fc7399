"""Which frames of a movie, or photos of a long sequence, to reconstruct from. Imports no torch and no decoder."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..progress import Report, silent
from .reader import open_grey

STAGE = "Looking at frames"
FORMS = "every:N (each Nth frame) or auto:N (at most N, sharp, evenly along the camera's way), :A-B for a part"
LONG_SIDE = 640  # pixels that frames are looked at with: the network sees no more of them
TILE = 128  # most pixels of a side of the squares whose motion is measured
MOVED = 1 / 80  # of the long side: the next motion is measured from here, so that a trembling hand adds up to nothing
CERTAIN = 0.07  # peak of the phase correlation; chance alone gives half of it on 128 x 128 pixels
CUT = 0.1  # long sides that the picture counts as moved by a cut
FLAT = 1e-4  # variance of a tile, of values from 0 to 1, that shows nothing to follow
SPELLING = re.compile(r"(?P<way>every|auto):(?P<number>[0-9]{1,8})(:(?P<first>[0-9]{1,8})-(?P<last>[0-9]{1,8})?)?")
Grey = NDArray[np.float32]  # (H, W), 0 to 1


@dataclass(frozen=True, slots=True)
class FrameChoice:
    """every: each Nth from the first. auto: at most N, the sharpest at even distances of the picture's own motion."""

    way: Literal["every", "auto"] = "auto"
    number: int = 30
    first: int = 1  # of the frames that are considered, counted from 1
    last: int = 0  # 0: to the end

    def __post_init__(self) -> None:
        if self.number < 1:
            raise InputError(f"The number of frames must be at least 1, got {self.number}")
        if self.first < 1 or (self.last and self.last < self.first):
            raise InputError(f"Frames count from 1 and the last is not before the first, got {self.first}-{self.last}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """As written on the command line; raises InputError for anything but `FORMS`."""
        found = SPELLING.fullmatch(text)
        if found is None:
            raise InputError(f"{text!r} is no choice of frames; write {FORMS}")
        way: Literal["every", "auto"] = "every" if found["way"] == "every" else "auto"
        return cls(way, int(found["number"]), int(found["first"] or 1), int(found["last"] or 0))

    def __str__(self) -> str:
        part = f":{self.first}-{self.last or ''}" if self.first > 1 or self.last else ""
        return f"{self.way}:{self.number}{part}"

    def considered(self, total: int) -> range:
        """The numbers, from 1, of the frames of a whole that are considered; raises InputError where there are none."""
        if self.first > total:
            raise InputError(f"There are {total} frames, so none from frame {self.first} on; begin earlier")
        return range(self.first, min(self.last or total, total) + 1)


@dataclass(frozen=True, slots=True)
class FrameMeasures:
    """What N frames in a row show of the camera."""

    sharpness: NDArray[np.float64]  # (N,), variance of the Laplacian over that of the picture
    travel: NDArray[np.float64]  # (N,), how far the picture has moved, in long sides of it; from 0, never falling


def measure(frames: Iterable[Grey]) -> FrameMeasures:
    """Sharpness and motion of frames in a row, about LONG_SIDE large, each looked at once."""
    sharpness, travel, follower = [], [0.0], _Follower()
    for frame in frames:
        sharpness.append(sharpness_of(frame))
        travel.append(follower.travel(frame))
    return FrameMeasures(np.array(sharpness, np.float64), np.maximum.accumulate(travel)[1:])


def choose_keyframes(measures: FrameMeasures, count: int) -> list[int]:
    """At most `count` ascending numbers of frames from 0: one for each equal part of the way that the picture moves.

    Of each part, the frame of the most sharpness x nearness, which falls from 1 in the part's middle to a half at its
    ends; none where the way jumps over the part. A picture that never moves is divided by time.
    """
    total = len(measures.travel)
    if count >= total:
        return list(range(total))
    way = measures.travel[-1]
    place = count * (measures.travel / way if way > 0 else np.linspace(0, 1, total))
    part = np.minimum(np.floor(place + 1e-9), count - 1)
    score = measures.sharpness * (1 - np.abs(place - part - 0.5))
    frames_of_parts = (np.flatnonzero(part == number) for number in np.unique(part))
    return [int(frames[score[frames].argmax()]) for frames in frames_of_parts]


def choose_photos(photos: Sequence[Path], choice: FrameChoice, report: Report = silent) -> list[Path]:
    """The photos of a sequence that are worth keeping, in their order; raises InputError for one that is unreadable."""
    photos = [photos[number - 1] for number in choice.considered(len(photos))] if photos else []
    if choice.way == "every":
        return photos[:: choice.number]
    if choice.number >= len(photos):
        return photos

    def looked_at() -> Iterable[Grey]:
        for done, photo in enumerate(photos):
            report(STAGE, done, len(photos))
            yield open_grey(photo, LONG_SIDE)
        report(STAGE, len(photos), len(photos))

    return [photos[number] for number in choose_keyframes(measure(looked_at()), choice.number)]


def sharpness_of(frame: Grey) -> float:
    """var(Laplacian) / var(frame), which contrast and brightness leave alone; 0 where nothing is to be seen."""
    inner = frame[1:-1, 1:-1]
    if not inner.size:
        return 0.0
    laplacian = frame[:-2, 1:-1] + frame[2:, 1:-1] + frame[1:-1, :-2] + frame[1:-1, 2:] - 4 * inner
    spread = float(frame.var())
    return float(laplacian.var()) / spread if spread > FLAT else 0.0


def motion_between(before: Grey, after: Grey) -> float | None:
    """Pixels that the picture has moved: the median over tiles of their shift (phase correlation, Kuglin & Hines 1975).

    None where no tile is found again, as after a cut and in deep blur; 0 where there is nothing to follow.
    """
    if before.shape != after.shape:
        return None
    side = min(TILE, *before.shape)
    one, two = _tiles(before, side), _tiles(after, side)
    textured = (one.var(axis=(1, 2)) > FLAT) & (two.var(axis=(1, 2)) > FLAT)
    if not textured.any():
        return 0.0
    lengths, peaks = _shifts(one[textured], two[textured])
    return float(np.median(lengths[peaks > CERTAIN])) if (peaks > CERTAIN).any() else None


class _Follower:
    """How far the picture has moved since the first frame, measured from the last one that was clearly elsewhere."""

    def __init__(self) -> None:
        self._anchor: Grey | None = None
        self._way = 0.0  # up to the anchor
        self._reached = 0.0  # up to the last frame that was followed
        self._lost: Grey | None = None  # the frame before, if it shows nothing of the anchor: blurred, or after a cut

    def travel(self, frame: Grey) -> float:
        if self._anchor is None:
            self._anchor = frame
            return 0.0
        moved = motion_between(self._anchor, frame)
        if moved is None:
            return self._follow_lost(frame)
        self._lost = None
        step = moved / max(frame.shape)
        self._reached = self._way + step
        if step >= MOVED:
            self._anchor, self._way = frame, self._reached
        return self._reached

    def _follow_lost(self, frame: Grey) -> float:
        """One such frame was blurred and is passed over; with the second there was a cut before the first."""
        if self._lost is None:
            self._lost = frame
            return self._reached
        self._way = self._reached + CUT
        self._anchor, self._lost = self._lost, None
        return self.travel(frame)


def _tiles(frame: Grey, side: int) -> Grey:
    """(T, side, side): the picture's middle, cut into squares."""
    rows, columns = frame.shape[0] // side, frame.shape[1] // side
    top, left = (frame.shape[0] - rows * side) // 2, (frame.shape[1] - columns * side) // 2
    middle = frame[top : top + rows * side, left : left + columns * side]
    return middle.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side, side)


def _shifts(one: Grey, two: Grey) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Length of the shift of each tile (T,), pixels, and how clear it is (T,), from 0 to 1."""
    side = one.shape[-1]
    window = np.outer(np.hanning(side), np.hanning(side))
    a, b = (np.fft.rfft2((tiles - tiles.mean(axis=(1, 2), keepdims=True)) * window) for tiles in (one, two))
    cross = np.conj(a) * b
    correlation = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-12), s=(side, side)).reshape(len(one), -1)
    row, column = np.divmod(correlation.argmax(axis=1), side)
    shift = [np.where(found > side // 2, found - side, found) for found in (row, column)]
    return np.hypot(*shift), correlation.max(axis=1)
