"""Write down what the bundled model is and says: its files' sha256, and its points of the self-test's patterns.

usage: .venv/bin/python tools/seal_small.py      (after other weights were put into models/small)

What is compared on other machines is computed here on the CPU in float32.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from headless import import_package  # noqa: E402


def main() -> None:
    """Two small files in the model's folder."""
    import_package()
    import torch
    from dust3r.core.checkpoints.catalogue import known_model
    from dust3r.core.checkpoints.loading import load_model
    from dust3r.core.checkpoints.provenance import Origin, sha256_of
    from dust3r.core.inference.self_test import MODEL, WRITTEN, sample
    from dust3r.core.io.atomic import replacing

    known = known_model(MODEL.name)
    assert known is not None, f"{MODEL.name} is in no list of models"
    digests = {name: sha256_of(MODEL / name) for name in known.files}
    Origin("this package", known.licence, known.commercial, digests, known.synthetic).save(MODEL)
    model = load_model(MODEL, torch.device("cpu"))
    content = io.BytesIO()
    np.savez(content, points=sample(model), sha256=np.array(model.sha256))
    with replacing(MODEL / WRITTEN) as file:
        file.write(content.getvalue())


if __name__ == "__main__":
    main()
