"""Build the extension zip of one platform, wheels included, and validate it with the extension tool inside bpy.

usage: python tools/packaging/build_extension.py [--platform linux-x64] [--python 3.11 …] [--wheels all|pure|none]
                                                 [--torch cu130] [--model da3_small]

Files come from `git ls-files`, so that nothing that happens to lie in the checkout slips in; the manifest's
paths_exclude_pattern leaves out what users do not need. docs/design.md says what the zip carries and why.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform as host
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from bundled_model import find_model, licence_of, stage_model
from fetch_wheels import fetch
from torch_build import TorchBuild
from wheel_set import CHOICES, LOCK, PLATFORM_TAGS, PackagingError, Wheel, not_carried, pythons_of, select

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = "blender_manifest.toml"
MEGABYTE = 1_000_000


def this_platform() -> str:
    """Blender's name of the platform this runs on. Raises PackagingError where no wheels are pinned for it."""
    machine = {"amd64": "x64", "x86_64": "x64", "aarch64": "arm64"}.get(host.machine().lower(), host.machine().lower())
    name = {"darwin": "macos"}.get(host.system().lower(), host.system().lower()) + "-" + machine
    if name not in PLATFORM_TAGS:
        raise PackagingError(
            f"No wheels are pinned for {name}: choose one of {', '.join(PLATFORM_TAGS)} by --platform."
        )
    return name


def tracked_files(root: Path) -> list[str]:
    """Paths of the checkout's tracked files, relative to `root`. Raises PackagingError outside a git checkout."""
    try:
        done = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise PackagingError(f"git could not list the files of {root}: build from a git clone ({error}).") from error
    return [name for name in done.stdout.split("\0") if name and (root / name).is_file()]


def manifest_with_wheels(text: str, wheels: Iterable[Wheel], platform: str) -> str:
    """The manifest's text with `platforms` and `wheels` before its first table; unchanged without wheels."""
    names = [wheel.file_name for wheel in wheels]
    if not names:
        return text
    listed = "".join(f'  "./wheels/{name}",\n' for name in names)
    head, table, tail = text.partition("\n[")
    return f'{head}\nplatforms = ["{platform}"]\nwheels = [\n{listed}]\n{table}{tail}'


def stage(root: Path, wheels_folder: Path, wheels: Iterable[Wheel], platform: str, folder: Path) -> None:
    """Lay out what the zip is made from: the tracked files, the wheels and the manifest that lists them."""
    wheels = list(wheels)
    for name in tracked_files(root):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, target)
    (folder / "wheels").mkdir(exist_ok=True)
    for wheel in wheels:
        _link(wheels_folder / wheel.file_name, folder / "wheels" / wheel.file_name)
    text = (root / MANIFEST).read_text(encoding="utf-8")
    (folder / MANIFEST).write_text(manifest_with_wheels(text, wheels, platform), encoding="utf-8")


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)


def extension_tool() -> Path:
    """The extension tool that ships with Blender, a plain Python script. Raises PackagingError without bpy."""
    spec = importlib.util.find_spec("bpy")  # finds the wheel's folder without starting Blender
    for folder in (spec and spec.submodule_search_locations) or ():
        for found in Path(folder).glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"):
            return found
    raise PackagingError(f"No bpy is installed for {sys.executable}: run `make setup` and use .venv/bin/python.")


