"""Photos for the benchmark of scene graphs: what they look like to retrieval, and what is predicted of any pair."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.cameras.posed_images import read_depth, read_posed_photos
from ...core.checkpoints.loading import LoadedModel
from ...core.geometry.rotation import rotation_from_vector
from ...core.images.pixel_mapping import PixelMapping
from ...core.images.preprocessing import View, load_views
from ...core.inference.array_store import MemoryStore
from ...core.inference.forward import encode
from ...core.inference.prediction import PairPrediction, Prediction
from ...core.inference.predictor import Predictor
from ...core.pipeline.reconstruct import framing_of
from ...core.scene_graph.edges import Edge
from ...core.scene_graph.retrieval import likeness_of, pooled
from ...evaluation.exam.scenes import exam_size
from ...evaluation.exam.scoring import depth_at
from ...tests.synthetic import integer_mapping, predictions_of, synthetic_pairs
from ...training.scenes.source import HELD_OUT_SEEDS, ProceduralSource

Array = NDArray[np.float64]
FAILING = 0.12  # overlap about which pairs begin to fail
SMALL = (64, 48)
FAR = 4.0  # median depths: where nothing is


class Pairs(Protocol):
    """What is predicted of any pair."""

    def predict(self, edges: Sequence[Edge]) -> Sequence[PairPrediction]: ...

    def score(self, edge: Edge) -> tuple[float, float]:
        """Mean log confidence of each side of a predicted edge."""
        ...


def _overlap(scene: dict[str, Any]) -> Array:
    """(N, N): the share of either photo that the other shows, averaged."""
    count, visible = len(scene["poses"]), synthetic_pairs()._visible
    shares = [[visible(scene, i, j).mean() for j in range(count)] for i in range(count)]
    return (np.array(shares) + np.transpose(shares)) / 2


@dataclass(frozen=True, slots=True)
class Photos:
    """N photos with true cameras."""

    name: str
    cam2world: Array  # (N, 4, 4), true
    mappings: list[PixelMapping]
    centres: list[tuple[float, float]]  # principal points
    likeness: Array  # (N, N), what `auto` goes by
    pairs: Pairs


class Oracle:
    """Predictions of the synthetic generator at medium noise, which fail where photos overlap by little.

    There the generator's own are too good: the second photo's points get a wrong pose besides, in the measure
    exp(-(overlap / FAILING)^2), and lose their confidence in the same measure. Made when asked for, then kept.
    """

    def __init__(self, scene: dict[str, Any], seed: int) -> None:
        self.scene, self.overlap, self._seed = scene, _overlap(scene), seed
        self._made: dict[Edge, Prediction] = {}

    def predict(self, edges: Sequence[Edge]) -> list[Prediction]:
        self._made |= {edge: self._make(edge) for edge in edges if edge not in self._made}
        return [self._made[edge] for edge in edges]

    def score(self, edge: Edge) -> tuple[float, float]:
        made = self._made[edge]
        return float(made.confidence_i.log().mean()), float(made.confidence_j.log().mean())

    def _make(self, edge: Edge) -> Prediction:
        made = predictions_of(synthetic_pairs().make_pairs(self.scene, [tuple(edge)], "medium", self._seed))[0]
        failing = float(np.exp(-((self.overlap[edge] / FAILING) ** 2)))
        rng = np.random.default_rng([self._seed, *edge])
        points = made.points_j.double().numpy()
        middle = np.median(points.reshape(-1, 3), axis=0)
        R = rotation_from_vector(np.radians(60 * failing) * rng.standard_normal((1, 3)))[0]
        shift = 0.7 * failing * np.linalg.norm(middle) * rng.standard_normal(3)
        moved = (points - middle) @ R.T + middle * np.exp(0.5 * failing * rng.standard_normal()) + shift
        sure = made.confidence_j - 1
        confidence = 1 + (1 - failing) * sure + failing * 0.1 * torch.from_numpy(rng.random(sure.shape)).float()
        return Prediction(edge, made.points_i, torch.from_numpy(moved).float(), made.confidence_i, confidence)


def synthetic(path: str, count: int, seed: int, noise: float) -> Photos:
    """The generator's room; retrieval sees the true overlap with noise of this standard deviation."""
    scene = synthetic_pairs().make_scene(count, SMALL, path=path, seed=seed)
    oracle = Oracle(scene, seed)
    seen = oracle.overlap + noise * np.random.default_rng(seed).standard_normal((count, count))
    return _with_oracle(f"{path}, likeness ± {noise:g}", oracle, (seen + seen.T) / 2)


