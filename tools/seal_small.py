"""Write down what the bundled model is and says: its files' sha256, and its points of the self-test's patterns.

usage: .venv/bin/python tools/seal_small.py      (after other weights were put into models/small)

What is compared on other machines is computed here on the CPU in float32.
"""

from __future__ import annotations

import importlib
import io
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from headless import import_package  # noqa: E402


def main() -> None:
    """Two small files in the model's folder."""
    import torch

    import_package()
    self_test, origin, known_models, weights, files = (
        importlib.import_module(f"dust3r.core.{name}")
        for name in ("self_test", "origin", "known_models", "model.weights", "files")
    )
    folder, known = self_test.MODEL, known_models.known_model("small")
    digests = {name: origin.sha256_of(folder / name) for name in known.files}
    origin.Origin("this package", known.licence, known.commercial, digests, known.synthetic).save(folder)
    model = weights.load_model(folder, torch.device("cpu"))
    content = io.BytesIO()
    np.savez(content, points=self_test.sample(model), sha256=np.array(model.sha256))
    with files.replacing(folder / self_test.WRITTEN) as file:
        file.write(content.getvalue())


if __name__ == "__main__":
    main()
