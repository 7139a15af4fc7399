"""An environment of its own for the worker: its Python, pinned packages, and the torch that fits the machine.

Everything runs in a process of that Python; this module needs nothing that Blender's Python may lack. Nothing is
fetched before somebody asks for it, and what is large not before `plan_environment` has said how large it is.
"""

import json
import platform
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError, ReconstructionError, first_line
from ..io.atomic import file_digest
from ..progress import Report
from .child import END_WITH_PARENT, Child
from .probe import find_python
from .worker_python import own_python, worker_environment

HEADLESS = Path(__file__).resolve().parents[2] / "headless.py"
PREPARING = "Choosing packages"
DOWNLOADING = "Downloading packages (MB)"
UNPACKING = "Unpacking packages"
TESTING = "Testing the runtime"
PLAN_STAGES = {PREPARING: 1.0}
STAGES = {DOWNLOADING: 60.0, UNPACKING: 30.0, TESTING: 10.0}
TORCH = "2.13.0"
PACKAGES = (
    "numpy==1.26.4; python_version < '3.12'",
    "numpy==2.2.6; python_version == '3.12'",
    "numpy==2.3.5; python_version > '3.12'",
    "scipy==1.15.3; python_version < '3.14'",
    "scipy==1.16.3; python_version >= '3.14'",
    "roma==1.5.6",
    "scikit-image==0.26.0",
    "pillow==13.0.0",
    "pillow-heif==1.8.1",
    "poselib==2.0.5",
    "safetensors==0.6.2",
    "huggingface_hub==0.36.0",
    "certifi",
)
OPTIONAL = ("pycolmap==4.2.1",)  # not made for every system
PIP = "pip==25.3"  # the first of Python's own may know neither --report nor raw progress
TORCH_INDEX = "https://download.pytorch.org/whl/"  # where torch's builds are
BUILDS = ("cpu", "cu126", "cu130", "rocm6.4")
NEWER_DRIVER = 580  # of NVIDIA: from here on CUDA 13 works, before CUDA 12.6
PROGRESS_BAR = "raw"
UNPACKED = 3.0  # times as large as what is downloaded, both together
PLAN, MARK = "plan.json", "dust3r_runtime.json"  # in the environment: what is to come, and what is there
PROGRESS = re.compile(rb"Progress (\d+) of (\d+)")
RUN_PIP = END_WITH_PARENT + "import runpy\nsys.argv[0] = 'pip'\nrunpy.run_module('pip', run_name='__main__')"


@dataclass(frozen=True, slots=True)
class EnvironmentPlan:
    """What an environment will take."""

    build: str  # of torch, one of BUILDS; "": the one that the package index has (macOS)
    requirements: tuple[str, ...]  # lines for pip, hashes included where the index says them
    megabytes: int | None  # to download; None where nobody says

    @property
    def text(self) -> str:
        """For people: what comes and how much of it."""
        size = "an unknown size" if self.megabytes is None else f"{self.megabytes / 1000:.1f} GB"
        disk = "" if self.megabytes is None else f", {UNPACKED * self.megabytes / 1000:.1f} GB on the disk"
        return f"{len(self.requirements)} packages, torch {TORCH} for {title(self.build)}: {size} to download{disk}"


def title(build: str) -> str:
    """A build of torch, for people."""
    if build.startswith("cu"):
        return f"NVIDIA cards (CUDA {build[2:-1]}.{build[-1]})"
    if build.startswith("rocm"):
        return f"AMD cards (ROCm {build[4:]})"
    return "the processor" if build else "Apple's processor and graphics"


def fitting_build() -> str:
    """The build of torch for what this machine has."""
    if sys.platform == "darwin":
        return ""
    driver = _nvidia_driver()
    if driver is not None:
        return "cu130" if driver >= NEWER_DRIVER else "cu126"
    return "rocm6.4" if sys.platform == "linux" and Path("/dev/kfd").exists() else "cpu"


def plan_environment(folder: Path, build: str | None, report: Report) -> EnvironmentPlan:
    """Make an empty environment beside `folder` and find out what belongs into it; little is downloaded.

    build: of torch; None: the one that fits. Raises InputError where a folder is there that is no environment of ours,
    ReconstructionError with one sentence where the index has nothing for this Python or cannot be reached, and what
    `report` raises; nothing is left then.
    """
    _check_own(folder)
    build = fitting_build() if build is None else build
    part = _unfinished(folder)
    shutil.rmtree(part, ignore_errors=True)
    with ExitStack() as failure:
        failure.callback(shutil.rmtree, part, ignore_errors=True)
        report(PREPARING, 0, 3)
        _make_environment(part, report)
        report(PREPARING, 1, 3)
        _pip(part, ("install", "--quiet", "--upgrade", PIP), lambda line: report(PREPARING, 1, 3))
        report(PREPARING, 2, 3)
        plan = _resolved(part, build, lambda line: report(PREPARING, 2, 3))
        (part / PLAN).write_text(json.dumps(asdict(plan)), encoding="utf-8")
        failure.pop_all()
    report(PREPARING, 3, 3)
    return plan


