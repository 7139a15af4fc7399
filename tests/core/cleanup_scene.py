"""Photos with known flaws, for the tests of the clean-up."""

from pathlib import Path

import numpy as np
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.reconstruction.result import AlignedView
from dust3r.tests.synthetic import integer_mapping, synthetic_pairs

SIZE = (128, 96)


def make_view(depth, confidence=None, colors=None, cam2world=None, focal=None, mapping=None, **more):
    """A photo of a depth map (H, W); confidence 5, grey, at the origin unless told."""
    height, width = depth.shape
    mapping = mapping or PixelMapping((width, height), (width, height))
    focal = focal or float(width)
    centre = more.pop("centre", mapping.photo_centre)
    return AlignedView(
        name=more.pop("name", "a.png"),
        path=Path("a.png"),
        mapping=mapping,
        K=np.array([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1.0]]),
        cam2world=np.eye(4) if cam2world is None else cam2world,
        depth=depth.astype(np.float32),
        confidence=np.full(depth.shape, 5, np.float32) if confidence is None else confidence.astype(np.float32),
        colors=np.full((*depth.shape, 3), 128, np.uint8) if colors is None else colors,
        mask=more.pop("mask", np.ones(depth.shape, bool)),
        **more,
    )


def room_views(count=4, noise=0.0, seed=3, size=(112, 80)):
    """Photos on an arc around a room with true cameras; depths are true but for a smooth relative error of `noise`."""
    maker = synthetic_pairs()
    scene = maker.make_scene(count, size, seed=seed)
    rng = np.random.RandomState(seed)
    errors = [np.exp(noise * maker._smooth(rng, size[1], size[0])[..., 0]) for _ in range(count)]
    return [
        make_view(
            scene["depth"][k] * errors[k],
            confidence=3 + 2 * rng.rand(size[1], size[0]),
            cam2world=scene["poses"][k],
            focal=scene["focals"][k],
            centre=scene["pps"][k],
            mapping=integer_mapping(size),
            name=f"{k}.png",
        )
        for k in range(count)
    ]
