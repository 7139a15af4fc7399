"""The command line: the same verbs as the panels, without a window. `python headless.py --help`."""

import importlib
import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

PACKAGE = "dust3r"


def import_package() -> None:
    """Make the folder this file lies in importable as `dust3r`, whatever the folder is called."""
    root = Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location(PACKAGE, root / "__init__.py", submodule_search_locations=[str(root)])
    if spec is None or spec.loader is None:
        raise ImportError(f"{root} is not the DUSt3R package")
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)


def leave(code: int) -> NoReturn:
    """End with an exit code; at once where Blender is loaded, which may crash or hang as the interpreter ends."""
    bpy = sys.modules.get("bpy")
    if bpy is None:
        sys.exit(code)
    shutil.rmtree(bpy.app.tempdir, ignore_errors=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def run(arguments: list) -> int:
    """Do what the arguments say, or say why this Python cannot; it may be any that somebody chose for the worker."""
    import_package()
    environment = importlib.import_module(f"{PACKAGE}.core.environment")
    if sys.version_info < environment.OLDEST:
        return environment.refuse(environment.complaint(), arguments)
    try:
        main = importlib.import_module(f"{PACKAGE}.cli.main").main
    except ImportError as error:
        return environment.refuse(environment.complaint() or f"{sys.executable} does not work: {error}", arguments)
    return main(arguments)


if __name__ == "__main__":
    leave(run(sys.argv[1:]))
