"""The network over a scene graph."""

from pathlib import Path

import numpy as np
import pytest
import torch
from dust3r.core.checkpoints.loading import load_model
from dust3r.core.checkpoints.local import find_model
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.images.preprocessing import View
from dust3r.core.inference.forward import ENCODING, PREDICTING, batch_size, decode, encode, predict
from dust3r.core.inference.prediction import Prediction
from dust3r.core.networks.dust3r.dust3r import DUSt3R, Encoded
from dust3r.core.scene_graph.edges import Edge, make_edges
from dust3r.tests.half_precision import skip_without_bfloat16

FIELDS = ("points_i", "points_j", "confidence_i", "confidence_j")


@pytest.fixture(scope="module")
def network(golden) -> DUSt3R:
    network = load_model(golden / "models" / "tiny_dpt_hf", torch.device("cpu")).network
    assert isinstance(network, DUSt3R)
    return network


def view(number: int, height: int = 48, width: int = 64) -> View:
    pixels = torch.rand(3, height, width, generator=torch.Generator().manual_seed(number)) * 2 - 1
    mapping = PixelMapping((width, height), (width, height))
    return View(f"{number}.jpg", Path(f"{number}.jpg"), pixels, np.ones((height, width), dtype=bool), mapping)


def assert_same(found: Prediction, expected: Prediction) -> None:
    assert found.edge == expected.edge
    for field in FIELDS:
        torch.testing.assert_close(getattr(found, field), getattr(expected, field), rtol=0, atol=0)


@pytest.fixture(scope="module")
def mixed() -> list[View]:
    return [view(0), view(1, 64, 48), view(2), view(3, 64, 48)]


def test_predictions_come_in_the_order_of_the_edges_whatever_the_shapes(network, mixed):
    edges = make_edges(4)
    found = predict(network, mixed, edges)
    assert [prediction.edge for prediction in found] == edges
    for prediction in found:
        for side, points in zip(prediction.edge, (prediction.points_i, prediction.points_j), strict=True):
            assert points.shape[:2] == mixed[side].image.shape[1:]


def test_every_edge_says_what_the_network_says_of_its_two_photos_alone(network, mixed):
    for prediction in predict(network, mixed, make_edges(4)):
        images = (mixed[index].image[None] for index in prediction.edge)
        with torch.inference_mode():
            alone = network(*images)
        for field in FIELDS:
            torch.testing.assert_close(getattr(prediction, field), getattr(alone, field)[0], rtol=1e-4, atol=1e-4)


def test_encoding_and_decoding_apart_equals_predicting(network, mixed):
    edges = make_edges(4)
    encoded = encode(network, mixed)
    apart = {prediction.edge: prediction for prediction in decode(network, encoded, edges)}
    for expected in predict(network, mixed, edges):
        assert_same(apart[expected.edge], expected)


def test_only_photos_with_an_edge_are_encoded_each_once(network, mixed, monkeypatch):
    seen = []
    whole = network.encode
    monkeypatch.setattr(network, "encode", lambda images: seen.append(images.shape) or whole(images))
    predict(network, mixed, [Edge(0, 2), Edge(2, 0), Edge(3, 0)])
    assert sum(shape[0] for shape in seen) == 3


def test_progress_counts_photos_then_pairs(network, mixed):
    reports = []
    predict(network, mixed, make_edges(4), lambda *report: reports.append(report))
    assert reports[0] == (ENCODING, 0, 4)
    assert (ENCODING, 4, 4) in reports
    assert reports[-1] == (PREDICTING, 12, 12)
    assert [report[1] for report in reports if report[0] == PREDICTING] == sorted(
        report[1] for report in reports if report[0] == PREDICTING
    )


def test_the_same_photos_give_the_same_bits(network, mixed):
    for first, again in zip(
        predict(network, mixed, make_edges(4)), predict(network, mixed, make_edges(4)), strict=True
    ):
        assert_same(first, again)


@pytest.mark.parametrize("pixels", [1, 4 * 48 * 64, 10**6])
def test_batches_of_any_size_say_the_same_of_every_pair(network, mixed, pixels):
    found = predict(network, mixed, make_edges(4), batch_pixels=pixels)
    for one, expected in zip(found, predict(network, mixed, make_edges(4)), strict=True):
        for field in FIELDS:
            torch.testing.assert_close(getattr(one, field), getattr(expected, field), rtol=1e-4, atol=1e-4)


def test_a_batch_holds_what_fits_and_at_least_one():
    assert batch_size((48, 64), 7 * 48 * 64) == 7
    assert batch_size((48, 64, 64, 32), 3 * (48 * 64 + 64 * 32)) == 3
    assert batch_size((48, 64), 1) == 1


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_a_pair_alone_has_the_bits_that_it_has_in_company(precision):
    if precision == torch.bfloat16:
        skip_without_bfloat16()
    network = load_model(find_model("small"), torch.device("cpu"), precision).network
    photos = torch.rand(3, 3, 144, 192, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        tokens = network.encode(photos).tokens
    encoded = {k: Encoded(tokens[k : k + 1], (144, 192)) for k in range(3)}
    company = {one.edge: one for one in decode(network, encoded, make_edges(3))}
    for edge, expected in company.items():
        (alone,) = decode(network, encoded, [edge])
        assert torch.equal(alone.points_j, expected.points_j) and torch.equal(alone.points_i, expected.points_i)
