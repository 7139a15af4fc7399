"""How much is tried: seconds' worth in `make test`, all of it in `make test-faults`; and from which seed."""

import os

FULL = os.environ.get("FAULTS") == "full"
SEED = int(os.environ.get("FAULTS_SEED", "0"))
NOTES: list[str] = []  # how things ended, for the summary


def trials(full: int, quick: int) -> int:
    """How many of something to try."""
    return full if FULL else quick
