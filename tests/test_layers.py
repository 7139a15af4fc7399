"""Doors open one way: what may import what, and what enabling the extension may cost."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from dust3r.core.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
ROOTS = ("core", "training", "evaluation", "cli", "operators", "panels")
MODULES = [ROOT / "__init__.py", *(path for root in ROOTS for path in sorted((ROOT / root).rglob("*.py")))]
BLENDER = {"bpy", "mathutils", "bpy_extras", "gpu"}
BASE = "errors progress"  # modules of core that everything in it may import
# package -> the packages of core, and of ours outside it, that it may import; packages lower in a list see those above.
DOORS = {
    "core/errors": "",
    "core/progress": "errors",
    "core/version": "",
    "core/flaws": "errors",
    "core/io": "errors",
    "core/settings": "errors flaws io",
    "core/geometry": "errors",
    "core/images": f"{BASE} io geometry",
    "core/cameras": f"{BASE} settings io geometry images",
    "core/networks": f"{BASE} io",
    "core/runtime": f"{BASE} io settings networks",
    "core/scene_graph": f"{BASE} networks",
    "core/checkpoints": f"{BASE} io networks",
    "core/inference": f"{BASE} settings io geometry images networks scene_graph checkpoints runtime",
    "core/alignment": f"{BASE} settings geometry images cameras scene_graph inference",
    "core/features": f"{BASE} io runtime",
    "core/adjustment": f"{BASE} io geometry images cameras features",
    "core/stereo": f"{BASE} io geometry images runtime",
    "core/reconstruction": f"{BASE} settings flaws io geometry images cameras alignment",
    "core/cleanup": f"{BASE} flaws geometry reconstruction",
    "core/world": f"{BASE} io geometry cameras reconstruction",
    "core/pipeline": f"{BASE} settings version flaws io geometry images cameras scene_graph networks checkpoints "
    "runtime inference alignment adjustment stereo reconstruction cleanup",
    "core/localization": f"{BASE} settings version geometry images cameras scene_graph networks checkpoints inference "
    "reconstruction pipeline",
    "core/export": f"{BASE} io geometry images cameras reconstruction world localization",
    "core/meshing": f"{BASE} io geometry images reconstruction world export",
    "core/quality": f"{BASE} geometry cameras reconstruction cleanup export",
    "core/jobs": f"{BASE} settings version io geometry images cameras scene_graph networks checkpoints runtime "
    "inference alignment reconstruction cleanup world pipeline",
    "training": "core",
    "evaluation": "core training",
    "operators/scene": "core training",
    "panels": "",
    "cli": "core training evaluation operators/scene",
    "operators": "core training operators/scene panels cli",
}


def _package(path: Path) -> str:
    """The entry of DOORS that a module belongs to; "" for the extension's own __init__."""
    relative = path.relative_to(ROOT).with_suffix("").as_posix()
    return max((name for name in DOORS if f"{relative}/".startswith(f"{name}/")), key=len, default="")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imports(path: Path, nested: bool = True) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """(level, module, names) of every import in a file; nested: those inside functions too."""
    tree = _tree(path)
    for node in ast.walk(tree) if nested else tree.body:
        if isinstance(node, ast.Import):
            yield from ((0, alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", tuple(alias.name for alias in node.names)


def _targets(path: Path, level: int, module: str, names: tuple[str, ...]) -> set[Path]:
    """The files that `from ..module import names` reads; an imported name may be a module."""
    base = path.parents[level - 1].joinpath(*module.split(".")) if module else path.parents[level - 1]
    found = set()
    for place in (base / name for name in names):
        file = next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)
        found.add(file or (base.with_suffix(".py") if base.with_suffix(".py").is_file() else base / "__init__.py"))
    return found


def _allowed(package: str) -> set[str]:
    """The entries of DOORS that a package may import; `core` stands for all of core."""
    named = DOORS[package].split()
    inside = {f"core/{name}" for name in named if package.startswith("core")}
    outside = {name for name in DOORS if name in named or ("core" in named and name.startswith("core/"))}
    return {package} | (inside if package.startswith("core") else outside)


def test_a_module_imports_only_through_its_packages_doors():
    wrong = []
    for path in MODULES:
        package = _package(path)
        for level, module, names in _imports(path):
            if level and package:
                targets = {_package(target) for target in _targets(path, level, module, names)}
                wrong += [f"{path.relative_to(ROOT)}: {target}" for target in targets - _allowed(package)]
            elif package.startswith("core") and module.split(".")[0] in BLENDER:
                wrong.append(f"{path.relative_to(ROOT)}: {module}")
    assert not wrong


def test_the_table_of_doors_names_every_package_and_has_no_cycle():
    modules = (path for path in MODULES if path.parent == ROOT / "core" or path.name == "__init__.py")
    packages = {"/".join(path.relative_to(ROOT).with_suffix("").parts[:2]) for path in modules} - {"core/__init__"}
    packages = {package for package in packages if package.startswith("core/")}
    assert packages | {*ROOTS, "operators/scene"} - {"core"} == set(DOORS)
    assert list(TopologicalSorter({name: _allowed(name) - {name} for name in DOORS}).static_order())


def test_panels_modules_are_named_as_operators_folders():
    folders = {path.name for path in (ROOT / "operators").iterdir() if path.is_dir()}
    assert {path.stem for path in (ROOT / "panels").glob("*.py")} <= folders | {"__init__", "base", "sidebar"}


def test_no_two_modules_import_each_other():
    graph = {path: set() for path in MODULES}
    for path in MODULES:
        for level, module, names in _imports(path, nested=False):
            if level:
                graph[path] |= _targets(path, level, module, names) - {path}
    assert list(TopologicalSorter(graph).static_order())


def test_every_import_between_our_modules_is_of_something_that_is_there():
    for path in MODULES:
        for level, module, names in _imports(path):
            if level:
                assert all(target.is_file() for target in _targets(path, level, module, names)), f"{path}: {module}"


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
        calls = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
        names = {called.id for called in calls if isinstance(called, ast.Name)}
        allowed = {"print"} if path.name == "output.py" else set()
        assert not names & {"print", "eval", "exec"} - allowed, path


def test_readme_names_only_commands_that_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"make ([a-z-]+)", (ROOT / "README.md").read_text())) <= targets
