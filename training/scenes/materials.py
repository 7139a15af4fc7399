"""What things are made of: a kind of pattern, colours that suit it, a size, a shine."""

import colorsys
from dataclasses import dataclass

import numpy as np

from .atlas import Atlas
from .library import STAINS

Rng = np.random.Generator
IN_COLOUR = frozenset({"photo", "picture"})  # families whose tiles bring colours of their own


@dataclass(frozen=True, slots=True)
class Style:
    """Ranges for one use of a surface."""

    families: tuple[str, ...]
    repeats: tuple[float, float]  # a metre, or a face for what fits
    hue: tuple[float, float] = (0.0, 1.0)
    saturation: tuple[float, float] = (0.05, 0.8)
    value: tuple[float, float] = (0.35, 0.95)
    fit: bool = False
    shine: float = 0.0  # added to the share of shiny ones
    photo: float = 0.0  # share that takes a photo instead, where there are any


STYLES = {
    "wall": Style(("plain", "bricks", "stripes", "leaves", "diamonds", "dots", "noise", "tiles", "marble"), (0.4, 1.3),
                  saturation=(0.03, 0.45), value=(0.5, 0.95), photo=0.3),
    "ceiling": Style(("plain", "noise", "planks", "tiles"), (0.4, 1.0), saturation=(0.0, 0.15), value=(0.7, 0.98)),
    "floor": Style(("planks", "planks", "checks", "tiles", "stones", "noise", "marble", "wood"), (0.3, 0.8),
                   hue=(0.02, 0.14), saturation=(0.1, 0.6), value=(0.35, 0.85), shine=0.15, photo=0.25),
    "wood": Style(("wood", "planks"), (0.8, 2.5), hue=(0.04, 0.11), saturation=(0.3, 0.75), value=(0.25, 0.8),
                  shine=0.1),
    "cloth": Style(("weave", "stripes", "leaves", "diamonds", "dots", "noise", "checks"), (1.0, 4.0), photo=0.2),
    "rug": Style(("rug",), (1.0, 1.0), fit=True, photo=0.2),
    "print": Style(("picture",), (1.0, 1.0), fit=True, photo=0.6),
    "books": Style(("books",), (0.5, 1.0), fit=True, saturation=(0.3, 0.9)),
    "metal": Style(("plain", "noise"), (0.5, 1.5), saturation=(0.0, 0.15), value=(0.3, 0.8), shine=0.7),
    "ceramic": Style(("plain", "dots", "stripes", "marble", "leaves", "diamonds"), (2.0, 6.0), shine=0.4),
    "stone": Style(("stones", "noise", "bricks", "marble", "tiles"), (0.3, 1.0), hue=(0.02, 0.15),
                   saturation=(0.0, 0.3), value=(0.4, 0.85), photo=0.25),
    "ground": Style(("noise", "stones", "tiles", "leaves", "planks", "noise"), (0.15, 0.5), hue=(0.05, 0.35),
                    saturation=(0.1, 0.55), value=(0.3, 0.75), photo=0.3),
    "foliage": Style(("leaves", "noise"), (1.0, 3.0), hue=(0.18, 0.4), saturation=(0.35, 0.8), value=(0.25, 0.65)),
    "bark": Style(("wood", "noise"), (1.0, 3.0), hue=(0.04, 0.1), saturation=(0.2, 0.5), value=(0.2, 0.5)),
    "any": Style(("bricks", "tiles", "planks", "wood", "checks", "stripes", "dots", "diamonds", "stones", "weave",
                  "leaves", "noise", "marble", "picture"), (0.5, 3.0), photo=0.45),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Material:
    """One row of a Scene's material arrays; see there."""

    tile: int
    fit: bool
    scale: float
    angle: float
    shift: tuple[float, float]
    palette: np.ndarray  # (3, 3)
    stain: tuple[float, float, float]
    gloss: tuple[float, float]


def draw_material(rng: Rng, atlas: Atlas, style: Style, shiny: float) -> Material:
    """A material of a style; shiny: the share of things that shine."""
    photos = atlas.families["photo"]
    family = "photo" if photos and rng.random() < style.photo else style.families[rng.integers(len(style.families))]
    tile = int(rng.choice(atlas.families[family]))
    scale = float(np.exp(rng.uniform(*np.log(style.repeats))))
    if family == "photo" and style.fit:
        scale = 0.5  # a photo's tile holds four mirrored copies
    angle = (
        0.0 if style.fit else float(rng.choice((0.0, np.pi / 2)) + (rng.normal(0, 0.3) if rng.random() < 0.2 else 0))
    )
    shift = (0.0, 0.0) if style.fit else (float(rng.random()), float(rng.random()))
    palette = _tinted(rng) if family in IN_COLOUR else _palette(rng, style)
    stain = (float(rng.integers(STAINS)), float(rng.uniform(0.1, 0.4)), float(rng.uniform(0.05, 0.35)))
    shines = rng.random() < shiny + style.shine
    gloss = (float(rng.uniform(0.05, 0.6)), float(np.exp(rng.uniform(2, 5)))) if shines else (0.0, 1.0)
    return Material(tile, style.fit, scale, angle, shift, palette, stain, gloss)


def _palette(rng: Rng, style: Style) -> np.ndarray:
    """Three colours in columns: one of the style, one near it or far from it, one darker or lighter than both."""
    hue = rng.uniform(*style.hue)
    first = (hue, rng.uniform(*style.saturation), rng.uniform(*style.value))
    near = rng.random() < 0.6
    second = (
        hue + rng.normal(0, 0.03) if near else rng.uniform(*style.hue),
        rng.uniform(*style.saturation),
        np.clip(first[2] * (rng.uniform(0.45, 0.85) if near else rng.uniform(0.3, 1.3)), 0.08, 1),
    )
    value = first[2] * rng.uniform(0.25, 0.7) if rng.random() < 0.6 else rng.uniform(0.7, 1.0)
    third = (hue + rng.normal(0, 0.1), rng.uniform(*style.saturation) * 0.7, value)
    return np.array([colorsys.hsv_to_rgb(h % 1, s, v) for h, s, v in (first, second, third)], dtype=np.float32).T


def _tinted(rng: Rng) -> np.ndarray:
    """The tile's own colours, a little turned, paled or tinted."""
    grey, tint = rng.uniform(0, 0.5), rng.uniform(0.75, 1.1, 3)
    own = np.eye(3) if rng.random() < 0.7 else np.eye(3)[rng.permutation(3)]
    return (((1 - grey) * own + grey / 3) * tint[:, None]).astype(np.float32)
