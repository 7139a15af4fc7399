"""Runs the job that lies in a folder, here and now: in a worker process for the panel, in-process headless."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType

import torch

from ..checkpoints.loading import LoadedModel, load_model
from ..cleanup.find import with_flaws
from ..errors import InputError
from ..images.preprocessing import load_views
from ..inference.array_store import FolderStore, allow_many_maps
from ..io.atomic import together
from ..io.plain_text import plain_lines
from ..networks.precision import precision_name
from ..pipeline.memory_plan import Plan
from ..pipeline.observer import Observer
from ..pipeline.reconstruct import framing_of, infer, plan_views, reconstruct, settled
from ..pipeline.stages import STAGES, expected_seconds
from ..progress import Progress, Report, Timeline
from ..reconstruction.result import Reconstruction
from ..runtime.device import pick_device, pick_precision, precision_notices
from ..runtime.memory import keep_freed_memory, shortage_explained
from ..scene_graph.edges import make_edges
from ..scene_graph.shard import Shard
from ..settings import Device, Precision, ReconstructionSettings
from ..world.transform import grounded
from .disk_cache import array_stores, using
from .job import (
    Job,
    cache_folder,
    check_folder,
    forget_half_written,
    forget_result,
    load_result,
    log_file,
    result_folder,
    with_cache,
)
from .warm_start import Inputs, Solution, in_its_world, weights_digest, world_to_come

LOADING = "Loading the model"
LAST = list(STAGES)[-1]

log = logging.getLogger(__name__)


def run_job(
    folder: Path,
    show: Callable[[Progress], None],
    observer: Observer | None = None,
    cache: Path | None = None,
    job: Job | None = None,
) -> Reconstruction:
    """Do what the folder's job.json says and leave the result beside it.

    What the folder's last run has worked out already is not worked out again: with only min_confidence changed,
    nothing is. show: called with the progress of the whole job; raising Cancelled in it stops the job, which the next
    run goes on with. observer: of this run. cache: the one to use where job.json names one outside of the folder
    (`with_cache`). job: what job.json says, where the caller has just written it. Raises ReconstructionError with one
    sentence; the folder then holds no result.
    """
    with _begun(folder, show, cache, job) as (job, report):
        inputs, last = Inputs.of(job), Solution.load(folder)
        result = _finished(folder) if last is not None and last.fingerprint == inputs.fingerprint(job) else None
        if result is None:
            forget_result(folder)
            model, store = _load(folder, job, report, inputs.model)
            report.expect(expected_seconds(len(job.photos), model, job.settings))
            warm_start = last.warm_start(inputs, job) if last is not None else {}
            observer = replace(observer or Observer(), world=partial(world_to_come, inputs, job, last))
            result = reconstruct(job.photos, model, job.settings, report, store, warm_start, job.priors, observer)
            result = in_its_world(result, inputs, job, last)
            with together():
                result.save(result_folder(folder))
                Solution.of(result, inputs, job).save(folder)
        else:
            names = {view.path: view.name for view in result.views}
            settings = settled(job.settings, result.views, result.synthetic)
            same_ground = result.settings is not None and result.settings.ground == settings.ground
            result = replace(result, settings=settings, priors=job.priors.named(names))
            result = result if same_ground else grounded(result)
            result = result if result.searched else with_flaws(result, report=report)  # an earlier version's
            with together():
                result.save(result_folder(folder))
            report(LAST, 1, 1)
        log.info("done: %d photos", len(result.views))
    return result


def infer_shard(
    folder: Path, shard: Shard, show: Callable[[Progress], None], cache: Path | None = None
) -> tuple[str, ...]:
    """Do this part of the forward passes that the folder's job needs, and leave what they give in the folder.

    Several processes may do their parts at once. What was done before an interruption is not done again. Returns
    what the user should know of this machine. show, cache: as for `run_job`. Raises ReconstructionError with one
    sentence.
    """
    with _begun(folder, show, cache) as (job, report):
        model, store = _load(folder, job, report)
        infer(job.photos, model, job.settings, store, shard, report, job.priors)
        report(LAST, 1, 1)
        log.info("part %d of %d is done", shard.number, shard.parts)
    return _notices(job, model)


def plan_job(folder: Path, show: Callable[[Progress], None], job: Job | None = None) -> tuple[Plan, tuple[str, ...]]:
    """What the folder's job will need on this machine, and what the user should know of it and of its photos.

    show, job: as for `run_job`. Raises ReconstructionError with one sentence, also where the memory does not suffice.
    """
    with _begun(folder, show, job=job) as (job, report):
        model, _ = _load(folder, job, report)
        views, warnings = load_views(job.photos, framing_of(model.config), report, job.priors.masks)
        report(LAST, 1, 1)
        edges = make_edges(len(views), job.settings.scene_graph, job.settings.symmetrize)
        return plan_views(views, edges, model, ("disk",)), (*_notices(job, model), *warnings)


@contextmanager
def loaded(
    folder: Path, device: Device, report: Report, cache: Path | None = None
) -> Iterator[tuple[LoadedModel, FolderStore]]:
    """The model of the folder's job on a device, and the store of what it has said, for as long as the block lasts.

    cache: as for `run_job`. Raises ReconstructionError with one sentence.
    """
    job = with_cache(Job.load(folder), folder, cache)
    with _using(job):
        yield _load(folder, replace(job, settings=replace(job.settings, device=device)), report)


@contextmanager
def _begun(
    folder: Path, show: Callable[[Progress], None], cache: Path | None = None, job: Job | None = None
) -> Iterator[tuple[Job, Timeline]]:
    if job is None:
        job = Job.load(folder)
    else:
        check_folder(folder)
    job = with_cache(job, folder, cache)
    forget_half_written(folder)
    keep_freed_memory()
    allow_many_maps()
    with _logging_to(log_file(folder)), _using(job), shortage_explained():
        log.info("%d photos, model %s, settings %s", len(job.photos), job.model, job.settings)
        yield job, Timeline({LOADING: 5.0, **STAGES}, show)


def _using(job: Job) -> AbstractContextManager[None]:
    return using(job.cache) if job.cache else nullcontext()


def settled_precision(settings: ReconstructionSettings) -> Precision:
    """What "auto" comes to on this machine, as a setting."""
    if settings.precision != "auto":
        return settings.precision
    return "float32" if pick_precision("auto", pick_device(settings.device)) == torch.float32 else "half"


def _load(folder: Path, job: Job, report: Report, sha256: str = "") -> tuple[LoadedModel, FolderStore]:
    """The job's model, and the store of its cached inference. sha256: of its weights, where it is known already."""
    torch.manual_seed(job.settings.alignment.seed)
    report(LOADING, 0, 1)
    device = pick_device(job.settings.device)
    models = array_stores(job.cache, device.type) if job.cache else cache_folder(folder)
    sha256 = sha256 or weights_digest(job.model)
    kept = models / sha256[:16]
    used = pick_precision(_begun_precision(kept, job) or settled_precision(job.settings), device)
    model = load_model(job.model, device, used, sha256)
    log.info("on %s in %s", device, precision_name(model.network))
    for notice in _notices(job, model):
        log.warning("%s", notice)
    report(LOADING, 1, 1)
    return model, FolderStore(kept / ("float32" if used == torch.float32 else "half"))


