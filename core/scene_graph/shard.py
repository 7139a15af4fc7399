"""The pairs of a job in parts that several processes, or machines, can do. Imports no torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import InputError
from .edges import Edge

EDGES = 16  # of a chunk, which is kept as a whole: what an interruption costs at most


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `number` (from 1) of the work in `parts` about equal ones."""

    number: int = 1
    parts: int = 1

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """K/N; raises InputError for anything else."""
        number, slash, parts = text.partition("/")
        if not (slash and number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts)):
            raise InputError(f"{text!r} is no part of the work; write K/N with K from 1 to N, such as 2/3")
        return cls(int(number), int(parts))

    def turns(self, edges: Sequence[Edge]) -> list["Shard"]:
        """The parts that have any of the edges, this one first: what others left is done where all of it is needed."""
        filled = min(self.parts, math.ceil(len(edges) / EDGES))
        return [Shard((self.number - 1 + turn) % filled + 1, self.parts) for turn in range(filled)]

    def chunks(self, edges: Sequence[Edge]) -> list[list[Edge]]:
        """This part's chunks of the edges. They depend on the edges alone, whatever was interrupted or is done."""
        # Both directions of a pair together, a photo that was added behind all others.
        ordered = sorted(edges, key=lambda edge: (max(edge), min(edge), edge))
        return [ordered[start : start + EDGES] for start in range(0, len(ordered), EDGES)][
            self.number - 1 :: self.parts
        ]


WHOLE = Shard()
