"""Photos of known cameras, and pairs of them as the network would see them, for tests of what is read from pairs."""

from pathlib import Path

import numpy as np
import torch
from dust3r.core.geometry.relative_pose import Camera, TwoViews
from dust3r.core.geometry.rotation import rotation_from_vector
from dust3r.core.images.preprocessing import View
from dust3r.core.localization.image_pair import PhotoPair
from dust3r.core.reconstruction.result import AlignedView
from dust3r.tests.synthetic import noisy_scene

OUTLIERS = 0.3  # share of all data of `two_views` that are wrong, unless told
CAMERA_A = Camera(300.0, np.array([160.0, 120.0]), (320, 240))
CAMERA_B = Camera(420.0, np.array([240.0, 180.0]), (480, 360))


def two_views(seed, turn=0.2, travel=0.6, plane=False, noise=0.0, count=500, outliers=OUTLIERS):
    """(TwoViews, cam2world of b in a's frame); points 2 to 6 away, frame b counts in thirds of a's units.

    noise: of pixels, in pixels, and of points, in percent of their distance; outliers are drawn evenly over the frame.
    """
    generator = np.random.default_rng(seed)
    pixels_a = generator.uniform([0, 0], CAMERA_A.size, (count, 2))
    depth = 4 / (1 + pixels_a[:, :1] / 800) if plane else generator.uniform(2, 6, (count, 1))
    points = CAMERA_A.rays(pixels_a) * depth
    pose = np.eye(4)
    pose[:3, :3] = rotation_from_vector(turn * _unit(generator))
    pose[:3, 3] = travel * _unit(generator)
    points_b = (points - pose[:3, 3]) @ pose[:3, :3]
    pixels_b = CAMERA_B.focal * points_b[:, :2] / points_b[:, 2:] + CAMERA_B.principal_point
    wrong = generator.random(count) < outliers

    def blurred(values, percent):
        return values * (1 + 0.01 * percent * generator.normal(size=(count, 1)))

    matched_a, matched_b = (values + noise * generator.normal(size=(count, 2)) for values in (pixels_a, pixels_b))
    points_aa, points_ab, points_ba = (blurred(values, noise) for values in (points, 3 * points_b, points))
    matched_b[wrong] = generator.uniform([0, 0], CAMERA_B.size, (wrong.sum(), 2))
    points_ab[wrong] = generator.uniform([-6, -6, 3], [6, 6, 18], (wrong.sum(), 3))
    points_ba[wrong] = generator.uniform([-2, -2, 2], [2, 2, 6], (wrong.sum(), 3))
    ones = np.ones(count)
    matches = (matched_a, matched_b, points_aa)
    return TwoViews(CAMERA_A, CAMERA_B, *matches, points_aa, points_ab, ones, points_ba, pixels_b, ones), pose


def _unit(generator):
    vector = generator.normal(size=3)
    return vector / np.linalg.norm(vector)


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
