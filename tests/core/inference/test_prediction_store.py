"""Predictions in a store: the same result from memory and from files, and bounded however many pairs there are."""

import io
import os
import sys
import zlib

import numpy as np
import pytest
import torch
from dust3r.core.geometry.pixel_sampling import KEPT, spread
from dust3r.core.inference.array_store import FolderStore, MemoryStore
from dust3r.core.inference.prediction import RECORD, Prediction
from dust3r.core.inference.prediction_store import DENSE, DENSE_SIDES, FEWEST_DENSE, RECORDS, PredictionStore
from dust3r.core.jobs import disk_cache as cache
from dust3r.core.scene_graph.edges import Edge, make_edges
from dust3r.tests.aligning import align
from dust3r.tests.faults.amount import FULL
from dust3r.tests.synthetic import noisy_scene

SIZE = (32, 24)


def _store(arrays, count, size=SIZE):
    return PredictionStore(arrays, [f"{photo:032d}" for photo in range(count)], [size] * count)


def _predictions(count, size=SIZE, seed=0):
    made = torch.Generator().manual_seed(seed)
    shape = size[::-1]
    for edge in make_edges(count):
        points = [torch.randn(*shape, 3, generator=made) for _ in range(2)]
        yield Prediction(edge, *points, *(1 + 9 * torch.rand(*shape, generator=made) for _ in range(2)))


def _kept(arrays, scene, chunk=5):
    _, mappings, predictions, _ = scene
    store = PredictionStore(
        arrays, [f"{photo:032d}" for photo in range(len(mappings))], [m.view_size for m in mappings]
    )
    edges = [prediction.edge for prediction in predictions]
    assert store.missing(edges) == edges
    for start in range(0, len(predictions), chunk):
        store.add(predictions[start : start + chunk])
    return store.of(edges)


def _same(a, b):
    arrays = ("cam2world", "focal", "depth", "confidence")
    return all(np.array_equal(x, y) for name in arrays for x, y in zip(getattr(a, name), getattr(b, name), strict=True))


@pytest.mark.parametrize("count", [2, 5, 9])
def test_few_photos_come_out_of_memory_and_of_files_as_they_went_in(count, tmp_path):
    scene = noisy_scene(count, "low", 1, size=(64, 48))
    direct, memory, files = (
        align(scene[1], predictions)
        for predictions in (scene[2], *(_kept(s, scene) for s in (MemoryStore(), FolderStore(tmp_path))))
    )
    assert _same(direct, memory)
    assert _same(memory, files)


def test_many_photos_come_out_of_memory_and_of_files_alike(tmp_path):
    scene = noisy_scene(12, "low", 1, size=(64, 48))
    memory, files = (align(scene[1], _kept(arrays, scene)) for arrays in (MemoryStore(), FolderStore(tmp_path)))
    assert _same(memory, files)


@pytest.mark.parametrize("noise", ["low", "medium", "high"])
def test_the_surest_sides_give_nearly_the_depth_of_all(noise):
    scene = noisy_scene(14, noise, 2, size=(112, 80))
    errors = []
    for predictions in (scene[2], _kept(MemoryStore(), scene)):
        found = align(scene[1], predictions, principal_points=scene[3])
        off = np.log(np.stack(found.depth) / np.stack(scene[0]["depth"]))
        errors.append(np.abs(off - np.median(off)).mean())
    assert errors[1] < 1.04 * errors[0]


def test_the_loss_of_what_is_kept_is_about_the_loss_of_all():
    scene = noisy_scene(14, "medium", 2, size=(112, 80))
    loss = [align(scene[1], predictions).loss for predictions in (scene[2], _kept(MemoryStore(), scene))]
    assert loss[1] == pytest.approx(loss[0], rel=0.03)


def test_what_is_kept_densely_grows_with_the_photos_not_with_the_pairs():
    count, arrays = 24, MemoryStore()
    store, edges = _store(arrays, count), make_edges(count)
    store.missing(edges)
    for prediction in _predictions(count):
        store.add([prediction])
    kept = sum(array.nbytes for array in arrays.arrays.values())
    assert len(arrays.names(DENSE)) == count * DENSE_SIDES
    assert kept == count * DENSE_SIDES * 16 * SIZE[0] * SIZE[1] + len(edges) * RECORD.itemsize


