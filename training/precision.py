"""Which precision a device is fast in."""

import torch

from ..core.runtime.device import pick_precision
from .config import Precision


def half_precision(wanted: Precision, device: torch.device) -> torch.dtype | None:
    """The precision of encoder and decoders where it is not float32: bfloat16 if asked for, or where it is native."""
    if wanted != "auto":
        return torch.bfloat16 if wanted == "bfloat16" else None
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else None
    return torch.bfloat16 if pick_precision("auto", device) == torch.bfloat16 else None
