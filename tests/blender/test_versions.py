"""Files between Blender's versions, and from the first version of the extension: they open, and the points show."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import bpy
import pytest
from dust3r.tests.blender.scene_states import STATES
from dust3r.tests.faults.amount import FULL, NOTES

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).parent / "blender_that_reads.py"
CHROOT = ROOT / "build" / "blender-root"
SHARED = CHROOT / "trial-versions"  # what the newest Blender sees as /trial-versions
BPYS = {name: ROOT / name / "bin" / "python" for name in (".venv-4.2", ".venv", ".venv-5.0")}
NEWEST = "newest"  # a whole Blender, in a root of its own
TOO_NEW = {(".venv-5.0", ".venv-4.2"), (NEWEST, ".venv-4.2")}  # files that Blender 4.2 itself takes for none
ALIKE = ("shown", "sure", "one photo", "renewed", "renewed, sure", "cameras", "points", "middle")


# named, not taken as an argument: pytest prints arguments of what fails, and Blender has freed these by then
@pytest.mark.usefixtures("extension")
def test_settings_and_photos_of_the_first_version_are_kept(tmp_path):
    STATES["of the first version"](tmp_path)
    settings = bpy.context.scene.dust3r
    kept = {"iterations": 77, "scene_graph": "swin", "window": 5, "schedule": "linear", "seed": 9, "device": "cpu"}
    kept |= {"model": "small", "min_confidence": 2.5, "optimize_principal_point": True, "active_photo": 1}
    assert {name: getattr(settings, name) for name in kept} == kept
    assert settings.shared_focal == "size"  # once a checkbox
    assert [(Path(photo.path).name, photo.use, photo.known) for photo in settings.photos] == [
        ("landscape.png", True, ""),
        ("portrait.png", True, ""),
    ]


@pytest.mark.usefixtures("extension")
def test_a_file_of_the_first_version_that_is_saved_again_says_the_same(tmp_path):
    STATES["of the first version"](tmp_path)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "again.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "again.blend"))
    assert bpy.context.scene.dust3r.shared_focal == "size"
    assert bpy.context.scene.dust3r.iterations == 77


@pytest.mark.bpy_module
def test_points_of_the_first_version_show_as_before_also_with_todays_nodes(tmp_path):
    found = _run(Path(sys.executable), "read", ROOT / "tests" / "blender" / "first_version.blend")
    assert found["shown"] > found["one photo"] > 0 and found["shown"] > found["sure"] > 0
    assert (found["renewed"], found["renewed, sure"]) == (found["shown"], found["sure"])
    assert "older version" in found["told"]


def _run(python: Path, action: str, path: Path, *languages: str) -> dict:
    """What a Blender finds; `python` is a Python with bpy, or a whole Blender's root."""
    command = [str(python), str(SCRIPT), "--", action, str(path), *languages]
    if python == CHROOT:
        inside = Path("/") / path.relative_to(CHROOT)
        script = f"/{SHARED.name}/checkout/{SCRIPT.relative_to(ROOT)}"
        blender = ["blender", "--background", "--factory-startup", "--python-exit-code", "3", "--python", script]
        command = ["chroot", str(CHROOT), *blender, "--", action, str(inside), *languages]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return json.loads(lines[0].removeprefix("FOUND "))


def _blenders() -> dict[str, Path]:
    """The versions that are on this machine, by name."""
    found = {name: python for name, python in BPYS.items() if python.exists()}
    if (CHROOT / "ready").exists() and hasattr(os, "geteuid") and os.geteuid() == 0:
        found[NEWEST] = CHROOT
    return found


@pytest.fixture
def folder(tmp_path):
    """Where every Blender can read: in the newest's root where there is one."""
    if NEWEST not in _blenders():
        yield tmp_path
        return
    shutil.rmtree(SHARED, ignore_errors=True)
    for part in ("core", "operators", "cli", "panels", "headless.py", "__init__.py", "tests/blender"):
        source, target = ROOT / part, SHARED / "checkout" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    yield SHARED
    shutil.rmtree(SHARED)


@pytest.mark.skipif(not FULL, reason="part of `make test-faults`, which has several Blenders")
def test_every_version_reads_what_every_other_wrote(folder):
    written, blenders = {}, _blenders()
    assert len(blenders) > 1
    for name, python in blenders.items():
        (folder / name).mkdir()
        written[name] = _run(python, "write", folder / name / "scene.blend")
    for writer, wrote in written.items():
        for reader, python in blenders.items():
            found = _run(python, "read", folder / writer / "scene.blend")
            title = f"{wrote['blender']} read by {written[reader]['blender']}"
            if (writer, reader) in TOO_NEW:
                assert "refused" in found, title
                NOTES.append(f"{title}: refused by Blender")
                continue
            assert {key: found[key] for key in ALIKE} == {key: wrote[key] for key in ALIKE}, title
            NOTES.append(f"{title}: {found['shown']} points, as written")


@pytest.mark.skipif(not FULL, reason="part of `make test-faults`, which has a Blender with translations")
def test_a_blender_in_another_language_makes_and_reads_the_same(folder):
    if NEWEST not in _blenders():
        pytest.skip("only a whole Blender has translations (tools/window/make_blender_root.sh)")
    english = _run(CHROOT, "write", folder / "en.blend")
    for language in ("de_DE", "ja_JP", "fr_FR"):
        for action in ("write", "read"):
            found = _run(CHROOT, action, folder / f"{language}.blend", language)
            assert {key: found[key] for key in ALIKE} == {key: english[key] for key in ALIKE}, language
        NOTES.append(f"Blender {english['blender']} in {language}: as in English")
