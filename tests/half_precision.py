"""Tests of half precision's own numbers, on CPUs that have them; what depends on them is tested on every CPU."""

import pytest
import torch
from dust3r.core.networks.precision import computes_in


def skip_without_bfloat16() -> None:
    """Skip the test where this CPU, as the test has set things up, computes no bfloat16."""
    if not computes_in.__wrapped__(torch.bfloat16, torch.device("cpu")):
        pytest.skip("torch refuses bfloat16 on this CPU (no AVX-512, or ONEDNN_MAX_CPU_ISA hides it)")
