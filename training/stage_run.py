"""One stage's moving parts: the network with its loss, its optimiser, its average; one update, one held-out loss."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.parallel import DistributedDataParallel

from .batch import blank_batch
from .config import Stage, TrainingConfig
from .ema import MovingAverage
from .feed import Delivery
from .learners import Learner
from .meter import Meter
from .pairs import random_numbers, to_device
from .precision import half_precision
from .processes import Processes
from .state import pack, unpack


class Outcome(NamedTuple):
    """What an update says of itself; on the device, so that reading it is a choice."""

    loss: Tensor  # mean of this process's batches
    gradient: Tensor  # length before clipping
    rate: float
    difficulty: float


class StageRun:
    """The network of a stage while it learns, on one device; on several processes the same in each."""

    def __init__(self, config: TrainingConfig, stage: Stage, device: torch.device, processes: Processes) -> None:
        self.config, self.stage, self.device, self.processes = config, stage, device, processes
        half = half_precision(config.precision, device)
        self.learner = Learner(config.network, stage, half).to(device)
        self.optimizer = make_optimizer(self.learner, config, fused=device.type == "cuda")
        self.average = MovingAverage(self.learner, config.ema)
        if config.compile:
            _compile_blocks(self.learner)
        several = processes.world > 1
        self._stepped: nn.Module = DistributedDataParallel(self.learner) if several else self.learner

    def tensors(self) -> dict[str, Tensor]:
        """All that the next update depends on."""
        return pack(self.learner, self.optimizer, self.average)

    def restore(self, tensors: Mapping[str, Tensor], averaged: int) -> None:
        """Go on from `tensors`, whose average had seen so many updates."""
        unpack(tensors, self.learner, self.optimizer, self.average)
        self.average.updates = averaged

    def begin_average(self) -> None:
        """Let the average be the weights that the stage begins with."""
        self.average = MovingAverage(self.learner, self.config.ema)

    @property
    def pairs_per_update(self) -> int:
        """Over all processes."""
        stage = self.stage
        return stage.scenes * stage.pairs * (1 + stage.both_orders) * stage.accumulation * self.processes.world

    @property
    def warms_up(self) -> bool:
        """Whether the first pass of a size takes much longer than the next: kernels are compiled or chosen for it."""
        return self.config.compile or self.device.type == "cuda"

    def warm_up(self) -> float:
        """One forward and backward pass of every size, from which nothing is learned; the seconds that it took."""
        began, stage = time.monotonic(), self.stage
        for size in stage.sizes:
            batch = to_device(blank_batch(stage.scenes, stage.views, stage.pairs, size), self.device)
            self._stepped(batch, random_numbers(0, 0)).backward()
        self.optimizer.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.monotonic() - began

    def update(self, deliveries: Iterator[Delivery], rate: float, meter: Meter) -> Outcome:
        """Take the batches of one update and learn from them at this learning rate."""
        losses, difficulty = [], 0.0
        with meter.update(self.pairs_per_update):
            for k in range(self.stage.accumulation):
                with meter.waiting():
                    delivery = next(deliveries)
                    batch = to_device(delivery.batch, self.device)
                chance = random_numbers(delivery.request.seed, delivery.request.number, delivery.repetition)
                with self._synchronised(k == self.stage.accumulation - 1):
                    loss = self._stepped(batch, chance)
                    (loss / self.stage.accumulation).backward()
                losses.append(loss.detach())
                difficulty = delivery.request.difficulty
            gradient = self._step(rate)
        return Outcome(torch.stack(losses).mean(), gradient, rate, difficulty)

    def _synchronised(self, last: bool) -> AbstractContextManager[object]:
        """Gradients are averaged over processes once an update, in its last backward pass."""
        if isinstance(self._stepped, DistributedDataParallel) and not last:
            return self._stepped.no_sync()
        return nullcontext()

    def _step(self, rate: float) -> Tensor:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        learning = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        gradient = nn.utils.clip_grad_norm_(learning, self.config.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.average.update(self.learner)
        return gradient.detach()

    @torch.no_grad()
    def held_out_loss(self, deliveries: Sequence[Delivery]) -> float:
        """The averaged weights' loss on batches that are never learned from; nothing is compiled for it."""
        losses = []
        with torch.compiler.set_stance("force_eager") if self.config.compile else nullcontext():
            for delivery in deliveries:
                chance = random_numbers(delivery.request.seed, delivery.request.number)
                batch = to_device(delivery.batch, self.device)
                losses.append(functional_call(self.learner, self.average.shadow, (batch, chance, True)))
        return float(torch.stack(losses).mean())


def make_optimizer(learner: nn.Module, config: TrainingConfig, fused: bool = False) -> torch.optim.AdamW:
    """AdamW on what learns; weight decay on matrices only, not on norms, biases and the mask token."""
    learning = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in learning if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in learning if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=0.0, betas=config.betas, fused=fused)


def _compile_blocks(learner: Learner) -> None:
    """Block by block: the blocks of a kind share one compilation for all sizes, so the start stays short."""
    # The map between encoder and decoders too: uncompiled, it gives the first blocks a view, for which they would be
    # compiled again.
    network = learner.network
    for part in (*network.encoder, network.decoder_embed, *network.decoder_1, *network.decoder_2):
        part.compile(dynamic=True)