def _notices(job: Job, model: LoadedModel) -> tuple[str, ...]:
    return precision_notices(job.settings.precision, precision_name(model.network))


def _begun_precision(kept: Path, job: Job) -> Precision | None:
    """The one that an earlier run has settled on, if it was left open."""
    settled: tuple[Precision, ...] = ("float32", "half")
    left_open = job.settings.precision == "auto"
    return next((precision for precision in settled if left_open and (kept / precision).is_dir()), None)


def _finished(folder: Path) -> Reconstruction | None:
    """The result that lies in the folder, if it is whole."""
    try:
        return load_result(folder)
    except InputError:
        return None


class _LogFile(logging.FileHandler):
    """A log that a full disk cuts short: the job has better things to say than that."""

    def format(self, record: logging.LogRecord) -> str:
        """Without what names in it would do to a terminal that shows it."""
        return plain_lines(super().format(record))

    def handleError(self, record: logging.LogRecord) -> None:
        """Nothing: the standard handler would print a traceback."""

    def close(self) -> None:
        with suppress(OSError):  # what could not be written until now
            super().close()


def _log_failure(kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
    """Put the exception that ends a job into its log, with where it came from."""
    if kind is not None and issubclass(kind, Exception):
        log.error("The job failed", exc_info=error)


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    try:
        handler = _LogFile(path, encoding="utf-8")
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error.strerror or error}; choose another place") from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger((__package__ or "").rpartition(".")[0])
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        with ExitStack() as ended:
            ended.push(_log_failure)
            yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()
