"""The command line: the same verbs as the panels, without a window. `python headless.py --help`."""

import importlib
import importlib.util
import os
import re
import shutil
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

PACKAGE = "dust3r"
SESSION = re.compile(r"blender_\w{6}")  # what Blender calls the temporary folder of a session


def import_package() -> None:
    """Make the folder this file lies in importable as `dust3r`, whatever the folder is called."""
    root = Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location(PACKAGE, root / "__init__.py", submodule_search_locations=[str(root)])
    if spec is None or spec.loader is None:
        raise ImportError(f"{root} is not the DUSt3R package")
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)


def blender_folders() -> frozenset:
    """(device, inode) of the temporary folders of this machine and of what lies in them as Blender names its own."""
    folders = [Path(os.environ[name]) for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)]
    with suppress(OSError):  # there is none that can be written
        folders.append(Path(tempfile.gettempdir()))
    found = set()
    for path in (*folders, *(child for folder in folders for child in folder.glob("blender_*"))):
        with suppress(OSError):
            found.add(_identity(path))
    return frozenset(found)


def remove_session(session: str, earlier: frozenset) -> None:
    """Remove the folder that Blender made for this session; where it could make none, it names a folder of others.

    session: `bpy.app.tempdir`. earlier: what `blender_folders` found before Blender was loaded. Nothing else than a
    new folder of this user, called as Blender calls them, in a temporary folder that was known then, is removed.
    """
    folder = Path(session)
    with suppress(OSError):
        status = folder.lstat()
        ours = stat.S_ISDIR(status.st_mode) and (os.name == "nt" or status.st_uid == os.getuid())
        named = SESSION.fullmatch(folder.name) and _identity(folder.parent) in earlier
        if ours and named and _identity(folder) not in earlier:
            shutil.rmtree(folder, ignore_errors=True)


def _identity(path: Path) -> tuple:
    status = path.stat()
    return status.st_dev, status.st_ino


def leave(code: int, earlier: frozenset = frozenset()) -> NoReturn:
    """End with an exit code; at once where Blender is loaded, which may crash or hang as the interpreter ends.

    earlier: the `blender_folders` from before; without them no temporary folder is removed.
    """
    bpy = sys.modules.get("bpy")
    if bpy is None:
        sys.exit(code)
    remove_session(bpy.app.tempdir, earlier)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def run(arguments: list) -> int:
    """Do what the arguments say, or say why this Python cannot; it may be any that somebody chose for the worker."""
    try:
        return import_and_run(arguments)
    except KeyboardInterrupt:
        sys.stderr.write("Cancelled; nothing was changed\n")
        return 4


def import_and_run(arguments: list) -> int:
    """`run`, which an interrupt ends where `main` looks for it: not while packages are loaded, nor once all is done."""
    import_package()
    environment = importlib.import_module(f"{PACKAGE}.core.runtime.environment")
    if sys.version_info < environment.OLDEST:
        return environment.refuse(environment.complaint(), arguments)
    interruption = importlib.import_module(f"{PACKAGE}.core.io.interruption")
    interruption.note_signals()
    try:
        main = importlib.import_module(f"{PACKAGE}.cli.main").main
    except ImportError as error:
        return environment.refuse(environment.complaint() or f"{sys.executable} does not work: {error}", arguments)
    if interruption.came.is_set():
        raise KeyboardInterrupt
    return main(arguments)


if __name__ == "__main__":
    before = blender_folders()
    leave(run(sys.argv[1:]), before)
