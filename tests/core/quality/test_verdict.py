"""When cameras are called good, doubtful or bad."""

from dataclasses import replace

import pytest
from dust3r.core.cameras.evidence import CameraEvidence
from dust3r.core.quality.verdict import judge

SURE = CameraEvidence("photos", observations=200, error=0.5, turn=0.05, shift=0.002)
KNOWN, NETWORK, BOTH = (CameraEvidence(source) for source in ("known", "network", "both"))


def word(*evidence, connected=None, synthetic=True):
    return judge(evidence, connected or [True] * len(evidence), synthetic).word


def test_cameras_that_are_known_or_certain_by_the_photos_are_good():
    assert word(SURE, KNOWN, SURE) == "good"
    assert word(KNOWN, KNOWN) == "good"
    assert judge([SURE, SURE], [True, True], True).action == ""


@pytest.mark.parametrize(
    "weak",
    [
        NETWORK,
        BOTH,
        replace(SURE, observations=29),
        replace(SURE, turn=1.1),
        replace(SURE, shift=0.06),
        replace(SURE, turn=None),
        replace(SURE, shift=None),
    ],
)
def test_one_uncertain_camera_makes_all_doubtful_and_the_sentence_counts(weak):
    found = judge([SURE, SURE, weak], [True] * 3, True)
    assert found.word == "doubtful" and "2 of 3" in found.reason and found.action


def test_a_photo_without_a_place_among_the_others_is_not_good():
    assert word(SURE, SURE, SURE, connected=[True, True, False]) == "doubtful"


def test_where_the_photos_agree_on_less_than_half_a_network_of_synthetic_scenes_is_bad():
    assert word(SURE, BOTH, BOTH) == "bad"
    assert word(SURE, BOTH, BOTH, synthetic=False) == "doubtful"
    assert word(SURE, BOTH) == "doubtful"


def test_a_single_photo_is_doubtful():
    assert word(NETWORK) == "doubtful"


def test_the_line_says_the_word_the_reason_and_what_to_do():
    said = judge([SURE, SURE, NETWORK], [True] * 3, True).text()
    assert said.startswith("Cameras: doubtful, the photos agree on 2 of 3; look through the others")
    assert judge([SURE, SURE], [True] * 2, True).text() == "Cameras: good, the photos agree on all of them"
