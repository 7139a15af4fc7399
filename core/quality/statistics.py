"""How a reconstruction turned out, in figures and in words; `measure` computes them. Imports nothing heavy."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

from ..cameras.evidence import NETWORK, CameraEvidence
from ..cameras.priors import FocalSource
from .verdict import Say, Verdict, judge

# Photos that miss one of these are named.
LEAST_SHOWN = 0.25  # of a photo's pixels
LEAST_SURE = 0.5  # of the photos' median confidence, on the logarithm by which the alignment weighs it
LEAST_SHARED = 0.25  # of a photo's points, that another photo shows too
WORST_OFF = 2.0  # times the photos' median reprojection
NEVER_OFF = 0.005  # of a photo's longer side: below it no reprojection is a weakness


@dataclass(frozen=True, slots=True)
class PhotoStatistics:
    """One photo; "shown" points are those that neither confidence nor a flaw hides."""

    name: str
    placed: bool  # connected: in the world of most photos, which says nothing of where it stands there
    side: int  # longer one of the photo, pixels
    shown: float  # share of its pixels, 0 to 1
    confidence: float  # median of its shown points; of all where none is shown
    shared: float  # share of its shown points that another photo shows too, 0 to 1
    reprojection: float | None  # median, photo pixels; None where no other photo shows its points
    problems: tuple[str, ...] = ()  # why it is weak, one clause each
    focal: float | None = None  # photo pixels; None in statistics from before it was kept
    focal_source: FocalSource = "network"  # where it comes from
    evidence: CameraEvidence = NETWORK  # what its camera stands on


@dataclass(frozen=True, slots=True)
class Statistics:
    """All photos together."""

    photos: tuple[PhotoStatistics, ...]
    points: int  # shown
    confidence: float  # median of the photos' medians
    reprojection: float | None  # median of the photos', photo pixels
    disagreement: float  # share of the depth by which two photos' surfaces usually differ
    synthetic: bool = False  # the network was trained on synthetic scenes alone
    confirmed: float | None = None  # share of the pixels on whose depth photos agree; None: they were not compared

    @property
    def placed(self) -> int:
        """How many photos are connected: in the world of most."""
        return sum(photo.placed for photo in self.photos)

    @property
    def weakest(self) -> tuple[PhotoStatistics, ...]:
        """The photos with problems, those with most first; before them the ones that have no place."""
        weak = [photo for photo in self.photos if photo.problems]
        return tuple(sorted(weak, key=lambda photo: (photo.placed, -len(photo.problems))))

    def summary(self, say: Say = str) -> tuple[str, ...]:
        """One short line for each figure."""
        agree = say("No two photos show the same place")
        if self.reprojection is not None:
            share = _median(
                [photo.reprojection / photo.side for photo in self.photos if photo.reprojection is not None]
            )
            agree = say("Photos agree to {:.1f} px ({:.2%})").format(self.reprojection, share)
        return (
            say("{} of {} photos connected").format(self.placed, len(self.photos)),
            say("Median confidence {:.2f}").format(self.confidence),
            agree,
            say("{:,} points shown").format(self.points),
        )

    def caveats(self, say: Say = str) -> tuple[str, ...]:
        """What nobody should take the result for, one line each."""
        return find_caveats(self.synthetic, [photo.focal_source for photo in self.photos], self.confirmed, say)

    def verdict(self, say: Say = str) -> Verdict:
        """Whether the cameras can be trusted."""
        photos, focals = self.photos, [photo.focal_source for photo in self.photos]
        return judge([one.evidence for one in photos], [one.placed for one in photos], focals, self.synthetic, say)

    def camera_text(self, photo: PhotoStatistics, say: Say = str) -> str:
        """What a photo's camera stands on."""
        found = photo.evidence
        sources = {
            "known": say("Camera known"),
            "both": say("Camera from the network, among those from the photos"),
            "network": say("Camera from the network"),
        }
        if found.source != "photos":
            return sources[found.source]
        if found.turn is None or found.error is None:
            return say("Camera from {} points").format(found.observations)
        return say("Camera from {} points, {:.1f} px, ±{:.2g}°").format(found.observations, found.error, found.turn)

    def focal_text(self, photo: PhotoStatistics, say: Say = str) -> str:
        """A photo's focal length and where it comes from; "" where it was not kept."""
        if photo.focal is None:
            return ""
        sources = {
            "known": say("Focal {:.0f} px, known"),
            "exif": say("Focal {:.0f} px, from EXIF"),
            "photos": say("Focal {:.0f} px, from the photos"),
        }
        guess = say("Focal {:.0f} px, a guess") if self.synthetic else say("Focal {:.0f} px")
        return sources.get(photo.focal_source, guess).format(photo.focal)

    def problems_of(self, photo: PhotoStatistics, say: Say = str) -> tuple[str, ...]:
        """Why one of the photos is weak, one clause each."""
        return find_problems(photo, self.photos, say)

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `from_dict` reads it back the same."""
        return asdict(self) | {"placed": self.placed}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Statistics":
        """What `as_dict` gave; raises LookupError, TypeError, ValueError or AttributeError for anything else."""
        photos = tuple(_photo(entry) for entry in content["photos"])
        figures = _finite(content["confidence"]), _optional(content["reprojection"]), _finite(content["disagreement"])
        confirmed = _optional(content.get("confirmed"))  # statistics of before have none
        synthetic = content.get("synthetic") is True
        return cls(photos, int(content["points"]), *figures, synthetic, confirmed)


def find_caveats(
    synthetic: bool, sources: Sequence[FocalSource], confirmed: float | None, say: Say = str
) -> tuple[str, ...]:
    """What a result says of its surfaces, and of focals that a network of synthetic scenes alone guessed; a line each.

    sources: of every photo's focal; confirmed: as of `Statistics`.
    """
    agree = () if confirmed is None else (say("Surfaces: the photos agree on {:.0%}").format(confirmed),)
    if not synthetic:
        return agree
    rough, guessed = say("rough: this network was trained on synthetic scenes"), sources.count("network")
    if agree:
        rough = say("{}; the rest is rough: this network was trained on synthetic scenes").format(*agree)
    focals = say("The focal length of {} of {} photos is a guess").format(guessed, len(sources))
    return (rough, focals) if guessed else (rough,)


def find_problems(photo: PhotoStatistics, photos: tuple[PhotoStatistics, ...], say: Say = str) -> tuple[str, ...]:
    """What makes a photo weaker than the others, one clause each, with its figure and theirs."""
    if not photo.placed:
        return (say("it could not be connected with the other photos"),)
    placed = [other for other in photos if other.placed]
    usual = _median([other.confidence for other in placed])
    off = _median([other.reprojection / other.side for other in placed if other.reprojection is not None])
    problems = []
    if photo.shown < LEAST_SHOWN:
        problems.append(say("only {:.0%} of its pixels are shown").format(photo.shown))
    if math.log(photo.confidence) < LEAST_SURE * math.log(usual):
        unsure = say("the network is unsure of it (confidence {:.2f}, usually {:.2f})")
        problems.append(unsure.format(photo.confidence, usual))
    if photo.shared < LEAST_SHARED and len(placed) > 1:
        problems.append(say("other photos show only {:.0%} of what it shows").format(photo.shared))
    if photo.reprojection is not None and photo.reprojection > photo.side * max(NEVER_OFF, WORST_OFF * off):
        aside = say("other photos put its surfaces {:.1f} px aside (usually {:.1f})")
        problems.append(aside.format(photo.reprojection, off * photo.side))
    return tuple(problems)


def _median(values: list[float]) -> float:
    """Of any number of values; 0 of none. The lower of two middles."""
    return sorted(values)[(len(values) - 1) // 2] if values else 0.0


def _photo(entry: dict[str, Any]) -> PhotoStatistics:
    shares = {name: _finite(entry[name]) for name in ("shown", "confidence", "shared")}
    problems = tuple(str(problem) for problem in entry["problems"])
    source = entry.get("focal_source", "network")
    if source not in get_args(FocalSource):
        raise ValueError(f"{source!r} is no source of a focal")
    return PhotoStatistics(
        str(entry["name"]),
        bool(entry["placed"]),
        int(entry["side"]),
        **shares,
        reprojection=_optional(entry["reprojection"]),
        problems=problems,
        focal=_optional(entry.get("focal")),
        focal_source=source,
        evidence=CameraEvidence.from_dict(entry.get("evidence")),
    )


def _optional(value: Any) -> float | None:
    return None if value is None else _finite(value)


def _finite(value: Any) -> float:
    if not math.isfinite(float(value)):
        raise ValueError(f"{value} is no figure")
    return float(value)
