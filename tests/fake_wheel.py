"""Wheels of one empty module each: what packaging is tested with."""

import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools" / "packaging"))

from wheel_set import Wheel, sha256  # noqa: E402


def make_wheel(
    folder: Path, project: str, tag: str = "py3-none-any", version: str = "1.0", requires: Iterable[str] = ()
) -> Wheel:
    """A wheel of one empty module in `folder`, pinned by its own digest."""
    path = folder / f"{project}-{version}-{tag}.whl"
    info = f"{project}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {line}\n" for line in requires)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{project}/__init__.py", "")
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n{needs}")
        file.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        file.writestr(f"{info}/RECORD", f"{project}/__init__.py,,\n")
    return Wheel(path.name, frozenset({sha256(path)}))
