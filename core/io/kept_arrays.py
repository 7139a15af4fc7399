"""What one stage of a job asks of the store in which arrays outlive it. Imports no torch."""

import hashlib
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

NAME = 32  # hexadecimal digits of a name in the store


class KeptArrays(Protocol):
    """Named arrays of several kinds (core/inference/array_store.py)."""

    def put(self, kind: str, name: str, array: NDArray[Any]) -> None: ...

    def get(self, kind: str, name: str) -> NDArray[Any] | None: ...


def name_of(*content: bytes | NDArray[Any]) -> str:
    """The name under which to keep what depends on this content alone."""
    digest = hashlib.sha256()
    for part in content:
        array = np.frombuffer(part, np.uint8) if isinstance(part, bytes) else np.ascontiguousarray(part)
        digest.update(f"{array.dtype} {array.shape} ".encode())
        digest.update(array.data)
    return digest.hexdigest()[:NAME]
