"""How far each photo of the running reconstruction is, for the list and the panel to show."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

WAITING = "waiting"  # then as core/pipeline/observer.py: PhotoState
ICONS = {WAITING: "TIME", "read": "KEYFRAME", "predicted": "KEYFRAME_HLT", "placed": "CHECKMARK"}
ORDER = tuple(ICONS)
_states: dict[str, str] = {}  # by path, as the job names it


def begin(photos: Iterable[Path]) -> None:
    """These photos take part; none of them has come anywhere yet."""
    end()
    _states.update(dict.fromkeys(map(str, photos), WAITING))


def update(states: Mapping[str, str]) -> None:
    """Some have come so far; what is no photo of the job or no state is passed over."""
    _states.update({photo: state for photo, state in states.items() if photo in _states and state in ICONS})


def end() -> None:
    """The job has ended: nothing is shown any more."""
    _states.clear()


def state_of(path: str) -> str:
    """One of ORDER; empty where no job is at work on this photo of the list."""
    return _states.get(bpy.path.abspath(path), "") if _states else ""


def summary() -> str:
    """How many are how far, such as "8 read, 3 predicted, 0 aligned"; who is aligned was predicted and read too."""
    reached = [ORDER.index(state) for state in _states.values()]
    counts = (sum(place >= least for place in reached) for least in range(1, len(ORDER)))
    return rpt_("{} read, {} predicted, {} aligned").format(*counts)
