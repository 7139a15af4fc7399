"""Points in free space: another photo looks through them, at a surface that it is surer of."""

import numpy as np
from numpy.typing import NDArray

from .agreement import Agreement


def find_floaters(agreement: Agreement) -> NDArray[np.bool_]:
    """(H, W): the points that more photos contradict than confirm."""
    return agreement.contradicted > agreement.confirmed
