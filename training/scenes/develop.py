"""From linear light to the 8 bits of a photo: exposure, white balance, blur, noise."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from .difficulty import Ranges

NOISE_SIDE = 512


@dataclass(frozen=True, slots=True)
class Film:
    """How each of V views is exposed."""

    gain: NDArray[np.float32]  # (V, 3)
    contrast: NDArray[np.float32]  # (V,), exponent of the final values
    blur: NDArray[np.float32]  # (V,), weight of a pixel's neighbours, 0 to 1
    noise: NDArray[np.float32]  # (V,), of 1
    start: NDArray[np.int64]  # (V, 2), where in the noise tile the view's noise begins


def draw_film(rng: np.random.Generator, ranges: Ranges, views: int) -> Film:
    """Exposures that differ between scenes, and a little between the views of one."""
    common = rng.normal(0, 0.1) + rng.normal(0, 0.05, 3) * np.array([1, 0, 1])
    each = rng.normal(0, ranges.exposure, (views, 1)) + rng.normal(0, 0.3 * ranges.exposure, (views, 3))
    contrast = rng.uniform(0.85, 1.25) + rng.normal(0, 0.3 * ranges.exposure, views)
    floats = (np.exp(common + each), contrast, rng.uniform(0, ranges.blur, views), rng.uniform(0, ranges.noise, views))
    return Film(*(value.astype(np.float32) for value in floats), start=rng.integers(0, NOISE_SIDE, (views, 2)))


def develop(light: Tensor, surface: Tensor, film: Film) -> Tensor:
    """Photos (V, 3, H, W), uint8, of light (V, H, W, 3) and surface numbers (V, H, W), on the CPU.

    The scene's mean brightness is brought to a usual one before the views' own gains.
    """
    gain, blur, contrast = (torch.from_numpy(value) for value in (film.gain, film.blur, film.contrast))
    level = light.mean().clamp_min(1e-3)
    values = light * (0.22 / level) * gain[:, None, None]
    values = 1 - torch.exp(-1.6 * values)  # highlights roll off as on film
    values = _soften(values.permute(0, 3, 1, 2), surface, blur)
    values = values.clamp_min(1e-6) ** (0.5 * contrast[:, None, None, None])
    values = values + _noise(film, values.shape[-2], values.shape[-1])
    return (values * 255).round_().clamp_(0, 255).to(torch.uint8)


def _soften(values: Tensor, surface: Tensor, blur: Tensor) -> Tensor:
    """Mix each pixel with its neighbours: by `blur` everywhere, by half at least where two surfaces meet."""
    padded = functional.pad(surface[:, None].float(), (1, 1, 1, 1), mode="replicate")
    edge = functional.max_pool2d(padded, 3, 1) != -functional.max_pool2d(-padded, 3, 1)
    weight = torch.where(edge, blur[:, None, None, None].clamp_min(0.5), blur[:, None, None, None])
    kernel = torch.tensor([1.0, 2.0, 1.0]) / 4
    kernel = (kernel[:, None] * kernel).expand(3, 1, 3, 3)
    smooth = functional.conv2d(functional.pad(values, (1, 1, 1, 1), mode="replicate"), kernel, groups=3)
    return torch.lerp(values, smooth, weight)


def _noise(film: Film, height: int, width: int) -> Tensor:
    """(V, 3, H, W): cuts of one tile of normal noise, going round at its edges."""
    rows = (torch.from_numpy(film.start[:, :1]) + torch.arange(height)) % NOISE_SIDE
    columns = (torch.from_numpy(film.start[:, 1:]) + torch.arange(width)) % NOISE_SIDE
    cut = _noise_tile()[:, rows[:, :, None], columns[:, None, :]].movedim(0, 1)
    return cut * torch.from_numpy(film.noise)[:, None, None, None]


@cache
def _noise_tile() -> Tensor:
    noise = np.random.default_rng(3).standard_normal((3, NOISE_SIDE, NOISE_SIDE), dtype=np.float32)
    return torch.from_numpy(noise)
