"""Build an extension repository that any web server or shared folder can offer: zips, index.json and a page.

usage: python tools/packaging/build_repository.py [--platform linux-x64 …] [--wheels all|pure|none] [--torch cu130]

The folder is made anew. One repository has one build of torch: Blender chooses among zips by platform alone.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from argparse import Namespace
from pathlib import Path

from build_extension import ROOT, add_model_argument, add_torch_argument, make, run_tool, sizes
from torch_build import TorchBuild
from wheel_set import CHOICES, PackagingError

PAGE = Path(__file__).with_name("repository.html")


def generate(folder: Path) -> list[str]:
    """Write index.json and index.html for the zips in `folder`; the lines of the listing, for people.

    Raises PackagingError where the extension tool refuses, or leaves out a zip.
    """
    run_tool("server-generate", "--repo-dir", str(folder), "--html", "--html-template", str(PAGE))
    entries = json.loads((folder / "index.json").read_text(encoding="utf-8"))["data"]
    listed, present = {entry["archive_url"][2:] for entry in entries}, {zip.name for zip in folder.glob("*.zip")}
    if listed != present:
        raise PackagingError(f"{folder / 'index.json'} does not list {', '.join(sorted(present - listed))}.")
    return [
        f"{entry['id']} {entry['version']} for {', '.join(entry.get('platforms', ['every platform']))}, "
        f"Python {', '.join(entry.get('python_versions', ['any']))}"
        for entry in sorted(entries, key=lambda entry: entry["archive_url"])
    ]


def build_repository(options: Namespace) -> list[str]:
    """Build every zip into an empty folder, then the listing, whose lines are returned. Raises PackagingError."""
    folder: Path = options.output
    if folder.exists() and any(path.suffix not in (".zip", ".json", ".html") for path in folder.iterdir()):
        raise PackagingError(f"{folder} holds other files than a repository's: choose another folder by --output.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    platforms = options.platform or TorchBuild.parse(options.torch).platforms
    for platform in platforms[:1] if options.wheels == "none" else platforms:
        one = Namespace(
            platform=platform,
            python=None,
            wheels=options.wheels,
            torch=options.torch,
            model=None,
            output=folder.absolute(),
        )
        print("\n".join(sizes(make(one))), flush=True)
    return generate(folder)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--platform", nargs="+", help="default: every platform that has the build of torch")
    parser.add_argument("--wheels", choices=CHOICES, default="all", help="as of tools/packaging/build_extension.py")
    add_torch_argument(parser)
    add_model_argument(parser)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "repository", help="folder of the repository")
    options = parser.parse_args()
    try:
        print("\n".join(build_repository(options)))
    except PackagingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"address for Blender: {(options.output / 'index.json').absolute().as_uri()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
