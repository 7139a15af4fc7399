"""Cross-view completion: what the encoder may see, what the loss counts, and that the other view is made use of."""

import pytest
import torch
from dust3r.core.networks.dust3r.config import ModelConfig
from dust3r.core.networks.dust3r.dust3r import DUSt3R
from dust3r.training.completion import Completion, completion_loss, kept_patches, patches_of
from dust3r.training.config import NetworkShape, Stage
from dust3r.training.learners import Learner, network_weights


@pytest.fixture(autouse=True)
def one_thread():
    """Networks this small are slowed by a second thread, far more so on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


SMALL = {"encoder_width": 32, "encoder_depth": 2, "encoder_heads": 2, "decoder_width": 32, "decoder_depth": 2}
CONFIG = ModelConfig(**SMALL, decoder_heads=2, patch_size=8, head="linear")


def pictures(count: int, seed: int = 0) -> torch.Tensor:
    """Smooth coloured waves, (B, 3, 32, 32) in [-1, 1]."""
    chance = torch.Generator().manual_seed(seed)
    frequency, phase = (torch.rand(2, count, 3, 1, 1, generator=chance) * 6).unbind(0)
    grid = torch.arange(32) / 32
    return torch.sin(frequency * 4 * (grid[None, :] + 0.7 * grid[:, None]) + phase)


def test_a_patch_is_its_pixels_normalised():
    images = torch.rand(2, 3, 16, 24)
    patches = patches_of(images, 8)
    patch = images[1, :, 8:16, 0:8].flatten()
    torch.testing.assert_close(patches[1, 3], (patch - patch.mean()) / (patch.var() + 1e-6).sqrt())
    assert patches_of(torch.full((1, 3, 8, 8), 0.3), 8).abs().max() < 1e-3  # flat: no division by nothing


def test_nine_in_ten_patches_are_hidden_and_each_picture_draws_its_own():
    kept = kept_patches(8, 200, 0.9, torch.Generator().manual_seed(0))
    assert kept.shape == (8, 20) and kept.max() < 200
    assert all(len(set(row.tolist())) == 20 for row in kept)
    assert not torch.equal(kept[0].sort().values, kept[1].sort().values)
    assert kept_patches(1, 4, 0.99, torch.Generator()).shape == (1, 1)


def test_only_hidden_patches_count():
    images, kept = torch.rand(1, 3, 16, 16), torch.tensor([[0, 3]])
    target = patches_of(images, 8)
    wrong_where_seen = target.clone()
    wrong_where_seen[:, [0, 3]] += 5
    assert completion_loss(wrong_where_seen, images, kept, 8) == 0
    wrong_where_hidden = target.clone()
    wrong_where_hidden[:, 1] += 2
    assert completion_loss(wrong_where_hidden, images, kept, 8) == pytest.approx(4 / 2)  # one of two hidden patches


def test_hidden_pixels_are_never_seen():
    torch.manual_seed(0)
    completion = Completion(DUSt3R(CONFIG)).eval()
    images, other, kept = pictures(2), pictures(2, 1), torch.tensor([[0, 5], [10, 15]])
    changed = images.clone()
    changed[0, :, 8:16, 16:24] = 1  # patch 6 of picture 0
    with torch.no_grad():
        torch.testing.assert_close(completion(changed, other, kept), completion(images, other, kept))
        changed[0, :, 8:16, 8:16] = 1  # patch 5: a seen one
        assert (completion(changed, other, kept) - completion(images, other, kept))[0].abs().max() > 1e-3


def test_it_learns_to_complete_one_view_from_the_other():
    torch.manual_seed(0)
    completion = Completion(DUSt3R(CONFIG))
    optimizer = torch.optim.AdamW([p for p in completion.parameters() if p.requires_grad], 3e-3)
    chance, losses = torch.Generator().manual_seed(0), []
    for step in range(150):
        images, kept = pictures(16, step), kept_patches(16, 16, 0.9, chance)
        loss = completion_loss(completion(images, images, kept), images, kept, 8)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.9 and sum(losses[-10:]) / 10 < 0.5
    images, kept = pictures(64, 999), kept_patches(64, 16, 0.9, chance)
    with torch.no_grad():
        helped = completion_loss(completion(images, images, kept), images, kept, 8)
        misled = completion_loss(completion(images, pictures(64, 1000), kept), images, kept, 8)
    assert helped < 0.6 * misled


def test_the_one_decoder_of_completion_becomes_both():
    learner = Learner(NetworkShape(32, 2, 2, 32, 2, 2, 8), Stage(objective="completion", steps=1, sizes=((32, 32),)))
    weights = network_weights(learner.state_dict())
    assert set(weights) == set(learner.network.state_dict())
    seconds = [name for name in weights if name.startswith("decoder_2.")]
    assert seconds and all(torch.equal(weights[n], weights[n.replace("decoder_2", "decoder_1")]) for n in seconds)
