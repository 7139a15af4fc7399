"""What a protocol is made of: tasks that can be examined one by one, in any order, and again after a break."""

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ...core.checkpoints.loading import LoadedModel
from ...core.progress import Report
from ...core.settings import ReconstructionSettings

Figures = dict[str, float | None]  # None: without bound, as the error of a photo that cannot be placed
Examine = Callable[[LoadedModel, ReconstructionSettings, Report], Figures]


@dataclass(frozen=True, slots=True)
class Task:
    """A sequence, a photo or a scan of a data set."""

    group: str  # its row in the table
    name: str  # unique in the group
    examine: Examine  # empty: the protocol leaves it out


def few(tasks: list[Task], limit: int | None) -> list[Task]:
    """At most `limit` of the tasks, in their order: evenly from every group, and evenly spread in each."""
    if limit is None or limit >= len(tasks):
        return tasks
    groups: dict[str, list[int]] = {}
    for number, task in enumerate(tasks):
        groups.setdefault(task.group, []).append(number)
    share = max(1, -(-limit // len(groups)))
    turns = [spaced(numbers, share) for numbers in groups.values()]
    chosen = [turn[k] for k in range(share) for turn in turns if k < len(turn)]
    return [tasks[number] for number in sorted(chosen[:limit])]


def spaced(numbers: list[int], count: int) -> list[int]:
    """So many of them, evenly over the list, the first included."""
    count = min(count, len(numbers))
    return [numbers[k * len(numbers) // count] for k in range(count)]


def drawn(count: int, of: int, name: str, seed: int) -> NDArray[np.int64]:
    """`count` of the numbers 0, ..., of - 1 in rising order, drawn at random: always the same for a name and a seed."""
    return np.sort(np.random.default_rng([seed, crc32(name.encode())]).choice(of, count, replace=False))
