"""What `make demo` does: two photo sets to Blender scenes, pictures, cameras and points, with the measured errors."""

import argparse
import importlib
import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

ROOT = Path(__file__).resolve().parent.parent
GAP = 6  # pixels between the parts of an overview
HINT = (
    "The bundled model is small and was trained on synthetic scenes: real photos come out rough. "
    "For a full model: .venv/bin/python headless.py models --download 512_dpt"
)


def reconstruct(photos: Path, folder: Path, model: Path) -> None:
    """All outputs of one photo set into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(ROOT / "headless.py"), "reconstruct", str(photos), "--model", str(model)]
    command.append("--overwrite")
    for option, name in (("output", "scene.blend"), ("render", "render.png")):
        command += [f"--{option}", str(folder / name)]
    for option, name in (("cameras", "cameras.json"), ("points", "points.ply")):
        command += [f"--{option}", str(folder / name)]
    subprocess.run(command, check=True)


def camera_errors(found: Path, truth: Path) -> str:
    """One line: how far the cameras of two cameras.json are apart."""
    metrics = importlib.import_module("dust3r.evaluation.metrics.poses")
    result, true = (json.loads(path.read_text())["photos"] for path in (found, truth))
    names = sorted(result.keys() & true.keys())
    poses = [np.array([cameras[name]["cam2world"] for name in names]) for cameras in (result, true)]
    measured = metrics.pose_metrics(*poses)
    focal = [abs(result[name]["K"][0][0] / true[name]["K"][0][0] - 1) for name in names]
    return (
        f"{len(names)} cameras against the truth: AUC@30 {measured['auc30']:.0f} %, "
        f"rotation within 15 degrees {measured['rra15']:.0f} %, direction within 15 degrees {measured['rta15']:.0f} %, "
        f"focal length off by {np.median(focal):.1%} (median)"
    )


def save_overview(photos: Path, folder: Path, shown: int = 4) -> None:
    """Some of the photos in a column, beside the render of what became of them."""
    with Image.open(folder / "render.png") as picture:
        render = picture.convert("RGB")
    files = sorted(photos.iterdir())
    chosen = files[:: max(1, len(files) // shown)][:shown]
    height = render.height // shown
    small = [ImageOps.contain(Image.open(file), (render.width, height - GAP)) for file in chosen]
    column = max(image.width for image in small)
    overview = Image.new("RGB", (column + GAP + render.width, render.height), "white")
    for row, image in enumerate(small):
        overview.paste(image, (0, row * height))
    overview.paste(render, (column + GAP, 0))
    overview.save(folder / "overview.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    output = parser.parse_args().output
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    checkpoints = importlib.import_module("dust3r.core.checkpoints.local")
    model = checkpoints.find_model()
    if checkpoints.BUNDLED in model.parents:
        print(HINT, flush=True)
    sets = {"buddha": output, "studio": output / "studio"}
    for name, folder in sets.items():
        print(f"samples/{name}:", flush=True)
        photos = ROOT / "samples" / name / "images"
        reconstruct(photos, folder, model)
        save_overview(photos, folder)
    for name, folder in sets.items():
        print(f"samples/{name}: {camera_errors(folder / 'cameras.json', ROOT / 'samples' / name / 'cameras.json')}")
    scenes = ", ".join(str(folder / "scene.blend") for folder in sets.values())
    print(f"Made {scenes}, with render.png, overview.png, cameras.json and points.ply beside each")


if __name__ == "__main__":
    main()
