"""A network that is always right: it knows the photos, and where every pixel of them is."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from dust3r.core.checkpoints.loading import LoadedModel, load_model
from dust3r.core.checkpoints.local import find_model
from dust3r.core.images.preprocessing import network_image
from dust3r.core.networks.dust3r.config import ModelConfig
from dust3r.core.networks.dust3r.dust3r import Encoded, PairOutput
from dust3r.core.reconstruction.result import AlignedView

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
        pairs = [(self._shot(i), self._shot(j)) for i, j in zip(encoded_i.tokens, encoded_j.tokens, strict=True)]
        own = [_said(i.points) for i, _ in pairs]
        other = [_said(_moved(j.points, np.linalg.inv(i.cam2world) @ j.cam2world)) for i, j in pairs]
        return PairOutput(*(torch.stack(parts) for side in (own, other) for parts in zip(*side, strict=True)))

    def _token(self, image: torch.Tensor) -> torch.Tensor:
        same = [k for k, shot in enumerate(self.shots) if shot.image.shape == image.shape]
        number = min(same, key=lambda k: float((self.shots[k].image - image).square().mean()))
        return torch.tensor([*self.shots[number].cam2world[:3, 2], CODE * number], dtype=torch.float32)

    def _shot(self, tokens: torch.Tensor) -> Shot:
        return self.shots[round(float(tokens[0, -1]) / CODE)]


def perfect_model(shots: Iterable[Shot]) -> LoadedModel:
    """It knows these photos; in all else it is like the bundled model."""
    model = load_model(find_model("small"), torch.device("cpu"))
    return LoadedModel(PerfectNetwork(list(shots)), model.config, "perfect", "0" * 64)


def _moved(points: np.ndarray, transform: np.ndarray) -> np.ndarray:
    return points @ transform[:3, :3].T + transform[:3, 3]


def _said(points: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Pointmap and confidence."""
    seen = np.isfinite(points).all(-1)
    said = np.where(seen[..., None], UNIT * points, (0, 0, 100 * UNIT))
    return torch.from_numpy(said).float(), torch.from_numpy(np.where(seen, 5.0, 1.0)).float()
