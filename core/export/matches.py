"""Matches as files: one CSV table, or the text files that COLMAP's feature_importer and matches_importer read."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..images.pixel_mapping import PixelMapping
from ..io.atomic import replacing
from ..localization.matching import Matches

COLUMNS = ("photo_a", "photo_b", "x_a", "y_a", "x_b", "y_b", "confidence")
DESCRIPTOR = 128  # numbers that COLMAP wants of every feature; ours have none, so they are 0
COLMAP_MATCHES = "matches.txt"


@dataclass(frozen=True, slots=True)
class PhotoMatches:
    """The matches of two photos, with what names and places their pixels."""

    names: tuple[str, str]
    mappings: tuple[PixelMapping, PixelMapping]
    matches: Matches


def save_csv(path: Path, pairs: Sequence[PhotoMatches]) -> None:
    """One line a match; x and y in photo pixels, the centre of the first at (0.5, 0.5)."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for pair in pairs:
        found = np.column_stack([*pair.matches.pixels(*pair.mappings), pair.matches.confidence])
        table.writerows([*pair.names, *(f"{value:.3f}" for value in row)] for row in found)
    with replacing(path) as file:
        file.write(text.getvalue().encode())


def save_colmap(folder: Path, pairs: Sequence[PhotoMatches]) -> None:
    """<photo>.txt with the matched pixels as features, and matches.txt ("raw": COLMAP verifies them itself).

    COLMAP counts photo pixels as we do. Every photo's features are its matched network pixels, each once. Raises
    InputError for names that COLMAP would cut, or that lead out of the folder.
    """
    mappings = {name: mapping for pair in pairs for name, mapping in zip(pair.names, pair.mappings, strict=True)}
    features = {name: _features(name, pairs) for name in mappings}
    _check_names(folder, list(mappings))
    for name, mapping in mappings.items():
        _save_features(folder / f"{name}.txt", mapping.photo_pixels().reshape(-1, 2)[features[name]])
    blocks = []
    for pair in pairs:
        sides = zip(pair.names, (pair.matches.at_a, pair.matches.at_b), strict=True)
        numbers = np.column_stack([np.searchsorted(features[name], at) for name, at in sides])
        blocks.append("\n".join([" ".join(pair.names), *(f"{a} {b}" for a, b in numbers), "\n"]))
    with replacing(folder / COLMAP_MATCHES) as file:
        file.write("".join(blocks).encode())


def _check_names(folder: Path, names: list[str]) -> None:
    for name in names:
        outside = Path(name).is_absolute() or ".." in Path(name).parts
        if outside or any(blank in name for blank in " \t\n") or f"{name}.txt" == COLMAP_MATCHES:
            raise InputError(f"COLMAP's text files cannot name the photo {name!r} ({folder}); rename it without spaces")


def _features(name: str, pairs: Sequence[PhotoMatches]) -> NDArray[np.int64]:
    """The photo's matched pixels, rising, each once."""
    found = [pair.matches.at_a for pair in pairs if pair.names[0] == name]
    found += [pair.matches.at_b for pair in pairs if pair.names[1] == name]
    return np.unique(np.concatenate(found))


def _save_features(path: Path, pixels: NDArray[np.float64]) -> None:
    rest = " ".join(["1 0", *["0"] * DESCRIPTOR])  # scale, orientation, descriptor
    lines = [f"{len(pixels)} {DESCRIPTOR}", *(f"{x:.3f} {y:.3f} {rest}" for x, y in pixels), ""]
    with replacing(path) as file:
        file.write("\n".join(lines).encode())
