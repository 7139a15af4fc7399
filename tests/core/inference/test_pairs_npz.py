"""Pair predictions made elsewhere are read in our conventions, or refused in one sentence."""

import numpy as np
import pytest
from dust3r.core.errors import InputError
from dust3r.core.inference.pairs_npz import read_pairs


def _arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    edges = np.array([[0, 1], [1, 0]])
    points = {name: rng.normal(size=(2, 4, 6, 3)).astype(np.float32) for name in ("pts_i", "pts_j")}
    confidences = {name: 1 + rng.random((2, 4, 6)).astype(np.float32) for name in ("conf_i", "conf_j")}
    return {"edges": edges, **points, **confidences}


def _save(path, arrays):
    np.savez(path, **arrays)
    return path


def test_predictions_and_colours_come_as_they_were_written(tmp_path):
    arrays = _arrays() | {"rgb": np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3)}
    pairs = read_pairs(_save(tmp_path / "pairs.npz", arrays))
    assert [tuple(prediction.edge) for prediction in pairs.predictions] == [(0, 1), (1, 0)]
    np.testing.assert_array_equal(pairs.predictions[1].points_j.numpy(), arrays["pts_j"][1])
    np.testing.assert_array_equal(pairs.views[1].colors, arrays["rgb"][1])
    assert [view.name for view in pairs.views] == ["0", "1"]


def test_their_principal_point_is_half_a_pixel_further_in_our_convention(tmp_path):
    pairs = read_pairs(_save(tmp_path / "pairs.npz", _arrays()))
    assert pairs.principal_points == ((3.5, 2.5), (3.5, 2.5))


@pytest.mark.parametrize(
    "change",
    [
        {"edges": np.array([[0, 2], [2, 0]])},
        {"edges": np.array([[0.0, 1.0], [1.0, 0.0]])},
        {"edges": np.array([[0, -1], [1, 0]])},
        {"edges": np.zeros((0, 2), int)},
        {"pts_j": np.zeros((2, 4, 5, 3), np.float32)},
        {"conf_i": np.ones((4, 6), np.float32)},
        {"rgb": np.zeros((3, 4, 6, 3), np.uint8)},
        {"pts_i": np.array([{"code": "object"}], dtype=object)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_arrays_that_do_not_fit_are_named(tmp_path, change):
    with pytest.raises(InputError, match=r"pairs\.npz"):
        read_pairs(_save(tmp_path / "pairs.npz", _arrays() | change))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04broken"])
def test_a_file_that_is_no_archive_is_named(tmp_path, content):
    (tmp_path / "pairs.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"pairs\.npz"):
        read_pairs(tmp_path / "pairs.npz")
