"""The losses: values checked by hand-made cases, gradients by finite differences."""

import math

import pytest
import torch
from dust3r.training.losses import PairPoints, confidence_loss, joined, pixel_errors, regression_loss

DOUBLE = torch.float64


def pairs(count: int = 2, points: int = 12, seed: int = 0) -> PairPoints:
    generator = torch.Generator().manual_seed(seed)
    cloud = torch.randn(count, points, 3, dtype=DOUBLE, generator=generator) + torch.tensor([0.0, 0.0, 4.0])
    valid = torch.rand(count, points, generator=generator) > 0.3
    return PairPoints(cloud * valid[..., None], valid)


def every(points: list[list[float]]) -> PairPoints:
    return PairPoints(torch.tensor([points], dtype=DOUBLE), torch.ones(1, len(points), dtype=torch.bool))


def test_a_cloud_that_is_right_up_to_scale_costs_nothing():
    truth = pairs()
    assert regression_loss(truth.points * 3.7, truth) < 1e-12


def test_the_error_is_measured_in_mean_distances():
    truth = every([[0, 0, 1], [0, 0, 3]])  # mean distance 2
    found = pixel_errors(torch.tensor([[[0, 0, 2.0], [0, 0, 2.0]]], dtype=DOUBLE), truth)
    torch.testing.assert_close(found, torch.tensor([[0.5, 0.5]], dtype=DOUBLE))


def test_both_photos_share_one_scale():
    points_i, points_j = torch.full((1, 1, 2, 3), 1.0), torch.full((1, 2, 1, 3), 3.0)
    valid_i, valid_j = torch.ones(1, 1, 2, dtype=torch.bool), torch.ones(1, 2, 1, dtype=torch.bool)
    truth = joined(points_i, points_j, valid_i, valid_j)
    # Each photo alone is right up to scale; together they are not: 1, 1, 3, 3 against 2, 2, 2, 2.
    found = pixel_errors(torch.full((1, 4, 3), 2.0), truth)
    torch.testing.assert_close(found, torch.full((1, 4), math.sqrt(3) * 0.5 / math.sqrt(3)))


def test_what_is_not_valid_counts_nowhere_even_if_it_is_not_a_number():
    truth = pairs()
    predicted = truth.points * 2 + 0.1
    holes = predicted.masked_fill(~truth.valid[..., None], torch.nan).requires_grad_()
    truth_with_holes = joined(
        truth.points.masked_fill(~truth.valid[..., None], torch.inf)[:, None, :7],
        truth.points.masked_fill(~truth.valid[..., None], torch.nan)[:, None, 7:],
        truth.valid[:, None, :7],
        truth.valid[:, None, 7:],
    )
    loss = confidence_loss(holes, torch.where(truth.valid, 2.0, torch.nan), truth_with_holes)
    torch.testing.assert_close(loss, confidence_loss(predicted, torch.full((2, 12), 2.0), truth))
    loss.backward()
    assert holes.grad is not None and holes.grad.isfinite().all()


@pytest.mark.parametrize("invariance", ["none", "shift", "scale", "both"])
def test_no_valid_pixel_and_no_extent_stay_finite(invariance):
    truth = PairPoints(torch.zeros(2, 4, 3), torch.tensor([[False] * 4, [True] * 4]))
    predicted = torch.zeros(2, 4, 3, requires_grad=True)
    loss = confidence_loss(predicted, torch.full((2, 4), 1.5), truth, invariance=invariance)
    loss.backward()
    assert loss.isfinite() and predicted.grad is not None and predicted.grad.isfinite().all()
    nothing = PairPoints(torch.zeros(1, 4, 3), torch.zeros(1, 4, dtype=torch.bool))
    assert regression_loss(torch.rand(1, 4, 3), nothing, invariance) == 0


