"""What surrounds the code agrees with itself: dependencies and their lock, make targets, hooks and workflow."""

import ast
import re
import sys
import tomllib

import pytest
import yaml

from .conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OWN = {"core", "cli", "training", "evaluation", "operators", "panels", "headless", "dust3r"}
BLENDER = {"bpy", "bpy_extras", "bl_operators", "bmesh", "gpu", "gpu_extras", "mathutils", "addon_utils", "bl_ui"}
NAMES = {"PIL": "pillow", "skimage": "scikit-image", "pillow_heif": "pillow-heif", "certifi": "huggingface-hub"}


def normalized(requirement):
    """The project that a requirement names, as pip compares it."""
    name = re.match(r"[\w.-]+", requirement)
    assert name, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def pinned():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return {normalized(line): line.split("#")[0].strip() for line in lines if line and not line.startswith("#")}


def imported(folder):
    """The top-level names that the modules of a package import, relative ones left out."""
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield node.module.split(".")[0]


@pytest.mark.parametrize("group", ["", *PROJECT["optional-dependencies"]])
def test_every_dependency_is_pinned_within_its_bounds(group):
    declared = PROJECT["optional-dependencies"][group] if group else PROJECT["dependencies"]
    locked = pinned()
    for requirement in declared:
        exact = re.fullmatch(r"[\w.-]+==([\d.]+)", locked[normalized(requirement)])
        least = re.search(r">=([\d.]+)", requirement)
        assert exact, requirement
        if least:
            assert [int(n) for n in exact[1].split(".")] >= [int(n) for n in least[1].split(".")], requirement


def test_every_pin_is_a_declared_dependency():
    optional = [requirement for group in PROJECT["optional-dependencies"].values() for requirement in group]
    assert sorted(pinned()) == sorted({normalized(name) for name in (*PROJECT["dependencies"], *optional)})


@pytest.mark.parametrize("folder", ["core", "cli", "training", "evaluation", "operators"])
def test_every_library_that_a_package_imports_is_declared(folder):
    groups = PROJECT["optional-dependencies"]
    declared = {normalized(name) for name in (*PROJECT["dependencies"], *groups["training"])}
    known = OWN | BLENDER | sys.stdlib_module_names | {"__future__"}
    used = {normalized(NAMES.get(name, name)) for name in imported(folder) if name not in known}
    assert sorted(used - declared) == []


def test_every_make_target_that_a_page_names_exists():
    targets = set(re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        code = [*re.findall(r"```\n(.*?)```", text, re.DOTALL), *re.findall(r"`([^`\n]+)`", text)]
        named = {name for part in code for name in re.findall(r"^make ([a-z][\w-]*)", part, re.MULTILINE)}
        assert sorted(named - targets) == [], page.name


def test_the_readme_begins_with_the_two_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(r"^make demo\b.*\nmake test\b", text, re.MULTILINE)


def test_hooks_run_tools_that_are_pinned():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    tools = {hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in hooks}
    assert tools == {"ruff", "basedpyright"} and tools <= set(pinned())


def test_the_workflow_tests_three_systems_and_the_bpy_that_is_pinned():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8"))
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]
    assert [name.split("-")[0] for name in matrix["os"]] == ["ubuntu", "windows", "macos"]
    assert [version.rsplit(".", 1)[0] for version in matrix["bpy"]] == ["4.2", "4.5", "5.0"]
    assert pinned()["bpy"].removeprefix("bpy==") in matrix["bpy"]
    assert "lint" in workflow["jobs"]
