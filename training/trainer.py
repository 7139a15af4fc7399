"""Training from a config to a model folder: stage after stage, saved as it goes, resumed exactly."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ..core.checkpoints.catalogue import is_synthetic
from ..core.checkpoints.loading import load_model
from ..core.errors import InputError
from ..core.networks.dust3r.config import ModelConfig
from ..core.progress import Report, silent
from ..core.runtime.device import pick_device
from ..core.settings import Device
from ..core.version import VERSION
from .artifacts import check_artifacts, write_artifacts
from .config import TrainingConfig
from .export import export_model
from .feed import Feed, Request, check_source, cores, forks, make_request, prepare, prepared, usual_workers
from .learners import keep_what_fits, model_config, network_shape, network_weights
from .processes import Processes, joined_processes
from .run_folder import RunFolder, recorded_minutes
from .schedule import Clock, difficulty, share_done
from .stage_loop import Ended, Hooks, StageLoop
from .stage_run import StageRun
from .state import Position, load_state, named, save_state

STAGE = "Training"
PARTS = 1000  # of what is left to do, for progress
MIB = 1 << 20
HELD_OUT_SEED = 2_000_000  # added to the run's seed: neither learned from nor in the exam (scenes/source.py)


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is carried out; nothing of it changes what is learned, but for minutes and start."""

    resume: bool = False
    device: Device = "auto"
    minutes: float | None = None  # the whole run, instead of the config's own lengths
    stop_after: float | None = None  # minutes of this process; then save and leave
    start: Path | None = None  # a model whose weights the run begins with, as far as they fit
    artifacts: Path | None = None  # a folder for the newest model and the logs in few files of at most part_size
    say: Callable[[str], None] = lambda text: None  # one line, now and then
    report: Report = silent  # may raise Cancelled: the run is saved first


@dataclass(frozen=True, slots=True)
class Trained:
    """How a call of `train` ended."""

    model: Path | None  # the folder of the last stage's best model; None if it has none yet
    finished: bool  # False: stopped, to be resumed
    position: Position


def train(config: TrainingConfig, folder: Path, options: Options | None = None) -> Trained:
    """Train into a folder: models/<stage>/, curves, and the state that a resumed run goes on from.

    Under torch's launcher every process calls this with the same arguments. Raises InputError for what cannot be
    used or written, and ReconstructionError where the loss is no number any more; the last save stays good.
    """
    options = options or Options()
    minutes = recorded_minutes(folder) if options.resume and options.minutes is None else options.minutes
    config = config.lasting(minutes) if minutes is not None else config
    for source in {source for stage in config.stages for source in config.sources_of(stage)}:
        check_source(source)
    if options.artifacts:
        check_artifacts(options.artifacts, options.resume)
    torch.set_float32_matmul_precision("high")  # heads in TF32 on a GPU that has it; no effect on a CPU
    with joined_processes(pick_device(options.device)) as (processes, device):
        workers = usual_workers(device, processes.world) if config.workers < 0 else config.workers
        config = replace(config, workers=workers)
        try:
            with _threads_beside(workers, processes.world):
                return _Trainer(config, folder, options, processes, device, minutes).run()
        except torch.OutOfMemoryError as error:
            raise InputError(
                "The GPU's memory ran out; lower scenes, views or pairs in the config (and raise accumulation)"
            ) from error


