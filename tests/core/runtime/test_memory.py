"""What there is of memory, and what becomes of what is freed."""

import mmap
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from dust3r.core.runtime.memory import forget_peak, peak_memory, reachable_memory

# Blocks that are freed and asked for again; page faults count what the system had to give anew.
REUSE = """
import resource, runpy
runpy.run_path("headless.py")["import_package"]()
import numpy as np
from dust3r.core.runtime.memory import keep_freed_memory
assert keep_freed_memory()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
block = lambda: np.ones(8_000_000).sum()
block(), block()
before = faults()
for _ in range(10):
    block()
print(faults() - before)
"""


@contextmanager
def _held(size: int) -> Iterator[None]:
    """So many bytes in memory, and none of them afterwards: an allocator may keep what it frees."""
    with mmap.mmap(-1, size) as block:
        for start in range(0, size, mmap.PAGESIZE):
            block[start] = 1
        yield


def test_there_is_memory_and_the_peak_counts_what_was_held():
    with _held(100_000_000):
        pass
    reachable, peak = reachable_memory(), peak_memory()
    assert reachable is None or peak is None or (reachable > 50e6 and peak > 100e6)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux' own")
def test_a_peak_can_be_forgotten():
    with _held(200_000_000):
        before = peak_memory()
    forget_peak()
    assert peak_memory() < before - 100_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="Linux' own")
def test_a_process_does_not_count_what_its_parent_held(pytestconfig):
    block = bytearray(b"x" * 400_000_000)
    probe = "import runpy; runpy.run_path('headless.py')['import_package']()"
    probe += "; from dust3r.core.runtime.memory import peak_memory; print(peak_memory())"
    output = subprocess.run([sys.executable, "-c", probe], cwd=pytestconfig.rootpath, capture_output=True).stdout
    assert int(output) < len(block)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's own")
def test_what_is_freed_is_used_again_and_not_asked_for_anew(pytestconfig):
    process = subprocess.run([sys.executable, "-c", REUSE], cwd=pytestconfig.rootpath, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert int(process.stdout) < 1000  # each of the ten blocks has 15,625 pages
