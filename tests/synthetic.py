"""Inputs for alignment tests: analytic scenes with noisy pair predictions, and the published goldens, in our types."""

import importlib.util
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.inference.prediction import Prediction
from dust3r.core.scene_graph.edges import Edge

FIELDS = ("pts_i", "pts_j", "conf_i", "conf_j")


@lru_cache(maxsize=1)
def synthetic_pairs() -> ModuleType:
    """The maker of scenes and predictions that lies with the goldens."""
    path = Path(__file__).parent / "golden" / "synthetic_pairs.py"
    spec = importlib.util.spec_from_file_location("synthetic_pairs", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def integer_mapping(size):
    """A photo whose pixel coordinates are the goldens' whole numbers: the centre of the first pixel is (0, 0)."""
    return PixelMapping(size, size, offset=(-0.5, -0.5))


def predictions_of(pairs):
    """The pair predictions of `make_pairs`, or of an alignment golden under names without "in."."""
    return [
        Prediction(Edge(int(i), int(j)), *(torch.from_numpy(pairs[key][e]) for key in FIELDS))
        for e, (i, j) in enumerate(pairs["edges"])
    ]


@lru_cache(maxsize=8)
def _exact_scene(count, size, seed, **options):
    """The scene of `noisy_scene`, which is the same for every noise and all edges."""
    return synthetic_pairs().make_scene(count, size, seed=seed, **options)


@lru_cache(maxsize=8)
def noisy_scene(count, noise="medium", seed=0, edges=None, size=(112, 80), **options):
    """(scene, mappings, predictions, principal points): cameras on an arc around a room; edges None is complete."""
    maker, scene = synthetic_pairs(), _exact_scene(count, size, seed, **options)
    pairs = maker.make_pairs(scene, list(edges or maker.complete_edges(count)), noise, seed)
    return scene, [integer_mapping(s) for s in scene["sizes"]], predictions_of(pairs), [tuple(p) for p in scene["pps"]]


def golden_scene(path):
    """(the golden, mappings, predictions, principal points) of an alignment golden."""
    golden = np.load(path)
    edges = golden["in.edges"]
    pairs = {"edges": edges}
    for key in FIELDS:
        whole = f"in.{key}"
        pairs[key] = golden[whole] if whole in golden else [golden[f"{whole}.{e}"] for e in range(len(edges))]
        if whole not in golden and f"{whole}.0" not in golden:
            raise KeyError(key)
    shapes = {}
    for e, (i, j) in enumerate(edges):
        shapes[int(i)], shapes[int(j)] = pairs["conf_i"][e].shape, pairs["conf_j"][e].shape
    sizes = [shapes[k][::-1] for k in range(len(shapes))]
    return golden, [integer_mapping(s) for s in sizes], predictions_of(pairs), [(w / 2, h / 2) for w, h in sizes]


TRUTHS = {  # by golden: the options of `make_scene` that made it
    "ga_small": {"n": 4, "size": (24, 16), "seed": 5},
    "ga_mixed_sizes": {"n": 3, "size": [(24, 16), (16, 24), (20, 20)], "seed": 5},
    "pair_viewer": {"n": 2, "size": (32, 24), "seed": 3},
}


@lru_cache(maxsize=len(TRUTHS))
def golden_truth(name):
    """The analytic scene behind an alignment golden: poses, focals, depth N x (H, W), world points N x (H, W, 3)."""
    return synthetic_pairs().make_scene(**TRUTHS[name], span=60.0)