def test_the_surest_sides_are_the_dense_ones_in_whatever_order_they_came():
    count = 12
    predictions = list(_predictions(count))
    edges = [prediction.edge for prediction in predictions]
    kept = []
    for order in (predictions, predictions[::-1]):
        arrays = MemoryStore()
        store = _store(arrays, count)
        store.missing(edges)
        for start in range(0, len(order), 7):
            store.add(order[start : start + 7])
        kept.append(arrays.names(DENSE))
        sure = sorted(
            (store.score(edge)[edge.index(3)], store.of(edges)[k].dense(edge.index(3)) is not None)
            for k, edge in enumerate(edges)
            if 3 in edge
        )
        assert [dense for _, dense in sure] == [False] * (len(sure) - DENSE_SIDES) + [True] * DENSE_SIDES
    assert kept[0] == kept[1]


def test_what_processes_kept_unaware_of_each_other_is_let_go_by_the_next():
    count, some = 12, slice(None, None, 3)
    predictions = list(_predictions(count))
    edges = [prediction.edge for prediction in predictions]
    alone, shared = MemoryStore(), MemoryStore()
    one = _store(alone, count)
    one.missing(edges)
    one.add(predictions)
    workers = [_store(shared, count) for _ in range(2)]
    assert all(worker.missing(edges) == edges for worker in workers)
    for part, worker in enumerate(workers):
        worker.add(predictions[part::2])
    assert set(shared.names(DENSE)) > set(alone.names(DENSE))
    last = _store(shared, count)
    assert last.missing(edges) == []
    assert shared.names(DENSE) == alone.names(DENSE)
    for kept, expected in zip(last.of(edges[some]), one.of(edges[some]), strict=True):
        assert [kept.dense(side) is None for side in (0, 1)] == [expected.dense(side) is None for side in (0, 1)]


def test_a_kept_prediction_gives_back_the_pixels_of_the_spread(tmp_path):
    (prediction, *_) = _predictions(2)
    store = _store(FolderStore(tmp_path), 2)
    store.missing([prediction.edge])
    store.add([prediction])
    (kept,) = _store(FolderStore(tmp_path), 2).of([prediction.edge])
    for side in (0, 1):
        for count in (KEPT, 100, 1):
            pixels = spread(SIZE, count)
            for found, true in zip(kept.at(side, pixels), prediction.at(side, pixels), strict=True):
                np.testing.assert_array_equal(found, true)
        for found, true in zip(kept.dense(side), prediction.dense(side), strict=True):
            np.testing.assert_array_equal(found, true)
        assert kept.shape(side) == prediction.shape(side) == SIZE[::-1]
    with pytest.raises(KeyError):
        kept.at(0, np.setdiff1d(np.arange(SIZE[0] * SIZE[1]), spread(SIZE, KEPT))[:1])


def test_a_photo_that_lost_its_dense_sides_asks_for_its_surest_pairs_again(tmp_path):
    arrays, count = FolderStore(tmp_path), 4
    predictions = list(_predictions(count))
    edges = [prediction.edge for prediction in predictions]
    store = _store(arrays, count)
    store.missing(edges)
    store.add(predictions)
    assert _store(arrays, count).bare(edges) == []
    for name in arrays.names(DENSE):
        arrays.drop(DENSE, name)
    again = _store(arrays, count)
    assert again.missing(edges) == []
    asked = again.bare(edges)
    assert all(sum(photo in edge for edge in asked) >= min(FEWEST_DENSE, 2 * (count - 1)) for photo in range(count))
    again.add([prediction for prediction in predictions if prediction.edge in asked])
    assert _store(arrays, count).bare(edges) == []


def _one_pair(folder):
    """The edge of a pair that is kept, and the file of its record."""
    (prediction, *_) = _predictions(2, (8, 6))
    store = _store(FolderStore(folder), 2, (8, 6))
    store.missing([prediction.edge])
    store.add([prediction])
    (path,) = (folder / RECORDS).iterdir()
    return prediction.edge, path


def _damages(whole):
    """Every byte of the header, of the keys and of the checksum, and some of the numbers, changed; cut off anywhere."""
    step = 1 if FULL else 97
    for place in {*range(300), *range(300, len(whole) - 8, step), *range(len(whole) - 8, len(whole))}:
        yield whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
    for length in {*range(300), *range(300, len(whole), step), len(whole) - 4, len(whole) - 1}:
        yield whole[:length]


def test_a_kept_pair_with_any_byte_changed_or_missing_counts_as_missing_and_goes(tmp_path):
    edge, path = _one_pair(tmp_path)
    for damaged in _damages(path.read_bytes()):
        path.write_bytes(damaged)
        assert _store(FolderStore(tmp_path), 2, (8, 6)).missing([edge]) == [edge]
        assert not path.exists()


