"""Depth Anything 3 against the 512 DPT network on the same photos: writes benchmarks/results/many_photos.md.

.venv/bin/python benchmarks/many_photos.py [--machine "2-core x86 CPU"] [--photos 2 8 30] [--threads 1]
"""

import argparse
import json
import os
import platform
import runpy
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODELS = ("da3_small", "da3_base", "512_dpt")
SIZES = {"da3_small": (504, 378), "da3_base": (504, 378), "512_dpt": (512, 384)}


def measure(model: str, photos: int) -> dict[str, float]:
    """One pass over so many photos in this process: CPU-seconds, and the most that the process held.

    Of the 512 DPT network one photo is encoded and one pair decoded, from which the complete graph follows.
    """
    import torch
    from dust3r.benchmarks.suite.inference import noise_view, seeded_network
    from dust3r.core.inference.forward import decode, encode
    from dust3r.core.inference.group_prediction import predict_group
    from dust3r.core.networks.depth_anything_3.depth_anything_3 import DepthAnything3
    from dust3r.core.networks.dust3r.config import ModelConfig
    from dust3r.core.networks.precision import for_inference
    from dust3r.core.runtime.memory import keep_freed_memory, peak_memory
    from dust3r.core.scene_graph.edges import Edge
    from dust3r.tests.depth_anything_3 import BASE, SMALL

    keep_freed_memory()  # as a worker does
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    views = [noise_view(number, SIZES[model]) for number in range(2 if model == "512_dpt" else photos)]
    if model == "512_dpt":
        network = for_inference(seeded_network(ModelConfig()), torch.device("cpu"))
        start = time.process_time()
        encoded = encode(network, views)
        middle = time.process_time()
        list(decode(network, encoded, [Edge(0, 1)]))
        pair = time.process_time() - middle
        seconds = photos * (middle - start) / 2 + photos * (photos - 1) * pair
    else:
        torch.manual_seed(0)
        network = for_inference(DepthAnything3(SMALL if model == "da3_small" else BASE), torch.device("cpu"))
        start = time.process_time()
        predict_group(network, views, range(photos))
        seconds = time.process_time() - start
    return {"seconds": seconds, "gigabytes": (peak_memory() or 0) / 1e9}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machine", default=f"{platform.machine()} CPU", help="what to call it in the table")
    parser.add_argument("--photos", type=int, nargs="+", default=[2, 8, 30])
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    os.environ |= {f"{name}_NUM_THREADS": str(arguments.threads) for name in ("OMP", "OPENBLAS", "MKL")}
    rows = []
    for photos in arguments.photos:
        for model in MODELS:
            command = [sys.executable, __file__, "--one", model, str(photos)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            width, height = SIZES[model]
            cost = f"{found['seconds']:.0f} | {found['seconds'] / photos:.1f} | {found['gigabytes']:.1f}"
            rows.append(f"| {photos} | {model} | {width}x{height} | {cost} |")
    text = (
        f"# Many photos at once\n\n{arguments.machine}, float32, {arguments.threads} thread(s), seeded weights,\n"
        "photos of smooth noise; each row a process of its own. Depth Anything 3 sees all photos in one pass; for the\n"
        "512 DPT network the complete graph is extrapolated from one photo encoded and one ordered pair decoded, and\n"
        "memory is that of one pair. Made by `benchmarks/many_photos.py`.\n\n"
        "| photos | network | pixels | CPU s | a photo | peak GB |\n|---|---|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )
    (ROOT / "benchmarks" / "results" / "many_photos.md").write_text(text)
    print(text)


if __name__ == "__main__":
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(sys.argv[2], int(sys.argv[3]))))
    else:
        main()
