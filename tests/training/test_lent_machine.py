"""A packed tree trains and is measured where roma, bpy, huggingface_hub and the like are missing."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PACK = runpy.run_path(str(ROOT / "tools" / "pack_training.py"))
MISSING = """
import sys
MISSING = {"roma", "bpy", "huggingface_hub", "skimage", "pillow_heif", "poselib", "pycolmap"}
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
"""
# configs/h200.toml on a CPU: what is cut, and to what
CUTS = {
    r"minutes = [\d.]+$": "steps = 2",
    r"sizes = .*": "sizes = [[32, 32], [48, 32]]",
    r"scenes = \d+": "scenes = 2",
    r"views = \d+": "views = 3",
    r"pairs = \d+": "pairs = 2",
    r"(en|de)coder_width = \d+": r"\1coder_width = 48",
    r"(en|de)coder_heads = \d+": r"\1coder_heads = 3",
    r"(en|de)coder_depth = \d+": r"\1coder_depth = 2",
    r"held_out = \d+": "held_out = 1",
    r"part_size = [\d.]+": "part_size = 0.2",
    r"compile = true": "compile = false",
    r'precision = "bfloat16"': 'precision = "float32"\nworkers = 1',
}


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The packed tree with three surfaces, and a folder whose sitecustomize.py makes packages be missing."""
    folder = tmp_path_factory.mktemp("lent")
    surfaces = folder / "surfaces"
    surfaces.mkdir()
    chance = np.random.default_rng(0)
    for number in range(3):
        Image.fromarray(chance.integers(0, 256, (128, 128, 3), np.uint8)).save(surfaces / f"{number}.jpg")
    assert PACK["pack"](folder / "out", surfaces) < PACK["LARGEST"] - (4 << 20)  # the real surfaces take 3.5 MiB
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(MISSING)
    return folder


def bare(packed: Path, *command: str) -> str:
    """What a command says in the packed tree."""
    environment = {**os.environ, "PYTHONPATH": str(packed / "site"), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [sys.executable, *command], cwd=packed / "out", env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_packages_are_missing(packed):
    with pytest.raises(AssertionError, match="No module named 'roma'"):
        bare(packed, "-c", "import roma")


def test_the_config_for_a_lent_gpu_trains_and_leaves_few_files(packed, tmp_path):
    text = (packed / "out" / "configs" / "h200.toml").read_text()
    for pattern, cut in CUTS.items():
        text, count = re.subn(pattern, cut, text, flags=re.MULTILINE)
        assert count, pattern
    (tmp_path / "cut.toml").write_text(text)
    out = tmp_path / "artifacts"
    arguments = ("train", str(tmp_path / "cut.toml"), "--output", str(tmp_path / "run"), "--device", "cpu")
    said = bare(packed, "headless.py", *arguments, "--artifacts", str(out))
    assert "8 updates" in said
    assert 2 <= len(list(out.iterdir())) <= 8 and all(path.stat().st_size <= 0.2 * 2**20 for path in out.iterdir())


def test_the_benchmark_of_inference_runs(packed):
    assert "ms an ordered pair" in bare(packed, "benchmarks/inference.py", "--device", "cuda", "--rehearse")
