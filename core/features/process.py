"""pycolmap in a process of its own: it aborts on some errors, and clashes with libraries that Blender may link."""

import json
import logging
import queue
import subprocess
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from ..errors import ReconstructionError
from ..progress import Report
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
    python = own_python()
    with (folder / "stderr.txt").open("wb") as stderr:
        process = subprocess.Popen(
            [python, "-u", "-c", CODE, str(HEADLESS), module, str(folder)],
            stdin=subprocess.PIPE,  # closed when this process ends, which ends that one
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=worker_environment(),
            start_new_session=True,
        )
    assert process.stdout is not None
    lines: queue.Queue[bytes | None] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process.stdout, lines), name="pycolmap reader", daemon=True)
    reader.start()
    last, ended = ("Finding features", 0, 1), False
    try:
        while not ended:
            try:
                line = lines.get(timeout=patience)
            except queue.Empty:
                line = b""
            ended = line is None
            last = _progress(line or b"") or last
            report(*last)  # raises where the user cancels
    finally:
        if not ended:
            process.kill()
        code = process.wait()
        reader.join()
        process.stdout.close()
    if code:
        log.warning("%s", (folder / "stderr.txt").read_text(encoding="utf-8", errors="replace")[-4000:])
        why = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        raise ReconstructionError(f"pycolmap ended early ({why})")


def _read(stream: IO[bytes], lines: "queue.Queue[bytes | None]") -> None:
    for line in iter(stream.readline, b""):
        lines.put(line)
    lines.put(None)


def _progress(line: bytes) -> tuple[str, int, int] | None:
    """What a line says, if it is one of ours."""
    try:
        stage, done, total = json.loads(line)
        return str(stage), int(done), int(total)
    except (ValueError, TypeError):
        if line.strip():
            log.debug("pycolmap says %r", line[:200])
        return None
