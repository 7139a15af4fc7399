"""Worlds, edges and observations by formula, for tests of the alignment's parts."""

import numpy as np
from dust3r.core.alignment.canonical import Canonical
from dust3r.core.alignment.objective import World
from dust3r.core.alignment.observations import Observations
from dust3r.core.alignment.relative import Relative
from dust3r.core.geometry.camera import pixel_rays
from dust3r.core.geometry.rotation import rotation_from_vector
from dust3r.core.geometry.similarity import Similarity

random = np.random.default_rng


def poses(count, seed=0):
    """Similarities of cameras somewhere."""
    generator = random(seed)
    turns = rotation_from_vector(generator.normal(size=(count, 3)))
    return Similarity(np.exp(0.5 * generator.normal(size=count)), turns, 3 * generator.normal(size=(count, 3)))


def relative_of(world, edges, quality=None):
    """Exact edges of a world: j's pose in i's frame."""
    edges = np.array(edges)
    count = len(edges)
    quality = np.ones(count) if quality is None else np.array(quality, float)
    pose = world[edges[:, 0]].inverse().compose(world[edges[:, 1]])
    return Relative(edges, pose, quality, np.full(count, 0.01), np.tile([0.0, 0, 3], (count, 1)))


def assert_same_world(found, truth, tolerance=1e-7):
    """Up to the frame and scale of photo 0."""
    a, b = (world[0:1].inverse().compose(world) for world in (found, truth))
    np.testing.assert_allclose(a.scale, b.scale, rtol=tolerance)
    np.testing.assert_allclose(a.R, b.R, atol=tolerance)
    np.testing.assert_allclose(a.translation, b.translation, atol=10 * tolerance)


def world_of(seed=0, photos=3, edges=4, pixels=6):
    """(World, Observations) without any meaning."""
    generator = random(seed)
    frames, cameras = poses(edges, seed + 1), poses(photos, seed)
    pairs = np.array([[0, 1], [1, 0], [1, 2], [2, 0]])[:edges]
    sizes = ((40, 30), (30, 40), (20, 20))
    world = World(
        cameras.R,
        cameras.translation,
        generator.uniform(30, 50, photos),
        np.tile([20.0, 15.0], (photos, 1)),
        generator.uniform(1, 4, (photos, pixels)),
        frames,
    )
    observations = Observations(
        pairs,
        generator.normal(size=(edges, 2, pixels, 3)),
        generator.uniform(0, 2, (edges, 2, pixels)),
        np.ones((edges, 2)),
        generator.uniform(0, 40, (photos, pixels, 2)),
        np.array([1200.0, 1200, 400]),
        np.array([6.0, 6, 3]),
        sizes,
    )
    return world, observations


def canonical_of(focal, principal_point, depth, weight):
    """Canonical pointmaps of N photos, (N, P), whose focals are seen, not told."""
    count = len(depth)
    return Canonical(
        focal=np.broadcast_to(np.asarray(focal, float), count).copy(),
        focal_spread=np.full(count, 0.01),
        principal_point=np.asarray(principal_point, float),
        depth=depth,
        weight=weight,
        known=np.ones(count, bool),
        stretch=np.ones(count),
        dropped=np.zeros(count, bool),
    )


def maps_with_focals(focals, size=(40, 30), pixels=12):
    """Observations of photos whose own exact pointmaps, one each, show these focals; principal points (20, 15)."""
    generator, count = random(4), len(focals)
    placed = generator.uniform([0, 0], size, (count, pixels, 2))
    rays = pixel_rays(placed, np.array(focals, float), np.tile([20.0, 15.0], (count, 1)))
    points = np.stack([rays * generator.uniform(1, 3, (count, pixels, 1))] * 2, axis=1)
    edges = np.stack([np.arange(count)] * 2, axis=1)
    weight = np.ones((count, 2, pixels))
    area = np.full(count, float(pixels))
    return Observations(edges, points, weight, np.ones((count, 2)), placed, area, area, (size,) * count)