def prepared(folder: Path) -> EnvironmentPlan:
    """What `plan_environment` has chosen for a folder; raises InputError where it has not."""
    try:
        fields = json.loads((_unfinished(folder) / PLAN).read_text(encoding="utf-8"))
        return EnvironmentPlan(**fields | {"requirements": tuple(fields["requirements"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"Nothing was prepared for {folder}; choose what to install first") from error


def install_environment(folder: Path, report: Report) -> None:
    """Fill the environment that `plan_environment` has begun, test it, and put it in place of an earlier one.

    Raises InputError where none was begun or the disk is too full, ReconstructionError with one sentence where
    something fails, and what `report` raises. An earlier environment then stays as it is.
    """
    plan = prepared(folder)
    part = _unfinished(folder)
    with ExitStack() as failure:
        failure.callback(shutil.rmtree, part, ignore_errors=True)
        _check_disk(part, plan)
        _download(part, plan, report)
        report(TESTING, 0, 1)
        _check_working(part, lambda line: report(TESTING, 0, 1))
        (part / MARK).write_text(json.dumps(asdict(plan)), encoding="utf-8")
        _check_own(folder)
        earlier = folder.with_name(f"{folder.name}.old")
        shutil.rmtree(earlier, ignore_errors=True)
        if folder.exists():
            folder.rename(earlier)
        part.rename(folder)
        shutil.rmtree(earlier, ignore_errors=True)
        failure.pop_all()
    report(TESTING, 1, 1)


def forget_unfinished(folder: Path) -> None:
    """Remove what a process that was ended left of an environment."""
    shutil.rmtree(_unfinished(folder), ignore_errors=True)


def remove_environment(folder: Path) -> None:
    """Remove an environment of ours and what is left of unfinished ones; raises InputError for what is none."""
    _check_own(folder)
    for path in (folder, _unfinished(folder)):
        shutil.rmtree(path, ignore_errors=True)
    if folder.exists():
        raise InputError(f"{folder} cannot be removed; close what uses it, and try again")


def _nvidia_driver() -> int | None:
    """Its major version; None where there is none."""
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        said = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
        return int(said.split(".")[0])
    return None


def _unfinished(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.part")


def _check_own(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not (folder / MARK).is_file()):
        raise InputError(f"{folder} is there and was not installed by this extension; choose another folder")


def _make_environment(part: Path, report: Report) -> None:
    part.parent.mkdir(parents=True, exist_ok=True)
    said = _run([own_python(), "-m", "venv", str(part)], lambda line: report(PREPARING, 0, 3))
    if not find_python(part).is_file() or said.code:
        if "ensurepip" in said.text:
            raise ReconstructionError(
                f"{own_python()} cannot make environments: it has no ensurepip; install it (python3-venv on Debian "
                "and Ubuntu), or use a Blender with a Python of its own"
            )
        raise ReconstructionError(f"{own_python()} cannot make an environment in {part.parent}: {said.last}")


def _resolved(part: Path, build: str, heard: Callable[[bytes], None]) -> EnvironmentPlan:
    """What pip would install, with what the index says of it."""
    torch = f"torch=={TORCH}+{build}" if build else f"torch=={TORCH}"
    report = part / "report.json"
    options = ("install", "--dry-run", "--ignore-installed", "--quiet", "--only-binary", ":all:")
    options = (*options, "--report", str(report))
    index = ("--extra-index-url", TORCH_INDEX + build) if build else ()
    try:
        _pip(part, (*options, *index, torch, *PACKAGES, *OPTIONAL), heard)
    except ReconstructionError as error:
        if not any(pin in str(error) for pin in OPTIONAL):
            raise
        _pip(part, (*options, *index, torch, *PACKAGES), heard)
    found = json.loads(report.read_text(encoding="utf-8"))["install"]
    sizes = [_size(entry["download_info"]["url"]) for entry in found]
    known = [size for size in sizes if size is not None]
    megabytes = round(sum(known) / 1e6) if len(known) == len(sizes) else None
    hashed = all(_digest(entry) for entry in found)
    lines = tuple(sorted(_requirement(entry, hashed) for entry in found))
    return EnvironmentPlan(build, lines, megabytes)


def _digest(entry: dict[str, Any]) -> str:
    """What the index says, or of a local file, which older pips tell nothing of, its own; "" where nobody knows."""
    said = entry["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256", "")
    url = urllib.parse.urlsplit(entry["download_info"]["url"])
    return said if said or url.scheme != "file" else file_digest(Path(urllib.request.url2pathname(url.path)))


def _requirement(entry: dict[str, Any], hashed: bool) -> str:
    """The very file that was found; pip compares its content where the index says all hashes."""
    pinned = f"{entry['metadata']['name']} @ {entry['download_info']['url']}"
    return f"{pinned} --hash=sha256:{_digest(entry)}" if hashed else pinned


def _size(url: str) -> int | None:
    """Bytes of a file of the index; None where the server does not say."""
    with suppress(OSError, ValueError):
        request = urllib.request.Request(url, method="HEAD")
        with urllib.request.urlopen(request, timeout=30) as answer:  # nosec B310: pip has opened this very URL
            return int(answer.headers["Content-Length"])
    return None


def _check_disk(part: Path, plan: EnvironmentPlan) -> None:
    free = shutil.disk_usage(part).free
    if plan.megabytes is not None and free < UNPACKED * plan.megabytes * 1e6:
        needed = UNPACKED * plan.megabytes / 1000
        raise InputError(
            f"The disk of {part.parent} has {free / 1e9:.1f} GB free, and {needed:.1f} GB are needed; free some space"
        )


def _download(part: Path, plan: EnvironmentPlan, report: Report) -> None:
    """Let pip download and unpack the plan's packages."""
    (part / "requirements.txt").write_text("\n".join(plan.requirements) + "\n", encoding="utf-8")
    done = of_file = 0
    total = plan.megabytes or 0
    stage = DOWNLOADING

    def heard(line: bytes) -> None:
        nonlocal done, of_file, stage
        if match := PROGRESS.match(line.strip()):
            now, whole = map(int, match.groups())
            of_file = now
            if now >= whole:
                done, of_file = done + whole, 0
        elif line.startswith(b"Installing collected"):
            stage = UNPACKING
        if stage == UNPACKING:
            report(UNPACKING, 0, 1)
        else:
            megabytes = round((done + of_file) / 1e6)
            report(DOWNLOADING, megabytes, max(total, megabytes, 1))

    options = ("install", "--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--progress-bar", PROGRESS_BAR)
    _pip(part, (*options, "--requirement", str(part / "requirements.txt")), heard)
    report(UNPACKING, 1, 1)


def _check_working(part: Path, heard: Callable[[bytes], None]) -> None:
    """Raise ReconstructionError where the new environment does not pass the runtime's self-test."""
    said = _run([str(find_python(part)), str(HEADLESS), "runtime", "--self-test", "--quiet"], heard)
    if said.code:
        raise ReconstructionError(f"The new environment does not work: {said.last}")


@dataclass(frozen=True, slots=True)
class _Said:
    """How a process ended, and the end of what it said."""

    code: int
    text: str

    @property
    def last(self) -> str:
        """The last line that says something, without pip's words before it."""
        lines = [line.strip() for line in self.text.splitlines() if line.strip()]
        errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
        return (errors or lines or [f"exit code {self.code}"])[-1][:300]


def _run(command: Sequence[str], heard: Callable[[bytes], None]) -> _Said:
    """Run a program to its end; `heard` gets each line, and b"" while it is silent, and may raise to end it."""
    lines: list[bytes] = []
    try:
        child = Child(command, worker_environment(command[0]), subprocess.STDOUT)
    except OSError as error:
        raise ReconstructionError(f"{command[0]} cannot be started ({first_line(error)})") from error
    with closing(child.lines()) as said:
        for line in said:
            if line and not PROGRESS.match(line):
                lines.append(line)
            heard(line)
    return _Said(child.code, b"".join(lines[-200:]).decode("utf-8", "replace"))


def _pip(part: Path, arguments: Sequence[str], heard: Callable[[bytes], None]) -> None:
    """Run pip in the environment. Raises ReconstructionError with one sentence where it fails."""
    python = str(find_python(part))
    said = _run([python, "-u", "-c", RUN_PIP, "--disable-pip-version-check", "--no-input", *arguments], heard)
    if said.code:
        raise ReconstructionError(_sentence(said))


def _sentence(said: _Said) -> str:
    """What went wrong and what to do."""
    if re.search(r"No space left|errno 28|not enough space", said.text, re.IGNORECASE):
        return "The disk is full; free some space and install again"
    if "DO NOT MATCH THE HASHES" in said.text:
        return "A downloaded package is not the one that the index names; try again, later or on another network"
    missing = re.search(r"No matching distribution found for (\S+)", said.text)
    if missing and "WARNING: Retrying" not in said.text:
        here = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
        return f"There is no {missing[1]} for {here}; choose another build of torch, or another Blender"
    if re.search(r"Retrying|ConnectionError|ProxyError|SSLError|Temporary failure|timed out", said.text):
        return (
            "The package index cannot be reached; check the connection, and a proxy by the variable HTTPS_PROXY "
            f"({said.last})"
        )
    return f"pip could not install the packages: {said.last}"
