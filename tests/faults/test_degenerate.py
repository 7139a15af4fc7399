"""Photos that show too little, networks that say nonsense: a finite result that says what is wrong with it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from dust3r.core.cameras.priors import KnownCamera, Priors
from dust3r.core.checkpoints.loading import load_model
from dust3r.core.errors import ReconstructionError
from dust3r.core.inference import forward as inference
from dust3r.core.inference import predictor
from dust3r.core.inference.prediction import Prediction
from dust3r.core.pipeline import reconstruct as pipeline
from dust3r.core.reconstruction.checks import check_result
from dust3r.core.reconstruction.result import Reconstruction
from dust3r.core.settings import AlignmentSettings, ReconstructionSettings
from dust3r.tests.faults.amount import trials
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
STUDIO = sorted((ROOT / "samples" / "studio" / "images").iterdir())
BUDDHA = sorted((ROOT / "samples" / "buddha" / "images").iterdir())
SETTINGS = ReconstructionSettings(device="cpu", precision="float32", alignment=AlignmentSettings(iterations=30))
SIZE = (192, 144)


@pytest.fixture(scope="module")
def model():
    return load_model(ROOT / "models" / "small", torch.device("cpu"))


def _picture(path: Path) -> Image.Image:
    return Image.open(path).convert("RGB").resize(SIZE)


def _warped(image: Image.Image, H: np.ndarray) -> Image.Image:
    """What a camera sees whose pixel x shows the image's pixel H x."""
    return image.transform(image.size, Image.Transform.PERSPECTIVE, (H / H[2, 2]).ravel()[:8], Image.Resampling.BICUBIC)


def _turn(degrees: float) -> np.ndarray:
    """The homography of a camera that only turns, its focal as long as the image is wide."""
    f, (width, height), angle = SIZE[0], SIZE, np.radians(degrees)
    K = np.array([[f, 0, width / 2], [0, f, height / 2], [0, 0, 1]])
    R = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    return K @ R @ np.linalg.inv(K)


def _texture() -> Image.Image:
    draw = np.random.default_rng(0).integers(0, 255, (18, 24, 3), dtype=np.uint8)
    return Image.fromarray(draw).resize(SIZE, Image.Resampling.NEAREST)


def _noise(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (144, 192, 3), dtype=np.uint8))


def _wall() -> list[Image.Image]:
    """One textured plane, seen straight and from either side."""
    tilted = [np.array([[1, 0, 0], [0, 1, 0], [slant, 0, 1]]) for slant in (0.0, 0.001, -0.001)]
    return [_warped(_texture(), H) for H in tilted]


SCENES: dict[str, Callable[[], list[Image.Image]]] = {
    "identical photos": lambda: [_picture(STUDIO[0])] * 3,
    "one photo twice": lambda: [_picture(path) for path in (STUDIO[0], STUDIO[1], STUDIO[0])],
    "a camera that only turns": lambda: [_warped(_picture(STUDIO[0]), _turn(angle)) for angle in (-6, 0, 6)],
    "a flat wall": _wall,
    "no overlap": lambda: [_picture(STUDIO[0]), _picture(BUDDHA[0]), _texture()],
    "portrait and landscape": lambda: [
        _picture(STUDIO[0]),
        _picture(STUDIO[1]).rotate(90, expand=True),
        _picture(STUDIO[2]).crop((0, 0, 80, 144)),
    ],
    "nothing but black": lambda: [Image.new("RGB", SIZE)] * 2,
    "nothing but one white": lambda: [Image.new("RGB", SIZE, "white"), _picture(STUDIO[0])],
    "nothing but noise": lambda: [_noise(seed) for seed in range(3)],
    "a single photo": lambda: [_picture(STUDIO[0])],
    "all transparent": lambda: [Image.new("RGBA", SIZE, (9, 9, 9, 0))] * 2,
}


