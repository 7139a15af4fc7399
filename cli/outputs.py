"""Checks of what a run would write: nothing that it reads, no file of another kind. Imports no torch."""

import argparse
import json
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import InputError
from ..core.images.reader import SUFFIXES
from ..core.io.atomic import check_replaceable, check_writable
from ..core.jobs.job import OWN

MOST_JSON = 1 << 28  # bytes; a larger JSON file is not one of ours
NAMES_OR_PATHS = ("model", "photos")  # arguments that may be names as well as files
FOLDERS = ("output", "colmap")  # arguments that name folders that are written


@dataclass(frozen=True, slots=True)
class Kind:
    """Files of one kind, as a run writes them."""

    title: str  # with its article
    recognises: Callable[[Path], bool]  # whether a file is one; may raise OSError, ValueError and what zipfile does
    replaced: bool = True  # without --overwrite; False for scenes, which users edit


def _json_with(**keys: type) -> Callable[[Path], bool]:
    """A JSON object with these keys, each of its type."""

    def recognises(path: Path) -> bool:
        if path.stat().st_size > MOST_JSON:
            return False
        content = json.loads(path.read_bytes())
        return isinstance(content, dict) and all(isinstance(content.get(key), kind) for key, kind in keys.items())

    return recognises


def _arrays(name: str) -> Callable[[Path], bool]:
    """An .npz with an array of this name."""

    def recognises(path: Path) -> bool:
        with zipfile.ZipFile(path) as archive:
            return f"{name}.npy" in archive.namelist()

    return recognises


def _begins(pattern: bytes) -> Callable[[Path], bool]:
    """A file whose beginning matches the pattern."""

    def recognises(path: Path) -> bool:
        with path.open("rb") as file:
            return re.match(pattern, file.read(4096)) is not None

    return recognises


def _is_text(path: Path) -> bool:
    return "\0" not in path.read_text(encoding="utf-8")


CAMERAS = Kind("a cameras.json", _json_with(photos=dict))
POINTS = Kind("a PLY file", _begins(rb"ply[\n\r]"))
SCENE = Kind("a Blender scene", _begins(rb"BLENDER|\x28\xb5\x2f\xfd|\x1f\x8b"), replaced=False)
PICTURE = Kind("a PNG", _begins(rb"\x89PNG\r\n\x1a\n"))
PREDICTED = Kind("a network's predictions", lambda path: _arrays("points_i")(path) or _arrays("world2cam")(path))
RESULT = Kind("a result's reconstruction.json", _json_with(format=int, views=list))
RESULT_ARRAYS = Kind("a result's arrays.npz", _arrays("0.depth"))
MATCHES = Kind("a list of matches", _begins(rb"photo_a,photo_b"))
FEATURES = Kind("a list of COLMAP's features", _begins(rb"\d+ 128\n"))
RAW_MATCHES = Kind("a list of COLMAP's matches", _begins(rb"\S+ \S+\n(\d+ \d+)?\n"))
TEXT = Kind("a text file", _is_text)
POSE = Kind("a relative pose", _json_with(photos=list, poses=dict))
TIMINGS = Kind("a run's timings", _json_with(align_cpu_s=float))
FIGURES = Kind("an exam's figures", _json_with(model=str))
RUNTIME = Kind("a runtime's description", _json_with(python=str, torch=str))


def check_written(
    arguments: argparse.Namespace,
    kinds: Mapping[str, Kind],
    also: Iterable[Path] = (),
    files: Sequence[tuple[Path, Kind]] = (),
) -> None:
    """Raise InputError, before the work, for outputs that cannot be written or would replace an input.

    kinds: of the outputs, by the arguments that name them; files: outputs that no argument names by itself. Every
    other path among the arguments is read, and `also`.
    """
    named = {name: getattr(arguments, name, None) for name in kinds}
    outputs = [*((path, kinds[name]) for name, path in named.items() if path is not None), *files]
    inputs = [*_read(arguments, {*kinds, *FOLDERS}), *also]
    check_outputs(outputs, inputs, arguments.overwrite, getattr(arguments, "job", None))


