"""How cameras are adjusted on matches. Imports no torch."""

from dataclasses import dataclass, field

from ..features.settings import FeatureSettings


@dataclass(frozen=True, slots=True)
class AdjustmentSettings:
    """Permissive, for what is kept in the end is what most matches support (support.py)."""

    features: FeatureSettings = field(default_factory=FeatureSettings)
    focal_factors: tuple[float | None, ...] = (None, 1.2)  # first focals tried, of the long side; None: the network's
    two_view_focals: tuple[float, ...] = tuple(0.5 * 1.1**step for step in range(17))  # the same of two or three photos
    focal_pull: float = 0.3  # what such a focal costs a match: this times log(focal / the network's)^2
    likely_focal: float = 1.6  # times the network's, or it over that: beyond, other starts are tried too
    first_matches: int = 20  # of the pair that a model begins with; COLMAP's default is 100
    first_angle: float = 2.0  # degrees between the rays of the first pair's points; COLMAP's default is 16
    photo_matches: int = 12  # with points of the model that place another photo; COLMAP's default is 30
    photo_share: float = 0.1  # of its matches with points that must agree; COLMAP's default is 0.25
    rounds: tuple[float, ...] = (16.0, 8.0, 4.0)  # largest reprojection errors from a rough start on, pixels
    last_rounds: tuple[float, ...] = (4.0, 2.0)  # the same of the model that is kept
    least_gain: float = 1e-6  # of the whole error: a step of an adjustment that brings less is its last
    distortion: bool = True  # whether lenses that bend lines are recognised
    least_bend: float = 0.003  # of a lens that is not taken for straight: at the photo's corners, of its long side
    bend_spread: float = 0.25  # how far, of the whole, that from one half of the points may be from the other half's
    angle_error: float = 2.0  # degrees between rays that may meet in a point, in the last round (COLMAP's)
    least_angle: float = 0.5  # degrees between the rays of a point that is kept
    support_error: float = 4.0  # largest distance of a match that supports two cameras from its epipolar line, pixels
    well_seen: int = 30  # observations of a photo whose place is certain
    better: float = 1.05  # times the support of the other: what one with more freedom, or not the network's, needs
    field_nodes: int = 17  # along each side of the photo, of the factor that brings depths onto points
    field_width: float = 0.08  # of the long side: how far a point's ratio of depths reaches
    field_pull: float = 1.0  # how many points' worth the photo's median ratio counts everywhere
    seed: int = 0
