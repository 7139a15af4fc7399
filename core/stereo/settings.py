"""How surfaces are found in photos whose cameras are certain. Imports no torch."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NeighbourSettings:
    """Which other photos one photo is compared with."""

    most: int = 4  # other photos that one is compared with
    witnesses: int = 8  # other photos whose depths may confirm its own
    shared: int = 10  # points seen by both, least
    good_angle: float = 8.0  # degrees between the rays of a point, from which on its depth is exact enough
    wide_angle: float = 30.0  # degrees, from which on the photos look too different
    grid: int = 24  # of a photo without points: its network's depth at so many columns and rows takes their place
    least_angle: float = 1.0  # degrees, median of the shared points: below, the photos say nothing of depth


@dataclass(frozen=True, slots=True)
class SweepSettings:
    """How depth is searched from coarse to fine."""

    first_side: int = 128  # pixels of the long side, about, where the search begins
    near: float = 0.8  # of the nearest point's or network's depth: where the search begins
    far: float = 1.25  # of the farthest: where it ends
    outliers: float = 0.01  # share of depths, at each end, that do not count for that
    first_step: float = 0.75  # pixels in the neighbours between first hypotheses
    most_planes: int = 160  # first hypotheses
    step: float = 0.75  # pixels in the neighbours between hypotheses of a finer level
    reach: int = 4  # hypotheses on each side of the coarser level's depth
    reach_aside: int = 2  # the same around the nearest and farthest depth close by
    spread: int = 2  # pixels of the coarser level that are close by
    keep: float = 0.2  # aggregated cost by which these must be better
    radius: int = 2  # pixels of the window on each side
    noise: float = 0.01  # standard deviation of brightness, of 1, that counts as no texture
    best: int = 2  # neighbours, the most alike, whose mean cost counts: the others may be occluded
    near_penalty: float = 0.06  # cost of one step of hypothesis between neighbouring pixels
    far_penalty: float = 0.35  # cost of a larger one, where the photo has no edge
    edge: float = 0.06  # difference of brightness that halves far_penalty
    chunk: int = 1 << 18  # pixels times hypotheses computed at once


@dataclass(frozen=True, slots=True)
class FusionSettings:
    """What counts as confirmed, and how the network's depth is brought onto it."""

    agreement: float = 0.01  # relative difference of depths that agree
    coarse: float = 2.0  # times this for every coarser level
    witnesses: int = 2  # other photos that must agree; where fewer could see the point, these
    taken: float = 0.008  # the same between a photo's own match and what others confirmed, which it then takes
    rim: int = 2  # pixels before a step in depth that nothing confirms: as far as a window reaches
    step: float = 0.05  # relative difference of depths that is one
    doubted: float = 0.02  # weight of a depth with fewer witnesses, of one that is confirmed
    points: float = 4.0  # weight of a triangulated point
    widths: tuple[float, ...] = (0.16, 0.04, 0.01)  # of the factor's kernels, of the long side
    behind: float = 5.0  # how much more counts what is farther than the network's depth
    most_behind: float = 2.0  # largest logarithm of that weight
    pull: float = 0.03  # share of known pixels under a kernel, at which the next wider one counts as much
    color_width: float = 0.5  # difference of colour, summed over channels, over which a kernel falls as over its width


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """When photos contradict the cameras with which they are compared, at the coarsest level.

    Measured on the true cameras of five sets, whose upper quartile is 0.34 to 0.85, and on the same cameras given to
    the wrong photos, 0.09 to 0.20 (docs/method.md).
    """

    agreement: float = 0.02  # relative difference of depths that agree
    overlap: float = 0.1  # share of a photo's pixels in sight of another, below which as many count as unlike
    least: float = 0.25  # share of agreeing pixels, with the neighbour that has most, upper quartile of the photos


@dataclass(frozen=True, slots=True)
class StereoSettings:
    """Of surfaces from the photos."""

    neighbours: NeighbourSettings = field(default_factory=NeighbourSettings)
    sweep: SweepSettings = field(default_factory=SweepSettings)
    fusion: FusionSettings = field(default_factory=FusionSettings)
    cameras: CameraSettings = field(default_factory=CameraSettings)
    at_once: int = 4  # photos worked on at the same time, where a CPU has the cores; more wait for one another
