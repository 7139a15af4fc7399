"""What a network's confidence says of its errors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class ConfidenceBin:
    """Pixels of which a network is about equally sure."""

    confidence: float  # their median
    error: float  # median of |d - D| / D, percent


def confidence_bins(confidence: Array, error: Array, count: int = 5) -> tuple[ConfidenceBin, ...]:
    """Bins of as many pixels each, the least sure first; fewer where there are fewer pixels than bins.

    confidence, error: (N,), error as |d - D| / D. Errors fall from bin to bin where confidence means something, and
    networks whose bins have the same errors at the same confidence are on one scale.
    """
    order = np.argsort(confidence, kind="stable")
    bins = [part for part in np.array_split(order, count) if len(part)]
    return tuple(
        ConfidenceBin(float(np.median(confidence[part])), float(100 * np.median(error[part]))) for part in bins
    )
