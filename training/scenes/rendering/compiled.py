"""Compiling with Numba, kept between runs for as long as no compiled file changes.

Numba's own cache looks only at the file of the function that is called, and would miss a change in one that it calls.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])
HERE = Path(__file__).parent
# What lets loops become vector instructions and changes no bit. Sums in another order, reciprocals and fused
# multiplications would: which of them are taken differs between freshly compiled code and the same from the cache.
EXACT = {"nnan", "ninf", "nsz"}


def _fingerprint() -> str:
    files = [HERE.parent / "scene.py", *sorted(HERE.glob("*.py"))]
    text = b"".join(path.read_bytes() for path in files)
    return hashlib.sha256(text).hexdigest()[:16]


CACHE = HERE / "__pycache__" / f"numba-{_fingerprint()}"


def compiled(function: F) -> F:
    """Compile a function of numbers and arrays; it releases the interpreter's lock while it runs."""
    return _jit(function, forceinline=False)


def inlined(function: F) -> F:
    """The same for a small function that compiled ones call: it becomes part of its callers."""
    return _jit(function, forceinline=True)


def _jit(function: F, forceinline: bool) -> F:
    config: Any = numba.config
    before, config.CACHE_DIR = config.CACHE_DIR, str(CACHE)
    try:
        options = {"nogil": True, "cache": True, "fastmath": EXACT, "error_model": "numpy", "forceinline": forceinline}
        return cast(F, numba.njit(**options)(function))
    finally:
        config.CACHE_DIR = before
