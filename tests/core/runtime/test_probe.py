"""What a Python offers: described, tested, and, where it does not fit, explained in one sentence."""

import ast
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from dust3r.core.errors import InputError
from dust3r.core.inference import self_test
from dust3r.core.inference.self_test import MODEL, WRITTEN, pattern, read_expected, run_self_test
from dust3r.core.jobs.messages import ErrorMessage, decode
from dust3r.core.runtime import device, environment
from dust3r.core.runtime import probe as runtime_probe
from dust3r.core.runtime.probe import ComputeDevice, Runtime, SelfTest, build, find_python, probe, processor_name
from dust3r.tests.half_precision import skip_without_bfloat16

ROOT = Path(__file__).resolve().parents[3]
CARD = ComputeDevice("cuda", "A card", 24 * 10**9, 20 * 10**9)
TEST = SelfTest("cuda", "bfloat16", 1.0, 0.1, 0.001, 0.02)


# What is shown


def test_a_runtime_comes_back_from_its_file(tmp_path):
    found = Runtime("3.11.7", "python", "Linux", "2.5", "CUDA 12.4", (CARD,), ("Advice",), TEST)
    found.save(tmp_path / "runtime.json")
    assert Runtime.load(tmp_path / "runtime.json") == found
    (tmp_path / "runtime.json").write_text('{"devices": [], "advice": [], "self_test": null}')
    with pytest.raises(InputError, match="no description of a runtime"):
        Runtime.load(tmp_path / "runtime.json")


def test_a_device_says_its_name_and_free_memory():
    assert CARD.text == "CUDA: A card, 20.0 of 24.0 GB free"
    assert ComputeDevice("cpu", "A processor", None, None).text == "CPU: A processor"


@pytest.mark.parametrize("difference", [0.021, float("nan")])
def test_a_self_test_that_is_off_says_by_how_much(difference):
    assert TEST.passed and "0.10 s for a pair" in TEST.text
    off = replace(TEST, difference=difference)
    assert not off.passed and "failed on CUDA in bfloat16" in off.text


# What is found


def test_this_python_is_described():
    found = probe()
    assert found.torch == torch.__version__
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert found.devices[-1].kind == "cpu"


