"""Photos of known cameras, and pairs of them as the network would see them, for tests of what is read from pairs."""

from pathlib import Path

import numpy as np
import torch
from dust3r.core.images import View
from dust3r.core.reconstruction import AlignedView
from dust3r.core.two_photos import PhotoPair
from dust3r.tests.synthetic import noisy_scene


def view_of(number, mapping, mask=None):
    """The photo with this number; its picture is of no account here."""
    width, height = mapping.view_size
    mask = np.ones((height, width), bool) if mask is None else mask
    return View(f"{number}.png", Path(f"{number}.png"), torch.zeros(3, height, width), mask, mapping)


def pairs_with(new, noise="none", seed=0, count=4):
    """(known photos, their pairs with photo `new`, true cam2world of it, its true focal)."""
    known = [k for k in range(count) if k != new]
    edges = tuple(edge for k in known for edge in ((k, new), (new, k)))
    scene, mappings, predictions, _ = noisy_scene(count, noise, seed, edges)
    found = {tuple(prediction.edge): prediction for prediction in predictions}
    views = [view_of(k, mapping) for k, mapping in enumerate(mappings)]
    pairs = [PhotoPair((views[k], views[new]), found[k, new], found[new, k]) for k in known]
    return [_aligned(scene, views, k) for k in known], pairs, scene["poses"][new], float(scene["focals"][new])


def _aligned(scene, views, k):
    (cx, cy), depth, mapping = scene["pps"][k], scene["depth"][k], views[k].mapping
    K = np.array([[scene["focals"][k], 0, cx], [0, scene["focals"][k], cy], [0, 0, 1]])
    colors = np.zeros((*depth.shape, 3), np.uint8)
    fields = (K, scene["poses"][k], depth.astype(np.float32), np.full(depth.shape, 3, np.float32), colors)
    return AlignedView(views[k].name, views[k].path, mapping, *fields, np.ones(depth.shape, bool))