def test_a_pair_without_valid_pixels_does_not_dilute_the_others():
    truth = pairs(1)
    predicted = truth.points + 0.3
    alone = regression_loss(predicted, truth)
    wide = PairPoints(torch.cat([truth.points, truth.points]), torch.cat([truth.valid, torch.zeros_like(truth.valid)]))
    torch.testing.assert_close(regression_loss(torch.cat([predicted, predicted]), wide), alone)


def test_confidence_weighs_the_error_and_pays_for_itself():
    truth = every([[0, 0, 1], [0, 0, 3]])
    predicted = torch.tensor([[[0, 0, 2.0], [0, 0, 2.0]]], dtype=DOUBLE)  # both errors 0.5
    found = confidence_loss(predicted, torch.tensor([[1.0, 4.0]], dtype=DOUBLE), truth, alpha=0.2)
    assert found.item() == pytest.approx((0.5 + 4 * 0.5 - 0.2 * math.log(4)) / 2)


def test_the_best_confidence_is_alpha_over_the_error():
    truth = every([[0, 0, 1], [0, 0, 3]])
    predicted = torch.tensor([[[0, 0, 1.9], [0, 0, 2.1]]], dtype=DOUBLE)
    best = (0.2 / pixel_errors(predicted, truth)).requires_grad_()
    confidence_loss(predicted, best, truth).backward()
    assert best.grad is not None and best.grad.abs().max() < 1e-12


def test_the_shift_invariant_loss_forgives_depth_and_nothing_sideways():
    truth = pairs(2, 41)
    deeper = truth.points * 2.5 + torch.tensor([0.0, 0.0, 3.0])
    assert regression_loss(deeper, truth) > 0.05
    assert regression_loss(deeper, truth, "shift") < 1e-9
    assert regression_loss(truth.points + torch.tensor([1.0, 0.0, 0.0]), truth, "shift") > 0.1


def test_a_few_outliers_do_not_set_the_scale_of_the_scale_invariant_loss():
    truth = pairs(1, 41)
    predicted = truth.points.clone()
    predicted[:, truth.valid[0].nonzero()[0]] *= 40
    of_the_others = truth.valid.clone()
    of_the_others[:, truth.valid[0].nonzero()[0]] = False
    assert pixel_errors(predicted, truth)[of_the_others].mean() > 0.4
    assert pixel_errors(predicted, truth, "scale")[of_the_others].mean() < 0.1


def test_forgiving_both_leaves_nothing_of_a_cloud_moved_and_grown():
    truth = pairs(2, 41)
    assert regression_loss(truth.points * 2.5 + torch.tensor([0.0, 0.0, 3.0]), truth, "both") < 1e-9


def test_the_scale_invariant_loss_sees_only_how_far_apart_the_spreads_are():
    truth = every([[-1, 0, 2], [1, 0, 2], [0, 1, 2], [0, -1, 2], [0, 0, 2]])
    centre = torch.tensor([0.0, 0.0, 2.0], dtype=DOUBLE)
    shrunk = centre + 0.5 * (truth.points - centre)
    x = shrunk / shrunk.norm(dim=-1).mean()
    y = truth.points / truth.points.norm(dim=-1).mean()
    spread_x, spread_y = (cloud[0, 0, 0].abs() for cloud in (x, y))
    expected = (x * spread_y / spread_x - y).norm(dim=-1).mean()
    torch.testing.assert_close(regression_loss(shrunk, truth, "scale"), expected)


@pytest.mark.parametrize("invariance", ["none", "shift", "scale", "both"])
def test_gradients_agree_with_finite_differences(invariance):
    truth = pairs(2, 9, seed=3)
    generator = torch.Generator().manual_seed(4)
    predicted = (truth.points + torch.randn(2, 9, 3, dtype=DOUBLE, generator=generator)).requires_grad_()
    confidence = (1 + torch.rand(2, 9, dtype=DOUBLE, generator=generator)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: regression_loss(x, truth, invariance), (predicted,))
    assert torch.autograd.gradcheck(
        lambda x, c: confidence_loss(x, c, truth, invariance=invariance), (predicted, confidence)
    )
