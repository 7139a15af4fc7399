"""Points in free space: another photo looks through them, at a surface that it is surer of."""

import numpy as np
from numpy.typing import NDArray

from .agreement import Agreement


def find_floaters(agreement: Agreement, unconfirmed: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """(H, W): the points that more photos contradict than confirm.

    unconfirmed: points that photos do not agree on, as `unconfirmed_of` gives them; those that they agree on are
    floaters also where they are outvoted.
    """
    floaters = agreement.contradicted > agreement.confirmed
    return floaters if unconfirmed is None else floaters | (~unconfirmed & (agreement.votes < 0))
