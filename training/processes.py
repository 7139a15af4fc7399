"""Several processes that train one network, as torch's own launcher (torchrun) starts them."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among all of them; alone it is the first of one."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    def mean(self, values: Tensor) -> Tensor:
        """The mean over all processes, in each of them."""
        if self.world > 1:
            distributed.all_reduce(values)
            values = values / self.world
        return values

    def of_first(self, values: Tensor) -> Tensor:
        """The first process's values, in each of them."""
        if self.world > 1:
            distributed.broadcast(values, src=0)
        return values


@contextmanager
def joined_processes(device: torch.device) -> Iterator[tuple[Processes, torch.device]]:
    """Join the others that the launcher's environment speaks of; gives this process and its own device."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Processes(), device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(distributed.get_rank(), world), device
        distributed.barrier()  # none leaves while another still talks to it
    finally:
        gc.collect()  # reducers that lie in cycles must not outlive the group
        distributed.destroy_process_group()
