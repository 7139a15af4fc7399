"""The extension as a person installs it, in a whole Blender; where there is none, these tests are skipped."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from dust3r.tests.window.stage import CHECKOUT, FULL, ROOT, Stage, missing, run_inside


@pytest.fixture(scope="session")
def installed():
    """Blender's settings once its own command has installed the zip of this checkout."""
    if missing():
        pytest.skip(missing())
    for script in (CHECKOUT / "tools" / "window").glob("*.py"):
        shutil.copy(script, ROOT / "tools")
    with tempfile.TemporaryDirectory(prefix="trial-", dir=ROOT) as name:
        folder = Path(name)
        build = [sys.executable, CHECKOUT / "tools" / "packaging" / "build_extension.py", "--output", folder]
        subprocess.run([*build, *_wheels()], check=True, capture_output=True)
        (archive,), user = folder.glob("*.zip"), folder / "user"
        user.mkdir()
        install = ("--command", "extension", "install-file", "-r", "user_default", "-e")
        done = run_inside(user, "blender", *install, f"/{folder.name}/{archive.name}")
        assert done.returncode == 0, done.stdout + done.stderr
        yield user


def _wheels() -> list[str]:
    """The zip as users get it; a quick share of the tests has to do with what no index has to be asked for."""
    if not FULL:
        return ["--wheels", "pure"]
    version = "import sys; print('%d.%d' % sys.version_info[:2])"
    return ["--python", run_inside(ROOT, "python3", "-c", version).stdout.strip()]


@pytest.fixture
def stage(installed, tmp_path, request):
    """A new Blender, with all photos or the number in `param`. `make test-window` keeps the pictures in build/tour."""
    made = Stage(installed, CHECKOUT / "build" / "tour" if FULL else tmp_path, getattr(request, "param", None))
    yield made
    shutil.rmtree(made.folder, ignore_errors=True)  # a Blender that was stopped may still write
