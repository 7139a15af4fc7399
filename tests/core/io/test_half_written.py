"""What killed runs left half written goes with the next run in the folder; nothing else does."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dust3r.core.errors import InputError
from dust3r.core.io.atomic import NEW, replacing
from dust3r.core.jobs.job import Job, forget_half_written
from dust3r.core.jobs.run import run_job
from dust3r.core.settings import ReconstructionSettings

ROOT = Path(__file__).resolve().parents[3]
LEFT = (
    ".job.json.4711-140.part",
    ".begun.json.4711-140.part",
    ".solution.json.4711-140.part",
    ".preview.npz.4711-140.part",
    "result/.arrays.npz.0123456789ab.part",
    "result/.reconstruction.json.4711-140.part",
    "cache/0123/float32/pair/.abc.npy.4711-140.part",
    "cache/0123/float32/pair/.abc.npy.fedcba987654.part",
)
FOREIGN = (
    ".film.mp4.4711-140.part",
    ".job.json.part",
    ".job.json.0123456789.part",
    "job.json.4711-140.part",
    ".job.json.4711-140.part.txt",
    "photos/.arrays.npz.4711-140.part",
    "cache/0123/.film.mp4.part",
)
WRITER = """
import runpy, sys
runpy.run_path(sys.argv[1])["import_package"]()
from pathlib import Path
from dust3r.core.io.atomic import replacing
with replacing(Path(sys.argv[2])) as file:
    file.write(b"half")
    file.flush()
    print("half", flush=True)
    sys.stdin.read()
"""


def _lay(folder, names, content=b"half"):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return sorted(folder / name for name in names)


def _files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def writer(tmp_path):
    """Another process that is writing job.json."""
    command = [sys.executable, "-c", WRITER, str(ROOT / "headless.py"), str(tmp_path / "job.json")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "half\n"
        yield process
        process.kill()


def test_only_what_we_call_our_own_is_removed(tmp_path):
    _lay(tmp_path, LEFT)
    foreign = _lay(tmp_path, FOREIGN)
    forget_half_written(tmp_path)
    assert _files(tmp_path) == foreign


def test_what_another_process_is_writing_stays_until_that_is_killed(tmp_path, writer):
    partial = _files(tmp_path)
    forget_half_written(tmp_path)
    assert _files(tmp_path) == partial
    writer.kill()
    writer.wait()
    assert _files(tmp_path) == partial, "a killed process tidied up"
    forget_half_written(tmp_path)
    assert _files(tmp_path) == []


def test_what_another_process_is_writing_gets_its_name_whoever_tidies_up(tmp_path, writer):
    forget_half_written(tmp_path)
    writer.communicate(timeout=60)
    assert writer.returncode == 0
    assert (tmp_path / "job.json").read_bytes() == b"half"
    assert _files(tmp_path) == [tmp_path / "job.json"]


def test_an_empty_one_may_be_new_and_stays_for_a_minute(tmp_path):
    (partial,) = _lay(tmp_path, LEFT[:1], b"")
    forget_half_written(tmp_path)
    assert partial.exists()
    before = time.time() - NEW - 1
    os.utime(partial, (before, before))
    forget_half_written(tmp_path)
    assert not partial.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_a_link_is_neither_followed_nor_removed(tmp_path):
    (elsewhere,) = _lay(tmp_path / "elsewhere", ["precious"])
    link = tmp_path / "job" / LEFT[0]
    link.parent.mkdir()
    link.symlink_to(elsewhere)
    forget_half_written(link.parent)
    assert link.is_symlink() and elsewhere.exists()


def test_the_next_run_in_a_folder_tidies_up(tmp_path):
    missing = (tmp_path / "gone.jpg",)
    Job(missing, ROOT / "models" / "small", ReconstructionSettings()).save(tmp_path)
    left = _lay(tmp_path, LEFT)
    with pytest.raises(InputError):
        run_job(tmp_path, lambda progress: None)
    assert not any(path.exists() for path in left)


def test_a_name_that_cannot_be_got_leaves_nothing_behind(tmp_path):
    target = tmp_path / "file"
    (target / "full").mkdir(parents=True)
    with pytest.raises(InputError, match="Cannot write"), replacing(target) as file:
        file.write(b"content")
    assert list(tmp_path.iterdir()) == [target]
