"""What counts as a flaw. Imports nothing heavy."""

from dataclasses import asdict, dataclass

from ..errors import InputError

MOST_NEIGHBOURS = 255  # they are counted in bytes


@dataclass(frozen=True, slots=True)
class CleanupSettings:
    """Where the filters draw their lines."""

    neighbours: int = 12  # other photos, those that see most of it, that a photo is compared with
    depth_tolerance: float = 0.05  # of the depth: nearer to each other than this, two photos' surfaces are one
    noise_factor: float = 3.0  # so many times what photos, or neighbouring pixels, usually differ by is noise
    guess_tolerance: float = 0.03  # of the depth: nearer than this, another photo's surface supports the network's
    alike: float = 50.0  # sRGB levels, mean over channels, by which the colours of one place differ in two photos
    stereo_tolerance: float = 0.01  # of the depth, before a surface that photos agree on: farther is free space
    edge_step: float = 0.02  # of the depth, from pixel to pixel, that a flying pixel differs by from both sides
    edge_contrast: float = 2.5  # times as steep as what lies around it, or it is a slanted surface
    outlier_fence: float = 1.5  # Tukey's factor, on the logarithm of the distance from the scene's middle
    sky_evidence: float = 1.0  # of unsure 0 to 1, far -1 to 1, seen elsewhere -0.5 to 0, colours -1.35 to 0.1

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not value > 0:
                raise InputError(f"{name} must be above 0, got {value}")
        if self.neighbours > MOST_NEIGHBOURS:
            raise InputError(f"neighbours must be at most {MOST_NEIGHBOURS}, got {self.neighbours}")
