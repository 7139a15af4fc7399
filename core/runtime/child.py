"""A process for one piece of work, which ends when whoever reads what it says stops reading, or dies."""

import queue
import subprocess
import threading
from collections.abc import Generator, Mapping, Sequence
from typing import IO

# Run by the child's Python before its own work: its standard input is closed when its parent ends.
END_WITH_PARENT = (
    "import os, sys, threading\nthreading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()\n"
)


class Child:
    """A process that was started, and what it prints."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], stderr: IO[bytes] | int) -> None:
        """Start it; stderr: where its errors go, as for `subprocess.Popen`. Raises OSError where it cannot be."""
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # closed when this process ends
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment,
            start_new_session=True,  # Ctrl-C in the terminal is the parent's
        )
        self.code = 0  # once it has ended, as `subprocess.Popen.returncode`

    def lines(self, patience: float = 0.1) -> Generator[bytes]:
        """What it prints, and b"" after every `patience` seconds of silence; the process is gone when this ends."""
        found: queue.Queue[bytes | None] = queue.Queue()
        reader = threading.Thread(target=self._read, args=(found,), name="reader of a child", daemon=True)
        reader.start()
        ended = False
        try:
            while not ended:
                try:
                    line = found.get(timeout=patience)
                except queue.Empty:
                    line = b""
                ended = line is None
                yield line or b""
        finally:
            if not ended:
                self._process.kill()
            self.code = self._process.wait()
            reader.join()
            for stream in (self._process.stdin, self._process.stdout):
                assert stream is not None
                stream.close()

    def _read(self, found: "queue.Queue[bytes | None]") -> None:
        assert self._process.stdout is not None
        for line in iter(self._process.stdout.readline, b""):
            found.put(line)
        found.put(None)
