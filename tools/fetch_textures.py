"""Photographs of surfaces with free licences, for training: taken out of Debian's packages of game data and wallpapers.

usage (on Debian): python tools/fetch_textures.py FOLDER [--ready SURFACES]
Then `textures = "FOLDER"` in a training's [[sources]] (docs/training.md). 3.4 GB are downloaded; each package's licence
file is copied beside the pictures. A package whose licence file is in FOLDER already is not fetched again.

--ready: also write what training cuts out of those pictures, 512 surfaces of 128 x 128 pixels (3 MiB), with the licence
files: a folder of textures that is read quickly and can be carried to another machine. Needs the training's packages.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import io
import re
import runpy
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
QUALITY = 88  # of a cut's JPEG
# package -> which of its files are surfaces
PACKAGES = {
    "supertuxkart-data": r"(textures|tracks|library)/.*\.(jpg|png)$",
    "redeclipse-data": r"/data/.*\.(jpg|png)$",
    "mate-backgrounds": r"\.(jpg|png)$",
    "nexuiz-textures": r"\.jpg$",
    "0ad-data": r"terrain.*\.dds$",
}
ARCHIVES = {".pk3", ".zip"}
# maps of other things than colour, skies, and pictures of the interface
OTHER = re.compile(
    r"norm|gloss|spec|bump|_[ns]\.|_nm|local|height|mask|sky|glow|env|light|alpha|lmap|icon|minimap|font|logo|cursor"
    r"|_(bk|ft|lf|rt|up|dn)\.|player|flag|gui|ui/|particle|caustic|ao\.|_h\.|emit|lum",
    re.IGNORECASE,
)
MOST = 260  # pictures of one package
SHORTEST, LONGEST = 256, 1024  # pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ready", type=Path, metavar="SURFACES", help="a folder for the cut surfaces")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    for package, pattern in PACKAGES.items():
        if (folder / f"{package}.copyright").exists():
            continue
        with tempfile.TemporaryDirectory() as scratch:
            unpack(package, Path(scratch))
            count = gather(package, re.compile(pattern, re.IGNORECASE), Path(scratch), folder)
        print(f"{package}: {count} pictures", flush=True)
    if arguments.ready is not None:
        print(f"{write_ready(folder, arguments.ready)} surfaces in {arguments.ready}")


def write_ready(folder: Path, surfaces: Path) -> int:
    """Write the cuts that training makes of the folder's pictures, and the licence files; how many cuts."""
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    cuts = importlib.import_module("dust3r.training.scenes.library").cut_surfaces(folder)
    surfaces.mkdir(parents=True, exist_ok=True)
    for number, cut in enumerate(cuts):
        cut.save(surfaces / f"{number:03}.jpg", quality=QUALITY)
    for path in folder.glob("*.copyright"):
        shutil.copy(path, surfaces)
    return len(cuts)


def unpack(package: str, folder: Path) -> None:
    """Download a package and unpack it, without installing it."""
    subprocess.run(["apt-get", "download", "-q", package], cwd=folder, check=True)
    (file,) = folder.glob("*.deb")
    subprocess.run(["dpkg", "-x", str(file), str(folder)], check=True)


def gather(package: str, pattern: re.Pattern[str], source: Path, folder: Path) -> int:
    """Copy at most MOST different surfaces, evenly drawn by the digest of their names; how many there were."""
    found = [(name, read) for name, read in files(source) if pattern.search(name) and not OTHER.search(name)]
    found.sort(key=lambda item: hashlib.sha256(item[0].encode()).digest())
    kept: set[str] = set()
    for name, read in found:
        image = surface(read())
        look = hashlib.sha256(np.asarray(image.resize((8, 8)).convert("L")).tobytes()).hexdigest() if image else ""
        if image and look not in kept:
            kept.add(look)
            digest = hashlib.sha256(name.encode()).hexdigest()[:10]  # first, so that sorted names mix the packages
            image.save(folder / f"{digest}-{package}.jpg", quality=90)
        if len(kept) == MOST:
            break
    (folder / f"{package}.copyright").write_bytes((source / f"usr/share/doc/{package}/copyright").read_bytes())
    return len(kept)


def files(source: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Names under the package's root, and how to read each; those inside game archives too."""
    for path in sorted(source.rglob("*")):
        if path.suffix in ARCHIVES and path.is_file():
            archive = zipfile.ZipFile(path)
            for name in archive.namelist():
                yield name, lambda archive=archive, name=name: archive.read(name)
        elif path.is_file():
            yield str(path.relative_to(source)), path.read_bytes


def surface(data: bytes) -> Image.Image | None:
    """The picture in RGB if it looks like a photograph of a surface: opaque, neither flat nor drawn in few colours."""
    try:
        image = Image.open(io.BytesIO(data))
        if min(image.size) < SHORTEST or max(image.size) > 2.1 * min(image.size):
            return None
        opacity = np.asarray(image.convert("RGBA").getchannel("A")).mean()
        image = image.convert("RGB")
    except (OSError, NotImplementedError, ValueError):  # compressions that Pillow does not know
        return None
    image.thumbnail((LONGEST, LONGEST))
    small = np.asarray(image.resize((SHORTEST, SHORTEST))).astype(np.float64)
    grey = small.mean(-1)
    colours = len(np.unique(np.asarray(image.resize((128, 128), Image.Resampling.NEAREST)).reshape(-1, 3), axis=0))
    detail = np.abs(np.diff(grey, axis=1)).mean()
    lit = 18 < grey.mean() < 240 and grey.std() > 9
    return image if opacity > 250 and lit and detail > 2 and colours > 1500 else None


if __name__ == "__main__":
    main()
