"""Which device the network runs on, and in which precision."""

import torch

from ..errors import InputError
from ..networks.precision import computes_in
from ..settings import Device, Precision

TENSOR_CORES = (7, 0)  # CUDA's capability from which on half precision is several times as fast


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
    """What the network computes its products in on a device; for "auto", half only where that is clearly faster.

    A rule of the device alone: the same device always computes the same. Float32 where half is not possible, which
    `precision_notices` says.
    """
    if wanted == "float32" or (wanted == "auto" and not _half_is_faster(device.type)):
        return torch.float32
    half = _half(device)
    return half if computes_in(half, device) else torch.float32


def precision_notices(wanted: Precision, used: str) -> tuple[str, ...]:
    """A sentence for the user where half precision was asked for and the network is in float32 (`precision_name`)."""
    if wanted != "half" or used != "float32":
        return ()
    return ("This device cannot compute in half precision (torch refuses it), so float32 is used instead",)


def _half(device: torch.device) -> torch.dtype:
    """The kind of half precision that suits a device."""
    if device.type == "mps" or (device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False)):
        return torch.float16
    return torch.bfloat16  # float32's range: nothing overflows


def device_memory(device: torch.device) -> int | None:
    """Bytes on a GPU that this process holds or may still take; None for what has no memory of its own."""
    if device.type != "cuda":
        return None
    return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)


def native_bfloat16() -> bool:
    """Whether this CPU multiplies in bfloat16 itself, by its instructions: a timing would depend on what else runs."""
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # not public; older torch lacks them
    return any(getattr(torch.cpu, name, lambda: False)() for name in names)


def _half_is_faster(kind: str) -> bool:
    """For a kind of device; Apple's GPU is left at float32."""
    if kind == "cpu":
        return native_bfloat16()
    return kind == "cuda" and torch.cuda.get_device_capability() >= TENSOR_CORES
