"""A stand-in for the Hugging Face hub on this machine, with one small model and the faults a test asks for."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REPOSITORY = "naver/DUSt3R_ViTLarge_BaseDecoder_512_dpt"
CONFIG, WEIGHTS = b'{"head_type": "dpt"}', bytes(range(256)) * 12_000  # 3 MB: several reports


class Hub(ThreadingHTTPServer):
    """A stand-in for the hub on this machine, with the faults a test asks for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.files = {"config.json": CONFIG, "model.safetensors": WEIGHTS}
        self.break_after: list[int] = []  # bytes after which the next transfers of the weights break
        self.ranges = True  # whether it can resume
        self.checksum: str | None = None  # of the weights, where it lies
        self.asked: list[str] = []  # the Range of every transfer of the weights

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        data, name = self._file()
        if data is None:
            self.send_error(404)
            return
        checksum = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        if name == "model.safetensors":
            checksum = self.server.checksum or hashlib.sha256(data).hexdigest()
        self.send_response(200)
        self.send_header("X-Linked-Etag", f'"{checksum}"')
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()

    def do_GET(self) -> None:
        data, name = self._file()
        assert data is not None
        wanted = self.headers.get("Range", "")
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.ranges else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if name == "model.safetensors":
            self.server.asked.append(wanted)
            if self.server.break_after:
                data = data[: start + self.server.break_after.pop(0)]
        self.wfile.write(data[start:])

    def _file(self) -> tuple[bytes | None, str]:
        name = self.path.rpartition("/")[2]
        known = self.path.startswith(f"/{REPOSITORY}/resolve/main/")
        return (self.server.files.get(name) if known else None), name

    def log_message(self, format: str, *args: object) -> None:
        """Silence: the tests speak."""


@contextmanager
def serving() -> Iterator[Hub]:
    """The hub, for as long as the block lasts."""
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
