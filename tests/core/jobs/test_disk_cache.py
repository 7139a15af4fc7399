"""The cache keeps within its size, and touches nothing that is not its own."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from dust3r.core.errors import InputError
from dust3r.core.inference.array_store import FolderStore
from dust3r.core.jobs import disk_cache as cache

ROOT = Path(__file__).resolve().parents[3]
FILE = 1132  # bytes of an array of 1000, with its checksum
DAY = 24 * 3600
HOLD = """
import runpy, sys
runpy.run_path(sys.argv[1])["import_package"]()
from pathlib import Path
from dust3r.core.jobs import disk_cache as cache
with cache.using(Path(sys.argv[2])):
    print("using", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def store(folder):
    """Four arrays, put there one after the other."""
    store = FolderStore(cache.array_stores(folder, "cpu") / ("0" * 16) / "float32")
    for number in range(4):
        store.put("encoded", _name(number), np.full(1000, number, np.uint8))
        _used_before(store, number, seconds=100 - number)
    return store


@pytest.fixture
def another_job(folder, store):
    """A process that uses the cache."""
    command = [sys.executable, "-c", HOLD, str(ROOT / "headless.py"), str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "using\n"
    yield process
    process.kill()
    process.communicate()


def _name(number: int) -> str:
    return f"{number:032x}"


def _used_before(store, number: int, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(store.folder / "encoded" / f"{_name(number)}.npy", (then, then))


def _numbers(store) -> list[int]:
    return [int(name, 16) for name in store.names("encoded")]


def test_its_size_is_that_of_its_arrays(folder, store):
    (folder / "notes.txt").write_text("not ours")
    assert cache.size(folder) == 4 * FILE


@pytest.mark.parametrize(
    ("most", "left"), [(4 * FILE, [0, 1, 2, 3]), (4 * FILE - 1, [1, 2, 3]), (2 * FILE, [2, 3]), (FILE - 1, []), (0, [])]
)
def test_what_was_not_used_for_longest_goes_until_the_rest_fits(folder, store, most, left):
    cache.prune(folder, most)
    assert _numbers(store) == left


def test_what_is_used_again_stays(folder, store):
    store.use("encoded", _name(0))
    cache.prune(folder, 2 * FILE)
    assert _numbers(store) == [0, 3]


def test_using_what_is_not_there_makes_nothing(store):
    store.use("encoded", _name(9))
    assert _numbers(store) == [0, 1, 2, 3]


def test_the_order_of_use_is_kept_however_quickly_it_follows(folder, store):
    for number in (2, 0, 3, 1):
        store.use("encoded", _name(number))
    cache.prune(folder, 2 * FILE)
    assert _numbers(store) == [1, 3]


def test_foreign_files_and_links_stay(folder, store, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    mine = outside / f"{_name(7)}.npy"
    mine.write_bytes(b"mine")
    foreign = [
        folder / "photo.jpg",
        folder / f"{_name(5)}.npy",
        store.folder / "encoded" / "holiday.npy",
        store.folder / "encoded" / f"{_name(5)}.npy.bak",
        store.folder.parent / "double" / "encoded" / f"{_name(5)}.npy",
    ]
    for path in foreign:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"foreign")
    (store.folder / "encoded" / f"{_name(6)}.npy").symlink_to(mine)
    (store.folder / "dense").symlink_to(outside, target_is_directory=True)
    cache.prune(folder, 0)
    cache.clear(folder)
    assert all(path.read_bytes() == b"foreign" for path in foreign)
    assert mine.read_bytes() == b"mine"
    assert (store.folder / "encoded" / f"{_name(6)}.npy").is_symlink()


@pytest.mark.parametrize("mark", ["4711-140", "0123456789ab"])
@pytest.mark.parametrize(("age", "stays"), [(DAY - 60, True), (DAY + 60, False)])
def test_files_that_a_killed_process_left_half_written_go_after_a_day(folder, store, age, stays, mark):
    half = store.folder / "encoded" / f".{_name(8)}.npy.{mark}.part"
    foreign = store.folder / "encoded" / ".film.mp4.part"
    for path in (half, foreign):
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age,) * 2)
    cache.prune(folder, 10 * FILE)
    assert half.exists() == stays
    assert foreign.exists()
    assert _numbers(store) == [0, 1, 2, 3]


def test_nothing_is_removed_while_another_process_uses_it(folder, store, another_job):
    cache.prune(folder, 0)
    with pytest.raises(InputError, match="in use"):
        cache.clear(folder)
    assert _numbers(store) == [0, 1, 2, 3]


def test_several_jobs_use_it_at_once_and_the_last_ones_end_frees_it(folder, store, another_job):
    with cache.using(folder):
        another_job.communicate("")
        cache.prune(folder, 0)
        assert len(_numbers(store)) == 4
    cache.prune(folder, 0)
    assert _numbers(store) == []


def test_a_killed_job_uses_it_no_more(folder, store, another_job):
    another_job.kill()
    another_job.wait()
    cache.clear(folder)
    assert cache.size(folder) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there an open file cannot be removed")
def test_an_array_that_was_read_stays_readable_when_its_file_goes(folder, store):
    array = store.get("encoded", _name(3))
    cache.clear(folder)
    np.testing.assert_array_equal(array, np.full(1000, 3))


def test_clearing_leaves_a_cache_that_works(folder, store):
    cache.clear(folder)
    assert [path.name for path in folder.iterdir()] == [cache.LOCK]
    store.put("encoded", _name(1), np.zeros(3))
    assert _numbers(store) == [1]


def test_a_cache_that_was_never_used_is_empty(folder):
    assert cache.size(folder) == 0
    cache.prune(folder, 0)
    assert not folder.exists()
