"""Where the decoders are told to look: the truth of it on planes, the loss by hand, what it changes in a network."""

import math

import pytest
import torch
from dust3r.core.networks.dust3r.blocks import CrossAttention
from dust3r.core.networks.dust3r.dust3r import AttentionScores
from dust3r.core.networks.dust3r.rope import grid_rotation
from dust3r.training.batch import SceneBatch
from dust3r.training.config import NetworkShape, Stage
from dust3r.training.learners import Learner
from dust3r.training.matching import matching_loss, same_places
from dust3r.training.pairs import PairIndex, pair_index, random_numbers

PATCH, WIDTH, HEIGHT, FOCAL, DEPTH = 8, 32, 24, 32.0, 2.0
FIRST, SECOND = torch.tensor([0]), torch.tensor([1])
INDEX = PairIndex(FIRST, SECOND)
TINY = NetworkShape(24, 1, 2, 24, 2, 2, PATCH)


def wall(moves: tuple[float, ...], hidden: bool = False) -> SceneBatch:
    """A wall at depth 2 seen by cameras that stand so many metres to the right; hidden: the last sees a nearer one."""
    x, y = torch.meshgrid(torch.arange(WIDTH) + 0.5, torch.arange(HEIGHT) + 0.5, indexing="xy")
    rays = torch.stack([(x - WIDTH / 2) / FOCAL, (y - HEIGHT / 2) / FOCAL, torch.ones_like(x)], dim=-1)
    depths = [DEPTH] * (len(moves) - 1) + [DEPTH / 2 if hidden else DEPTH]
    points = torch.stack([rays * z + torch.tensor([m, 0.0, 0.0]) for m, z in zip(moves, depths, strict=True)])
    cam2world = torch.eye(4).repeat(len(moves), 1, 1)
    cam2world[:, 0, 3] = torch.tensor(moves)
    K = torch.tensor([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1]]).repeat(len(moves), 1, 1)
    images = torch.randint(0, 256, (1, len(moves), 3, HEIGHT, WIDTH), dtype=torch.uint8, generator=random_numbers(0, 0))
    valid = torch.ones(1, len(moves), HEIGHT, WIDTH, dtype=torch.bool)
    return SceneBatch(images, points[None], valid, cam2world[None], K[None], torch.tensor([[[0, 1]]]))


def test_the_same_view_shows_every_patch_where_it_is():
    torch.testing.assert_close(same_places(wall((0.0, 0.0)), FIRST, SECOND, PATCH)[0], torch.eye(12))


@pytest.mark.parametrize("patches", [1, -2])
def test_a_camera_one_step_aside_shows_every_patch_a_column_aside(patches):
    step = PATCH * DEPTH / FOCAL  # metres for which the wall is shifted by a patch
    found = same_places(wall((0.0, patches * step)), FIRST, SECOND, PATCH)[0].view(3, 4, 3, 4)
    for row in range(3):
        for column in range(4):
            expected = torch.zeros(3, 4)
            if 0 <= column - patches < 4:
                expected[row, column - patches] = 1
            torch.testing.assert_close(found[row, column], expected)


def test_half_a_patch_aside_is_shared_by_two():
    found = same_places(wall((0.0, PATCH / 2 * DEPTH / FOCAL)), FIRST, SECOND, PATCH)[0].view(3, 4, 3, 4)
    torch.testing.assert_close(found[1, 2], torch.tensor([[0, 0, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0, 0]]))
    assert found[1, 0].sum() == 0.5  # the other half has left the photo


def test_what_something_nearer_hides_is_nowhere():
    assert same_places(wall((0.0, 0.0), hidden=True), FIRST, SECOND, PATCH).sum() == 0


