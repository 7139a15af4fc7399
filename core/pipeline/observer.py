"""Tells an observer how far each photo is and how the world looks by now, each change once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ..alignment.standing import Array, Standing
from ..reconstruction.preview import Preview

if TYPE_CHECKING:
    from ..images.preprocessing import View

PhotoState = Literal["read", "predicted", "placed"]


def _nobody(state: PhotoState, photos: Sequence[Path]) -> None:
    """Looks on."""


def _as_aligned(standings: Mapping[Path, Standing]) -> Array:
    return np.eye(4)


@dataclass(frozen=True, slots=True)
class Watch:
    """Who looks on; by default nobody."""

    photos: Callable[[PhotoState, Sequence[Path]], None] = _nobody  # these photos have come so far
    preview: Callable[[Preview], None] | None = None  # at most once a second; None: none are made
    world: Callable[[Mapping[Path, Standing]], Array] = (
        _as_aligned  # where they are shown: (4, 4), from the alignment's
    )


NOBODY = Watch()


INTERVAL = 1.0  # seconds from the end of one preview to the next, at least
MOST_SHARE = 0.01  # of the time that previews may take


class Onlooker:
    """Tells a watch how the photos of a reconstruction, by number, come along."""

    def __init__(self, views: Sequence[View], watch: Watch, clock: Callable[[], float] = time.monotonic) -> None:
        self._views, self._watch, self._clock = views, watch, clock
        self._told: dict[PhotoState, set[int]] = {"predicted": set(), "placed": set()}
        self._standings: dict[int, Standing] = {}
        self._due = clock()

    def predicted(self, photos: Iterable[int]) -> None:
        """The network has said all that it was asked about these photos."""
        self._tell("predicted", photos)

    def placed(self, photos: Iterable[int]) -> None:
        """Nothing about these photos changes any more."""
        self._tell("placed", photos)

    def stand(self, standings: Iterable[Standing]) -> None:
        """Photos stand here so far, all in one world; those that were not named stay."""
        if self._watch.preview is None:
            return
        self._standings |= {standing.photo: standing for standing in standings}
        now = self._clock()
        if self._standings and now >= self._due:
            self._watch.preview(self._preview(list(self._standings.values())))
            end = self._clock()
            self._due = end + max(INTERVAL, (end - now) / MOST_SHARE)

    def _preview(self, standings: Sequence[Standing]) -> Preview:
        preview = Preview.of(standings, [_colors_at(self._views[one.photo], one.chosen) for one in standings])
        return preview.moved(self._watch.world({self._views[one.photo].path: one for one in standings}))

    def _tell(self, state: PhotoState, photos: Iterable[int]) -> None:
        news = sorted(set(photos) - self._told[state])
        if news:
            self._told[state].update(news)
            self._watch.photos(state, [self._views[photo].path for photo in news])


def _colors_at(view: View, chosen: NDArray[np.int64]) -> NDArray[np.uint8]:
    """(P, 3), sRGB, of flat network pixels."""
    return view.colors.reshape(-1, 3)[chosen]
