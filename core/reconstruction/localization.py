"""How photos were placed in a world that was there already, and how far their cameras can be trusted."""

from dataclasses import dataclass

from ..settings import LocalizationSettings


@dataclass(frozen=True, slots=True)
class LocalizedPhoto:
    """What a photo's camera was found from."""

    name: str
    inliers: int  # matches reprojected within 1.5 % of the longer side
    matches: int
    median_reprojection_px: float  # of the inliers, photo pixels
    neighbours: tuple[str, ...]  # names of the photos that it was compared with, the most alike first


@dataclass(frozen=True, slots=True)
class Localization:
    """The settings that the photos of a reconstruction were placed with, and what was found of each."""

    settings: LocalizationSettings
    photos: tuple[LocalizedPhoto, ...]  # in the order of the views
