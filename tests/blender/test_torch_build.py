"""Zips with torch for graphics cards: which builds there are, how they are pinned, and that the zip carries them."""

import json
import sys
import tomllib
import zipfile
from argparse import Namespace
from pathlib import Path
from urllib.parse import quote

import pytest
from dust3r.tests.fake_wheel import make_wheel

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools" / "packaging"))

import build_extension
import lock_torch
import torch_build
import wheel_set
from torch_build import TorchBuild
from wheel_set import PackagingError

PINNED = next(pin for pin in lock_torch.direct_pins() if pin.startswith("torch=="))
VERSION = PINNED.partition("==")[2] + "+cu130"
LINUX, WINDOWS = "manylinux_2_28_x86_64", "win_amd64"


@pytest.fixture
def index(tmp_path, monkeypatch) -> Path:
    """A folder that pip takes for its only source, with a CUDA build for two platforms and the library it needs."""
    folder = tmp_path / "index"
    folder.mkdir()
    needs = ["numpy", "filelock", 'nvidia_cublas; platform_system == "Linux"']
    make_wheel(folder, "torch", f"cp311-cp311-{LINUX}", VERSION, needs)
    make_wheel(folder, "torch", f"cp313-cp313-{WINDOWS}", VERSION, needs)
    make_wheel(folder, "nvidia_cublas", f"py3-none-{LINUX}")
    make_wheel(folder, "numpy", f"cp311-cp311-{LINUX}")
    make_wheel(folder, "filelock")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def own_locks(tmp_path, monkeypatch):
    """Locks of these tests alone: the common one pins what torch needs and Blender lacks, and torch's usual build."""
    folder = tmp_path / "locks"
    folder.mkdir()
    lines = [f"{'0' * 64}  torch-2.0-cp311-cp311-{LINUX}.whl\n", f"{'0' * 64}  filelock-1.0-py3-none-any.whl\n"]
    (folder / "wheels.lock").write_text("".join(lines), encoding="utf-8")
    monkeypatch.setattr(torch_build, "LOCK", folder / "wheels.lock")
    for module in (torch_build, lock_torch):
        monkeypatch.setattr(module, "read_lock", lambda path=folder / "wheels.lock": wheel_set.read_lock(path))
    return folder


def test_a_build_is_named_or_given_as_the_index_that_has_it():
    assert TorchBuild.parse("cu130").index == "https://download.pytorch.org/whl/cu130"
    mirror = TorchBuild.parse("https://mirror.example/whl/cu126/")
    assert (mirror.name, mirror.index) == ("cu126", "https://mirror.example/whl/cu126/")
    assert TorchBuild.parse("rocm6.4").platforms == ("linux-x64",)


@pytest.mark.parametrize("text", ["", "gpu", "cu", "https://mirror.example/whl", "../cu130x"])
def test_what_names_no_build_is_refused_by_name(text):
    with pytest.raises(PackagingError, match="no build of torch"):
        TorchBuild.parse(text)


def test_a_platform_without_the_build_is_named():
    with pytest.raises(PackagingError, match="no cu130 build of torch for macos-arm64"):
        TorchBuild.parse("cu130").check_platform("macos-arm64")


def test_a_build_that_is_not_pinned_says_how_to_pin_it(own_locks):
    with pytest.raises(PackagingError, match=r"tools/packaging/lock_torch\.py cu130"):
        TorchBuild.parse("cu130").read_wheels()


@pytest.mark.bpy_module
def test_the_lock_of_a_build_pins_torch_and_what_it_alone_needs(index, own_locks):
    build = TorchBuild.parse("cu130")
    assert lock_torch.write_lock(build) == 3
    pinned = wheel_set.read_lock(build.lock)
    assert {(wheel.project, wheel.platform_tags[0]) for wheel in pinned} == {
        ("torch", LINUX),
        ("torch", WINDOWS),
        ("nvidia-cublas", LINUX),
    }
    for wheel in pinned:
        wheel_set.verify(index / wheel.file_name, wheel)
    carried = {f"{wheel.project} {wheel.version}" for wheel in build.read_wheels()}
    assert carried == {f"torch {VERSION}", "nvidia-cublas 1.0", "filelock 1.0"}


def test_an_index_without_the_build_is_named(index, own_locks):
    with pytest.raises(PackagingError, match="no cu126 build"):
        lock_torch.write_lock(TorchBuild.parse("cu126"))
    assert not TorchBuild.parse("cu126").lock.exists()


def test_a_report_of_pip_gives_file_names_as_they_are():
    url = "https://mirror.example/" + quote("torch-2.0+cu130-cp311-cp311-win_amd64.whl") + "#sha256=1"
    item = {"download_info": {"url": url, "archive_info": {"hashes": {"sha256": "1"}}}, "metadata": {"name": "torch"}}
    assert lock_torch.pins_in(json.loads(json.dumps({"install": [item]}))) == {
        ("1", "torch-2.0+cu130-cp311-cp311-win_amd64.whl")
    }


@pytest.mark.bpy_module
def test_a_zip_for_graphics_cards_carries_that_build_and_says_so_in_its_name(index, own_locks, tmp_path, monkeypatch):
    build = TorchBuild.parse("cu130")
    lock_torch.write_lock(build)
    pinned = {wheel.project: wheel for wheel in wheel_set.read_lock(build.lock) if wheel.fits_platform("linux-x64")}
    line = f"{wheel_set.sha256(index / 'filelock-1.0-py3-none-any.whl')}  filelock-1.0-py3-none-any.whl\n"
    (own_locks / "wheels.lock").write_text(line, encoding="utf-8")
    monkeypatch.setattr(build_extension, "fetch", lambda *arguments: None)
    monkeypatch.setattr(build_extension, "stage", _staging_from(index))
    made = build_extension.make(
        Namespace(platform="linux-x64", python=None, wheels="all", torch="cu130", model=None, output=tmp_path / "zips")
    )
    assert made.name.endswith("-linux-x64-cu130.zip")
    with zipfile.ZipFile(made) as file:
        listed = tomllib.loads(file.read("blender_manifest.toml").decode())["wheels"]
    assert {f"./wheels/{wheel.file_name}" for wheel in pinned.values()} < set(listed)


def _staging_from(index: Path):
    stage = build_extension.stage

    def staged(root, wheels_folder, wheels, platform, folder):
        stage(root, index, wheels, platform, folder)

    return staged


def test_the_sizes_add_up_to_the_zip_the_largest_first(tmp_path):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("wheels/torch-1.0-py3-none-any.whl", bytes(3_000_000))
        file.writestr("models/weights", bytes(5_000_000))
        file.writestr("__init__.py", bytes(500_000))
    first, *others = build_extension.sizes(archive)
    assert first == f"{archive} (9 MB)"
    assert [line.split() for line in others] == [
        ["5.0", "MB", "models/"],
        ["3.0", "MB", "torch"],
        ["0.5", "MB", "everything", "else"],
    ]