@contextmanager
def _threads_beside(workers: int, world: int) -> Iterator[None]:
    """torch's threads leave cores to the workers: on a shared core they would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, min(before, cores() // world - workers)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Trainer:
    """A run in this process."""

    def __init__(
        self,
        config: TrainingConfig,
        path: Path,
        options: Options,
        processes: Processes,
        device: torch.device,
        minutes: float | None,
    ) -> None:
        self._config, self._options, self._processes, self._device = config, options, processes, device
        self._folder = RunFolder(path, config, options.resume, minutes) if processes.first else None
        processes.of_first(torch.zeros(1, device=device))  # the others wait until the folder is there
        saved = load_state(path) if options.resume else None
        self._path, self._position = path, saved.position if saved else Position()
        self._tensors = saved.tensors if saved else {}
        if self._folder and options.resume:
            self._folder.forget_after(self._position.updates)
        if saved is None:
            self._position.synthetic = config.is_synthetic and (options.start is None or is_synthetic(options.start))
        if saved is None and options.start is not None:
            self._tensors = {f"carry/{name}": value for name, value in _start(options.start, config).items()}
        self._began = time.monotonic()
        self._begun_at: float | None = None  # share of the run
        self._forks, self._prepared = forks(config.workers), False

    def run(self) -> Trained:
        for index in range(self._position.stage, len(self._config.stages)):
            if self._run_stage(index) is Ended.STOPPED:
                return Trained(self._model(index), False, self._position)
        return Trained(self._model(len(self._config.stages) - 1), True, self._position)

    def _model(self, index: int) -> Path | None:
        folder = self._path / "models" / self._config.stages[index].name
        return folder if folder.is_dir() else None

    def _run_stage(self, index: int) -> Ended:
        stage, config, processes = self._config.stages[index], self._config, self._processes
        torch.manual_seed(config.seed + index)
        run = StageRun(config, stage, self._device, processes)
        self._fill(run)
        feed = self._open_feed(run, index)
        try:
            ended = StageLoop(run, self._position, self._folder, self._hooks(run)).run(
                iter(feed), config.held_out if processes.first else 0
            )
        finally:
            feed.close()
        if ended is Ended.DONE:
            self._tensors = {f"carry/{name}": value for name, value in network_weights(run.average.shadow).items()}
            self._position.stage, self._position.steps, self._position.minutes = index + 1, 0, 0.0
            self._position.averaged, self._position.best = 0, None
            self._write(self._tensors)
        return ended

    def _open_feed(self, run: StageRun, index: int) -> Feed:
        """Begin to make data, and warm the network up meanwhile; the first time, while the renderer is compiled."""
        sources = self._config.sources_of(run.stage)
        if run.warms_up and self._forks and not self._prepared:
            with prepared(sources):
                self._warm_up(run)
            feed = self._feed(index)
        else:
            if self._forks:
                prepare(sources)
            feed = self._feed(index)
            if run.warms_up:
                self._warm_up(run)
        self._prepared = True
        return feed

    def _feed(self, index: int) -> Feed:
        pinned = self._device.type == "cuda"
        return Feed(self._requests(index, self._position.steps), self._config.workers, pinned)

    def _warm_up(self, run: StageRun) -> None:
        seconds = run.warm_up()
        self._options.say(f"{run.stage.name}: warmed up for {seconds:.0f} s, which its minutes do not count")

    def _fill(self, run: StageRun) -> None:
        """Give a stage's network what was saved in it, or what the stage before left."""
        if self._position.steps:
            run.restore(self._tensors, self._position.averaged)
        elif carried := named(self._tensors, "carry/"):
            kept, needed = keep_what_fits(run.learner, carried)
            run.begin_average()
            self._options.say(f"{run.stage.name}: begins with {kept} of {needed} tensors it has from before")
        self._tensors = {}

    def _requests(self, index: int, steps: int) -> Iterator[Request]:
        """Held-out batches first (for the first process), then those of all updates from `steps` on."""
        config, processes = self._config, self._processes
        stage, seed = config.stages[index], config.seed + 1000 * (index + 1)
        make = partial(make_request, stage, config.sources_of(stage))
        for number in range(config.held_out if processes.first else 0):
            yield make(config.seed + HELD_OUT_SEED, number, stage.difficulty[1])
        number = steps * stage.accumulation // stage.repeats * processes.world + processes.rank
        while True:
            # A run in updates must give the same batches however far ahead they are made.
            updates = number * stage.repeats // (stage.accumulation * processes.world)
            clock = Clock(updates, self._position.minutes)
            yield make(seed, number, difficulty(stage, share_done(stage, clock)))
            number += processes.world

    def _hooks(self, run: StageRun) -> Hooks:
        save, export = partial(self._save, run), partial(self._export, run)
        tell = partial(self._tell, self._config.stages.index(run.stage))
        return Hooks(save, export, self._out_of_time, tell, self._options.say)

    def _tell(self, index: int, share: float) -> None:
        """Report progress: the part done of what was left when this process began."""
        done = _share_of_run(self._config, index, share)
        if self._begun_at is None:
            self._begun_at = done
        part = (done - self._begun_at) / max(1 - self._begun_at, 1e-9)
        self._options.report(STAGE, int(PARTS * part), PARTS)

    def _out_of_time(self) -> bool:
        limit = self._options.stop_after
        return limit is not None and (time.monotonic() - self._began) / 60 >= limit

    def _save(self, run: StageRun) -> None:
        self._position.averaged = run.average.updates
        self._write(run.tensors())

    def _write(self, tensors: dict[str, Tensor]) -> None:
        if self._folder:
            save_state(self._path, self._position, tensors, int(self._config.part_size * MIB))
            self._folder.draw()
            self._write_artifacts()

    def _write_artifacts(self) -> None:
        if self._options.artifacts is None:
            return
        models = [model for index in range(len(self._config.stages)) if (model := self._model(index)) is not None]
        newest = models[-1] if models else None
        part_bytes, updates = int(self._config.part_size * MIB), self._position.updates
        write_artifacts(self._options.artifacts, self._path, newest, updates, part_bytes)

    def _export(self, run: StageRun, held_out: float) -> None:
        stage = run.stage
        recipe = {
            "version": VERSION,
            "device": str(self._device),
            "processes": self._processes.world,
            "stage": stage.name,
            **{key: value for key, value in asdict(self._position).items() if key != "best"},
            "config": self._config.as_dict(),
        }
        weights = network_weights(run.average.shadow)
        config = model_config(self._config.network, stage)
        export_model(self._path / "models" / stage.name, config, weights, recipe, held_out)
        self._write_artifacts()


def _share_of_run(config: TrainingConfig, index: int, share: float) -> float:
    """Part of the run that is done, when so much of stage `index` is; stages in other units count as equally long."""
    same = len({stage.steps > 0 for stage in config.stages}) == 1
    lengths = [stage.length if same else 1.0 for stage in config.stages]
    return (sum(lengths[:index]) + share * lengths[index]) / sum(lengths)


def _start(path: Path, config: TrainingConfig) -> dict[str, Tensor]:
    """The weights of a model to begin with; InputError where it is another network."""
    model = load_model(path, torch.device("cpu"))
    if not isinstance(model.config, ModelConfig):
        raise InputError(f"{path} cannot be trained further: it is no network of pairs; begin with a DUSt3R one")
    mine, its = config.network, network_shape(model.config)
    for name in ("encoder_width", "encoder_depth", "decoder_width", "decoder_depth", "patch_size"):
        if getattr(mine, name) != getattr(its, name):
            raise InputError(
                f"{path} cannot be trained further with this config: its {name} is {getattr(its, name)}, the config "
                f"says {getattr(mine, name)}; make them equal"
            )
    return dict(model.network.state_dict())
