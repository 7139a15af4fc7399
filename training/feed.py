"""Batches without waiting: made ahead of time by processes or a thread.

Which batch comes next depends on the seed and its number alone, so any number of workers gives the same ones.
"""

import logging
import multiprocessing
import os
import queue
import random
import sys
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from ..core.errors import InputError, ReconstructionError
from .batch import SceneBatch, Source
from .config import SourceSettings, Stage

AHEAD = 3  # batches that each worker keeps ready
SHARED = Path("/dev/shm")  # nosec B108
KEPT_SOURCES = 8  # open at a time; a curriculum moves from one to the next

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """All that decides a batch."""

    source: SourceSettings
    seed: int
    number: int
    difficulty: float
    turning: float  # least share of views that only turn
    size: tuple[int, int]  # (width, height), pixels
    scenes: int
    views: int
    pairs: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """A batch and what was asked for."""

    request: Request
    batch: SceneBatch


def make_request(
    stage: Stage, sources: tuple[SourceSettings, ...], seed: int, number: int, difficulty: float
) -> Request:
    """Batch `number` of a stage: source and size are drawn by seed and number."""
    draw = random.Random(f"{seed}/{number}")
    source = draw.choices(sources, [source.weight for source in sources])[0]
    size = draw.choice(stage.sizes)
    return Request(source, seed, number, difficulty, stage.turning, size, stage.scenes, stage.views, stage.pairs)


def open_source(settings: SourceSettings, seed: int, difficulty: float, turning: float = 0.0) -> Source:
    """The source that the settings name; raises InputError for a folder that is missing or empty.

    difficulty, turning: of a procedural one.
    """
    if settings.kind == "folder":
        from .rgbd import FolderSource

        return FolderSource(_filled(Path(settings.path), "scenes"), seed)
    from .scenes.source import ProceduralSource

    textures = _filled(Path(settings.textures), "textures") if settings.textures else None
    return ProceduralSource(seed, difficulty, textures, turning=turning)


def check_source(settings: SourceSettings) -> None:
    """Raise InputError now, rather than in a worker, for a folder that cannot be used."""
    if settings.kind == "folder":
        open_source(settings, 0, 0.0)
    elif settings.textures:
        _filled(Path(settings.textures), "textures")


def _filled(folder: Path, content: str) -> Path:
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; name one with {content} in the config's sources")
    if not any(folder.iterdir()):
        raise InputError(f"{folder} is empty; put {content} into it or name another folder in the config's sources")
    return folder


class Feed:
    """Iterates over the deliveries of successive requests; `close` ends its workers."""

    def __init__(self, requests: Iterator[Request], workers: int) -> None:
        """workers: processes; 0, or where these cannot share memory: a thread instead."""
        if workers and sys.platform == "linux" and _can_share():  # elsewhere they would not know us
            self._made = _from_processes(requests, workers)
        else:
            self._made = _Ahead(map(_Maker().make, requests))

    def __iter__(self) -> Iterator[Delivery]:
        return self._made

    def close(self) -> None:
        """End the workers; the feed can be iterated no further."""
        self._made.close()


def _can_share() -> bool:
    """Whether processes can hand each other what they made: the system's shared memory may be read-only or missing."""
    if os.access(SHARED, os.W_OK):
        return True
    log.warning("%s cannot be written: training data are made in this process alone", SHARED)
    return False


class _Maker:
    """Makes batches; keeps the last few sources open."""

    def __init__(self) -> None:
        self._sources: dict[tuple[SourceSettings, int, float, float], Source] = {}

    def make(self, request: Request) -> Delivery:
        source = self._source(request)
        batch = source.batch(request.number, request.scenes, request.views, request.pairs, request.size)
        return Delivery(request, batch)

    def _source(self, request: Request) -> Source:
        key = (request.source, request.seed, request.difficulty, request.turning)
        if key not in self._sources:
            while len(self._sources) >= KEPT_SOURCES:
                del self._sources[next(iter(self._sources))]
            self._sources[key] = open_source(*key)
        return self._sources[key]


class _Asked(Dataset[Any]):
    """What a worker process does with a request."""

    def __init__(self) -> None:
        self._maker = _Maker()

    def __getitem__(self, request: Request) -> Delivery | ReconstructionError:
        try:
            return self._maker.make(request)
        except ReconstructionError as error:  # raised over there: here it would come with a page of traceback
            return error


def _from_processes(requests: Iterator[Request], workers: int) -> Generator[Delivery, None, None]:
    loader = DataLoader(
        _Asked(),
        batch_size=None,
        sampler=requests,
        num_workers=workers,
        prefetch_factor=AHEAD,
        multiprocessing_context=multiprocessing.get_context("fork"),
    )
    for made in loader:
        if isinstance(made, ReconstructionError):
            raise made
        yield made


class _Ahead(Iterator[Delivery]):
    """A thread that stays a few batches ahead."""

    def __init__(self, source: Iterator[Delivery]) -> None:
        self._ready: queue.Queue[Delivery | BaseException | None] = queue.Queue(AHEAD)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(source,), name="training data", daemon=True)
        self._thread.start()

    def __next__(self) -> Delivery:
        made = self._ready.get()
        if made is None:
            raise StopIteration
        if isinstance(made, BaseException):
            raise made
        return made

    def close(self) -> None:
        self._ended.set()
        while self._thread.is_alive():
            try:
                self._ready.get(timeout=0.05)
            except queue.Empty:
                continue

    def _run(self, source: Iterator[Delivery]) -> None:
        try:
            for made in source:
                self._ready.put(made)
                if self._ended.is_set():
                    return
            self._ready.put(None)
        except BaseException as error:  # noqa: BLE001  it belongs to whoever waits for the batch
            self._ready.put(error)


def usual_workers(device: torch.device, world: int) -> int:
    """How many processes can be spared: one beside a training CPU, else all cores but the one that drives the GPU."""
    share = cores() // world
    return max(0, min(1, share - 1)) if device.type == "cpu" else max(1, share - 1)


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
