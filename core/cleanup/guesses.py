"""Points at the network's depth where the photos that could see them do not have them."""

import numpy as np
from numpy.typing import NDArray

from .agreement import Agreement


def find_guesses(agreement: Agreement, own_votes: int) -> NDArray[np.bool_]:
    """(H, W): points in front of a surface that photos agree on, and those that are outvoted.

    own_votes: what the network's own word counts for; without any, a point that no other photo has is a guess.
    """
    return agreement.refuted | (agreement.votes + own_votes <= 0)
