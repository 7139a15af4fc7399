"""What verbs write: which arguments name it, and whether that may be written."""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from .outputs import Kind, check_outputs

NAMES_OR_PATHS = ("model", "photos")  # arguments that may be names as well as files
FOLDERS = ("output", "colmap")  # arguments that name folders that are written


def check_written(
    arguments: argparse.Namespace,
    kinds: Mapping[str, Kind],
    also: Iterable[Path] = (),
    files: Sequence[tuple[Path, Kind]] = (),
) -> None:
    """Raise InputError, before the work, for outputs that cannot be written or would cost somebody a file.

    kinds: of the outputs, by the arguments that name them; files: outputs that no argument names by itself. Every
    other path among the arguments is read, and `also`.
    """
    named = {name: getattr(arguments, name, None) for name in kinds}
    outputs = [*((path, kinds[name]) for name, path in named.items() if path is not None), *files]
    inputs = [*_read(arguments, {*kinds, *FOLDERS, "outputs"}), *also]
    check_outputs(outputs, inputs, arguments.overwrite, getattr(arguments, "job", None))
    arguments.outputs = [*getattr(arguments, "outputs", ()), *(path for path, _ in outputs)]


def _read(arguments: argparse.Namespace, written: Iterable[str]) -> Iterator[Path]:
    for name, value in vars(arguments).items():
        if name in written:
            continue
        for one in value if isinstance(value, list | tuple) else [value]:
            if isinstance(one, Path) or (isinstance(one, str) and name in NAMES_OR_PATHS):
                yield Path(one)
