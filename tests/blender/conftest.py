"""A Blender of its own for these tests: the user's settings are neither read nor written, every test starts empty."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE = "bl_ext.user_default.dust3r"

WHOLE_BLENDER = "bpy" in sys.modules  # it was started with settings of its own: tools/window/pytest_in_blender.py
USER_RESOURCES = os.environ["BLENDER_USER_RESOURCES"] if WHOLE_BLENDER else tempfile.mkdtemp(prefix="dust3r-blender-")
os.environ["BLENDER_USER_RESOURCES"] = USER_RESOURCES  # before anybody imports bpy
exit_code = 0


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Skip what a whole Blender, or one that is built with less, does not have."""
    if WHOLE_BLENDER and item.get_closest_marker("bpy_module"):
        pytest.skip("needs bpy as a module of this Python, or git and pip beside it; this is a whole Blender")
    if item.get_closest_marker("usd"):
        import bpy

        if not bpy.app.build_options.usd:
            pytest.skip("this Blender is built without USD")


@pytest.fixture(autouse=True)
def empty_scene():
    import bpy

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    return bpy.context.scene


@pytest.fixture(scope="module")
def installed():
    """The checkout as an installed extension, not yet enabled."""
    import bpy  # noqa: F401  isort: skip  it brings addon_utils
    import addon_utils

    folder = Path(os.environ["BLENDER_USER_RESOURCES"]) / "extensions" / "user_default"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "dust3r"
    link.symlink_to(ROOT, target_is_directory=True)
    yield MODULE
    addon_utils.disable(MODULE, default_set=True)
    link.unlink()


@pytest.fixture
def extension(installed):
    """The scene's settings, with the extension enabled."""
    import bpy  # isort: skip  it brings addon_utils
    import addon_utils

    assert addon_utils.enable(installed, default_set=True) is not None
    return bpy.context.scene.dust3r


def pytest_sessionfinish(exitstatus):
    global exit_code
    exit_code = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    shutil.rmtree(USER_RESOURCES, ignore_errors=True)
    if "bpy" not in sys.modules:
        return
    # Blender crashes or hangs when the interpreter ends: leave without it, the closing line printed first
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter:  # none in a worker of pytest-xdist, which has reported everything by now
        reporter.flush()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)
