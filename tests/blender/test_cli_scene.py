"""The command line's Blender outputs: the scene, the picture, and a disk that refuses them."""

import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import bpy
import pytest
from dust3r.cli.blender import write_scene
from dust3r.cli.parser import make_parser
from dust3r.core.errors import InputError
from dust3r.operators.scene import display_sliders
from PIL import Image

from .synthetic_reconstruction import SHOTS, make_reconstruction

ROOT = Path(__file__).resolve().parents[2]
STUDIO = ROOT / "samples" / "studio" / "images"


@pytest.fixture
def result(tmp_path):
    (tmp_path / "photos").mkdir()
    return make_reconstruction(tmp_path / "photos", SHOTS[:3])


def test_scene_and_picture_are_written_and_nothing_else(result, tmp_path):
    made = write_scene(result, tmp_path / "scene.blend", tmp_path / "out.png")
    assert made == [str(tmp_path / "out.png"), str(tmp_path / "scene.blend")]
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "scene.blend", "out.png"}
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.size == SHOTS[0].size
        assert len(picture.getcolors(1 << 20) or ()) > 20
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert {thing.name for thing in bpy.data.objects if thing.type == "CAMERA"} >= {shot.name for shot in SHOTS[:3]}


@pytest.mark.bpy_module
def test_the_command_line_makes_everything_at_once(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # Blender's chatter waits in a buffer, as for most users
    outputs = {"output": "é scene.blend", "render": "out.png", "cameras": "c.json", "points": "p.ply"}
    command = [sys.executable, ROOT / "headless.py", "reconstruct", STUDIO / "studio_01.jpg", STUDIO / "studio_02.jpg"]
    for option, name in outputs.items():
        command += [f"--{option}", tmp_path / name]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert {path.name for path in tmp_path.iterdir()} == set(outputs.values())
    assert "Saved" not in run.stdout, "Blender's chatter reached standard output"


def test_the_display_percentage_is_that_of_the_saved_scene(result, tmp_path):
    write_scene(result, tmp_path / "scene.blend", None, display_percentage=20)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    ((_, owner, path),) = display_sliders(bpy.context.scene)
    assert owner.path_resolve(path) == 20


@pytest.mark.parametrize("text", ["120", "-1", "most", "nan"])
def test_a_display_percentage_that_is_none_is_refused_before_the_work(text):
    with pytest.raises(InputError, match=f"{text}.*give 0 to 100"):
        make_parser("x").parse_args(["reconstruct", "photos", "--output", "x.blend", f"--display-percentage={text}"])


@contextmanager
def small_disk():
    """No file of this process may grow beyond 2 kB: the error is the one that a full disk gives."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)  # before pytest itself writes to a long log


@pytest.mark.parametrize("name", ["scene.blend", "out.png"])
def test_a_full_disk_is_one_sentence_and_leaves_what_was_there(result, tmp_path, name):
    target = tmp_path / name
    target.write_bytes(b"yesterday's")
    with small_disk(), pytest.raises(InputError, match=name):
        write_scene(result, *((target, None) if name == "scene.blend" else (None, target)))
    assert target.read_bytes() == b"yesterday's"
    assert {path.name for path in tmp_path.iterdir()} == {"photos", name}
