"""What a scene is: plain arrays. World frame: z up, about one unit to a metre."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Flags = NDArray[np.bool_]

# Shapes, each inside |x|, |y|, |z| <= 1 of its own frame; a CONE is round about z and may be cut off at the top.
BOX, ELLIPSOID, CONE = 0, 1, 2
# Grounds: none (the floor is a box), the plane z = 0, a height field over a square.
NO_GROUND, PLANE, HEIGHT_FIELD = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Scene:
    """P solids, Q holes cut out of some of them, M materials, L lights; the surfaces are numbered solids first.

    A hole is a shape of its own: its solid has no matter there, and its wall shows where the solid is cut.
    The material with the last number is the ground's.
    """

    kind: Ints  # (P + Q,), BOX, ELLIPSOID or CONE
    to_local: Floats  # (P + Q, 3, 4), world to the shape's own frame
    normal_to_world: Floats  # (P + Q, 3, 3), gradients in the own frame to world normals, not normalised
    half: Floats  # (P + Q, 3), half sizes in metres
    taper: Floats  # (P + Q,), a CONE's top radius over its bottom radius: 1 is a cylinder
    bounds: Floats  # (P, 4), centre and radius of a sphere around the solid
    hole: Ints  # (P,), number of the surface that is cut out of the solid, or -1
    material: Ints  # (P + Q,), < M
    ground: int  # NO_GROUND, PLANE or HEIGHT_FIELD
    ground_half: float  # the height field spans [-ground_half, ground_half]², and goes on flat
    heights: Floats  # (G, G), rows along y; a plane has 2 x 2 zeros
    slope: float  # no two points of the ground are steeper than this to each other
    tile: Ints  # (M,), number in the atlas
    fit: Flags  # (M,): the tile spans a box's face `scale` times; else it repeats `scale` times a metre
    scale: Floats  # (M,)
    turn: Floats  # (M, 2), cosine and sine of the pattern's rotation
    shift: Floats  # (M, 2), in tiles
    palette: Floats  # (M, 3, 3), colours of the tile's three channels in columns, sRGB
    stain: Floats  # (M, 3): number of the stain's tile, repeats a metre, strength
    gloss: Floats  # (M, 2), strength and exponent of the highlight
    lights: Floats  # (L, 7): position or direction towards it, 1 (lamp) or 0 (sun), linear RGB (a lamp's at 1 m)
    ambient: Floats  # (2, 3), linear light from above and from below
    sky: Floats  # (2, 3), linear colour of zenith and horizon
    haze: float  # per metre
    far: float  # metres along the ray; what is further away counts as sky

    @property
    def solids(self) -> int:
        """P."""
        return len(self.hole)


@dataclass(frozen=True, slots=True)
class Cameras:
    """V pinhole cameras of one image size."""

    cam2world: NDArray[np.float64]  # (V, 4, 4), OpenCV axes
    K: NDArray[np.float64]  # (V, 3, 3), pixels, pixel centres at .5
    size: tuple[int, int]  # (width, height)

    def __len__(self) -> int:
        return len(self.K)

    def resized(self, size: tuple[int, int]) -> "Cameras":
        """The same views with another number of pixels."""
        factor = np.array([size[0] / self.size[0], size[1] / self.size[1], 1.0])
        return Cameras(self.cam2world, self.K * factor[:, None], size)


@dataclass(frozen=True, slots=True)
class Picture:
    """The rendered V views, before a camera's exposure, noise and 8 bits."""

    light: Floats  # (V, H, W, 3), linear
    points: Floats  # (V, H, W, 3), world
    surface: Ints  # (V, H, W), number of the surface, P + Q for the ground, -1 for the sky (no point)
