"""What a photo's camera stands on. Imports nothing heavy."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from ..io.validation import record_of

CameraSource = Literal["known", "photos", "both", "network"]


@dataclass(frozen=True, slots=True)
class CameraEvidence:
    """Where one photo's pose comes from, and how well the photos determine it."""

    source: CameraSource = "network"  # known: the user's; photos: adjusted on matches; both: the network's, among these
    observations: int = 0  # triangulated points that the photo sees
    error: float | None = None  # median distance of these points from their pixels, photo pixels
    turn: float | None = None  # standard deviation of the rotation about its least certain axis, degrees
    shift: float | None = None  # that of the centre along its least certain axis, of the points' median depth

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Any) -> "CameraEvidence":
        """What `as_dict` gave; of None the network's. Raises TypeError or ValueError for anything else."""
        if content is None:
            return cls()
        found = record_of(cls, content)
        figures = [value for value in (found.error, found.turn, found.shift) if value is not None]
        if found.source not in get_args(CameraSource) or min(figures, default=0.0) < 0 or found.observations < 0:
            raise ValueError(f"{content!r:.80} is no evidence of a camera")
        return found


NETWORK = CameraEvidence()


def finite(value: float) -> float | None:
    """The value; None where it is infinite or NaN, which JSON cannot say."""
    return float(value) if math.isfinite(value) else None
