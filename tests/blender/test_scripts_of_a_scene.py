"""Nothing that a .blend contains is run when one of our verbs opens it."""

import bpy
import pytest

SCRIPT = "from pathlib import Path\nPath({!r}).touch()\n"


@pytest.fixture
def marked(tmp_path):
    """A scene with a text that is registered to run, and the file that it makes where it does."""
    bpy.ops.wm.read_homefile(use_empty=True)
    marker = tmp_path / "it ran"
    text = bpy.data.texts.new("run_me.py")
    text.write(SCRIPT.format(str(marker)))
    text.use_module = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"), copy=True)
    bpy.ops.wm.read_homefile(use_empty=True)
    return tmp_path / "scene.blend", marker


def test_blender_itself_would_run_it(marked):
    scene, marker = marked
    bpy.ops.wm.open_mainfile(filepath=str(scene), use_scripts=True)
    assert marker.exists()


@pytest.mark.parametrize("verb", ["render-map", "render-views", "localize"])
def test_no_verb_runs_the_scripts_of_a_scene(run, marked, tmp_path, verb):
    scene, marker = marked
    photo = tmp_path / "photo.png"
    photo.touch()
    code, _, said = run(verb, scene, *((photo,) if verb == "localize" else ()), "--output", tmp_path / "views")
    assert code == 2, said  # there is nothing to see in it
    assert [text.name for text in bpy.data.texts] == ["run_me.py"]  # it was opened
    assert not marker.exists()