def test_the_processor_is_called_as_its_maker_does(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Quick 9000\n")
    assert processor_name(tmp_path / "cpuinfo") == "Quick 9000"
    assert processor_name(tmp_path / "none")


class Card:
    """Stands in for torch.cuda with one card."""

    def __init__(self, capability: tuple[int, int], architectures: list[str]) -> None:
        self.get_device_capability = lambda number: capability
        self.get_arch_list = lambda: architectures
        self.device_count, self.is_available = lambda: 1, lambda: True
        self.get_device_name = lambda number: "A card"
        self.mem_get_info = lambda number: (20 * 10**9, 24 * 10**9)


def _torch(cuda: str | None = None, hip: str | None = None, card: Card | None = None) -> SimpleNamespace:
    none = SimpleNamespace(is_available=lambda: False, is_built=lambda: False)
    version = SimpleNamespace(cuda=cuda, hip=hip)
    return SimpleNamespace(version=version, backends=SimpleNamespace(mps=none), cuda=card or none, __version__="2.5")


def test_a_build_is_named_after_its_devices():
    assert [build(_torch(cuda="12.4")), build(_torch(hip="6.2")), build(_torch())] == ["CUDA 12.4", "ROCm 6.2", "CPU"]


@pytest.mark.parametrize(("versions", "kind"), [({"cuda": "12.4"}, "cuda"), ({"hip": "6.2"}, "rocm")])
def test_graphics_cards_come_first_and_say_their_memory(monkeypatch, versions, kind):
    monkeypatch.setattr(runtime_probe, "_torch", lambda: _torch(**versions, card=Card((9, 0), ["sm_90"])))
    assert probe().devices[0] == replace(CARD, kind=kind)


@pytest.mark.parametrize(
    ("found", "advice"),
    [
        (_torch(cuda="12.4"), "finds no graphics card: install or update the card's driver"),
        (_torch(), "this torch is built for the CPU alone"),
        (_torch(cuda="12.4", card=Card((12, 0), ["sm_80", "sm_90"])), r"has no code for A card \(sm_120\)"),
    ],
)
def test_what_could_be_better_is_said(monkeypatch, found, advice):
    monkeypatch.setattr(runtime_probe, "_torch", lambda: found)
    monkeypatch.setattr(runtime_probe.shutil, "which", lambda name: name)
    assert any(re.search(advice, line) for line in probe().advice)


def test_a_card_that_the_build_has_code_for_gets_no_advice(monkeypatch):
    card = Card((8, 6), ["sm_80", "sm_90", "compute_90"])
    monkeypatch.setattr(runtime_probe, "_torch", lambda: _torch(cuda="12.4", card=card))
    assert not [line for line in probe().advice if "no code" in line]


# What does not fit


def test_all_that_is_missing_is_named_at_once_with_the_command(monkeypatch):
    monkeypatch.setattr(environment, "PACKAGES", {"numpy": "numpy", "no_such": "no-such", "nor_this": "nor-this"})
    said = environment.complaint()
    assert said.endswith(f"{sys.executable} -m pip install no-such nor-this")
    with pytest.raises(InputError, match="has no no-such, nor-this"):
        probe()


def test_a_python_that_is_too_old_is_told_so(monkeypatch):
    monkeypatch.setattr(environment, "OLDEST", (99, 1))
    assert "too old: 99.1 or newer is needed" in environment.complaint()


def test_a_bare_python_answers_in_the_workers_protocol():
    command = [sys.executable, "-S", str(ROOT / "headless.py"), "runtime", "--json-progress"]
    done = subprocess.run(command, capture_output=True, text=True)
    message = decode(done.stdout)
    assert isinstance(message, ErrorMessage)
    assert (done.returncode, message.exit_code) == (2, 2)
    assert "has no numpy, torch, pillow" in message.text and message.text in done.stderr


def test_an_old_python_can_read_the_words_that_refuse_it():
    for path in ("headless.py", "__init__.py", "core/__init__.py", "core/runtime/environment.py"):
        assert ast.parse((ROOT / path).read_text(), feature_version=(3, 7)).body


# Threads that wait


def test_threads_that_wait_for_work_sleep_unless_the_user_wants_otherwise():
    ours, spinning, longer = {"HOME": "/"}, {"OMP_WAIT_POLICY": "ACTIVE"}, {"GOMP_SPINCOUNT": "1000"}
    for variables in (ours, spinning, longer):
        environment.let_waiting_threads_sleep(variables)
    assert ours == {"HOME": "/", "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "2000", "KMP_BLOCKTIME": "0"}
    assert spinning == {"OMP_WAIT_POLICY": "ACTIVE"}
    assert longer == environment.PASSIVE | {"GOMP_SPINCOUNT": "1000"}


def test_the_command_line_says_so_before_torch_is_loaded():
    code = (
        "import os, runpy, sys; runpy.run_path('headless.py')['import_package']();"
        "from dust3r.cli.main import main;"
        "from dust3r.core.runtime.environment import PASSIVE;"
        "found = 'torch' in sys.modules; main(['--version']);"
        "sys.exit(found or any(os.environ.get(name) != value for name, value in PASSIVE.items()))"
    )
    free = {name: value for name, value in os.environ.items() if name not in environment.PASSIVE}
    assert subprocess.run([sys.executable, "-c", code], env=free, cwd=ROOT, stdout=subprocess.DEVNULL).returncode == 0


def test_an_environments_folder_means_its_python(tmp_path):
    for place in ("bin/python3", "Scripts/python.exe"):
        environment_folder = tmp_path / place.partition("/")[0]
        (environment_folder / place).parent.mkdir(parents=True)
        (environment_folder / place).touch()
        assert find_python(environment_folder) == environment_folder / place
    assert find_python(tmp_path / "python") == tmp_path / "python"
    (tmp_path / "empty").mkdir()
    assert find_python(tmp_path / "empty") == tmp_path / "empty"


# Self-test


def test_the_bundled_model_says_what_was_written_down():
    found = run_self_test("cpu", "float32")
    assert found.passed and found.difference < 1e-4
    assert found.precision == "float32" and found.seconds > 0


def test_half_precision_is_within_what_is_allowed():
    skip_without_bfloat16()
    found = run_self_test("cpu", "half")
    assert found.precision == "bfloat16" and 0 < found.difference < found.allowed


def test_where_half_precision_is_not_possible_the_test_passes_in_float32(monkeypatch):
    monkeypatch.setattr(device, "computes_in", lambda precision, on: False)
    found = run_self_test("cpu", "half")
    assert found.precision == "float32" and found.passed


def test_other_weights_do_not_pass(monkeypatch):
    written = read_expected(MODEL / WRITTEN, _sealed())
    monkeypatch.setattr(self_test, "read_expected", lambda path, sha256: np.roll(written, 1, axis=0))
    assert not run_self_test("cpu", "float32").passed


def test_what_belongs_to_other_weights_or_is_missing_is_named(tmp_path):
    with pytest.raises(InputError, match="belongs to other weights"):
        read_expected(MODEL / WRITTEN, "0" * 64)
    with pytest.raises(InputError, match="cannot be read"):
        read_expected(tmp_path / WRITTEN, "0" * 64)


def test_the_patterns_are_the_same_everywhere():
    assert [int(pattern(number).colors.astype(np.int64).sum()) for number in (0, 1)] == [1842788, 1984452]


def _sealed() -> str:
    with np.load(MODEL / WRITTEN) as written:
        return str(written["sha256"])
