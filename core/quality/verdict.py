"""Whether a result's cameras can be trusted: a word, the reason, and what to do. Imports nothing heavy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..cameras.evidence import CameraEvidence

Say = Callable[[str], str]  # translates a sentence before its figures are put in; str leaves it English
Word = Literal["good", "doubtful", "bad"]
Step = Literal["", "photos", "model", "look"]


@dataclass(frozen=True, slots=True)
class VerdictSettings:
    """What a camera needs to count as certain, unless it is the user's own."""

    observations: int = 30  # triangulated points that it sees
    turn: float = 1.0  # degrees, standard deviation
    shift: float = 0.05  # of the depth of what it sees, standard deviation


@dataclass(frozen=True, slots=True)
class Verdict:
    """On all cameras together, from the photos' evidence: no true camera is known."""

    word: Word
    reason: str  # a clause
    action: str = ""  # a clause; "": nothing is to be done
    step: Step = ""  # what the clause begins with: more photos, a full model, a look through the photos

    def text(self, say: Say = str) -> str:
        """One line."""
        words = {"good": say("Cameras: good"), "doubtful": say("Cameras: doubtful"), "bad": say("Cameras: bad")}
        return "; ".join(filter(None, (f"{words[self.word]}, {self.reason}", self.action)))


def judge(
    evidence: Sequence[CameraEvidence],
    connected: Sequence[bool],
    focals: Sequence[str],
    synthetic: bool,
    say: Say = str,
    settings: VerdictSettings | None = None,
) -> Verdict:
    """The verdict on the cameras of N photos.

    connected: whether each is in the world of most photos; focals: where each one's comes from, a FocalSource;
    synthetic: the network was trained on synthetic scenes alone. Good means that every camera is the user's, or certain
    by the photos' own matches. Those of two photos fit many focals, each with another place.
    """
    count = len(evidence)
    if count < 2:
        alone = say("one photo has none to be compared with")
        return Verdict("doubtful", alone, say("add photos of the same place from other sides"), "photos")
    settings = settings or VerdictSettings()
    sure = sum(is_certain(one, settings) and joined for one, joined in zip(evidence, connected, strict=True))
    if count == 2 and sure == 2 and any(map(_is_fitted, evidence, focals)):
        reason = say("two photos hardly tell their focal length")
        return Verdict("doubtful", reason, say("add a photo from a third place, or give the focal length"), "photos")
    if sure == count:
        return Verdict("good", say("the photos agree on all of them"))
    agree = say("the photos agree on {} of {}").format(sure, count)
    if 2 * sure >= count:
        return Verdict(
            "doubtful", agree, say("look through the others, or add photos that overlap with theirs"), "look"
        )
    more = say("add photos with more overlap and texture, or use a full model")
    return Verdict("bad" if synthetic else "doubtful", agree, more, "model" if synthetic else "photos")


def _is_fitted(evidence: CameraEvidence, focal: str) -> bool:
    return evidence.source == "photos" and focal not in {"known", "exif"}


def is_certain(evidence: CameraEvidence, settings: VerdictSettings | None = None) -> bool:
    """Whether a camera is the user's, or many points determine it well."""
    settings = settings or VerdictSettings()
    if evidence.source == "known":
        return True
    if evidence.source != "photos" or evidence.turn is None or evidence.shift is None:
        return False
    seen = evidence.observations >= settings.observations
    return seen and evidence.turn <= settings.turn and evidence.shift <= settings.shift
