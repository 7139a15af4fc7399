"""What a network says of a whole group of photos, and what of it the alignment reads for a pair of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import InputError
from ..geometry.camera import project, unproject
from ..images.preprocessing import View
from ..networks.depth_anything_3.cameras import Cameras
from ..networks.depth_anything_3.depth_anything_3 import DepthAnything3
from ..networks.precision import device_of
from ..scene_graph.edges import Edge
from .prediction import Prediction

SEEN_STEP = 8  # pixels between those that tell how much of a photo another sees
SAME_DEPTH = 1.25  # farther over nearer depth up to which two photos see one surface

Pixels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PosedCamera:
    """A camera that is known before the network sees its photo."""

    cam2world: NDArray[np.float64]  # (4, 4), rigid; of all cameras in one world, of any scale
    focal: tuple[float, float]  # (fx, fy), network pixels

    def tobytes(self) -> bytes:
        """All that the network is told."""
        return np.asarray(self.cam2world, np.float64).tobytes() + np.array(self.focal, np.float64).tobytes()


@dataclass(frozen=True, slots=True)
class GroupPrediction:
    """Depths and cameras of S photos seen together, of one shape; in one world of arbitrary frame and scale."""

    photos: tuple[int, ...]  # their numbers
    depth: NDArray[np.float32]  # (S, H, W), along the optical axis, > 0
    confidence: NDArray[np.float32]  # (S, H, W), >= 1
    world2cam: NDArray[np.float64]  # (S, 3, 4), rigid
    K: NDArray[np.float64]  # (S, 3, 3), network pixels

    def pair(self, edge: Edge) -> "GroupPair":
        """What it says of two of its photos."""
        i, j = (self.photos.index(photo) for photo in edge)
        return GroupPair(edge, self, (i, j))

    def cam2world(self, place: int) -> NDArray[np.float64]:
        """(4, 4), of the photo at this place in the group."""
        R, t = self.world2cam[place, :, :3], self.world2cam[place, :, 3]
        return np.block([[R.T, (-R.T @ t)[:, None]], [np.zeros(3), np.ones(1)]])

    def points(self, place: int, pixels: Pixels, frame: int) -> NDArray[np.float32]:
        """(P, 3): what flat pixels of the photo at this place see, in the camera frame of another."""
        width = self.depth.shape[2]
        centres = np.stack([pixels % width, pixels // width], axis=-1) + 0.5
        depth = self.depth[place].reshape(-1)[pixels].astype(np.float64)
        if place == frame:
            return unproject(centres, depth, self.K[place]).astype(np.float32)
        world = unproject(centres, depth, self.K[place], self.cam2world(place))
        R, t = self.world2cam[frame, :, :3], self.world2cam[frame, :, 3]
        return (world @ R.T + t).astype(np.float32)

    def score(self, place: int) -> float:
        """How sure the network is of the photo at this place: mean log confidence."""
        return float(np.log(np.maximum(self.confidence[place], 1), dtype=np.float64).mean())

    def seen(self) -> NDArray[np.float64]:
        """(S, S): the share of the pixels of photo j (column) whose surface photo i (row) sees too."""
        count, height, width = self.depth.shape
        rows, columns = np.meshgrid(np.arange(0, height, SEEN_STEP), np.arange(0, width, SEEN_STEP), indexing="ij")
        some = (rows * width + columns).ravel()
        return np.array([[self._seen(i, j, some) for j in range(count)] for i in range(count)])

    def _seen(self, i: int, j: int, some: Pixels) -> float:
        pixels, depth = project(self.points(j, some, i).astype(np.float64), self.K[i])
        height, width = self.depth.shape[1:]
        inside = (depth > 0) & ((pixels >= 0) & (pixels < (width, height))).all(-1)
        x, y = np.where(inside[:, None], pixels, 0).astype(np.int64).T
        ratio = depth / self.depth[i, y, x]
        return float((inside & (ratio < SAME_DEPTH) & (ratio > 1 / SAME_DEPTH)).mean())


@dataclass(frozen=True, slots=True)
class GroupPair:
    """A group's prediction as one of an edge (i, j), in camera i's frame: a `PairPrediction`."""

    edge: Edge
    group: GroupPrediction
    places: tuple[int, int]  # of photos i and j in the group
    whole: tuple[bool, bool] = (True, True)  # whether `dense` gives a side: a photo's are alike in all pairs of a group

    def shape(self, side: int) -> tuple[int, int]:
        height, width = self.group.depth.shape[1:]
        return height, width

    def at(self, side: int, pixels: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        place = self.places[side]
        return self.group.points(place, pixels, self.places[0]), self.group.confidence[place].reshape(-1)[pixels]

    def dense(self, side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        return self._all(side) if self.whole[side] else None

    def _all(self, side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        height, width = self.shape(side)
        return self.at(side, np.arange(height * width))

    def prediction(self) -> Prediction:
        """The same with every pixel worked out."""
        (points_i, C_i), (points_j, C_j) = (self._all(side) for side in (0, 1))
        shape = self.shape(0)
        points = (torch.from_numpy(points.reshape(*shape, 3)) for points in (points_i, points_j))
        return Prediction(self.edge, *points, *(torch.from_numpy(C.reshape(shape)) for C in (C_i, C_j)))


@torch.inference_mode()
def predict_group(
    network: DepthAnything3,
    views: Sequence[View],
    photos: Sequence[int],
    known: Sequence[PosedCamera] | None = None,
    step: Callable[[float], None] = lambda share: None,
) -> GroupPrediction:
    """One forward pass over views of one shape, whose numbers are `photos`.

    known: cameras of all of them; they guide the network and are not what comes back. step: called with the share of
    the work that is done; may raise Cancelled. Runs on the device that the network is on. Raises InputError for views
    of several shapes.
    """
    shapes = {tuple(view.image.shape) for view in views}
    if len(shapes) > 1:
        sizes = ", ".join(sorted({f"{shape[2]} x {shape[1]}" for shape in shapes}))
        raise InputError(f"This model sees photos together, which must have one shape, not {sizes}; crop them alike")
    device = device_of(network)
    images = torch.stack([view.image for view in views]).to(device)
    output = network(images, None if known is None else _cameras(known, device), step=step)
    return GroupPrediction(
        photos=tuple(photos),
        depth=output.depth.float().cpu().numpy(),
        confidence=output.confidence.float().cpu().numpy(),
        world2cam=output.world2cam.cpu().double().numpy(),
        K=output.K.cpu().double().numpy(),
    )


def _cameras(known: Sequence[PosedCamera], device: torch.device) -> Cameras:
    """As the network takes them; it does not look at principal points."""
    world2cam = np.stack([np.linalg.inv(camera.cam2world)[:3] for camera in known])
    K = np.stack([np.diag([*camera.focal, 1.0]) for camera in known])
    return Cameras(*(torch.from_numpy(array).float().to(device) for array in (world2cam, K)))
