"""A network that is always right: it knows the photos, and where every pixel of them is."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from dust3r.core.checkpoints.loading import LoadedModel, load_model
from dust3r.core.checkpoints.local import find_model
from dust3r.core.images.preprocessing import network_image
from dust3r.core.networks.dust3r.config import ModelConfig
from dust3r.core.networks.dust3r.dust3r import Encoded, PairOutput
from dust3r.core.reconstruction.result import AlignedView
from dust3r.tests.synthetic import synthetic_pairs

PATCH = 16
UNIT = 0.37  # of the pointmaps, in units of the world: the network knows no scale
CODE = 1e-3  # a photo's number in its tokens, too small to make photos look unlike


@dataclass(frozen=True)
class Shot:
    """A photo as the network sees it, and the truth about it."""

    image: torch.Tensor  # (3, H, W), RGB in [-1, 1]
    points: np.ndarray  # (H, W, 3), camera frame, NaN where there is no surface
    cam2world: np.ndarray  # (4, 4)

    @classmethod
    def of(cls, view: AlignedView) -> "Shot":
        return cls(network_image(view.colors), view.camera_points(), view.cam2world)


class PerfectNetwork(torch.nn.Module):
    """In place of DUSt3R. Photos that look in one direction are alike; pixels without a surface are of confidence 1."""

    def __init__(self, shots: list[Shot]) -> None:
        super().__init__()
        self.shots, self.decoder_embed = shots, torch.nn.Linear(1, 1)
        self.config = ModelConfig(patch_size=PATCH, encoder_width=4, encoder_heads=1)  # of its tokens

    def encode(self, images: torch.Tensor) -> Encoded:
        height, width = images.shape[-2:]
        tokens = torch.stack([self._token(image) for image in images])[:, None]
        return Encoded(tokens.expand(-1, height * width // PATCH**2, -1), (height, width))

    def decode(self, encoded_i: Encoded, encoded_j: Encoded) -> PairOutput:
        pairs = [self.pair(_number(i), _number(j)) for i, j in zip(encoded_i.tokens, encoded_j.tokens, strict=True)]
        return PairOutput(*(torch.stack(parts) for parts in zip(*pairs, strict=True)))

    def pair(self, i: int, j: int) -> tuple[torch.Tensor, ...]:
        """Pointmap and confidence of one photo and of another, both in the first camera's frame."""
        one = self.shots[i]
        other = self.shots[j]
        return *_said(one.points), *_said(_moved(other.points, np.linalg.inv(one.cam2world) @ other.cam2world))

    def _token(self, image: torch.Tensor) -> torch.Tensor:
        same = [k for k, shot in enumerate(self.shots) if shot.image.shape == image.shape]
        number = min(same, key=lambda k: float((self.shots[k].image - image).square().mean()))
        return torch.tensor([*self.shots[number].cam2world[:3, 2], CODE * number], dtype=torch.float32)


class NoisyNetwork(PerfectNetwork):
    """One that errs as full-size networks do: every pair by the noise of `synthetic_pairs`."""

    def __init__(self, shots: list[Shot], noise: str) -> None:
        super().__init__(shots)
        self.noise = noise

    def pair(self, i: int, j: int) -> tuple[torch.Tensor, ...]:
        said = synthetic_pairs().make_pairs(self._scene(), [(i, j)], self.noise)
        return tuple(torch.from_numpy(said[key][0]) for key in ("pts_i", "conf_i", "pts_j", "conf_j"))

    def _scene(self) -> dict[str, Any]:
        """The shots as `make_scene` describes them; every pixel of theirs shows a surface."""
        poses = [shot.cam2world for shot in self.shots]
        points = [shot.points for shot in self.shots]
        K = [_intrinsics(one) for one in points]
        return {
            "sizes": [one.shape[1::-1] for one in points],
            "poses": poses,
            "focals": [one[0, 0] for one in K],
            "pps": [one[:2, 2] for one in K],
            "depth": [one[..., 2] for one in points],
            "pts": [_moved(one, pose) for one, pose in zip(points, poses, strict=True)],
        }


def perfect_model(shots: Iterable[Shot], noise: str | None = None) -> LoadedModel:
    """It knows these photos; in all else it is like the bundled model."""
    model = load_model(find_model("small"), torch.device("cpu"))
    network = PerfectNetwork(list(shots)) if noise is None else NoisyNetwork(list(shots), noise)
    return LoadedModel(network, model.config, "perfect", "0" * 64)


def _number(tokens: torch.Tensor) -> int:
    """Of the photo with these tokens."""
    return round(float(tokens[0, -1]) / CODE)


def _intrinsics(points: np.ndarray) -> np.ndarray:
    """K (3, 3) of square pixels, the centre of the first one at 0, by where points (H, W, 3) are seen."""
    rays = points / points[..., 2:]
    focal = (rays.shape[1] - 1) / (rays[0, -1, 0] - rays[0, 0, 0])
    return np.array([[focal, 0, -focal * rays[0, 0, 0]], [0, focal, -focal * rays[0, 0, 1]], [0, 0, 1]])


def _moved(points: np.ndarray, transform: np.ndarray) -> np.ndarray:
    return points @ transform[:3, :3].T + transform[:3, 3]


def _said(points: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Pointmap and confidence."""
    seen = np.isfinite(points).all(-1)
    said = np.where(seen[..., None], UNIT * points, (0, 0, 100 * UNIT))
    return torch.from_numpy(said).float(), torch.from_numpy(np.where(seen, 5.0, 1.0)).float()
