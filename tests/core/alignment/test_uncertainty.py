"""The alignment knows how far off it is, and who disagrees with the rest."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from dust3r.core.alignment import uncertainty
from dust3r.core.alignment.aligner import KnownCamera
from dust3r.core.geometry.rotation import rotation_angle
from dust3r.evaluation.metrics.poses import align_cameras
from dust3r.tests.aligning import align
from dust3r.tests.synthetic import noisy_scene

SIZE = (64, 48)  # pixels of a photo
QUARTER_TURN = torch.tensor([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])


def solve(inputs, **options):
    mappings, predictions, centres = inputs
    return align(mappings, predictions, principal_points=centres, **options)


def test_errors_are_about_as_large_as_foretold():
    ratios = []
    for seed in range(8):
        for noise in ("low", "high"):
            scene, *inputs = noisy_scene(4, noise, seed, size=SIZE)
            found = solve(inputs)
            move, rotation, centre = align_cameras(found.cam2world, scene["poses"])
            depth = np.array([np.median(part) for part in found.depth]) * float(move.scale)
            off = rotation / found.uncertainty.rotation, centre / depth / found.uncertainty.centre
            ratios.append([*off, np.abs(np.log(found.focal / scene["focals"])) / found.uncertainty.focal])
    within = (np.swapaxes(ratios, 0, 1).reshape(3, -1) < 1).mean(1)
    assert ((within > 0.45) & (within < 0.95)).all(), within


def test_more_noise_is_foretold_as_greater_errors():
    low, high = (solve(noisy_scene(4, noise, size=SIZE)[1:]).uncertainty for noise in ("low", "high"))
    for name in ("rotation", "centre", "scale", "focal"):
        assert np.median(getattr(high, name)) > 3 * np.median(getattr(low, name))


def test_how_two_cameras_stand_to_each_other_is_off_as_foretold():
    ratios = []
    for seed in range(6):
        scene, *inputs = noisy_scene(5, "medium", seed, size=SIZE)
        found = solve(inputs)
        i, j = np.array([p.edge for p in inputs[1]]).T  # pyright: ignore[reportAttributeAccessIssue]
        apart = [np.linalg.inv(poses[i]) @ poses[j] for poses in (found.cam2world, scene["poses"])]
        turn = np.degrees(rotation_angle(apart[0][:, :3, :3] @ apart[1][:, :3, :3].swapaxes(-1, -2)))
        ways = [one[:, :3, 3] / np.linalg.norm(one[:, :3, 3], axis=1)[:, None] for one in apart]
        direction = np.degrees(np.arccos(np.clip((ways[0] * ways[1]).sum(1), -1, 1)))
        ratios.append([turn / found.pair_uncertainty.rotation, direction / found.pair_uncertainty.direction])
    within = (np.swapaxes(ratios, 0, 1).reshape(2, -1) < 1).mean(1)
    assert ((within > 0.45) & (within < 0.95)).all(), within


def test_sampled_errors_are_those_of_the_inverse(monkeypatch):
    inputs = noisy_scene(8, "medium", size=SIZE)[1:]
    exact = solve(inputs)
    monkeypatch.setattr(uncertainty, "MANY", 0)
    monkeypatch.setattr(uncertainty, "SAMPLES", 2000)
    sampled = solve(inputs)
    for part, names in (("uncertainty", ("rotation", "centre", "scale")), ("pair_uncertainty", ("rotation", "scale"))):
        for name in names:
            found, wanted = (getattr(getattr(one, part), name) for one in (sampled, exact))
            assert found == pytest.approx(wanted, rel=0.1)


def test_what_is_known_has_no_error_and_lessens_that_of_the_others():
    scene, *inputs = noisy_scene(4, "medium", size=SIZE)
    free = solve(inputs).uncertainty
    known = [KnownCamera(scene["poses"][n], focal=float(scene["focals"][n])) if n != 2 else None for n in range(4)]
    pinned = solve(inputs, known=known).uncertainty
    for name in ("rotation", "centre", "focal"):
        assert getattr(pinned, name)[[0, 1, 3]] == pytest.approx(np.zeros(3))
        assert getattr(pinned, name)[2] > 0
    assert pinned.rotation[2] < 1.5 * free.rotation[2]


def test_a_pair_that_disagrees_is_named():
    _, mappings, predictions, centres = noisy_scene(5, "low", size=SIZE)
    turned = replace(predictions[3], points_j=predictions[3].points_j @ QUARTER_TURN)
    found = solve((mappings, [*predictions[:3], turned, *predictions[4:]], centres), names=list("abcde"))
    assert np.argmax(found.disagreement) == 3
    assert found.warnings == ("Pairs that disagree with the rest and were outvoted: a - e",)


def test_a_photo_that_disagrees_with_all_others_is_named():
    _, mappings, predictions, centres = noisy_scene(5, "low", size=SIZE)
    generator, strange = np.random.default_rng(0), []
    for p in predictions:
        if 2 in p.edge:
            turn = torch.from_numpy(np.linalg.qr(generator.normal(size=(3, 3)))[0].astype(np.float32))
            p = replace(p, points_j=p.points_j @ (turn * torch.sign(torch.det(turn))))
        strange.append(p)
    found = solve((mappings, strange, centres), names=list("abcde"))
    assert any("positions of c disagree" in warning for warning in found.warnings)


@pytest.mark.parametrize("noise", ["none", "low", "medium"])
def test_photos_that_agree_raise_no_alarm(noise):
    for seed in (0, 1):
        found = solve(noisy_scene(5, noise, seed, size=SIZE)[1:])
        assert found.warnings == ()
        assert np.median(found.disagreement) < 2


@pytest.mark.parametrize("edges", [((0, 1), (1, 0)), ((0, 1),), ((0, 1), (1, 2)), ((0, 0),)])
def test_uncertainties_are_finite_however_few_pairs_there_are(edges):
    count = max(max(edge) for edge in edges) + 1
    found = solve(noisy_scene(count, "medium", edges=edges, size=SIZE)[1:])
    for name in ("rotation", "centre", "scale", "focal"):
        assert np.isfinite(getattr(found.uncertainty, name)).all()
    assert (found.uncertainty.rotation > 0).all() == (count > 1)


def test_pairs_left_out_have_no_disagreement():
    _, mappings, predictions, centres = noisy_scene(4, "low", size=SIZE)
    nothing = replace(predictions[2], points_j=predictions[2].points_j * torch.nan)
    found = solve((mappings, [*predictions[:2], nothing, *predictions[3:]], centres))
    assert np.isnan(found.pair_uncertainty.rotation).tolist() == np.isnan(found.disagreement).tolist()
    assert np.isnan(found.disagreement).tolist() == [n == 2 for n in range(len(predictions))]
