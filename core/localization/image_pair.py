"""Two photos, each shown to the network first once: their matches, their focals, and where one camera saw the other."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..geometry.camera import estimate_focal, focal_bounds
from ..geometry.pixel_sampling import spread
from ..geometry.relative_pose import Camera, TwoViews
from ..images.pixel_mapping import PixelMapping
from ..images.preprocessing import View
from ..inference.forward import predict
from ..inference.prediction import Prediction
from ..networks.network import Network
from ..progress import Report, silent
from ..scene_graph.edges import Edge
from .matching import Matches, Pointmap, match_pointmaps

Array = NDArray[np.float64]

SAMPLED = 4096  # pixels of each photo that poses are found from


@dataclass(frozen=True, slots=True)
class PhotoPair:
    """What the network says of photos a and b."""

    views: tuple[View, View]
    forward: Prediction  # a first: both pointmaps in camera a's frame
    backward: Prediction  # b first: both in camera b's frame

    @property
    def mappings(self) -> tuple[PixelMapping, PixelMapping]:
        return self.views[0].mapping, self.views[1].mapping

    @property
    def turned(self) -> "PhotoPair":
        """The same with b in a's place."""
        return replace(self, views=self.views[::-1], forward=self.backward, backward=self.forward)

    def matches(self, min_confidence: float | None = None) -> Matches:
        """Mutual nearest neighbours in camera a's frame, of pixels that no mask hides (`match_pointmaps`)."""
        a, b = (
            Pointmap(*self.forward.dense(side), usable=view.mask.reshape(-1)) for side, view in enumerate(self.views)
        )
        return match_pointmaps(a, b, min_confidence)

    def camera(self, focal: float | None = None) -> Camera:
        """Photo a's, its principal point at the centre; the focal is the one that its own pointmap shows."""
        mapping = self.mappings[0]
        pixels, points, weight = _sampled(self.forward, 0, self.views[0])
        centre = np.array(mapping.photo_centre)
        if focal is None:
            focal = float(estimate_focal(points, pixels - centre, weight, focal_bounds(mapping.photo_size)))
        return Camera(focal, centre, mapping.photo_size)

    def two_views(self, matches: Matches, focals: tuple[float | None, float | None] = (None, None)) -> TwoViews:
        """What `relative_pose` reads; focals: those known, photo pixels."""
        matched_a, matched_b = matches.pixels(*self.mappings)
        _, points_aa, weight_a = _sampled(self.forward, 0, self.views[0])
        _, points_ab, weight_ab = _sampled(self.backward, 1, self.views[0])
        pixels_b, points_ba, weight_b = _sampled(self.forward, 1, self.views[1])
        return TwoViews(
            camera_a=self.camera(focals[0]),
            camera_b=self.turned.camera(focals[1]),
            matched_a=matched_a,
            matched_b=matched_b,
            matched_points=self.forward.dense(0)[0][matches.at_a].astype(np.float64),
            points_aa=points_aa,
            points_ab=points_ab,
            weight_a=np.sqrt(weight_a * weight_ab),
            points_ba=points_ba,
            pixels_b=pixels_b,
            weight_b=weight_b,
        )


def show_pair(network: Network, views: tuple[View, View], report: Report = silent) -> PhotoPair:
    """Ask the network about both orders of two photos."""
    return PhotoPair(views, *predict(network, views, [Edge(0, 1), Edge(1, 0)], report))


def _sampled(prediction: Prediction, side: int, view: View) -> tuple[Array, Array, Array]:
    """At a spread of a photo's pixels: photo pixels (P, 2), points (P, 3), and log confidence (P,), 0 if unusable."""
    width, height = view.mapping.view_size
    chosen = spread((width, height), min(SAMPLED, width * height))
    points, confidence = (values.astype(np.float64) for values in prediction.at(side, chosen))
    usable = view.mask.reshape(-1)[chosen] & np.isfinite(points).all(-1) & np.isfinite(confidence)
    weight = np.where(usable, np.log(np.maximum(confidence, 1)), 0)
    return view.mapping.photo_pixels().reshape(-1, 2)[chosen], np.where(usable[:, None], points, 0), weight
