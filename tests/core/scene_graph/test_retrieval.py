"""Likeness of photos from what the encoder says of them."""

import torch
from dust3r.core.networks.dust3r.dust3r import Encoded
from dust3r.core.scene_graph.retrieval import likeness_of, pooled


def encoded(features, patch=16):
    """From (rows, columns, C)."""
    rows, columns, _ = features.shape
    return Encoded(features.flatten(0, 1)[None], (patch * rows, patch * columns))


def test_a_photo_is_like_itself_and_everything_is_symmetric():
    random = torch.Generator().manual_seed(0)
    photos = [pooled(encoded(torch.randn(6, 8, 32, generator=random))) for _ in range(5)]
    likeness = likeness_of(photos)
    assert likeness.shape == (5, 5)
    assert (likeness == likeness.T).all()
    assert abs(likeness.diagonal() - 1).max() < 1e-6
    assert likeness.max() < 1 + 1e-6


def test_half_a_photo_in_common_is_found_wherever_it_lies():
    shared, other = torch.tensor([1.0, 0, 0, 0]), torch.eye(4)[1:]
    left, right, apart = (torch.zeros(4, 6, 4) for _ in range(3))
    left[:, :3], left[:, 3:] = shared, other[0]
    right[:, 3:], right[:, :3] = shared, other[1]
    apart[:] = other[2]
    likeness = likeness_of([pooled(encoded(photo)) for photo in (left, right, apart)])
    assert abs(likeness[0, 1] - 0.5) < 1e-6
    assert abs(likeness[0, 2]) < 1e-6


def test_photos_of_any_shape_compare_whatever_the_patch():
    flat, tall, small = torch.ones(2, 9, 8), torch.ones(9, 2, 8), torch.ones(1, 1, 8)
    photos = [pooled(encoded(flat)), pooled(encoded(tall, patch=14)), pooled(encoded(small))]
    assert abs(likeness_of(photos) - 1).max() < 1e-6


def test_likeness_of_two_does_not_depend_on_the_others():
    random = torch.Generator().manual_seed(1)
    photos = [pooled(encoded(torch.randn(4, 6, 16, generator=random))) for _ in range(6)]
    assert abs(likeness_of(photos)[:3, :3] - likeness_of(photos[:3])).max() < 1e-6


def test_half_precision_features_compare_in_full():
    features = torch.randn(4, 6, 16, generator=torch.Generator().manual_seed(2))
    photos = [pooled(encoded(features)), pooled(encoded(features.bfloat16()))]
    assert likeness_of(photos)[0, 1] > 0.9999
