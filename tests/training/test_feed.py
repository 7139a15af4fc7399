"""Batches made ahead: the same from any number of workers, however they travel, pinned or not."""

import runpy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from dust3r.core.errors import InputError
from dust3r.training import feed
from dust3r.training.config import SourceSettings, Stage
from dust3r.training.feed import Feed, make_request, prepare, prepared

FLOOR = runpy.run_path(str(Path(__file__).resolve().parent / "training_source.py"))
STAGE = Stage(name="one", steps=6, sizes=((32, 32), (48, 32)), scenes=2, views=3, pairs=2)
SOURCES = (SourceSettings(),)


@pytest.fixture(autouse=True)
def floors(monkeypatch):
    """The source under all stages here."""
    monkeypatch.setattr(feed, "open_source", FLOOR["open_floor"])


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_any_number_of_workers_delivers_the_same_batches_in_the_same_order(workers):
    def requests():
        return (make_request(STAGE, SOURCES, 7, number, 0.5) for number in range(6))

    feed_ = Feed(requests(), workers)
    found = list(feed_)
    feed_.close()
    assert [delivery.request for delivery in found] == list(requests())
    for delivery in found:
        request = delivery.request
        direct = FLOOR["FloorSource"](7, 0.5).batch(
            request.number, request.scenes, request.views, request.pairs, request.size
        )
        assert torch.equal(delivery.batch.images, direct.images) and torch.equal(delivery.batch.pairs, direct.pairs)


@pytest.mark.parametrize("workers", [0, 1])
def test_scenes_that_a_worker_renders_are_those_of_this_process(workers, monkeypatch):
    monkeypatch.undo()  # the real generator
    request = make_request(replace(STAGE, sizes=((32, 32),)), SOURCES, 7, 0, 0.0)
    feed_ = Feed(iter([request]), workers)
    (delivery,) = list(feed_)
    feed_.close()
    source, counts = feed.open_source(request.source, 7, 0.0), (request.scenes, request.views, request.pairs)
    direct = source.batch(0, *counts, (32, 32), unordered=True)
    assert torch.equal(delivery.batch.pairs, direct.pairs)
    assert torch.equal(delivery.batch.points, direct.points) and torch.equal(delivery.batch.images, direct.images)


def test_where_processes_cannot_share_memory_a_thread_makes_the_batches(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(feed, "SHARED", tmp_path / "none")
    monkeypatch.setattr(feed, "_from_processes", None)
    request = make_request(STAGE, SOURCES, 7, 0, 0.5)
    feed_ = Feed(iter([request]), 2)
    assert [delivery.request for delivery in feed_] == [request]
    feed_.close()
    assert f"{tmp_path / 'none'} cannot be written" in caplog.text


def test_what_a_source_refuses_in_a_worker_is_one_sentence_here(monkeypatch):
    def refuse(settings, seed, difficulty, turning):
        raise InputError("scene 3 has no depth; remove it")

    monkeypatch.setattr(feed, "open_source", refuse)
    for workers in (0, 1):
        feed_ = Feed(iter([make_request(STAGE, SOURCES, 7, 0, 0.5)]), workers)
        with pytest.raises(InputError, match=r"^scene 3 has no depth; remove it$"):
            next(iter(feed_))
        feed_.close()


def test_batches_through_pipes_are_those_through_shared_memory(monkeypatch, caplog):
    found = []
    for free in (0, 1 << 60):
        monkeypatch.setattr(feed, "SHARED_BYTES", free)
        feed_ = Feed((make_request(STAGE, SOURCES, 7, number, 0.5) for number in range(3)), 1)
        found.append(list(feed_))
        feed_.close()
    for shared, piped in zip(*found, strict=True):
        assert shared.request == piped.request
        assert torch.equal(shared.batch.points, piped.batch.points) and torch.equal(shared.batch.K, piped.batch.K)


def test_a_feed_for_a_gpu_pins_every_tensor(monkeypatch):
    pinned = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: (pinned.append(tensor), tensor)[1])
    feed_ = Feed(iter([make_request(STAGE, SOURCES, 7, 0, 0.5)]), 0, pinned=True)
    (delivery,) = list(feed_)
    feed_.close()
    assert len(pinned) == 6 and any(tensor is delivery.batch.images for tensor in pinned)


def test_the_renderer_is_made_ready_in_a_process_beside_and_then_here(monkeypatch, tmp_path):
    def note(settings, seed, difficulty, turning=0.0):
        (tmp_path / f"{feed.os.getpid()}").touch()
        return FLOOR["FloorSource"](seed, difficulty)

    monkeypatch.setattr(feed, "open_source", note)
    with prepared(SOURCES):
        assert not (tmp_path / f"{feed.os.getpid()}").exists()
    assert len(list(tmp_path.iterdir())) == 2 and (tmp_path / f"{feed.os.getpid()}").exists()


def test_folders_need_no_renderer(monkeypatch):
    opened = []
    monkeypatch.setattr(feed, "open_source", lambda *source: opened.append(source))
    prepare([SourceSettings("folder", path="views")])
    assert opened == []
