"""What a camera stands on, to files and back."""

import json

import pytest
from dust3r.core.cameras.evidence import CameraEvidence


@pytest.mark.parametrize(
    "evidence", [CameraEvidence(), CameraEvidence("known"), CameraEvidence("photos", 412, 0.4, 0.02, 0.001)]
)
def test_evidence_reads_back_from_json_the_same(evidence):
    assert CameraEvidence.from_dict(json.loads(json.dumps(evidence.as_dict()))) == evidence


def test_results_of_before_stand_on_the_network():
    assert CameraEvidence.from_dict(None) == CameraEvidence("network")


@pytest.mark.parametrize(
    "content",
    [
        {"source": "magic"},
        {"observations": -1},
        {"error": -0.5},
        {"turn": float("nan")},
        {"shift": "much"},
        {"colour": 3},
        [],
    ],
)
def test_what_is_no_evidence_is_refused(content):
    with pytest.raises((TypeError, ValueError)):
        CameraEvidence.from_dict(content)
