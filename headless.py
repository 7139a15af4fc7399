"""The command line: the same verbs as the panels, without a window. `python headless.py --help`."""

import importlib
import importlib.util
import sys
from pathlib import Path

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


if __name__ == "__main__":
    import_package()
    sys.exit(importlib.import_module(f"{PACKAGE}.cli.main").main(sys.argv[1:]))
