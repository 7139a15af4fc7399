"""The zip that users install: what it carries, what it leaves out, and that the extension tool accepts it."""

import ast
import importlib.util
import re
import sys
import tomllib
import zipfile
from importlib.metadata import requires
from pathlib import Path, PurePosixPath

import pytest
from dust3r.cli.parser import CHECKOUT_VERBS
from dust3r.tests.fake_wheel import make_wheel
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "packaging"))

import build_extension  # noqa: E402
import fetch_wheels  # noqa: E402
import lock_wheels  # noqa: E402
import wheel_set  # noqa: E402
from wheel_set import PackagingError, Wheel  # noqa: E402

pytestmark = pytest.mark.bpy_module
EVALUATION_VERBS = {f"cli/verbs/{verb}.py" for verb in CHECKOUT_VERBS}  # no others need the package evaluation
PLATFORMS = list(wheel_set.PLATFORM_TAGS)
BROUGHT_BY_BLENDER = {"numpy", "requests"}
# torch's compiler, a faster download, and readers of pictures: nothing here uses them
LEFT_OUT = {"setuptools", "hf-xet", "imageio", "tifffile"}


@pytest.fixture(scope="module")
def manifest() -> dict:
    return tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def lock() -> list[Wheel]:
    return wheel_set.read_lock()


