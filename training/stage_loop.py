"""The loop of a stage: update, look, evaluate, save; until it is done or somebody stops it."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

import torch

from ..core.errors import Cancelled, ReconstructionError
from .feed import Delivery, repeated
from .meter import Meter, Speed
from .run_folder import HELD_OUT, LOSSES, SPEED, RunFolder
from .schedule import Clock, learning_rate, share_done
from .stage_run import Outcome, StageRun
from .state import Position

SAY_SECONDS, LOOK_SECONDS = 20.0, 2.0


class Ended(Enum):
    """How a stage's loop came to its end."""

    DONE = auto()
    STOPPED = auto()  # out of time; saved


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the loop asks of whoever runs it."""

    save: Callable[[], None]
    export: Callable[[float], None]  # called with the held-out loss
    out_of_time: Callable[[], bool]
    tell: Callable[[float], None]  # called with the share of the stage that is done; may raise Cancelled
    say: Callable[[str], None]


class StageLoop:
    """Runs one stage; `folder` is None in all processes but the first."""

    def __init__(self, run: StageRun, position: Position, folder: RunFolder | None, hooks: Hooks) -> None:
        self._run, self._position, self._folder, self._hooks = run, position, folder, hooks
        self._meter = Meter(run.device, run.config.log_every)
        self._pending: list[Outcome] = []
        self._clock = self._saved = self._said = time.monotonic()
        self._held_out_loss: float | None = None

    def run(self, deliveries: Iterator[Delivery], held_out: int) -> Ended:
        """Until the stage is done or time is up; held_out: how many of the first deliveries are for evaluation."""
        kept = [next(deliveries) for _ in range(held_out)]  # waits until the workers have begun
        config, stage = self._run.config, self._run.stage
        learned = self._position.steps * stage.accumulation  # of the stage, on this process
        deliveries = repeated(deliveries, stage.repeats, learned % stage.repeats)
        self._clock = time.monotonic()
        self._meter.read()
        while (share := self._share()) < 1:
            rate = learning_rate(stage, share)
            self._pending.append(self._run.update(deliveries, rate, self._meter))
            self._position.steps += 1
            self._position.updates += 1
            self._position.pairs += self._run.pairs_per_update
            evaluates = self._position.steps % config.evaluate_every == 0
            if evaluates or self._due():
                stopping = self._look()
                if evaluates:
                    self._evaluate(kept)
                if self._leaves(stopping):
                    return Ended.STOPPED
                self._clock = time.monotonic()  # neither evaluation nor saving is training
            self._tell()
        self._look()
        if self._position.steps % config.evaluate_every or self._held_out_loss is None:
            self._evaluate(kept)
        return Ended.DONE

    def _share(self) -> float:
        return share_done(self._run.stage, Clock(self._position.steps, self._position.minutes))

    def _due(self) -> bool:
        """Whether it is time for a look; several processes must agree on it without asking each other."""
        slow = self._run.processes.world == 1 and time.monotonic() - self._clock > LOOK_SECONDS
        return slow or self._position.steps % self._run.config.log_every == 0

    def _look(self) -> bool:
        """Read the losses, keep them, move the clock; True when time is up. The same in all processes."""
        processes, device = self._run.processes, self._run.device
        if self._pending:
            losses = processes.mean(torch.stack([outcome.loss for outcome in self._pending])).tolist()
            gradients = torch.stack([outcome.gradient for outcome in self._pending]).tolist()
            self._check(losses, gradients)
            self._log(losses, gradients)
        minutes, self._clock = (time.monotonic() - self._clock) / 60, time.monotonic()
        news = torch.tensor([minutes, float(self._hooks.out_of_time())], dtype=torch.float32, device=device)
        minutes, stopping = processes.of_first(news).tolist()
        self._position.minutes += minutes
        self._position.total_minutes += minutes
        return bool(stopping)

    def _check(self, losses: list[float], gradients: list[float]) -> None:
        first, stage = self._position.updates - len(losses) + 1, self._run.stage
        for k, (loss, gradient) in enumerate(zip(losses, gradients, strict=True)):
            if not (math.isfinite(loss) and math.isfinite(gradient)):
                size = stage.accumulation * self._run.processes.world
                learned = (self._position.steps - len(losses) + k) * stage.accumulation
                batch = learned // stage.repeats * self._run.processes.world
                batches = f"batch {batch}" if size == 1 else f"batches {batch} to {batch + size - 1}"
                raise ReconstructionError(
                    f"The loss became {loss} and its gradient {gradient} at update {first + k}, {batches} of stage "
                    f"{stage.name}; the last good state is kept: lower learning_rate or clip and begin another run "
                    "with --start, or look at that batch"
                )

    def _log(self, losses: list[float], gradients: list[float]) -> None:
        first, name = self._position.updates - len(losses) + 1, self._run.stage.name
        outcomes, self._pending = self._pending, []
        rows = [
            (first + k, name, losses[k], outcome.rate, gradients[k], outcome.difficulty)
            for k, outcome in enumerate(outcomes)
        ]
        speed = self._meter.read()
        if self._folder is None:
            return
        self._folder.log(LOSSES, rows)
        pace = (round(speed.pairs_per_second, 2), round(speed.waiting, 4), round(self._position.total_minutes, 3))
        self._folder.log(SPEED, [(rows[-1][0], name, *pace)])
        self._speak(sum(losses) / len(losses), speed)

    def _speak(self, loss: float, speed: Speed) -> None:
        if time.monotonic() - self._said < SAY_SECONDS and self._position.updates > self._run.config.log_every:
            return
        self._said = time.monotonic()
        held_out = "" if self._held_out_loss is None else f", held out {self._held_out_loss:.4f}"
        self._hooks.say(
            f"{self._run.stage.name} {self._share():.0%}: update {self._position.updates}, loss {loss:.4f}{held_out}, "
            f"{speed.pairs_per_second:.1f} pairs/s, {speed.waiting:.0%} of the time waiting for data"
        )

    def _evaluate(self, held_out: list[Delivery]) -> None:
        """Note the held-out loss and keep the model where it is the best of its stage."""
        if self._folder is None:
            return
        loss = self._held_out_loss = self._run.held_out_loss(held_out)
        self._folder.log(HELD_OUT, [(self._position.updates, self._run.stage.name, loss)])
        if self._position.best is None or loss < self._position.best:
            self._position.best = loss
            self._hooks.export(loss)

    def _leaves(self, stopping: bool) -> bool:
        """Save where it is time to; True when the run stops here."""
        due = time.monotonic() - self._saved >= 60 * self._run.config.save_minutes
        if due or stopping:
            self._saved = time.monotonic()
            self._hooks.save()
        return stopping

    def _tell(self) -> None:
        """Report progress; a Cancelled raised there leaves a saved run."""
        if self._folder is None:
            return
        try:
            self._hooks.tell(self._share())
        except Cancelled:
            self._look()
            self._hooks.save()
            raise
