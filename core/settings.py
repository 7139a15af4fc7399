"""Every setting of reconstruction and localisation: the one place where their defaults live. Imports no torch."""

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from .errors import InputError
from .flaws import FLAWS, HIDDEN_AT_FIRST
from .io.validation import check_types

Schedule = Literal["cosine", "linear"]
Distance = Literal["l1", "l2"]
Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "float32", "half"]
SharedFocal = Literal["off", "size", "exif"]
Ground = Literal["auto", "off"]
Cameras = Literal["auto", "network"]
Way = Literal["matches", "relative"]
Surfaces = Literal["auto", "network"]

MOST = 2**31 - 1  # of whole numbers: more than Blender's own fields take is none of ours
AUTO_HIDDEN = 0.25  # share of the points, the least certain, that an unset min_confidence hides
AUTO_SURFACE = 512  # pixels: the long side of depth maps from the photos where none is set
LARGEST_SURFACE = 2048  # pixels: the most that can be set
CACHE_GIGABYTES = 4.0  # most that the panel's jobs keep of what the network said (core/jobs/disk_cache.py)


@dataclass(frozen=True, slots=True)
class AlignmentSettings:
    """How pairs are brought into one world (core/alignment)."""

    iterations: int = 300  # most refinement steps after the closed-form start
    schedule: Schedule = "cosine"  # how the step length falls
    learning_rate: float = 0.01  # first step length of the refinement
    distance: Distance = "l1"  # |r| or |r|^2 in the objective
    shared_focal: SharedFocal = "off"  # one focal for all photos of equal size, or of one camera, lens and size
    exif_focal: bool = True  # weigh a focal from EXIF, where there is a plausible one, against the network's
    optimize_principal_point: bool = False  # else the photo's centre
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("iterations", "seed"):
            if not 0 <= getattr(self, name) <= MOST:
                raise InputError(f"{name} must be a whole number from 0 to {MOST}, got {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate must be above 0, got {self.learning_rate}")
        _check_choice("schedule", self.schedule, get_args(Schedule))
        _check_choice("distance", self.distance, get_args(Distance))
        _check_choice("shared_focal", self.shared_focal, get_args(SharedFocal))
        _check_kinds(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "AlignmentSettings":
        """The settings that `asdict` wrote, now or when shared_focal was yes or no; raises TypeError for others.

        Those from before there was exif_focal keep what was done then.
        """
        if "shared_focal" in values:
            values = {"exif_focal": False, **values}
        shared = values.get("shared_focal", cls().shared_focal)
        return cls(**{**values, "shared_focal": {True: "size", False: "off"}.get(shared, shared)})


@dataclass(frozen=True, slots=True)
class ReconstructionSettings:
    """Everything that, with the photos and the model, decides the result."""

    scene_graph: str = "auto"  # see core/scene_graph/edges.py
    symmetrize: bool = True  # predict both directions of every pair
    device: Device = "auto"
    precision: Precision = "auto"  # of the network's products; auto: half where the device is faster in it
    cameras: Cameras = "auto"  # from what the photos agree on, where that is more than the network's (core/adjustment)
    lens_distortion: bool = True  # lenses that bend lines are recognised, with cameras from the photos
    surfaces: Surfaces = "auto"  # dense depth from photos whose cameras are certain, where they overlap (core/stereo)
    surface_resolution: int | None = None  # pixels: long side of these depth maps; None: AUTO_SURFACE
    min_confidence: float | None = None  # points below are hidden, on the network's scale from 1; None: AUTO_HIDDEN
    hide: tuple[str, ...] = HIDDEN_AT_FIRST  # points with these flaws are hidden, of core/cleanup's FLAWS
    ground: Ground = (
        "auto"  # bring the floor down (core/world/transform.py), unless poses are known; off: the alignment's world
    )
    alignment: AlignmentSettings = field(default_factory=AlignmentSettings)

    def __post_init__(self) -> None:
        if self.min_confidence is not None and not self.min_confidence >= 1:
            raise InputError(f"min_confidence must be at least 1 (1 keeps every point), got {self.min_confidence}")
        if self.surface_resolution is not None and not AUTO_SURFACE <= self.surface_resolution <= LARGEST_SURFACE:
            raise InputError(
                f"surface_resolution must be from {AUTO_SURFACE} to {LARGEST_SURFACE}, got {self.surface_resolution}"
            )
        for name in self.hide:
            _check_choice("hide", name, tuple(FLAWS))
        _check_choice("device", self.device, get_args(Device))
        _check_choice("precision", self.precision, get_args(Precision))
        _check_choice("ground", self.ground, get_args(Ground))
        _check_choice("cameras", self.cameras, get_args(Cameras))
        _check_choice("surfaces", self.surfaces, get_args(Surfaces))
        _check_kinds(self)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"hide": list(self.hide)}  # as JSON gives it back

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ReconstructionSettings":
        """The settings that `as_dict` wrote; unknown or ill-typed entries raise InputError."""
        try:
            alignment = AlignmentSettings.from_dict(values.get("alignment", {}))
            return cls(**{**values, "alignment": alignment, "hide": tuple(values.get("hide", cls().hide))})
        except TypeError as error:
            raise InputError(f"These settings are not ours: {error}") from error

    @classmethod
    def recorded(cls, values: dict[str, Any]) -> "ReconstructionSettings | None":
        """The settings that a result's file names; None: none of ours.

        Entries of a later version are ignored. What an older version has no entry for was not done then.
        """
        ours = {field.name for field in fields(cls)}
        known = {name: value for name, value in values.items() if name in ours}
        return cls.from_dict(NOT_RECORDED | known) if known else None


NOT_RECORDED = {"hide": (), "ground": "off", "cameras": "network", "surfaces": "network", "lens_distortion": False}


@dataclass(frozen=True, slots=True)
class LocalizationSettings:
    """How a photo is placed in a world that is there already, and how sure that must be (core/localization)."""

    way: Way = "matches"  # PnP over all matches, or the relative pose to one photo, scaled by its known depth
    neighbours: int = 5  # photos of the reconstruction, those most alike, that the new one is compared with
    focal: float | None = None  # of the new photo, in its pixels; None: what its own pointmaps show
    min_inliers: int = 50  # matches that must agree on the camera
    min_inlier_share: float = 0.12  # of all matches
    seed: int = 0

    def __post_init__(self) -> None:
        _check_choice("way", self.way, get_args(Way))
        for name in ("neighbours", "min_inliers"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.min_inlier_share <= 1:
            raise InputError(f"min_inlier_share must be from 0 to 1, got {self.min_inlier_share}")
        if self.focal is not None and not (math.isfinite(self.focal) and self.focal > 0):
            raise InputError(f"A known focal must be above 0 pixels, got {self.focal}")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


def _check_kinds(settings: AlignmentSettings | ReconstructionSettings) -> None:
    try:
        check_types(settings)
    except TypeError as error:
        raise InputError(f"A setting is not what it should be: {error}") from error
