"""Make the checkout importable as the package `dust3r`, for tests with and without Blender alike."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _import_checkout() -> None:
    spec = importlib.util.spec_from_file_location(
        "dust3r", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["dust3r"] = package
    spec.loader.exec_module(package)


_import_checkout()


@pytest.fixture(scope="session")
def golden() -> Path:
    """Outputs of the published network and algorithms: the measure of agreement."""
    return ROOT / "tests" / "golden"