def _sealed(array):
    """The content of a store's file."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue() + zlib.crc32(stream.getvalue()).to_bytes(4, "little")


FOREIGN = {
    "no text in the keys": lambda record: record["key"].fill(b"\xff" * 32),
    "an endless score": lambda record: record["score"].fill(np.inf),
    "no score": lambda record: record["score"].fill(np.nan),
}


@pytest.mark.parametrize("change", FOREIGN.values(), ids=FOREIGN)
def test_a_pair_that_somebody_else_wrote_with_a_right_checksum_counts_as_missing(tmp_path, change):
    edge, path = _one_pair(tmp_path)
    records = np.array(FolderStore(tmp_path).get(RECORDS, path.stem))
    change(records)
    path.write_bytes(_sealed(records))
    assert _store(FolderStore(tmp_path), 2, (8, 6)).missing([edge]) == [edge]


@pytest.mark.parametrize("array", [np.zeros(3), np.zeros((), RECORD), np.zeros((0, 2), "S32"), np.array([None])])
def test_arrays_that_hold_no_pairs_count_as_missing(tmp_path, array):
    edge, path = _one_pair(tmp_path)
    path.write_bytes(_sealed(array))
    assert _store(FolderStore(tmp_path), 2, (8, 6)).missing([edge]) == [edge]
    assert not path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in folders")
def test_a_pipe_in_place_of_a_kept_pair_keeps_nobody_waiting(tmp_path):
    edge, path = _one_pair(tmp_path)
    path.unlink()
    os.mkfifo(path)
    assert _store(FolderStore(tmp_path), 2, (8, 6)).missing([edge]) == [edge]


@pytest.mark.parametrize("other", [None, np.zeros(5, np.float32), np.zeros(4 * SIZE[0] * SIZE[1])])
def test_a_damaged_dense_side_is_predicted_again(tmp_path, other):
    predictions = list(_predictions(2))
    edges = [prediction.edge for prediction in predictions]
    store = _store(FolderStore(tmp_path), 2)
    store.missing(edges)
    store.add(predictions)
    path = sorted((tmp_path / DENSE).iterdir())[0]
    kept = path.read_bytes()
    path.write_bytes(kept[:500] + b"\0" + kept[501:] if other is None else _sealed(other))
    again = _store(FolderStore(tmp_path), 2)
    assert again.missing(edges) == []
    (asked,) = again.bare(edges)
    assert not path.exists()
    again.add([prediction for prediction in predictions if prediction.edge == asked])
    assert path.read_bytes() == kept


def test_equal_photos_share_their_predictions():
    (prediction,) = (p for p in _predictions(2) if p.edge == Edge(0, 1))
    store = PredictionStore(MemoryStore(), ["0" * 32] * 2, [SIZE] * 2)
    store.missing([Edge(0, 1)])
    store.add([prediction])
    assert store.missing([Edge(1, 0), Edge(0, 0)]) == []
    np.testing.assert_array_equal(store.of([Edge(1, 0)])[0].dense(1)[0], prediction.dense(1)[0])


def test_half_the_dense_sides_can_go_from_a_cache_before_any_pair_is_needed_again(tmp_path):
    arrays = FolderStore(cache.array_stores(tmp_path, "cpu") / ("0" * 16) / "float32")
    predictions = list(_predictions(12))
    edges = [prediction.edge for prediction in predictions]
    store = _store(arrays, 12)
    store.missing(edges)
    store.add(predictions)
    store.of(edges)
    dense = sum(path.stat().st_size for path in tmp_path.rglob("dense/*.npy"))
    cache.prune(tmp_path, cache.size(tmp_path) - dense // 2)
    again = _store(arrays, 12)
    assert len(arrays.names(DENSE)) == 12 * FEWEST_DENSE
    assert again.missing(edges) == again.bare(edges) == []


def test_what_is_said_of_other_photos_is_neither_held_nor_marked_as_used(tmp_path):
    arrays = FolderStore(tmp_path)
    predictions = list(_predictions(4))
    store = _store(arrays, 4)
    store.missing([prediction.edge for prediction in predictions])
    for prediction in predictions:
        store.add([prediction])
    used = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    few = _store(arrays, 2)
    few.of([Edge(0, 1)])
    assert len(few._records) == 2
    touched = sorted(path.parent.name for path, then in used.items() if path.stat().st_mtime_ns != then)
    assert touched == ["dense", "dense", "pairs", "pairs"]
