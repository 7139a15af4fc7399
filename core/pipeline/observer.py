"""Forwards a reconstruction's progress, photo by photo, and previews of its world."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ..alignment.estimate import Array, PhotoEstimate
from ..reconstruction.preview import Preview

if TYPE_CHECKING:
    from ..images.preprocessing import View

PhotoState = Literal["read", "predicted", "placed"]  # placed: its camera and depth are final

INTERVAL = 1.0  # seconds from the end of one preview to the next, at least
MOST_SHARE = 0.01  # of the time that previews may take


def _ignore(state: PhotoState, photos: Sequence[Path]) -> None:
    """By default nothing is forwarded."""


def _as_aligned(estimates: Mapping[Path, PhotoEstimate]) -> Array:
    return np.eye(4)


@dataclass(slots=True, eq=False)
class Observer:
    """Where to forward each photo's states, once each, and previews; by default nowhere. For one reconstruction."""

    photos: Callable[[PhotoState, Sequence[Path]], None] = _ignore
    preview: Callable[[Preview], None] | None = None  # at most once a second; None: none are made
    world: Callable[[Mapping[Path, PhotoEstimate]], Array] = _as_aligned  # (4, 4): the alignment's world to the shown
    clock: Callable[[], float] = time.monotonic  # seconds
    _views: Sequence[View] = field(default=(), init=False)
    _forwarded: set[tuple[PhotoState, int]] = field(default_factory=set, init=False)
    _estimates: dict[int, PhotoEstimate] = field(default_factory=dict, init=False)
    _due: float = field(default=0.0, init=False)

    def begin(self, views: Sequence[View]) -> None:
        """Start observing a reconstruction of these photos, which are numbered in this order."""
        self._views, self._due = views, self.clock()

    def read(self, photo: Path) -> None:
        """The photo's file was read."""
        self.photos("read", [photo])

    def predicted(self, photos: Iterable[int]) -> None:
        """All pairs of these photos are predicted."""
        self._forward("predicted", photos)

    def aligned(self, estimates: Iterable[PhotoEstimate], final: Sequence[int]) -> None:
        """Estimates of photos in one world so far, others stay; those of `final` change no more."""
        if self.preview is not None:
            self._estimates |= {estimate.photo: estimate for estimate in estimates}
            self._show_if_due(self.preview)
        self._forward("placed", final)

    def _show_if_due(self, show: Callable[[Preview], None]) -> None:
        begin = self.clock()
        if self._estimates and begin >= self._due:
            show(self._preview(list(self._estimates.values())))
            end = self.clock()
            self._due = end + max(INTERVAL, (end - begin) / MOST_SHARE)

    def _preview(self, estimates: Sequence[PhotoEstimate]) -> Preview:
        preview = Preview.of(estimates, [_colors_at(self._views[one.photo], one.chosen) for one in estimates])
        return preview.moved(self.world({self._views[one.photo].path: one for one in estimates}))

    def _forward(self, state: PhotoState, photos: Iterable[int]) -> None:
        new = sorted({photo for photo in photos if (state, photo) not in self._forwarded})
        if new:
            self._forwarded |= {(state, photo) for photo in new}
            self.photos(state, [self._views[photo].path for photo in new])


def _colors_at(view: View, chosen: NDArray[np.int64]) -> NDArray[np.uint8]:
    """(P, 3), sRGB, of flat network pixels."""
    return view.colors.reshape(-1, 3)[chosen]
