"""The launcher: what it removes as it ends, and an interrupt before anything runs."""

import runpy
import signal
import subprocess
import sys

import pytest

from .conftest import ROOT

FAKE_BPY = """
import os, sys
class app:
    tempdir = os.environ["SESSION"]
    if os.environ.get("MADE"):
        os.mkdir(tempdir)
"""

INTERRUPTED = """
import os, signal, sys
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    raise ImportError("the extension module failed to import")
sys.path.remove(os.path.dirname(__file__))
del sys.modules["numpy"]
import numpy
"""


@pytest.fixture
def launcher():
    return runpy.run_path(str(ROOT / "headless.py"))


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A temporary folder with somebody's file in it."""
    folder = tmp_path / "blender_TMPDIR"
    folder.mkdir()
    (folder / "somebody's").write_text("important")
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def test_the_folder_of_this_session_is_removed(launcher, temporary):
    earlier = launcher["blender_folders"]()
    session = temporary / "blender_a1B2c3"
    session.mkdir()
    (session / "quit.blend").touch()
    launcher["remove_session"](f"{session}/", earlier)
    assert not session.exists()


def test_the_temporary_folder_itself_stays_where_blender_could_make_none_in_it(launcher, temporary):
    launcher["remove_session"](f"{temporary}/", launcher["blender_folders"]())
    assert (temporary / "somebody's").exists()


def test_a_folder_that_was_there_before_stays(launcher, temporary):
    older = temporary / "blender_a1B2c3"
    older.mkdir()
    launcher["remove_session"](f"{older}/", launcher["blender_folders"]())
    assert older.exists()


def test_a_link_another_name_and_another_place_stay(launcher, temporary, tmp_path):
    earlier = launcher["blender_folders"]()
    target, renamed, elsewhere = tmp_path / "target", temporary / "blender", tmp_path / "blender_a1B2c3"
    for folder in (target, renamed, elsewhere):
        folder.mkdir()
    link = temporary / "blender_a1B2c3"
    link.symlink_to(target)
    for folder in (link, renamed, elsewhere):
        launcher["remove_session"](f"{folder}/", earlier)
        assert folder.exists()
    assert target.exists()


@pytest.mark.parametrize("made", [False, True])
def test_ending_a_run_removes_the_session_and_nothing_else(temporary, tmp_path, made):
    session = temporary / "blender_a1B2c3" if made else temporary
    (tmp_path / "bpy.py").write_text(FAKE_BPY)
    environment = {"PYTHONPATH": str(tmp_path), "TMPDIR": str(temporary), "SESSION": f"{session}/"}
    environment |= {"MADE": "yes"} if made else {}
    program = f"import runpy; headless = runpy.run_path({str(ROOT / 'headless.py')!r}); "
    program += "before = headless['blender_folders'](); import bpy; headless['leave'](0, before)"
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == 0
    assert [path.name for path in temporary.iterdir()] == ["somebody's"]


def test_a_signal_once_all_is_done_changes_neither_the_exit_code_nor_what_is_removed(temporary, tmp_path):
    (tmp_path / "bpy.py").write_text(FAKE_BPY)
    environment = {"PYTHONPATH": str(tmp_path), "TMPDIR": str(temporary), "MADE": "yes"}
    environment["SESSION"] = f"{temporary / 'blender_a1B2c3'}/"
    program = f"import runpy, signal; headless = runpy.run_path({str(ROOT / 'headless.py')!r}); "
    program += "before = headless['blender_folders'](); code = headless['run'](['--version']); import bpy; "
    program += "signal.raise_signal(signal.SIGTERM); headless['leave'](code, before)"
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == 0
    assert [path.name for path in temporary.iterdir()] == ["somebody's"]


def test_an_interrupt_while_packages_are_loaded_is_no_defect_of_theirs(tmp_path):
    (tmp_path / "numpy.py").write_text(INTERRUPTED)
    command = [sys.executable, str(ROOT / "headless.py"), "--version"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
    try:
        ended = subprocess.run(command, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (ended.returncode, ended.stderr) == (4, "Cancelled; nothing was changed\n")
