"""How far found depth is from the true one, free of the choice of unit: the field's usual figures."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def depth_metrics(found: Array, true: Array) -> dict[str, float]:
    """Mean |d - D| / D (absrel) and the shares of max(d/D, D/d) below 1.25 and 1.03 (delta125, tau103), in percent.

    found, true: as for `in_the_unit`.
    """
    scaled = in_the_unit(found, true)
    ratio = np.maximum(scaled / true, true / np.maximum(scaled, 1e-12))
    return {
        "absrel": float(100 * np.mean(np.abs(scaled - true) / true)),
        "delta125": float(100 * np.mean(ratio < 1.25)),
        "tau103": float(100 * np.mean(ratio < 1.03)),
    }


def in_the_unit(found: Array, true: Array) -> NDArray[np.float64]:
    """(N,): found depth in the unit of the true one, taken from the ratio of the medians.

    found, true: (N,), the true ones all > 0, N >= 1; found depth that is not above 0 counts as 0.
    """
    found = np.where(np.isfinite(found) & (found > 0), found, 0).astype(np.float64)
    middle = np.median(found)
    return found * (np.median(true) / middle) if middle > 0 else found
