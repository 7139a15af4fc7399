"""A published model from the Hugging Face hub: resumed, checked by sha256. Imports no torch."""

import hashlib
import http.client
import logging
import re
import shutil
import ssl
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPMessage
from pathlib import Path
from typing import IO, BinaryIO
from urllib.parse import urlsplit

from ..errors import InputError, ModelUnavailable, first_line
from ..progress import Report
from .catalogue import KnownModel
from .local import locate, missing
from .provenance import Origin, sha256_of

CHUNK = 1 << 20  # bytes between two reports
TIMEOUT = 30.0  # seconds without a byte before a connection counts as broken
LOOK_UP_TIMEOUT = 10.0  # seconds; the hub's client tries five times more by itself
TRIES = 3  # in a row that brought nothing
PAUSE = 1.0  # seconds between them
HUB_DOMAINS = ("huggingface.co", "hf.co")  # the hub's own and where it keeps its large files

logger = logging.getLogger(__name__)
Done = Callable[[int], None]  # called with the bytes that are here; may raise Cancelled


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository, as the hub describes it."""

    name: str
    url: str
    size: int  # bytes
    checksum: str  # sha256 of the content (64 digits), or git's sha1 of a small file (40 digits)


def look_up(repository: str, name: str, endpoint: str | None = None) -> RemoteFile:
    """Ask the hub for a file's place, size and checksum. Raises ModelUnavailable."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    try:
        # The models are public: no token of the user's leaves the machine.
        url = hf_hub_url(repository, name, endpoint=endpoint)
        with _hub_silenced():
            found = get_hf_file_metadata(url, token=False, timeout=LOOK_UP_TIMEOUT, endpoint=endpoint)
    except (OSError, ValueError, RecursionError) as error:  # the hub's own are OSErrors; its client follows in circles
        raise ModelUnavailable(
            f"The hub does not answer for {repository}/{name} ({_first_reason(error)}); try again later"
        ) from error
    checksum = (found.etag or "").lower()
    if not found.size or not re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{40}", checksum):
        raise ModelUnavailable(f"The hub names no size or checksum for {repository}/{name}; try again later")
    _check_address(found.location, url)
    return RemoteFile(name, found.location, found.size, checksum)


@contextmanager
def _hub_silenced() -> Iterator[None]:
    """Its client warns of each of its tries, in words for developers; one sentence at the end says what is wrong."""
    talker = logging.getLogger("huggingface_hub")
    level = talker.level
    talker.setLevel(logging.ERROR)
    try:
        yield
    finally:
        talker.setLevel(level)


def _first_reason(error: BaseException) -> str:
    """What began it: the clients wrap an error in their own, each with all of the others' words."""
    while (earlier := error.__cause__ or error.__context__) is not None:
        error = earlier
    return (isinstance(error, OSError) and error.strerror) or first_line(error)


def fetch(file: RemoteFile, target: Path, done: Done) -> None:
    """Download `file` to `target`, going on from what an earlier try left.

    What is there of it lies beside the target in a hidden .part file, which stays when the connection breaks or `done`
    raises. Raises ModelUnavailable when the transfer fails or the content is wrong, InputError when the disk refuses.
    """
    if target.is_file() and matches(target, file, done):
        return
    partial = target.with_name(f".{target.name}.{file.checksum[:16]}.part")
    with _writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(target.parent).free + _size(partial)
    if free < file.size:
        raise InputError(
            f"{target.parent} has {free >> 20} MB free, but {file.name} needs {file.size >> 20} MB; free some space"
        )
    _complete(file, partial, done)
    if not matches(partial, file, done):
        partial.unlink()
        raise ModelUnavailable(
            f"{file.name} did not arrive as the hub has it (wrong checksum); it was removed, try again"
        )
    with _writing(target):
        partial.replace(target)


def _complete(file: RemoteFile, partial: Path, done: Done) -> None:
    """Try until all bytes are here, or several tries in a row brought none."""
    failures = 0
    while (before := _size(partial)) < file.size:
        try:
            _append(file, partial, before, done)
            failures += 1  # a transfer that ends early without an error
        except (OSError, http.client.HTTPException) as error:
            failures += 1
            logger.warning("%s broke off: %s", file.name, error)
        here = _size(partial)
        if here > before:
            failures = 0
        if failures >= TRIES:
            raise ModelUnavailable(
                f"The download of {file.name} broke off at {here >> 20} of {file.size >> 20} MB; start it again and it "
                "goes on from there"
            )
        if here < file.size:
            time.sleep(PAUSE)
            done(here)


