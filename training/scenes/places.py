"""Which kind of place a scene is."""

from .builder import Builder
from .difficulty import Ranges
from .outdoors import countryside, plain_ground
from .rooms import close_up, furnished_room, plain_room
from .stage import Stage


def make_stage(b: Builder, ranges: Ranges) -> Stage:
    """Build one place, of a kind drawn by the ranges' shares."""
    rng = b.rng
    if rng.random() < ranges.close:
        return close_up(b, ranges)
    outdoor, furnished = rng.random() < ranges.outdoor, rng.random() < ranges.furnished
    if outdoor:
        return countryside(b, ranges) if furnished else plain_ground(b, ranges)
    return furnished_room(b, ranges) if furnished else plain_room(b, ranges)