def test_pixels_without_a_point_are_nowhere_whatever_they_hold():
    batch = wall((0.0, 0.0))
    batch.valid[0, 0, :, : WIDTH // 2] = False
    batch.points[0, 0, :, : WIDTH // 2] = torch.nan
    found = same_places(batch, FIRST, SECOND, PATCH)[0].view(3, 4, 12)
    assert found[:, :2].sum() == 0 and found[:, 2:].sum() == 6


def test_looking_at_the_right_place_costs_nothing_and_looking_anywhere_the_logarithm_of_all_places():
    batch = wall((0.0, 0.0))
    right = AttentionScores([1000 * torch.eye(12)[None]] * 2, [1000 * torch.eye(12)[None]])
    assert matching_loss(right, batch, INDEX, PATCH) == 0
    anywhere = AttentionScores([torch.zeros(1, 12, 12)], [torch.zeros(1, 12, 12)])
    assert float(matching_loss(anywhere, batch, INDEX, PATCH)) == pytest.approx(math.log(12))


def test_each_photo_is_compared_with_its_own_truth():
    step = PATCH * DEPTH / FOCAL
    batch = wall((0.0, step))
    forth = same_places(batch, FIRST, SECOND, PATCH)
    back = same_places(batch, SECOND, FIRST, PATCH)
    assert matching_loss(AttentionScores([1000 * forth], [1000 * back]), batch, INDEX, PATCH) == 0
    assert matching_loss(AttentionScores([1000 * back], [1000 * forth]), batch, INDEX, PATCH) > 100


def test_pairs_that_show_nothing_twice_cost_nothing():
    batch = wall((0.0, 100.0))
    scores = torch.randn(1, 12, 12, generator=random_numbers(0, 1)).requires_grad_()
    loss = matching_loss(AttentionScores([scores], [scores]), batch, INDEX, PATCH)
    loss.backward()
    assert loss == 0 and scores.grad is not None and scores.grad.abs().sum() == 0


def test_the_scores_are_those_of_the_first_head():
    torch.manual_seed(0)
    attention, rotation = CrossAttention(24, 2), grid_rotation(3, 4, 12, 100.0, torch.device("cpu"))
    tokens, other = torch.randn(2, 2, 12, 24).unbind()
    with torch.no_grad():
        torch.nn.init.eye_(attention.proj.weight)
        torch.nn.init.zeros_(attention.proj.bias)
        whole, scores = attention(tokens, other, rotation, rotation, scored=True)
        share = scores.softmax(-1)
        torch.testing.assert_close(share @ attention.projv(other)[..., :12], whole[..., :12])


def decoded(network, images_i, images_j):
    return network.decode_with_scores(network.encode(images_i), network.encode(images_j))


def learner(matching: float) -> Learner:
    torch.manual_seed(1)
    return Learner(TINY, Stage(steps=1, sizes=((WIDTH, HEIGHT),), jitter=0.0, matching=matching))


def test_a_guided_stage_adds_its_weight_times_the_loss_and_only_while_it_learns():
    batch, plain, guided = wall((0.0, 0.25)), learner(0.0), learner(0.5)
    with torch.no_grad():
        network, index = guided.network, pair_index(batch, True)
        images = batch.images.flatten(0, 1).float() / 127.5 - 1
        _, looks = decoded(network, images[index.first], images[index.second])
        assert len(looks.first) == len(looks.second) == TINY.decoder_depth
        added = 0.5 * matching_loss(looks, batch, index, PATCH)
        before, after = plain(batch, random_numbers(0, 0)), guided(batch, random_numbers(0, 0))
        torch.testing.assert_close(after, before + added)
        held_out = [each(batch, random_numbers(0, 0), held_out=True) for each in (plain, guided)]
        torch.testing.assert_close(*held_out, rtol=0, atol=0)


def test_asking_for_scores_changes_no_pointmap():
    network, batch = learner(0.0).network, wall((0.0, 0.25))
    images = batch.images[0].float() / 127.5 - 1
    with torch.no_grad():
        scored, _ = decoded(network, images[:1], images[1:])
        plain = network(images[:1], images[1:])
    torch.testing.assert_close(scored.points_j, plain.points_j, rtol=0, atol=0)


def test_being_shown_teaches_to_look():
    """A few updates on the loss of looking alone bring it down on the same batch."""
    batch, guided = wall((0.0, 0.5)), learner(1.0)
    optimizer = torch.optim.Adam(guided.parameters(), 3e-3)
    index, images = pair_index(batch, True), batch.images[0].float() / 127.5 - 1
    losses = []
    for _ in range(60):
        _, looks = decoded(guided.network, images[index.first], images[index.second])
        loss = matching_loss(looks, batch, index, PATCH)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
