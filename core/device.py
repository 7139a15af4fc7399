"""Which device the network runs on."""

import torch

from .errors import InputError
from .settings import Device


def pick_device(wanted: Device = "auto") -> torch.device:
    """The device asked for, or the fastest that is there; raises InputError when it is not."""
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, there in present.items() if there))
    if not present[wanted]:
        found = ", ".join(name for name, there in present.items() if there)
        raise InputError(f"No {wanted} device was found on this machine (there is: {found}); choose auto or cpu")
    return torch.device(wanted)
