"""pycolmap in a process of its own: it aborts on some errors, and clashes with libraries that Blender may link."""

import json
import logging
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

from ..errors import ReconstructionError
from ..progress import Report
from ..runtime.child import Child
from ..runtime.worker_python import own_python, worker_environment

HEADLESS = Path(__file__).resolve().parents[2] / "headless.py"
CODE = (
    "import importlib, os, runpy, sys; runpy.run_path(sys.argv[1])['import_package']();"
    "importlib.import_module(sys.argv[2]).main(sys.argv[3]); sys.stdout.flush(); os._exit(0)"
)  # it leaves without the libraries' own clean-up, which may fail when all is done

log = logging.getLogger(__name__)


def has_pycolmap() -> bool:
    """Whether this Python has the package, which is not imported here."""
    return find_spec("pycolmap") is not None


def run_apart(module: str, folder: Path, report: Report, patience: float = 0.1) -> None:
    """Run `main(folder)` of a module of this package in a process of its own, until it ends.

    module: as dust3r.core…; what it prints, JSON lists (stage, done, total), goes to `report`, which may raise to
    end the process. Raises ReconstructionError where it fails or dies; what it said is in the log.
    """
    command = [own_python(), "-u", "-c", CODE, str(HEADLESS), module, str(folder)]
    last = ("Finding features", 0, 1)
    with (folder / "stderr.txt").open("wb") as stderr:
        child = Child(command, worker_environment(), stderr)
        with closing(child.lines(patience)) as lines:
            for line in lines:
                last = _progress(line) or last
                report(*last)  # raises where the user cancels
    if child.code:
        log.warning("%s", (folder / "stderr.txt").read_text(encoding="utf-8", errors="replace")[-4000:])
        why = f"killed by signal {-child.code}" if child.code < 0 else f"exit code {child.code}"
        raise ReconstructionError(f"pycolmap ended early ({why})")


def _progress(line: bytes) -> tuple[str, int, int] | None:
    """What a line says, if it is one of ours."""
    try:
        stage, done, total = json.loads(line)
        return str(stage), int(done), int(total)
    except (ValueError, TypeError):
        if line.strip():
            log.debug("pycolmap says %r", line[:200])
        return None