def _append(file: RemoteFile, partial: Path, start: int, done: Done) -> None:
    """One request; what it brings goes to the end of the .part file, or replaces it if the server starts over."""
    headers = {"User-Agent": "dust3r-for-blender"} | ({"Range": f"bytes={start}-"} if start else {})
    request = urllib.request.Request(file.url, headers=headers)
    secure = urllib.request.HTTPSHandler(context=_certificates())
    opener = urllib.request.build_opener(secure, _CheckedRedirects)
    with opener.open(request, timeout=TIMEOUT) as response:
        resumed = start > 0 and response.status == http.client.PARTIAL_CONTENT
        with _writing(partial):
            if not resumed:
                partial.unlink(missing_ok=True)  # with "x" no link is followed
            stream = partial.open("ab" if resumed else "xb", buffering=0)
        with stream:
            _copy(response, stream, partial, file.size, done)


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to where the file may come from."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        _check_address(newurl, req.full_url)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_address(url: str, asked: str) -> None:
    """Raise ModelUnavailable unless `url` is on the host that was asked or the hub's, and no less secure."""
    there, here = urlsplit(url), urlsplit(asked)
    hub = there.scheme == "https" and any(f".{there.hostname}".endswith(f".{domain}") for domain in HUB_DOMAINS)
    same = there.netloc == here.netloc and there.scheme in (here.scheme, "https")
    if not (hub or same):
        place = f"{there.scheme}://{there.netloc}"
        raise ModelUnavailable(
            f"{here.netloc} sends the download to {place[:100]!r}, which is not its own; nothing was downloaded"
        )


def _copy(response: http.client.HTTPResponse, stream: BinaryIO, partial: Path, size: int, done: Done) -> None:
    while stream.tell() <= size and (chunk := response.read(CHUNK)):
        with _writing(partial):
            stream.write(chunk)
        done(min(stream.tell(), size))


def matches(path: Path, file: RemoteFile, done: Done) -> bool:
    """Whether the content is what the hub describes; `done` is called on the way, so that this too can be stopped."""
    size = path.stat().st_size
    if len(file.checksum) == 64:
        digest = hashlib.sha256()
    else:
        digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)  # how git names a small file
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            done(file.size)
    return size == file.size and digest.hexdigest() == file.checksum


def _size(partial: Path) -> int:
    """Of what an earlier try left; 0 for a link, which is none of ours."""
    return partial.stat().st_size if partial.is_file() and not partial.is_symlink() else 0


def _certificates() -> ssl.SSLContext:
    """The system's trusted certificates and certifi's: Python in Blender does not find the system's everywhere."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Tell the disk's errors from the network's."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"Cannot write {path}: {reason}; free some space or choose another model folder") from error


STAGE = "Downloading the model"


def download_model(
    known: KnownModel, model_folder: Path, report: Report, online: bool, endpoint: str | None = None
) -> Path:
    """Bring a known model into `model_folder` and return its folder; at once if it is present.

    Resumes where an earlier try broke off; a file gets its name only when it is whole and its checksum right. report:
    bytes done and in all; raise Cancelled in it to stop. online: whether requests are allowed. endpoint: another hub
    than the usual one. Raises ModelUnavailable, or InputError where the disk refuses.
    """
    present = locate(known, model_folder)
    if present is not None:
        return present
    if known.repository is None:
        raise missing(known)
    if not online:
        raise ModelUnavailable(
            f"{known.title} cannot be downloaded while online access is off; allow it in Blender's preferences under "
            f"System, Network, or copy the files by hand: {' '.join(copying_steps(known, model_folder))}"
        )
    folder = model_folder / known.name
    remote = [look_up(known.repository, name, endpoint) for name in known.files]
    _check_weights(known, remote[-1])
    _fetch_all(remote, folder, report)
    Origin(known.address, known.licence, known.commercial, _digests(remote, folder)).save(folder)
    return folder


def _check_weights(known: KnownModel, weights: RemoteFile) -> None:
    """Refuse other weights than those that this version knows, before they are transferred."""
    if known.sha256 and weights.checksum != known.sha256:
        raise ModelUnavailable(
            f"{known.address} has other weights by now than this version knows (sha256 {weights.checksum[:16]}..., not "
            f"{known.sha256[:16]}...); nothing was downloaded; update the extension"
        )


def copying_steps(known: KnownModel, model_folder: Path) -> tuple[str, ...]:
    """What to copy where, a sentence each, for a machine that is not online; none for a model of this package."""
    if known.repository is None:
        return ()
    addresses = " and ".join(f"{known.address}/resolve/main/{name}" for name in known.files)
    return (
        f"On a machine that is online, fetch {addresses}.",
        f"Copy {' and '.join(known.files)} into the folder {model_folder / known.name}.",
    )


def _digests(remote: list[RemoteFile], folder: Path) -> dict[str, str]:
    """sha256 by file name, of files that were checked as they arrived; git's sha1 of small ones is none."""
    return {one.name: one.checksum if len(one.checksum) == 64 else sha256_of(folder / one.name) for one in remote}


def _fetch_all(remote: list[RemoteFile], folder: Path, report: Report) -> None:
    total, before = sum(file.size for file in remote), 0
    for file in remote:
        done_before = before
        fetch(file, folder / file.name, lambda done, start=done_before: report(STAGE, start + done, total))
        before += file.size