def rendered(model: LoadedModel, count: int, seed: int) -> list[Photos]:
    """Views of a held-out training scene, with an oracle's pairs and with the network's."""
    size = exam_size(model.config)
    batch = ProceduralSource(HELD_OUT_SEEDS + seed, 1.0).batch(0, 1, count, count, size)
    mask, mapping = np.ones(size[::-1], dtype=bool), PixelMapping(size, size)
    images = batch.images[0].float() / 127.5 - 1
    views = [View(str(k), Path(str(k)), image, mask, mapping) for k, image in enumerate(images)]
    cam2world, K = batch.cam2world[0].double().numpy(), batch.K[0].double().numpy()
    local = batch.points[0].double().numpy() - cam2world[:, None, None, :3, 3]
    depth = np.einsum("nhwa,na->nhw", local, cam2world[:, :3, 2]) * batch.valid[0].numpy()
    return _seen_by("rendered views", model, views, cam2world, _scene(cam2world, K, depth), seed)


def posed(model: LoadedModel, folder: Path) -> list[Photos]:
    """Photos with true cameras, with the network's pairs and, where all have true depth, with an oracle's."""
    truth = read_posed_photos(folder)
    views, _ = load_views([photo.path for photo in truth], framing_of(model.config))
    scene, cam2world = None, np.stack([photo.cam2world for photo in truth])
    files = [photo.depth for photo in truth if photo.depth is not None]
    if len(files) == len(truth):
        mappings = [view.mapping for view in views]
        seen = zip(files, mappings, strict=True)
        depth = [depth_at(read_depth(file), mapping.photo_pixels(), mapping.photo_size) for file, mapping in seen]
        K = [_view_intrinsics(photo.K, view.mapping) for photo, view in zip(truth, views, strict=True)]
        scene = _scene(cam2world, np.stack(K), np.stack(depth))
    return _seen_by(folder.name, model, views, cam2world, scene, 0)


def _seen_by(
    name: str, model: LoadedModel, views: list[View], cam2world: Array, scene: dict[str, Any] | None, seed: int
) -> list[Photos]:
    """With the likeness that the model's encoder finds."""
    likeness = likeness_of([pooled(one) for one in encode(model.network, views)])
    mappings, predictor = [view.mapping for view in views], Predictor(model.network, views, MemoryStore())
    centres = [mapping.photo_centre for mapping in mappings]
    photos = [Photos(f"{name}, pairs by {model.name}", cam2world, mappings, centres, likeness, predictor)]
    if scene is not None:
        photos.append(_with_oracle(f"{name}, pairs by the oracle", Oracle(scene, seed), likeness))
    return photos


def _with_oracle(name: str, oracle: Oracle, likeness: Array) -> Photos:
    mappings = [integer_mapping(size) for size in oracle.scene["sizes"]]
    centres = [(float(x), float(y)) for x, y in oracle.scene["pps"]]
    return Photos(name, oracle.scene["poses"], mappings, centres, likeness, oracle)


def _scene(cam2world: Array, K: Array, depth: Array) -> dict[str, Any]:
    """Views in the generator's form, whose pixels' centres are whole numbers; far away where depth is unknown."""
    depth = np.where(depth > 0, depth, FAR * np.median(depth[depth > 0]))
    centres, focals = K[:, :2, 2] - 0.5, K[:, 0, 0]
    pixels = np.stack(np.meshgrid(*map(np.arange, depth.shape[:0:-1])), axis=-1)
    slopes = (pixels - centres[:, None, None]) / focals[:, None, None, None]
    local = np.concatenate([slopes, np.ones((*depth.shape, 1))], axis=-1) * depth[..., None]
    points = np.einsum("nab,nhwb->nhwa", cam2world[:, :3, :3], local) + cam2world[:, None, None, :3, 3]
    sizes = [depth.shape[:0:-1]] * len(depth)
    return {"poses": cam2world, "focals": focals, "pps": centres, "sizes": sizes, "depth": depth, "pts": points}


def _view_intrinsics(K: Array, mapping: PixelMapping) -> Array:
    to_photo = np.diag([*mapping.scale, 1.0])
    to_photo[:2, 2] = mapping.offset
    return np.linalg.inv(to_photo) @ K
