"""What verbs write costs nobody a file, appears together, and a signal leaves all of it or none."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from dust3r.cli import result_outputs
from dust3r.cli.output import Quiet
from dust3r.cli.verbs import import_result
from dust3r.core.errors import Cancelled
from dust3r.core.io import interruption
from dust3r.core.reconstruction.result import Reconstruction
from dust3r.tests.core.cleanup_scene import room_views
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
STUDIO = ROOT / "samples" / "studio" / "images"
SMALL = ROOT / "models" / "small"
ENDING = [number for number in interruption.SIGNALS if os.name != "nt"]

SWALLOWING = """
import signal
broken = False
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    broken = True
"""


@pytest.fixture
def job(tmp_path):
    """A finished job's folder; its photos lie in photos/."""
    folder, views = tmp_path / "job", []
    (tmp_path / "photos").mkdir()
    for view in room_views(2, size=(64, 48)):
        path = tmp_path / "photos" / f"{view.name}.png"
        Image.new("RGB", view.mapping.photo_size).save(path)
        views.append(replace(view, path=path))
    Reconstruction(tuple(views), "synthetic@0", None, "0.1.0").save(folder / "result")
    (folder / "job.json").write_text('{"format": 1, "photos": []}')
    return folder


@pytest.fixture
def outputs(job, tmp_path):
    """Arguments of `import`, and the two files that it writes."""
    paths = tmp_path / "cameras.json", tmp_path / "points.ply"
    return ("import", job, "--cameras", paths[0], "--points", paths[1]), paths


def test_a_photo_is_no_output_whichever_way_it_is_read(run, job, tmp_path):
    photo = next((tmp_path / "photos").iterdir())
    content = photo.read_bytes()
    for arguments in (
        ("reconstruct", photo, "--cameras", photo),
        ("reconstruct", photo.parent, "--points", photo),
        ("keyframes", photo.parent, "--output", photo),
        ("import", job, "--cameras", photo),
        ("predict", photo, photo, "--output", photo),
        ("match", photo, photo, "--output", photo),
        ("relative-pose", photo, photo, "--output", photo),
    ):
        code, _, err = run(*arguments, "--overwrite")
        assert code == 2 and str(photo) in err and len(err.splitlines()) == 1, (arguments, err)
        assert photo.read_bytes() == content


def test_known_cameras_are_no_output(run, tmp_path):
    known = tmp_path / "cameras.json"
    known.write_text('{"photos": {}}')
    code, _, err = run("reconstruct", STUDIO, "--known", known, "--cameras", known)
    assert code == 2 and "is read by this run" in err


def test_the_world_that_photos_are_placed_in_stays(run, job, tmp_path):
    photo = next((tmp_path / "photos").iterdir())
    code, _, err = run("localize", job / "result", photo, "--output", job / "result")
    assert code == 2 and "choose another folder" in err
    code, _, err = run("localize", job, photo, "--output", job / "result")
    assert code == 2 and "belongs to" in err


def test_a_scene_is_replaced_only_with_overwrite(run, job, tmp_path, monkeypatch):
    monkeypatch.setattr(result_outputs, "require_bpy", lambda who: None)
    monkeypatch.setattr(import_result, "write_outputs", lambda result, arguments: [str(arguments.output)])
    scene = tmp_path / "scene.blend"
    scene.write_bytes(b"BLENDER-v405")
    code, _, err = run("import", job, "--output", scene)
    assert code == 2 and "--overwrite" in err
    assert run("import", job, "--output", scene, "--overwrite")[0] == 0


def test_outputs_that_are_there_already_are_replaced(run, outputs):
    arguments, paths = outputs
    before = []
    for _ in range(2):
        assert run(*arguments)[0] == 0
        before = [path.stat().st_ino for path in paths]
    assert run(*arguments)[0] == 0
    assert all(path.stat().st_ino != inode for path, inode in zip(paths, before, strict=True))


@pytest.fixture(autouse=True)
def default_hangup():
    """SIGHUP has its default effect, also where the tests run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", ENDING, ids=str)
def test_a_signal_among_the_outputs_leaves_none_of_them(run, outputs, monkeypatch, number):
    arguments, paths = outputs
    monkeypatch.setattr(result_outputs, "save_ply", lambda *_: signal.raise_signal(number))
    code, _, err = run(*arguments)
    assert (code, err) == (4, "Cancelled; nothing was changed\n")
    assert not any(path.exists() for path in paths)
    assert {path.name for path in paths[0].parent.iterdir()} == {"job", "photos"}


def test_a_signal_while_the_outputs_get_their_names_leaves_all_and_says_so(run, outputs, monkeypatch):
    arguments, paths = outputs
    rename = Path.replace

    def interrupted(partial: Path, path: Path) -> Path:
        signal.raise_signal(signal.SIGTERM)
        return rename(partial, path)

    monkeypatch.setattr(Path, "replace", interrupted)
    code, _, err = run(*arguments)
    assert (code, err) == (4, f"Cancelled; written before that: {paths[0]}, {paths[1]}\n")
    assert all(path.exists() for path in paths)


def test_an_interrupt_that_a_library_swallows_still_cancels(run, outputs, monkeypatch):
    arguments, paths = outputs

    def swallowing(*_: object) -> None:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(result_outputs, "save_ply", swallowing)
    assert run(*arguments)[0] == 4
    assert not any(path.exists() for path in paths)


def test_progress_cancels_where_an_interrupt_was_swallowed():
    interruption.came.set()
    try:
        with pytest.raises(Cancelled):
            Quiet().progress(None)
    finally:
        interruption.came.clear()


def test_an_interrupt_while_blender_loads_cancels_once_it_is_loaded(run, outputs, tmp_path, monkeypatch):
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "bpy.py").write_text(SWALLOWING)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    monkeypatch.delitem(sys.modules, "bpy", raising=False)
    arguments, paths = outputs
    code, _, err = run(*arguments, "--output", tmp_path / "scene.blend")
    assert not sys.modules.pop("bpy").broken
    assert (code, err) == (4, "Cancelled; nothing was changed\n")
    assert not any(path.exists() for path in paths)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs terminals that hang up")
def test_who_wishes_no_hang_up_gets_none(run, outputs, monkeypatch):
    arguments, _ = outputs
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    monkeypatch.setattr(result_outputs, "save_ply", lambda *_: signal.raise_signal(signal.SIGHUP))
    try:
        assert run(*arguments)[0] == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs terminals that hang up")
def test_a_closed_terminal_leaves_no_temporary_folder(tmp_path):
    (tmp_path / "temporary").mkdir()
    command = [sys.executable, str(ROOT / "headless.py"), "reconstruct", str(STUDIO), "--model", str(SMALL)]
    command += ["--cameras", str(tmp_path / "cameras.json")]
    environment = os.environ | {"TMPDIR": str(tmp_path / "temporary")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not list((tmp_path / "temporary").glob("dust3r-*")):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        process.send_signal(signal.SIGHUP)
        assert process.wait(120) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["temporary"]
    assert list((tmp_path / "temporary").iterdir()) == []