def _read(arguments: argparse.Namespace, written: Iterable[str]) -> Iterator[Path]:
    for name, value in vars(arguments).items():
        if name in written:
            continue
        for one in value if isinstance(value, list | tuple) else [value]:
            if isinstance(one, Path) or (isinstance(one, str) and name in NAMES_OR_PATHS):
                yield Path(one)


def check_outputs(
    outputs: Sequence[tuple[Path, Kind]], inputs: Iterable[Path], overwrite: bool = False, job: Path | None = None
) -> None:
    """Raise InputError, before the work, unless every output can be written and replaces no input.

    An output is never one of the inputs, under whatever name, nor a file of a job that is read or of the one written
    (`job`); in a folder that is read, only an earlier output is replaced. No two outputs are one file. Links, folders,
    devices and read-only files are never replaced. A file of another kind than would be written, and any Blender
    scene, is replaced only with `overwrite`; an empty file always.
    """
    inputs = list(inputs)
    for number, (path, kind) in enumerate(outputs):
        check_replaceable(path)
        if any(_key(path) == _key(other) for other, _ in outputs[:number]):
            raise InputError(f"{path} would be written twice; give every output a name of its own")
        _check_is_no_input(path, inputs, kind)
        if job is not None and _part_of_job(path, job):
            raise InputError(f"{path} belongs to the job in {job}; choose another name")
        _check_kind(path, kind, overwrite)
    for path, _ in outputs:
        check_writable(path)
    for path, _ in outputs:
        check_replaceable(path)  # a folder made for another output


def _check_is_no_input(path: Path, inputs: Iterable[Path], kind: Kind) -> None:
    for read in inputs:
        if os.path.isdir(read):  # noqa: PTH112  pathlib's raises for names that are too long
            if _is_within(path, read) and (_is_foreign(path, read, kind) or _in_job(path, read)):
                raise InputError(f"{path} belongs to {read}, which this run reads; choose another name")
        elif _is_same_file(path, read):
            raise InputError(f"{path} is read by this run ({read}), so it is not replaced; choose another name")


def _is_same_file(path: Path, read: Path) -> bool:
    try:
        return path.samefile(read)
    except OSError:  # one of them is not there
        return False


def _in_job(path: Path, folder: Path) -> bool:
    return (folder / "job.json").exists() and _part_of_job(path, folder)


def _part_of_job(path: Path, folder: Path) -> bool:
    """Whether the path is one of the files of a job in this folder."""
    place, folder = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
    return place != folder and place.is_relative_to(folder) and place.relative_to(folder).parts[0] in OWN


def _is_within(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _is_foreign(path: Path, folder: Path, kind: Kind) -> bool:
    """Whether an existing file of a folder that is read is an input: a photo, or of another kind than this output."""
    if not path.is_file():
        return False
    photos = not ((folder / "job.json").exists() or (folder / "reconstruction.json").exists())
    return (photos and path.suffix.lower() in SUFFIXES) or not _recognised(path, kind)


def _key(path: Path) -> str:
    """Equal for two paths of one file, which need not exist; case is ignored, as some file systems do."""
    return str(Path(os.path.realpath(path.parent)) / path.name).casefold()


def _check_kind(path: Path, kind: Kind, overwrite: bool) -> None:
    if overwrite or not path.exists() or path.stat().st_size == 0:
        return
    if not kind.replaced:
        raise InputError(f"{path} exists already; give --overwrite to replace it, or choose another name")
    if not _recognised(path, kind):
        raise InputError(f"{path} exists and is not {kind.title}; give --overwrite to replace it, or another name")


def _recognised(path: Path, kind: Kind) -> bool:
    try:
        return path.stat().st_size == 0 or kind.recognises(path)
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile):  # RuntimeError: nested too deep, a newer zip
        return False
