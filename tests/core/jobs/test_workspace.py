"""A scene's job folder stays, is one program's at a time, and an interrupted job is found again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from dust3r.core.errors import InputError
from dust3r.core.jobs.workspace import Begun, Lease, clear, end, interrupted, move, prune, size, take_folder

ROOT = Path(__file__).resolve().parents[3]
BEGUN = Begun(8, "DUSt3R", 0.0)
ANOTHER = """
import runpy, sys
runpy.run_path(sys.argv[1])["import_package"]()
from pathlib import Path
from dust3r.core.jobs.workspace import Begun, take_folder
lease = take_folder(Path(sys.argv[2]), "a.blend", "Scene")
Begun(8, "DUSt3R", 0.0).save(lease.folder)
print(lease.folder.name, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def another(tmp_path):
    """Another program that has begun a job of the same scene."""
    command = [sys.executable, "-c", ANOTHER, str(ROOT / "headless.py"), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.folder = tmp_path / process.stdout.readline().strip()  # pyright: ignore[reportAttributeAccessIssue]
        yield process
        process.kill()


def _job(root, file, scene="Scene", content=b"") -> Path:
    """The folder of a job that has ended."""
    lease = take_folder(root, file, scene)
    (lease.folder / "job.json").write_bytes(content)
    lease.release()
    return lease.folder


def test_a_scene_keeps_its_folder_and_another_scene_or_file_has_its_own(tmp_path):
    folders = [_job(tmp_path, file, scene) for file in ("", "a.blend", "b.blend") for scene in ("Scene", "Scene.001")]
    assert len(set(folders)) == 6
    assert _job(tmp_path, "a.blend") == folders[2]


def test_two_programs_with_the_same_scene_have_a_folder_each(tmp_path, another):
    assert _job(tmp_path, "a.blend").name == f"{another.folder.name}-2"


def test_a_job_that_somebody_is_at_is_not_interrupted_and_one_whose_program_was_killed_is(tmp_path, another):
    assert interrupted(tmp_path, "a.blend", "Scene") is None
    another.kill()
    another.wait()
    assert interrupted(tmp_path, "a.blend", "Scene") == another.folder
    assert Begun.load(another.folder) == BEGUN
    assert interrupted(tmp_path, "b.blend", "Scene") is None


def test_a_job_that_has_ended_is_not_gone_on_with(tmp_path):
    folder = _job(tmp_path, "a.blend")
    BEGUN.save(folder)
    assert interrupted(tmp_path, "a.blend", "Scene") == folder
    end(folder)
    assert interrupted(tmp_path, "a.blend", "Scene") is None


@pytest.mark.parametrize(
    "said", ["", "[]", "{}", '{"photos": "8", "name": 1, "display_percentage": null}', "[" * 99999]
)
def test_a_damaged_note_is_no_interrupted_job(tmp_path, said):
    folder = _job(tmp_path, "a.blend")
    (folder / "begun.json").write_text(said)
    assert interrupted(tmp_path, "a.blend", "Scene") is None


def test_folders_go_that_were_not_used_for_longest(tmp_path):
    folders = [_job(tmp_path, f"{k}.blend", content=b"x" * 100_000) for k in range(4)]
    for age, folder in enumerate(reversed(folders)):
        (folder / "job.json").touch()
        os.utime(folder / "job.json", (1e9 - age, 1e9 - age))
    prune(tmp_path, 10**9, kept=3)
    assert [folder.exists() for folder in folders] == [False, True, True, True]
    prune(tmp_path, 250_000)
    assert [folder.exists() for folder in folders] == [False, False, True, True]
    BEGUN.save(folders[2])
    prune(tmp_path, 0)
    assert [folder.exists() for folder in folders] == [False, False, True, False]


def test_what_is_in_use_and_what_is_not_ours_stays(tmp_path, another):
    folder, other = _job(tmp_path, "b.blend"), tmp_path / "notes"
    other.mkdir()
    clear(tmp_path)
    assert another.folder.is_dir() and other.is_dir() and not folder.exists()


def test_a_scenes_folder_goes_along_to_its_new_file_and_takes_nobodys_place(tmp_path):
    unsaved = _job(tmp_path, "", content=b"mine")
    move(tmp_path, ("", "Scene"), ("a.blend", "Scene"))
    lease = take_folder(tmp_path, "a.blend", "Scene")
    lease.release()
    moved = lease.folder
    assert not unsaved.exists() and (moved / "job.json").read_bytes() == b"mine"
    _job(tmp_path, "", content=b"another")
    move(tmp_path, ("", "Scene"), ("a.blend", "Scene"))
    assert unsaved.exists() and (moved / "job.json").read_bytes() == b"mine"


def test_all_folders_are_measured(tmp_path):
    for k in range(2):
        _job(tmp_path, f"{k}.blend", content=json.dumps("x" * 50_000).encode())
    assert 100_000 < size(tmp_path) < 150_000


def test_a_place_that_cannot_be_used_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be used for jobs"):
        take_folder(tmp_path / "file", "a.blend", "Scene")


def test_a_lease_ends_when_it_is_released(tmp_path):
    lease = Lease.of(tmp_path)
    assert lease is not None and Lease.of(tmp_path) is None
    lease.release()
    again = Lease.of(tmp_path)
    assert again is not None
    again.release()