def run_tool(*arguments: str) -> None:
    """Run the extension tool; its own words in the PackagingError when it refuses."""
    done = subprocess.run(
        [sys.executable, str(extension_tool()), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PackagingError(f"`blender_ext.py {arguments[0]}` refused: {(done.stdout + done.stderr).strip()}")


def build(
    root: Path, wheels_folder: Path, wheels: Iterable[Wheel], platform: str, target: Path, model: Path | None = None
) -> None:
    """Build and validate the zip `target` from the checkout `root` and wheels that lie in `wheels_folder`.

    model: folder of a published model to put into it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".stage-", dir=target.parent) as scratch:
        stage(root, wheels_folder, wheels, platform, Path(scratch))
        if model is not None:
            stage_model(model, licence_of(model), Path(scratch))
        run_tool("build", "--source-dir", scratch, "--output-filepath", str(target))
    run_tool("validate", str(target))


def zip_name(root: Path, options: argparse.Namespace) -> str:
    """dust3r-0.1.0-linux-x64.zip and the like; a zip without wheels is for every platform."""
    manifest = tomllib.loads((root / MANIFEST).read_text(encoding="utf-8"))
    parts = [manifest["id"], manifest["version"]]
    if options.wheels != "none":
        parts.append(options.platform)
        build = TorchBuild.parse(options.torch)
        parts += [] if build.is_cpu or options.wheels == "pure" else [build.name]
        parts += ["py" + python.replace(".", "") for python in options.python or ()]
        parts += ["pure"] if options.wheels == "pure" else []
    parts += [options.model] if options.model else []
    return "-".join(parts) + ".zip"


def announce(wheels: list[Wheel], lock: list[Wheel], pythons: Iterable[str]) -> None:
    """Say what Blender does not get from the zip, so that nobody is surprised after the installation."""
    if not wheels:
        print("the zip brings no packages: Blender's Python must have all of requirements.txt but bpy")
        return
    by_missing: dict[str, list[str]] = {}
    for python in pythons:
        by_missing.setdefault(", ".join(not_carried(wheels, lock, python)), []).append(python)
    for missing, of in by_missing.items():
        if missing:
            print(f"not in the zip for Python {', '.join(of)}: {missing}; a Blender with this Python must bring them")


def known_pythons(lock: Iterable[Wheel], platform: str, wanted: list[str] | None) -> list[str]:
    """The Pythons to build for. Raises PackagingError for one that the lock has no wheels of."""
    locked = pythons_of(lock, platform)
    unknown = sorted(set(wanted or ()) - set(locked))
    if unknown:
        raise PackagingError(
            f"{LOCK.name} pins no wheels for Python {', '.join(unknown)} on {platform}, only for {', '.join(locked)}: "
            "choose one of these, or pin more with tools/packaging/lock_wheels.py."
        )
    return wanted or locked


def add_torch_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--torch",
        default="cpu",
        metavar="BUILD",
        help="cpu, or as PyTorch names it (cu130, rocm6.4), or the URL of an index that ends in one; "
        "pinned by tools/packaging/lock_torch.py",
    )


def add_model_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", default="", metavar="NAME", help="a published model of this machine to put into the zip: da3_small"
    )


def sizes(archive: Path) -> list[str]:
    """Lines that say how large the zip is and what makes it so: packages of a megabyte and more, the largest first."""
    by_name: Counter[str] = Counter()
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            path = PurePosixPath(info.filename)
            name = path.name.split("-")[0] if path.suffix == ".whl" else f"{path.parts[0]}/"
            by_name[name] += info.compress_size
    total = archive.stat().st_size
    shown = [(name, size) for name, size in by_name.most_common() if size >= MEGABYTE]
    rest = total - sum(size for _, size in shown)
    return [
        f"{archive} ({total / MEGABYTE:.0f} MB)",
        *(f"{size / MEGABYTE:8.1f} MB  {name}" for name, size in [*shown, ("everything else", rest)]),
    ]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--platform", choices=PLATFORM_TAGS, help="default: this one")
    parser.add_argument("--python", nargs="+", metavar="3.N", help="default: every Python of wheels.lock")
    parser.add_argument(
        "--wheels",
        choices=CHOICES,
        default="all",
        help="pure: only those that fit every Python, for systems that bring torch, scipy and pillow",
    )
    add_torch_argument(parser)
    add_model_argument(parser)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "extension", help="folder of the zip")
    return parser.parse_args()


def make(options: argparse.Namespace) -> Path:
    """Download what is missing and build; the path of the zip. Raises PackagingError."""
    options.platform = options.platform or this_platform()
    model = find_model(options.model) if options.model else None  # before anything is fetched
    torch = TorchBuild.parse(options.torch)
    torch.check_platform(options.platform)
    lock = torch.read_wheels()
    pythons = known_pythons(lock, options.platform, options.python)
    wheels = select(lock, options.platform, pythons, options.wheels)
    announce(wheels, lock, pythons)
    fetch(wheels, pythons, ROOT / "wheels", torch)
    target = options.output / zip_name(ROOT, options)
    build(ROOT, ROOT / "wheels", wheels, options.platform, target, model)
    return target


def main() -> int:
    try:
        made = make(parse_arguments())
    except PackagingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join(sizes(made)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