def _photos(folder: Path, images: list[Image.Image]) -> list[Path]:
    paths = [folder / f"{number}.png" for number in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        image.save(path)
    return paths


def _check(result: Reconstruction) -> None:
    """What may be put into a scene: everything finite, and the same from disk."""
    check_result(result)
    cloud = result.visible_points()
    assert np.isfinite(cloud.position).all() and np.isfinite(cloud.confidence).all()
    json.dumps(result.cameras(), allow_nan=False)


@pytest.mark.parametrize("name", list(SCENES)[:: trials(1, 4)])
def test_photos_that_show_too_little_give_a_finite_result(tmp_path, model, name):
    photos = _photos(tmp_path, SCENES[name]())
    _check(pipeline.reconstruct(photos, model, SETTINGS))


@pytest.mark.parametrize("name", ["identical photos", "a single photo", "no overlap"][: trials(3, 1)])
def test_a_saved_result_of_such_photos_can_be_read_back(tmp_path, model, name):
    result = pipeline.reconstruct(_photos(tmp_path, SCENES[name]()), model, SETTINGS)
    result.save(tmp_path / "result")
    assert Reconstruction.load(tmp_path / "result").cameras() == result.cameras()


@pytest.mark.parametrize("focal", [2.0, 1e-2, 1e7][: trials(3, 1)])
def test_a_known_focal_that_is_absurd_gives_a_finite_result_or_a_sentence(tmp_path, model, focal):
    photos = [Path(shutil.copy(path, tmp_path)) for path in STUDIO[:2]]
    priors = Priors({photo.resolve(): KnownCamera(focal=focal) for photo in photos})
    try:
        _check(pipeline.reconstruct(photos, model, SETTINGS, priors=priors))
    except ReconstructionError as error:
        assert "\n" not in str(error)


def _everywhere(value: float) -> Callable[[Prediction], Prediction]:
    def change(p: Prediction) -> Prediction:
        return replace(p, points_i=torch.full_like(p.points_i, value), points_j=torch.full_like(p.points_j, value))

    return change


def _confidence(value: float) -> Callable[[Prediction], Prediction]:
    def change(p: Prediction) -> Prediction:
        i, j = torch.full_like(p.confidence_i, value), torch.full_like(p.confidence_j, value)
        return replace(p, confidence_i=i, confidence_j=j)

    return change


def _some(value: float) -> Callable[[Prediction], Prediction]:
    """Every third point."""

    def change(p: Prediction) -> Prediction:
        points = p.points_i.clone()
        points.view(-1, 3)[::3] = value
        return replace(p, points_i=points)

    return change


def _one_edge(change: Callable[[Prediction], Prediction]) -> Callable[[Prediction], Prediction]:
    return lambda p: change(p) if 0 in p.edge else p


NONSENSE = {
    "NaN points": _everywhere(torch.nan),
    "infinite points": _everywhere(torch.inf),
    "points behind the camera": lambda p: replace(p, points_i=-p.points_i, points_j=-p.points_j),
    "points at the camera": _everywhere(0.0),
    "points beyond float32": _everywhere(3e38),
    "points too near to tell": _everywhere(1e-38),
    "some NaN points": _some(torch.nan),
    "some infinite points": _some(torch.inf),
    "no confidence": _confidence(1.0),
    "zero confidence": _confidence(0.0),
    "negative confidence": _confidence(-5.0),
    "NaN confidence": _confidence(torch.nan),
    "infinite confidence": _confidence(torch.inf),
    "a photo of NaN points": _one_edge(_everywhere(torch.nan)),
    "a photo without confidence": _one_edge(_confidence(1.0)),
}
FLAGGED = {name for name in NONSENSE if name not in {"some NaN points", "some infinite points", "infinite confidence"}}


@pytest.mark.parametrize("graph", ["complete", "auto"][: trials(2, 1)])
@pytest.mark.parametrize("name", list(NONSENSE)[:: trials(1, 4)])
def test_a_network_that_says_nonsense_gives_a_finite_result_that_says_so(tmp_path, model, monkeypatch, name, graph):
    photos = _photos(tmp_path, [_picture(path) for path in STUDIO[:3]])

    def decode(*arguments):
        for prediction in inference.decode(*arguments):
            yield NONSENSE[name](prediction)

    monkeypatch.setattr(predictor, "decode", decode)
    settings = replace(SETTINGS, scene_graph=graph)
    try:
        result = pipeline.reconstruct(photos, model, settings)
    except ReconstructionError as error:
        assert "\n" not in str(error)
        return
    _check(result)
    assert bool(result.warnings) or name not in FLAGGED
