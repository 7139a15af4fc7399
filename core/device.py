"""Which device the network runs on, and in which precision."""

import logging
import time
from collections.abc import Callable
from functools import cache

import torch

from .errors import InputError
from .model.kernels import Linear
from .settings import Device, Precision

TENSOR_CORES = (7, 0)  # CUDA's capability from which on half precision is several times as fast
CLEARLY = 1.3  # times as fast as float32, for half precision to be worth its rounding
TRIAL, REPEATS = 1024, 12  # side of the matrices multiplied on a CPU; the best of so many counts

log = logging.getLogger(__name__)


def pick_device(wanted: Device = "auto") -> torch.device:
    """The device asked for, or the fastest that is there; raises InputError when it is not."""
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, there in present.items() if there))
    if not present[wanted]:
        found = ", ".join(name for name, there in present.items() if there)
        raise InputError(f"No {wanted} device was found on this machine (there is: {found}); choose auto or cpu")
    return torch.device(wanted)


def pick_precision(wanted: Precision, device: torch.device) -> torch.dtype:
    """What the network computes its products in on a device; for "auto", half only where that is clearly faster."""
    if wanted == "float32" or (wanted == "auto" and not _half_is_faster(device.type)):
        return torch.float32
    if device.type == "mps" or (device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False)):
        return torch.float16
    return torch.bfloat16  # float32's range: nothing overflows


def device_memory(device: torch.device) -> int | None:
    """Bytes on a GPU that this process holds or may still take; None for what has no memory of its own."""
    if device.type != "cuda":
        return None
    return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)


@cache
def _half_is_faster(kind: str) -> bool:
    """Known for GPUs (Apple's is left at float32); measured, once per process, for this CPU."""
    if kind == "cpu":
        single, half = _seconds(torch.float32), _seconds(torch.bfloat16)
        log.info("this CPU is %.1f times as fast in bfloat16 as in float32", single / half)
        return single > CLEARLY * half
    return kind == "cuda" and torch.cuda.get_device_capability() >= TENSOR_CORES


@torch.inference_mode()
def _seconds(precision: torch.dtype) -> float:
    layer = Linear(TRIAL, TRIAL).to(precision)
    tokens = torch.ones(TRIAL, TRIAL, dtype=precision)
    return min(_timed(lambda: layer(tokens)) for _ in range(REPEATS))


def _timed(work: Callable[[], object]) -> float:
    start = time.process_time()  # which others on the machine hardly change
    work()
    return time.process_time() - start
