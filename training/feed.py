"""Batches without waiting: made ahead of time by processes or a thread.

Which batch comes next depends on the seed and its number alone, so any number of workers gives the same ones.
"""

import logging
import multiprocessing
import os
import queue
import random
import shutil
import sys
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from ..core.errors import InputError, ReconstructionError
from .batch import SceneBatch, Source
from .config import SourceSettings, Stage

AHEAD = 3  # batches that each worker keeps ready
SHARED = Path("/dev/shm")  # nosec B108
SHARED_BYTES = 4 << 30  # free there, from which on batches of many workers fit; containers often have 64 MiB
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
    unordered: bool  # both orders of each pair are decoded


@dataclass(frozen=True, slots=True)
class Delivery:
    """A batch and what was asked for."""

    request: Request
    batch: SceneBatch
    repetition: int = 0  # how often it was learned from before

    def pin_memory(self) -> "Delivery":
        """The same in page-locked memory; torch's loader calls this."""
        return Delivery(self.request, self.batch.pin_memory())


def make_request(
    stage: Stage, sources: tuple[SourceSettings, ...], seed: int, number: int, difficulty: float
) -> Request:
    """Batch `number` of a stage: source and size are drawn by seed and number."""
    draw = random.Random(f"{seed}/{number}")
    source = draw.choices(sources, [source.weight for source in sources])[0]
    size = draw.choice(stage.sizes)
    counts = (stage.scenes, stage.views, stage.pairs)
    return Request(source, seed, number, difficulty, stage.turning, size, *counts, unordered=stage.both_orders)


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


def prepare(sources: Iterable[SourceSettings]) -> None:
    """Load and compile what makes scenes; worker processes that are forked afterwards inherit it."""
    for settings in sources:
        if settings.kind == "procedural":
            open_source(settings, 0, 0.0).batch(0, 1, 2, 1, (32, 32))


@contextmanager
def prepared(sources: Iterable[SourceSettings]) -> Iterator[None]:
    """`prepare` beside the block: a process of its own compiles into Numba's cache on disk, where it can be written."""
    sources = tuple(sources)
    beside = multiprocessing.get_context("fork").Process(target=prepare, args=(sources,), daemon=True)
    beside.start()
    try:
        yield
        beside.join()
        prepare(sources)
    finally:
        beside.kill()


def repeated(deliveries: Iterator[Delivery], times: int, skipped: int) -> Iterator[Delivery]:
    """Each delivery so many times (data echoing, arXiv 1907.05550); the first one without its `skipped` first times."""
    for delivery in deliveries:
        for repetition in range(skipped, times):
            yield replace(delivery, repetition=repetition)
        skipped = 0


class Feed:
    """Iterates over the deliveries of successive requests; its workers begin at once, and `close` ends them."""

    def __init__(self, requests: Iterator[Request], workers: int, pinned: bool = False) -> None:
        """workers: processes; 0, or where these cannot share memory: a thread instead.

        pinned: deliver in page-locked memory, for a GPU.
        """
        if forks(workers):
            self._made = _from_processes(requests, workers, pinned)
        else:
            made = map(_Maker().make, requests)
            self._made = _Ahead((delivery.pin_memory() for delivery in made) if pinned else made)

    def __iter__(self) -> Iterator[Delivery]:
        return self._made

    def close(self) -> None:
        """End the workers; the feed can be iterated no further."""
        self._made.close()


def forks(workers: int) -> bool:
    """Whether so many workers are processes: they need the system's shared memory, which may be missing."""
    if not workers or sys.platform != "linux":  # elsewhere they would not know us
        return False
    if not os.access(SHARED, os.W_OK):
        log.warning("%s cannot be written: training data are made in this process alone", SHARED)
        return False
    return True


class _Maker:
    """Makes batches; keeps the last few sources open."""

    def __init__(self) -> None:
        self._sources: dict[tuple[SourceSettings, int, float, float], Source] = {}

    def make(self, request: Request) -> Delivery:
        source = self._source(request)
        counts = (request.scenes, request.views, request.pairs)
        batch = source.batch(request.number, *counts, request.size, unordered=request.unordered)
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

    def __init__(self, by_value: bool) -> None:
        self._maker, self._by_value = _Maker(), by_value

    def __getitem__(self, request: Request) -> Delivery | ReconstructionError:
        try:
            made = self._maker.make(request)
        except ReconstructionError as error:  # raised over there: here it would come with a page of traceback
            return error
        # Tensors travel as shared memory, arrays through a pipe.
        return Delivery(request, made.batch.mapped(torch.Tensor.numpy)) if self._by_value else made


def _from_processes(requests: Iterator[Request], workers: int, pinned: bool) -> Generator[Delivery, None, None]:
    by_value = shutil.disk_usage(SHARED).free < SHARED_BYTES
    if by_value:
        log.info("%s has little room: workers send their batches through pipes", SHARED)
    loader = DataLoader(
        _Asked(by_value),
        batch_size=None,
        sampler=requests,
        num_workers=workers,
        prefetch_factor=AHEAD,
        multiprocessing_context=multiprocessing.get_context("fork"),
        pin_memory=pinned and not by_value,
    )
    return _delivered(iter(loader), by_value)


def _delivered(made: Iterator[Any], by_value: bool) -> Generator[Delivery, None, None]:
    for found in made:
        if isinstance(found, ReconstructionError):
            raise found
        yield Delivery(found.request, found.batch.mapped(torch.from_numpy)) if by_value else found


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
