"""A smooth way through cameras: every frame of a shot from the few photos that were solved. NumPy and SciPy."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

Array = NDArray[np.float64]

CENTRIPETAL = 0.5  # the time between two cameras is their distance to this power (Yuksel et al. 2011)
LEAST_STEP = 0.05  # of the mean time, between two cameras in one place


@dataclass(frozen=True, slots=True, eq=False)
class CameraPath:
    """Cameras at times, all of one picture size."""

    times: Array  # (N,), frames, rising
    cam2world: Array  # (N, 4, 4), rigid, OpenCV axes
    lens: Array  # (N, 4): log of focal x and focal y over the picture's diagonal; shift of the principal point over it

    def K(self, size: tuple[int, int]) -> Array:
        """(N, 3, 3), pixels of a picture of (width, height): equal fields of view along the diagonal."""
        diagonal = float(np.hypot(*size))
        K = np.zeros((len(self.times), 3, 3))
        K[:, 0, 0], K[:, 1, 1] = np.exp(self.lens[:, :2]).T * diagonal
        K[:, :2, 2] = np.array(size) / 2 + self.lens[:, 2:] * diagonal
        K[:, 2, 2] = 1
        return K


def path_through(cam2world: Array, K: Array, sizes: Array, times: Array) -> CameraPath:
    """The cameras of N photos at times (N,), frames.

    cam2world: (N, 4, 4); K: (N, 3, 3), pixels of photos of sizes (N, 2), (width, height). Raises InputError for fewer
    than two cameras and for times that do not rise.
    """
    if len(cam2world) < 2:
        raise InputError(f"A way leads through two cameras at least, but {len(cam2world)} was given")
    if not (np.diff(times) > 0).all():
        raise InputError("The cameras' frames do not rise from one to the next; give each a later one")
    diagonal = np.linalg.norm(sizes, axis=1)[:, None]
    lens = np.concatenate([np.log(K[:, [0, 1], [0, 1]] / diagonal), (K[:, :2, 2] - sizes / 2) / diagonal], axis=1)
    return CameraPath(np.asarray(times, np.float64), cam2world, lens)


def even_times(cam2world: Array, first: float, last: float) -> Array:
    """(N,): from the first frame to the last, with less time between cameras (N, 4, 4) that are near each other.

    Centripetal: time goes with the square root of the distance, which keeps the spline from looping.
    """
    steps = np.linalg.norm(np.diff(cam2world[:, :3, 3], axis=0), axis=1) ** CENTRIPETAL
    steps = np.maximum(steps, LEAST_STEP * steps.mean()) if steps.any() else np.ones(len(steps))
    share = np.concatenate([[0], np.cumsum(steps)])
    return first + (last - first) * share / (share[-1] or 1)  # a single camera has the first frame


def smoothed(path: CameraPath, width: float) -> CameraPath:
    """Each camera as the mean of those around it in time, with Gauss's weights of this width (frames); 0: as it is.

    Turns are averaged in the tangent space at the camera's own. The first and the last stay where they are.
    """
    from ..geometry.rotation import rotation_from_vector, rotation_vector  # SciPy, when it is needed

    if width <= 0:
        return path
    weight = np.exp(-0.5 * ((path.times[:, None] - path.times) / width) ** 2)
    reach = np.minimum(path.times - path.times[0], path.times[-1] - path.times)  # the same to both sides
    weight *= np.abs(path.times[:, None] - path.times) <= reach[:, None] + 1e-9
    weight /= weight.sum(axis=1, keepdims=True)
    R, poses = path.cam2world[:, :3, :3], path.cam2world.copy()
    turns = rotation_vector(R[:, None].swapaxes(2, 3) @ R[None])  # (N, N, 3), in the camera's own frame
    poses[:, :3, :3] = R @ rotation_from_vector(np.einsum("nm,nmk->nk", weight, turns))
    poses[:, :3, 3] = weight @ path.cam2world[:, :3, 3]
    return replace(path, cam2world=poses, lens=weight @ path.lens)


def closed(path: CameraPath, step: float | None = None) -> CameraPath:
    """The path with its first camera again at its end, after a step, frames: the mean one where None."""
    back = path.times[-1] + (float(np.diff(path.times).mean()) if step is None else step)
    return CameraPath(
        np.append(path.times, back),
        np.concatenate([path.cam2world, path.cam2world[:1]]),
        np.concatenate([path.lens, path.lens[:1]]),
    )


def along(path: CameraPath, frames: Array, is_loop: bool = False) -> CameraPath:
    """The path at these frames (M,); before its first camera and after its last it stands still.

    Through every camera at its time, with no jump of speed. is_loop: it ends where it began, and goes on as smoothly.
    """
    times = path.times
    at = np.clip(np.asarray(frames, np.float64), times[0], times[-1])
    k = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    step = times[k + 1] - times[k]
    t = (at - times[k]) / step
    numbers = np.concatenate([path.cam2world[:, :3, 3], path.lens], axis=1)
    speeds = _slopes(np.diff(numbers, axis=0), times, is_loop)
    numbers = _hermite(numbers, speeds, k, step, t)
    R = _turned(path.cam2world[:, :3, :3], times, k, step, t, is_loop)
    poses = np.tile(np.eye(4), (len(at), 1, 1))
    poses[:, :3, :3], poses[:, :3, 3] = R, numbers[:, :3]
    return CameraPath(np.asarray(frames, np.float64), poses, numbers[:, 3:])


def _slopes(differences: Array, times: Array, is_loop: bool) -> Array:
    """(N, C), per frame: of the parabola through each value and its two neighbours; at the ends of that through three.

    differences: (N - 1, C), of each value from the one before.
    """
    steps = np.diff(times)
    rates = differences / steps[:, None]
    if is_loop:
        rates, steps = np.concatenate([rates[-1:], rates, rates[:1]]), np.concatenate([steps[-1:], steps, steps[:1]])
    before, after = steps[:-1, None], steps[1:, None]
    inner = (after * rates[:-1] + before * rates[1:]) / (before + after)
    if is_loop:
        return inner
    if not len(inner):
        return np.concatenate([rates, rates])
    return np.concatenate([2 * rates[:1] - inner[:1], inner, 2 * rates[-1:] - inner[-1:]])


def _hermite(values: Array, slopes: Array, k: NDArray[np.int64], step: Array, t: Array) -> Array:
    """(M, C): the cubic on [k, k + 1] with these values and slopes at both ends, at t in [0, 1]."""
    t, step = t[:, None], step[:, None]
    start = (1 + 2 * t) * (1 - t) ** 2 * values[k] + t * (1 - t) ** 2 * step * slopes[k]
    return start + t**2 * (3 - 2 * t) * values[k + 1] + t**2 * (t - 1) * step * slopes[k + 1]


def _turned(R: Array, times: Array, k: NDArray[np.int64], step: Array, t: Array, is_loop: bool) -> Array:
    """(M, 3, 3): R_k exp(b1 w1) exp(b2 w2) exp(b3 w3), b_i Bernstein's polynomials summed from the i-th on.

    w1, w3: a third of the angular velocities at both ends; w2: what is left of the way.
    """
    from ..geometry.rotation import rotation_from_vector, rotation_vector  # SciPy, when it is needed

    turns = rotation_vector(R[:-1].swapaxes(1, 2) @ R[1:])
    speeds = _slopes(turns, times, is_loop)
    w1, w3 = speeds[k] * step[:, None] / 3, speeds[k + 1] * step[:, None] / 3
    first, last = rotation_from_vector(w1), rotation_from_vector(w3)
    w2 = rotation_vector(first.swapaxes(1, 2) @ R[k].swapaxes(1, 2) @ R[k + 1] @ last.swapaxes(1, 2))
    shares = np.stack([1 - (1 - t) ** 3, 3 * t**2 - 2 * t**3, t**3])[..., None]
    b1, b2, b3 = (rotation_from_vector(share * w) for share, w in zip(shares, (w1, w2, w3), strict=True))
    return R[k] @ b1 @ b2 @ b3


FRAMES_PER_PHOTO = 24  # from one photo to the next
SMOOTHING = 1.0  # photos that the way through single photos is averaged over; a movie's own is not
