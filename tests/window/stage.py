"""Where the window's scripts play: a folder in the root of tools/window/make_blender_root.sh."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
ROOT = CHECKOUT / "build" / "blender-root"
PHOTOS = CHECKOUT / "samples" / "studio" / "images"
FULL = os.environ.get("WINDOW") == "full"


def missing() -> str:
    """Why there can be no window here; empty where it can."""
    if (ROOT / "ready").exists() and hasattr(os, "geteuid") and os.geteuid() == 0:
        return ""
    return "no Blender with a window here: as root on Debian, `make build/blender-root/ready` makes one"


def run_inside(user: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command in the root, where Blender's settings are those of a folder in it."""
    environment = os.environ | {"BLENDER_USER_RESOURCES": f"/{user.relative_to(ROOT)}"} | variables
    return subprocess.run(
        ["chroot", str(ROOT), *command], env=environment, capture_output=True, text=True, timeout=2000
    )


class Stage:
    """A folder with photos and with settings of Blender that have the extension."""

    def __init__(self, installed: Path, pictures: Path, photos: int | None = None) -> None:
        """pictures: where they are kept; photos: how many there are, all by default."""
        self.pictures, self.folder = pictures, Path(tempfile.mkdtemp(prefix="trial-", dir=ROOT))
        shutil.copytree(installed, self.folder / "user", symlinks=True)
        (self.folder / "photos").mkdir()
        for photo in sorted(PHOTOS.iterdir())[:photos]:
            shutil.copy(photo, self.folder / "photos")

    def inside(self, name: str) -> str:
        """A path of this folder as the root has it."""
        return f"/{self.folder.name}/{name}"

    def assert_plays(self, script: str, *arguments: str, screen: str = "1600x900", **variables: str) -> str:
        """What a script of tools/window said that takes pictures on a screen of its own; fails unless it ended well."""
        command = ["python3", f"/tools/{script}", *arguments]
        return self.assert_shows(*command, screen=screen, **variables)

    def assert_shows(self, *command: str, screen: str = "1600x900", **variables: str) -> str:
        """The same for any command."""
        (self.folder / "pictures").mkdir(exist_ok=True)
        on_screen = ["xvfb-run", "-a", "-s", f"-screen 0 {screen}x24", *command]
        done = run_inside(self.folder / "user", *on_screen, **variables)
        shutil.copytree(self.folder / "pictures", self.pictures, dirs_exist_ok=True)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout
