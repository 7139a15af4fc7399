"""The flaws that a point can have, their names and their bits. Imports nothing heavy: panels and --help read it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .errors import InputError


@dataclass(frozen=True, slots=True)
class Flaw:
    """A reason to hide a point, for lists to choose from."""

    title: str
    note: str  # what such a point is, one clause
    attribute: str  # of the points in Blender, boolean
    bit: int  # in a byte map


FLAWS = {
    "floaters": Flaw("Floaters", "In front of a surface that another photo is surer of", "floater", 1),
    "sky": Flaw("Sky", "Sky, which has no place", "sky", 2),
    "edges": Flaw("Edges", "Flying between the two surfaces that meet at a depth edge", "edge", 4),
    "outliers": Flaw("Outliers", "Far outside the scene, and no other photo confirms it", "outlier", 8),
    "unconfirmed": Flaw("Unconfirmed", "At the network's depth, not at one that photos agree on", "unconfirmed", 16),
    "guesses": Flaw("Guesses", "Unconfirmed, and other photos do not have it there too", "guess", 32),
    "repeated": Flaw("Repeated", "Another photo shows the same point, at least as finely", "repeated", 64),
}
OF_CLOUD = ("repeated",)  # flaws of the points together: each photo's own surface needs them
HIDDEN_AT_FIRST = ("floaters", "edges", "outliers", "guesses", "repeated")  # unless told; a sky can be wanted
NO_FLAW = "none"  # what a list of names says that names none


def surface_flaws(names: Iterable[str]) -> tuple[str, ...]:
    """Those of these flaws that a photo's own surface has, whatever other photos show."""
    return tuple(name for name in names if name not in OF_CLOUD)


def bits_of(names: Iterable[str]) -> int:
    """The bits of these flaws together."""
    return sum(FLAWS[name].bit for name in set(names))


def parse_flaws(text: str) -> tuple[str, ...]:
    """The flaws of a list such as "sky,edges", in the order of FLAWS; of "none", none. Raises InputError."""
    given = [part.strip() for part in text.split(",")]
    unknown = [part for part in given if part not in FLAWS and part != NO_FLAW]
    if unknown or (NO_FLAW in given and len(given) > 1):
        names = ", ".join(FLAWS)
        raise InputError(f"{text!r} does not say what to hide; give some of {names} with commas between, or {NO_FLAW}")
    return tuple(name for name in FLAWS if name in given)


def count_flaws(maps: Iterable[Any]) -> str:
    """For people: how many pixels of all byte maps (H, W) have each flaw; None among the maps has none."""
    known = [map_ for map_ in maps if map_ is not None]
    counts = {flaw.title: sum(int((map_ & flaw.bit != 0).sum()) for map_ in known) for flaw in FLAWS.values()}
    return ", ".join(f"{title} {count}" for title, count in counts.items())
