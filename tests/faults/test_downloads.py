"""A hub that misbehaves: what it sends is checked, and nobody else is asked. A server on this machine plays it."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from dust3r.core.checkpoints import download
from dust3r.core.checkpoints.download import RemoteFile, fetch, look_up
from dust3r.core.errors import ModelUnavailable

DATA = bytes(range(256)) * 2000
CHECKSUM = hashlib.sha256(DATA).hexdigest()


class Server(ThreadingHTTPServer):
    """Answers every request as a test says."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.asked = answer, 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked += 1
        self.server.answer(self)

    do_HEAD = do_GET  # noqa: N815  the library's name

    def log_message(self, format: str, *args: object) -> None:
        """Silence: the tests speak."""


@pytest.fixture
def serve(monkeypatch) -> Iterator[Callable[..., Server]]:
    monkeypatch.setattr(download, "PAUSE", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    servers: list[tuple[Server, threading.Thread]] = []

    def start(answer: Callable[[BaseHTTPRequestHandler], None]) -> Server:
        server = Server(answer)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        servers.append((server, thread))
        return server

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def _send(request: BaseHTTPRequestHandler, data: bytes, code: int = 200, **headers: str) -> None:
    request.send_response(code)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    if request.command == "GET":
        request.wfile.write(data)


def _whole(request: BaseHTTPRequestHandler) -> None:
    _send(request, DATA)


def _file(server: Server) -> RemoteFile:
    return RemoteFile("weights", f"{server.url}/weights", len(DATA), CHECKSUM)


def _redirect(to: str) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda request: _send(request, b"", 302, Location=to)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_refused_and_the_host_not_asked(serve, tmp_path, code):
    other = serve(_whole)
    hub = serve(lambda request: _send(request, b"", code, Location=f"{other.url}/weights"))
    with pytest.raises(ModelUnavailable, match="not its own; nothing was downloaded"):
        fetch(_file(hub), tmp_path / "weights", lambda done: None)
    assert other.asked == 0
    assert not (tmp_path / "weights").exists()


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:9/weights",
        "ftp://127.0.0.1/x",
        "http://huggingface.co/x",
        "https://huggingface.co.evil.example/x",
        "https://evilhf.co/x",
        "https://hf.co@evil.example/x",
    ],
)
def test_addresses_that_only_look_like_the_hubs_are_refused(serve, tmp_path, address):
    hub = serve(_redirect(address))
    with pytest.raises(ModelUnavailable, match="not its own"):
        fetch(_file(hub), tmp_path / "weights", lambda done: None)
    assert hub.asked == 1


@pytest.mark.parametrize("address", ["file:///etc/passwd", "data:,x"])
def test_an_address_that_is_no_hosts_is_never_opened(serve, tmp_path, address):
    with pytest.raises(ModelUnavailable):
        fetch(_file(serve(_redirect(address))), tmp_path / "weights", lambda done: None)
    assert not (tmp_path / "weights").exists()


@pytest.mark.parametrize(
    "address", ["https://cdn-lfs.hf.co/x", "https://huggingface.co/x", "https://cas.xethub.hf.co:443/x"]
)
def test_the_hubs_own_hosts_are_followed(address):
    download._check_address(address, "https://huggingface.co/repository/weights")


def test_a_redirect_on_the_same_host_is_followed(serve, tmp_path):
    def answer(request: BaseHTTPRequestHandler) -> None:
        _whole(request) if request.path == "/there" else _redirect("/there")(request)

    hub = serve(answer)
    fetch(_file(hub), tmp_path / "weights", lambda done: None)
    assert (tmp_path / "weights").read_bytes() == DATA


def test_a_redirect_in_a_circle_ends(serve, tmp_path):
    hub = serve(_redirect("/weights"))
    with pytest.raises(ModelUnavailable, match="broke off at 0"):
        fetch(_file(hub), tmp_path / "weights", lambda done: None)
    assert hub.asked < 100


@pytest.mark.parametrize("location", ["http://localhost:9/weights", "/in/a/circle"])
def test_a_hub_that_names_another_host_for_a_file_is_refused(serve, location):
    def answer(request: BaseHTTPRequestHandler) -> None:
        _send(request, b"", 302, Location=location, X_Linked_Etag=f'"{CHECKSUM}"', X_Linked_Size="512000")

    with pytest.raises(ModelUnavailable):
        look_up("someone/model", "weights", serve(answer).url)


@pytest.mark.parametrize(
    "sent",
    [DATA[:-1] + b"x", DATA[::-1], DATA + b"more" * 1000, b"<html>sign in to this network</html>" + DATA[36:]],
    ids=["one byte", "reversed", "too long", "a page"],
)
def test_content_that_is_not_what_the_hub_described_is_removed(serve, tmp_path, sent):
    hub = serve(lambda request: _send(request, sent))
    with pytest.raises(ModelUnavailable, match="wrong checksum"):
        fetch(_file(hub), tmp_path / "weights", lambda done: None)
    assert list(tmp_path.iterdir()) == []


def test_an_endless_stream_is_cut_at_the_size_that_was_announced(serve, tmp_path):
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while True:
                request.wfile.write(bytes(1 << 16))
        except OSError:
            pass

    sizes = []
    with pytest.raises(ModelUnavailable, match="wrong checksum"):
        fetch(_file(serve(endless)), tmp_path / "weights", sizes.append)
    assert max(sizes) <= len(DATA)
    assert list(tmp_path.iterdir()) == []


def test_what_an_earlier_try_left_is_used_if_it_is_right_and_thrown_away_if_not(serve, tmp_path):
    def resume(request: BaseHTTPRequestHandler) -> None:
        start = int(request.headers.get("Range", "bytes=0-")[6:-1])
        _send(request, DATA[start:], 206 if start else 200)

    hub, part = serve(resume), tmp_path / f".weights.{CHECKSUM[:16]}.part"
    part.write_bytes(DATA[:100_000])
    fetch(_file(hub), tmp_path / "weights", lambda done: None)
    assert hub.asked == 1 and (tmp_path / "weights").read_bytes() == DATA
    (tmp_path / "weights").unlink()
    part.write_bytes(b"spoiled" * 1000)
    with pytest.raises(ModelUnavailable, match="wrong checksum"):
        fetch(_file(hub), tmp_path / "weights", lambda done: None)
    assert list(tmp_path.iterdir()) == []
    fetch(_file(hub), tmp_path / "weights", lambda done: None)
    assert (tmp_path / "weights").read_bytes() == DATA


@pytest.mark.skipif(os.name == "nt", reason="needs links")
def test_a_link_in_place_of_what_an_earlier_try_left_is_not_written_through(serve, tmp_path):
    precious = tmp_path / "precious"
    precious.write_bytes(DATA[:10])
    (tmp_path / f".weights.{CHECKSUM[:16]}.part").symlink_to(precious)
    fetch(_file(serve(lambda request: _send(request, DATA))), tmp_path / "weights", lambda done: None)
    assert precious.read_bytes() == DATA[:10]
    assert (tmp_path / "weights").read_bytes() == DATA and not (tmp_path / "weights").is_symlink()


@pytest.mark.parametrize("code", [401, 403, 404, 416, 429, 500, 503])
def test_a_server_that_refuses_is_one_sentence(serve, tmp_path, code):
    hub = serve(lambda request: _send(request, b"no", code))
    with pytest.raises(ModelUnavailable, match="broke off"):
        fetch(_file(hub), tmp_path / "weights", lambda done: None)
    assert not (tmp_path / "weights").exists()
