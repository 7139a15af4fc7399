"""When cameras are called good, doubtful or bad."""

from dataclasses import replace

import pytest
from dust3r.core.cameras.evidence import CameraEvidence
from dust3r.core.quality.verdict import judge

SURE = CameraEvidence("photos", observations=200, error=0.5, turn=0.05, shift=0.002)
KNOWN, NETWORK, BOTH = (CameraEvidence(source) for source in ("known", "network", "both"))


def verdict(*evidence, connected=None, focal="photos", synthetic=True):
    count = len(evidence)
    return judge(evidence, connected or [True] * count, [focal] * count, synthetic)


def word(*evidence, **more):
    return verdict(*evidence, **more).word


def test_cameras_that_are_known_or_certain_by_the_photos_are_good():
    assert word(SURE, KNOWN, SURE) == "good"
    assert word(KNOWN, KNOWN) == "good"
    assert verdict(SURE, SURE, SURE).action == ""


@pytest.mark.parametrize("focal", ["photos", "network"])
def test_two_photos_whose_focal_nobody_knows_are_doubtful(focal):
    found = verdict(SURE, SURE, focal=focal)
    assert found.word == "doubtful" and "focal" in found.reason and found.step == "photos"
    assert word(SURE, SURE, focal="exif") == word(SURE, SURE, focal="known") == "good"
    assert word(KNOWN, SURE, focal=focal) == "doubtful" and word(KNOWN, KNOWN, focal=focal) == "good"


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
    found = verdict(SURE, SURE, weak)
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
    said = verdict(SURE, SURE, NETWORK).text()
    assert said.startswith("Cameras: doubtful, the photos agree on 2 of 3; look through the others")
    assert verdict(SURE, SURE, SURE).text() == "Cameras: good, the photos agree on all of them"
