"""Doors open one way: what may import what, and what enabling the extension may cost."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from dust3r.core.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("core", "cli", "operators", "panels")
MODULES = [ROOT / "__init__.py", *(path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))]
# room -> packages of ours that it may import
DOORS = {
    "core/model": {"core/model", "core"},
    "core/geometry": {"core/geometry"},
    "core/alignment": {"core/alignment", "core/geometry", "core"},
    "core/training": {"core/training", "core/model", "core/geometry", "core/metrics", "core"},
    "core": {"core"},
    "operators/scene": {"operators/scene", "core"},
    "operators": {"operators", "core", "cli", "panels"},
    "panels": {"panels"},
    "cli": {"cli", "core", "operators/scene"},
}


def _imports(path: Path) -> list[tuple[int, str]]:
    """(level, module) of every import in a file, those inside functions too."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or ""))
    return found


def _room(path: Path) -> str:
    relative = path.relative_to(ROOT).as_posix()
    return max((room for room in DOORS if relative.startswith(f"{room}/")), key=len, default="")


def _target(path: Path, level: int, module: str) -> Path:
    folder = path.parents[level - 1]
    return folder.joinpath(*module.split(".")) if module else folder


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_imports_only_through_its_doors(path):
    room = _room(path)
    for level, module in _imports(path):
        if level:
            target = _room(_target(path, level, module) / "_")
            allowed = DOORS.get(room, set(ROOMS))
            assert any(target == door or target.startswith(f"{door}/") for door in allowed), f"{path}: {module}"
        elif room.startswith("core"):
            assert module.split(".")[0] not in {"bpy", "mathutils", "bpy_extras", "gpu"}, f"{path} imports {module}"


def test_the_package_is_imported_without_blender_and_without_torch():
    probe = "import sys; import dust3r_probe; print('bpy' in sys.modules, 'torch' in sys.modules)"
    boot = (
        "import importlib.util, sys;"
        f"s = importlib.util.spec_from_file_location('dust3r_probe', {str(ROOT / '__init__.py')!r},"
        f" submodule_search_locations=[{str(ROOT)!r}]);"
        "m = importlib.util.module_from_spec(s); sys.modules['dust3r_probe'] = m; s.loader.exec_module(m);"
    )
    out = subprocess.run([sys.executable, "-c", boot + probe], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "False"]


def test_the_version_is_the_same_everywhere():
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert manifest["version"] == project["project"]["version"] == VERSION
    assert f"## {VERSION}" in (ROOT / "CHANGELOG.md").read_text()


def test_no_module_prints_or_evaluates():
    for path in MODULES:
        names = {node.func.id for node in ast.walk(ast.parse(path.read_text())) if _is_name_call(node)}
        allowed = {"print"} if path.name == "output.py" else set()
        assert not names & {"print", "eval", "exec"} - allowed, path


def _is_name_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


def test_readme_names_only_commands_that_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"make ([a-z-]+)", (ROOT / "README.md").read_text())) <= targets
