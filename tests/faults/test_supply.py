"""What is installed beside our code is what was chosen: every package pinned, every wheel by its hash."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _lines(name: str) -> list[str]:
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def test_every_package_of_the_checkout_is_pinned():
    assert [line for line in _lines("requirements.txt") if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []


def test_every_wheel_of_the_extension_is_pinned_by_its_hash():
    wheels = _lines("tools/packaging/wheels.lock")
    assert wheels and all(re.search(r"[0-9a-f]{64}", line) for line in wheels if ".whl" in line)
    assert any(".whl" in line for line in wheels)


CALLS = re.compile(r"(?<![\w.])(eval|exec|compile|__import__)\(|pickle\.loads?\(|os\.system\(|shell=True|yaml\.load\(")


def test_nothing_in_the_package_evaluates_text_or_unpickles():
    files = [path for room in ("core", "cli", "operators", "panels", "farm") for path in (ROOT / room).rglob("*.py")]
    assert len(files) > 100
    lines = [f"{path.name}: {line.strip()}" for path in files for line in path.read_text("utf-8").splitlines()]
    assert [line for line in lines if CALLS.search(line)] == []