@pytest.fixture(scope="module")
def zip_of_checkout(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    wheels = [make_wheel(folder, "alpha"), make_wheel(folder, "beta", "cp311-cp311-manylinux_2_28_x86_64")]
    target = tmp_path_factory.mktemp("zip") / "dust3r.zip"
    build_extension.build(ROOT, folder, wheels, "linux-x64", target)  # also validates
    return target


@pytest.fixture(scope="module")
def names_in_zip(zip_of_checkout) -> set[str]:
    with zipfile.ZipFile(zip_of_checkout) as file:
        return set(file.namelist())


# The manifest


def test_the_manifest_of_the_checkout_is_valid_and_lists_no_wheels(manifest):
    build_extension.run_tool("validate", str(ROOT))
    assert "wheels" not in manifest
    assert "platforms" not in manifest


def test_the_manifest_keeps_the_rules_of_the_extension_platform(manifest):
    assert "blender" not in manifest["name"].lower()
    assert manifest["license"] == ["SPDX:GPL-3.0-or-later"]
    assert manifest["blender_version_min"] == "4.2.0"
    assert set(manifest["permissions"]) == {"files", "network"}
    for sentence in (manifest["tagline"], *manifest["permissions"].values()):
        assert len(sentence) <= 64
        assert sentence[-1].isalnum()


def test_every_tag_is_one_that_blender_knows(manifest):
    tags = build_extension.extension_tool().parents[3] / "modules/_bpy_internal/extensions/tags.py"
    spec = importlib.util.spec_from_file_location("extension_tags", tags)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert set(manifest["tags"]) <= module.addons


def test_the_version_is_the_same_everywhere(manifest):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert manifest["version"] == project["version"]


# The lock


def test_the_lock_pins_the_versions_of_the_requirements(lock):
    pinned = {f"{wheel.project}=={wheel.version.partition('+')[0]}" for wheel in lock}
    wanted = [*lock_wheels.direct_pins(), *lock_wheels.INDIRECT]
    assert len(lock_wheels.direct_pins()) == len(lock_wheels.DIRECT)
    assert pinned == {f"{wheel_set.normalized(name)}=={version}" for name, version in (p.split("==") for p in wanted)}


def test_numpy_is_never_carried(lock):
    assert "numpy" not in {wheel.project for wheel in lock}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_python_3_11_gets_every_package_on_every_platform(lock, platform):
    wheels = wheel_set.select(lock, platform, ["3.11"])
    assert wheel_set.not_carried(wheels, lock, "3.11") == []
    assert len(wheels) == len({wheel.project for wheel in wheels})


def test_a_python_without_torch_carries_no_scipy_either(lock):
    wheels = wheel_set.select(lock, "linux-x64", ["3.14"])
    assert wheel_set.not_carried(wheels, lock, "3.14") in ([], ["scipy", "torch"])


def test_what_the_carried_packages_need_is_carried_or_brought_by_blender(lock):
    carried = {wheel.project for wheel in lock}
    for project in carried:
        for line in requires(project) or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                needed = wheel_set.normalized(requirement.name)
                assert needed in carried | BROUGHT_BY_BLENDER | LEFT_OUT, f"{project} needs {needed}"


def test_only_wheels_that_fit_every_python_are_pure(lock):
    pure = wheel_set.select(lock, "linux-x64", ["3.14"], "pure")
    assert {"safetensors", "huggingface-hub"} <= {wheel.project for wheel in pure}
    assert all("-none-any" in wheel.file_name or "-abi3-" in wheel.file_name for wheel in pure)


def test_a_file_name_may_have_several_digests(tmp_path):
    lines = ["# comment", "", "a" * 64 + "  one-1-py3-none-any.whl", "b" * 64 + "  one-1-py3-none-any.whl"]
    (tmp_path / "lock").write_text("\n".join(lines), encoding="utf-8")
    assert wheel_set.read_lock(tmp_path / "lock") == [Wheel("one-1-py3-none-any.whl", frozenset({"a" * 64, "b" * 64}))]


def test_a_line_that_is_no_pin_is_named(tmp_path):
    (tmp_path / "lock").write_text("deadbeef torch.whl\n", encoding="utf-8")
    with pytest.raises(PackagingError, match="line 1"):
        wheel_set.read_lock(tmp_path / "lock")


def test_a_python_that_is_not_pinned_is_named(lock):
    with pytest.raises(PackagingError, match=r"3\.99"):
        build_extension.known_pythons(lock, "linux-x64", ["3.11", "3.99"])


# The download


def test_a_wheel_with_another_digest_is_refused(tmp_path):
    wheel = make_wheel(tmp_path, "alpha")
    (tmp_path / wheel.file_name).write_bytes(b"something else")
    with pytest.raises(PackagingError, match=re.escape(wheel.file_name)):
        fetch_wheels.fetch([wheel], ["3.11"], tmp_path)


@pytest.fixture
def offline_index(tmp_path, monkeypatch) -> Path:
    """A folder that pip takes for its only source."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_a_missing_wheel_of_another_platform_and_python_is_downloaded(offline_index, tmp_path):
    wheel = make_wheel(offline_index, "alpha", "cp313-cp313-win_amd64")
    fetch_wheels.fetch([wheel], ["3.11", "3.13"], tmp_path / "wheels")
    assert [path.name for path in (tmp_path / "wheels").iterdir()] == [wheel.file_name]


def test_a_download_with_another_digest_is_refused(offline_index, tmp_path):
    wheel = Wheel(make_wheel(offline_index, "alpha").file_name, frozenset({"0" * 64}))
    with pytest.raises(PackagingError, match=r"alpha 1\.0"):
        fetch_wheels.fetch([wheel], ["3.11"], tmp_path / "wheels")
    assert list((tmp_path / "wheels").iterdir()) == []


# The zip


def test_the_zip_lists_and_holds_its_wheels(zip_of_checkout, names_in_zip):
    with zipfile.ZipFile(zip_of_checkout) as file:
        built = tomllib.loads(file.read("blender_manifest.toml").decode())
    assert built["platforms"] == ["linux-x64"]
    assert len(built["wheels"]) == 2
    assert {name.removeprefix("./") for name in built["wheels"]} <= names_in_zip


def test_a_zip_without_wheels_is_for_every_platform(manifest):
    text = (ROOT / "blender_manifest.toml").read_text(encoding="utf-8")
    assert tomllib.loads(build_extension.manifest_with_wheels(text, [], "linux-x64")) == manifest


def test_the_zip_leaves_out_what_users_do_not_need(names_in_zip):
    outside = {
        "tests",
        "tools",
        "samples",
        "benchmarks",
        "build",
        ".ci",
        "Makefile",
        "CONTRIBUTING.md",
        "pyproject.toml",
    }
    assert not {PurePosixPath(name).parts[0] for name in names_in_zip} & outside
    assert not any(name.startswith(("requirements", ".")) or "__pycache__" in name for name in names_in_zip)
    assert {name for name in names_in_zip if name.startswith("wheels/") and not name.endswith(".whl")} == set()


def test_the_zip_holds_no_file_of_the_evaluation_and_none_of_its_verbs(names_in_zip):
    assert (ROOT / "evaluation" / "__init__.py").is_file() and set(
        build_extension.tracked_files(ROOT)
    ) >= EVALUATION_VERBS
    assert not [name for name in names_in_zip if name.startswith("evaluation/") or name in EVALUATION_VERBS]


def test_the_zip_holds_every_tracked_module_model_preset_translation_and_page(names_in_zip):
    rooms = ("cli/", "core/", "operators/", "panels/", "models/", "presets/", "locale/", "training/")
    tracked = {name for name in build_extension.tracked_files(ROOT) if name.startswith(rooms)} - EVALUATION_VERBS
    pages = {name for name in build_extension.tracked_files(ROOT) if PurePosixPath(name).match("docs/*.md")}
    assert tracked | pages <= names_in_zip
    assert not [name for name in names_in_zip if name.startswith("docs/") and name.endswith(".py")]
    assert {"__init__.py", "headless.py"} <= names_in_zip


def imported_modules(source: str, module: PurePosixPath) -> set[PurePosixPath]:
    """The package-relative imports of one module, as paths without suffix."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = module.parents[node.level - 1]
            base = folder / (node.module or "").replace(".", "/")
            found |= (
                {base}
                if node.module
                else {base / alias.name for alias in node.names if not alias.name.startswith("__")}
            )
    return found


def test_every_relative_import_in_the_zip_finds_its_module_there(zip_of_checkout, names_in_zip):
    with zipfile.ZipFile(zip_of_checkout) as file:
        for name in sorted(names_in_zip):
            if name.endswith(".py"):
                for path in imported_modules(file.read(name).decode(), PurePosixPath(name)):
                    known = {f"{path}.py", f"{path}/__init__.py"} & names_in_zip
                    is_folder = any(other.startswith(f"{path}/") for other in names_in_zip)
                    assert known or is_folder, f"{name} imports {path}"


def test_a_folder_that_is_no_git_checkout_is_named(tmp_path):
    with pytest.raises(PackagingError, match="git clone"):
        build_extension.tracked_files(tmp_path)
