"""How features are found and matched. Imports no torch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FeaturePass:
    """One way of finding and matching features, from quick to thorough."""

    doubled: bool  # look at every photo at twice its size: finds up to four times as much and takes as much longer
    peak_threshold: float  # of the difference of Gaussians; COLMAP's default is 0.0067
    guided: bool  # match verified pairs once more along their epipolar lines
    most: int = 8192  # features of a photo, the largest scales first
    ratio: float = 0.85  # largest distance ratio to the second-best match; COLMAP's default is 0.8


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """Passes are made until every photo has found its place; the result of the best one is used."""

    long_side: int = 1600  # pixels that a photo is shrunk to; those of up to half of that are always doubled
    least_side: int = 200  # pixels of a photo's long side, below which it holds too few features to try
    passes: tuple[FeaturePass, ...] = (
        FeaturePass(doubled=False, peak_threshold=0.0067, guided=False),
        FeaturePass(doubled=True, peak_threshold=0.0034, guided=True),
    )
    least_matches: int = 15  # of a pair that share an epipolar geometry, else the pair does not count (COLMAP's)
    pixel_error: float = 4.0  # largest distance from the epipolar line, pixels at `long_side` (COLMAP's)
    complete_pairs: int = 30  # photos up to which every pair is matched; above, those of the scene graph
    seed: int = 0
