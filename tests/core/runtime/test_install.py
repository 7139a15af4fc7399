"""An environment for the worker, made with small packages of a folder in place of an index."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from dust3r.core.errors import Cancelled, InputError, ReconstructionError
from dust3r.core.progress import silent
from dust3r.core.runtime import install


def wheel(folder, name, version, content=""):
    """A package with one module."""
    module = name.replace("-", "_")
    about = f"{module}-{version}.dist-info"
    files = {
        f"{module}.py": content,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{about}/RECORD"] = "".join(f"{path},,\n" for path in (*files, f"{about}/RECORD"))
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in files.items():
            archive.writestr(inside, text)
    return path


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """An environment without packages: to make one takes Python seconds."""
    folder = tmp_path_factory.mktemp("empty") / "env"
    install._make_environment(folder, silent)
    return folder


@pytest.fixture
def index(empty, tmp_path, monkeypatch):
    """A folder of packages, which pip looks into alone; the environment's self-test asks for `tool` alone."""
    folder = tmp_path / "index"
    folder.mkdir()
    wheel(folder, "torch", f"{install.TORCH}+cpu")
    wheel(folder, "tool", "1.0", "answer = 42")
    monkeypatch.setattr(install, "_make_environment", lambda part, report: shutil.copytree(empty, part, symlinks=True))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in [name for name in os.environ if name in ("PIP_CONSTRAINT", "PIP_EXTRA_INDEX_URL")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setattr(install, "PIP", "pip")  # the one that Python brings, which may be old
    monkeypatch.setattr(install, "PROGRESS_BAR", "off")
    monkeypatch.setattr(install, "PACKAGES", ("tool==1.0",))
    monkeypatch.setattr(install, "OPTIONAL", ())
    test = tmp_path / "self_test.py"
    test.write_text("import sys, tool, torch\nprint('looked'); sys.exit(tool.answer != 42)")
    monkeypatch.setattr(install, "HEADLESS", test)
    return folder


def test_what_was_prepared_is_installed_tested_and_works(index, tmp_path):
    folder, stages = tmp_path / "runtime", []
    plan = install.plan_environment(folder, "cpu", silent)
    assert not folder.exists() and install.prepared(folder) == plan
    assert plan.megabytes == 0 and "2 packages" in plan.text and "the processor" in plan.text
    assert all("--hash=sha256:" in line for line in plan.requirements)
    install.install_environment(folder, lambda stage, done, total: stages.append(stage))
    assert list(dict.fromkeys(stages)) == [install.DOWNLOADING, install.UNPACKING, install.TESTING]
    code = "import sys, tool; print(tool.answer, sys.prefix)"
    said = subprocess.run([install.find_python(folder), "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["42", str(folder)]
    install.remove_environment(folder)
    assert list(tmp_path.iterdir()) == [index, tmp_path / "self_test.py"] or not folder.exists()


def test_an_environment_that_fails_its_test_leaves_the_earlier_one(index, tmp_path):
    folder = tmp_path / "runtime"
    install.plan_environment(folder, "cpu", silent)
    install.install_environment(folder, silent)
    before = (folder / install.MARK).stat().st_ino
    wheel(index, "tool", "1.0", "answer = 41")
    install.plan_environment(folder, "cpu", silent)
    with pytest.raises(ReconstructionError, match="The new environment does not work: looked"):
        install.install_environment(folder, silent)
    assert (folder / install.MARK).stat().st_ino == before and not (tmp_path / "runtime.part").exists()


def test_a_package_that_changed_since_it_was_chosen_is_refused(index, tmp_path):
    install.plan_environment(tmp_path / "runtime", "cpu", silent)
    wheel(index, "tool", "1.0", "answer = 41")
    with pytest.raises(ReconstructionError, match="not the one that the index names"):
        install.install_environment(tmp_path / "runtime", silent)
    assert not (tmp_path / "runtime.part").exists()


def test_a_build_that_is_not_there_is_one_sentence(index, tmp_path):
    with pytest.raises(ReconstructionError, match=rf"There is no torch=={install.TORCH}\+cu130 for Python .*; choose"):
        install.plan_environment(tmp_path / "runtime", "cu130", silent)
    assert not (tmp_path / "runtime.part").exists()


def test_an_index_that_cannot_be_reached_is_one_sentence(index, tmp_path, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody listens there
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(ReconstructionError, match="package index cannot be reached; check the connection"):
        install.plan_environment(tmp_path / "runtime", "", silent)


def test_a_cancel_leaves_nothing_and_ends_pip(index, tmp_path):
    seen = []

    def cancel(stage, done, total):
        seen.append(stage)
        if stage == install.DOWNLOADING:
            raise Cancelled

    install.plan_environment(tmp_path / "runtime", "cpu", silent)
    with pytest.raises(Cancelled):
        install.install_environment(tmp_path / "runtime", cancel)
    assert seen[-1] == install.DOWNLOADING and not (tmp_path / "runtime.part").exists()


def test_a_full_disk_and_what_was_not_prepared_are_refused(index, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"Nothing was prepared for .*; choose what"):
        install.install_environment(tmp_path / "runtime", silent)
    install.plan_environment(tmp_path / "runtime", "cpu", silent)
    large = install.EnvironmentPlan("cpu", (), 10**9)
    monkeypatch.setattr(install, "prepared", lambda folder: large)
    with pytest.raises(InputError, match=r"GB free, and 3000000\.0 GB are needed; free some space"):
        install.install_environment(tmp_path / "runtime", silent)


def test_a_folder_of_somebody_else_is_neither_replaced_nor_removed(index, tmp_path):
    other = tmp_path / "photos"
    other.mkdir()
    (other / "a.jpg").write_text("a")
    for change in (install.remove_environment, lambda folder: install.plan_environment(folder, "cpu", silent)):
        with pytest.raises(InputError, match="was not installed by this extension"):
            change(other)
    assert (other / "a.jpg").read_text() == "a"


@pytest.mark.parametrize(
    ("said", "build"), [("580.65.06\n580.65.06\n", "cu130"), ("550.54.15\n", "cu126"), ("", None), ("none", None)]
)
def test_the_build_fits_the_driver(tmp_path, monkeypatch, said, build):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!{sys.executable}\nprint({said!r}, end='')")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert install.fitting_build() == (build or "cpu") or build is None
    monkeypatch.setattr(sys, "platform", "darwin")
    assert install.fitting_build() == ""


def test_the_pins_are_those_that_are_developed_with(pytestconfig):
    lines = (pytestconfig.rootpath / "requirements.txt").read_text().splitlines()
    pinned = dict(line.split("#")[0].strip().split("==") for line in lines if "==" in line)
    here = {name.split(";")[0].split("==")[0]: name.split(";")[0].split("==")[1].strip() for name in ours()}
    assert {name: pinned[name] for name in here} == here
    assert pinned["torch"] == install.TORCH


def ours():
    """The pins that hold for this Python."""
    wanted = [pin for pin in (*install.PACKAGES, *install.OPTIONAL) if "==" in pin.split(";")[0]]
    return [pin for pin in wanted if not re.search(r"python_version (>|>=|==)", pin)]


def test_a_plan_from_a_damaged_file_counts_as_none(index, tmp_path):
    part = tmp_path / "runtime.part"
    part.mkdir()
    for text in ("", "{}", json.dumps({"build": "cpu"}), "[]"):
        (part / install.PLAN).write_text(text)
        with pytest.raises(InputError, match="Nothing was prepared"):
            install.prepared(tmp_path / "runtime")
