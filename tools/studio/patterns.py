"""Woven, printed and painted patterns as images: functions of seeds only. Each returns (H, W, 3), sRGB in [0, 1]."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float64]


def rgb(code: str) -> Any:
    """ "c98a3f" as three sRGB values in [0, 1]."""
    return np.array([int(code[k : k + 2], 16) for k in (0, 2, 4)]) / 255


def _plane(height: int, width: int) -> tuple[Any, Any]:
    """Pixel positions: x over [0, width / height], y over [0, 1], from the bottom up."""
    y, x = np.mgrid[0:height, 0:width]
    return (x + 0.5) / height, (y + 0.5) / height


def _choose(index: Any, palette: tuple[str, ...]) -> Image:
    return np.array([rgb(code) for code in palette])[np.asarray(index, dtype=int) % len(palette)]


def smooth_noise(height: int, width: int, cells: int, seed: int) -> Any:
    """(height, width) noise in [-1, 1] with about `cells` bumps along the height, two octaves."""
    random = np.random.default_rng(seed)
    total = np.zeros((height, width))
    for octave in range(2):
        rows = cells * 2**octave
        grid = random.uniform(-1, 1, (rows + 2, rows * width // height + 3))
        total += _enlarge(grid, height, width, rows) / 2**octave
    return total / 1.5


def _enlarge(grid: Any, height: int, width: int, rows: int) -> Any:
    """Smooth interpolation of a grid with `rows` cells along the height."""
    x, y = _plane(height, width)
    column, row = (x * rows).astype(int), (y * rows).astype(int)
    fx, fy = x * rows - column, y * rows - row
    fx, fy = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy)
    low = grid[row, column] * (1 - fx) + grid[row, column + 1] * fx
    high = grid[row + 1, column] * (1 - fx) + grid[row + 1, column + 1] * fx
    return low * (1 - fy) + high * fy


def _wear(image: Image, amount: float, cells: int, seed: int) -> Image:
    """Uneven colour, as of cloth that is used."""
    height, width = image.shape[:2]
    return np.clip(image * (1 + amount * smooth_noise(height, width, cells, seed)[..., None]), 0, 1)


def rug() -> Image:
    """A woven rug: borders around a field of diamonds, no two rows in the same order of colours."""
    height, width = 600, 840
    x, y = _plane(height, width)
    edge = np.minimum(np.minimum(x, width / height - x), np.minimum(y, 1 - y))
    field = _diamonds(x, y)
    image = _choose(field, ("a8503c", "2f4358", "cfa35a", "dccdb0", "7b3a31", "587a73", "bd8058"))
    teeth = (edge - 0.05) / 0.07 < np.abs((x + y) * 14 % 2 - 1)
    image[edge < 0.15] = _choose(teeth.astype(int), ("8a352b", "d8b98a"))[edge < 0.15]
    for outer, inner, code in (
        (0.0, 0.035, "2c3b52"),
        (0.035, 0.05, "d9c39a"),
        (0.12, 0.135, "d9c39a"),
        (0.135, 0.15, "2c3b52"),
    ):
        image[(edge >= outer) & (edge < inner)] = rgb(code)
    thread = 0.94 + 0.06 * np.sin(y * height * 1.3) * np.sin(x * height * 1.1)
    return _wear(image * thread[..., None], 0.16, 9, 3)


def _diamonds(x: Any, y: Any) -> Any:
    """Colour index of a field of nested diamonds; the order changes from cell to cell."""
    u, v = x * 7.0, y * 7.0
    cell_u, cell_v = np.floor(u), np.floor(v)
    ring = np.floor((np.abs(u - cell_u - 0.5) + np.abs(v - cell_v - 0.5)) * 5)
    shuffle = np.random.default_rng(11).integers(0, 7, (12, 12))
    return (
        ring * (1 + shuffle[cell_v.astype(int), cell_u.astype(int)] % 3)
        + shuffle[cell_u.astype(int), cell_v.astype(int)]
    )


def zigzag() -> Image:
    x, y = _plane(256, 256)
    band = np.floor(y * 9 + np.abs(x * 6 % 2 - 1) * 1.2)
    return _wear(_choose(band, ("e9dfc9", "2f5d62", "e9dfc9", "d98e3f", "e9dfc9", "a8432f")), 0.12, 12, 5)


def stripes() -> Image:
    x, _ = _plane(256, 256)
    widths = np.cumsum([0.05, 0.12, 0.04, 0.09, 0.2, 0.03, 0.07, 0.11, 0.05, 0.16, 0.08])
    band = np.searchsorted(widths, x)
    return _wear(_choose(band, ("efe6d4", "33506b", "efe6d4", "b9583c", "dfc27f")), 0.12, 14, 6)


def leaves() -> Image:
    """A print of scattered leaves."""
    x, y = _plane(320, 320)
    image = np.broadcast_to(rgb("efe9da"), (320, 320, 3)).copy()
    random = np.random.default_rng(21)
    for _ in range(60):
        cx, cy, angle, length = *random.uniform(0, 1, 2), random.uniform(0, 6.28), random.uniform(0.07, 0.13)
        along = ((x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)) / length
        across = ((y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)) / length
        inside = np.abs(across) < 0.38 * (1 - along**2)
        image[inside] = rgb(random.choice(["3f6b4b", "7d9a5f", "c9a24b", "24463c"]))
        image[inside & (np.abs(across) < 0.035)] = rgb("efe9da")
    return image


def hills() -> Image:
    """A print of hills in haze under a sun."""
    height, width = 400, 560
    x, y = _plane(height, width)
    image = (rgb("f3d9b1") + (rgb("e39a6b") - rgb("f3d9b1")) * y[..., None]).clip(0, 1)
    image[(x - 0.95) ** 2 + (y - 0.74) ** 2 < 0.012] = rgb("fbeecf")
    layers = ("d58a66", "b0654f", "7d4a4a", "4f3b49", "2b2a3b", "191d2a")
    for k, code in enumerate(layers):
        ridge = 0.66 - 0.11 * k + (0.09 + 0.01 * k) * smooth_noise(height, width, 3 + k, 40 + k)[height // 2]
        image[y < ridge[None, :]] = rgb(code)
    return _wear(image, 0.08, 30, 7)


def arches() -> Image:
    """A print of coloured arches and discs."""
    x, y = _plane(420, 320)
    image = np.broadcast_to(rgb("efe4d0"), (420, 320, 3)).copy()
    groups = (
        (0.26, 0.16, 0.2, ("b5523b", "efe4d0", "d9a048", "2d4a57")),
        (0.54, 0.4, 0.18, ("2d4a57", "d9a048", "efe4d0")),
    )
    for cx, base, outer, codes in groups:
        for k, code in enumerate(codes):
            distance = np.where(y > base, np.hypot(x - cx, y - base), np.abs(x - cx))
            image[(distance < outer - 0.045 * k) & (y > base - 0.1)] = rgb(code)
    for cx, cy, radius, code in (
        (0.22, 0.76, 0.12, "c86b47"),
        (0.5, 0.84, 0.06, "2d4a57"),
        (0.6, 0.16, 0.08, "7f9a86"),
    ):
        image[np.hypot(x - cx, y - cy) < radius] = rgb(code)
    return _wear(image, 0.1, 40, 8)


def brushwork() -> Image:
    """A painting of broad strokes in many colours."""
    x, y = _plane(360, 480)
    image = np.broadcast_to(rgb("d8cdb8"), (360, 480, 3)).copy()
    random = np.random.default_rng(33)
    codes = ["20405a", "c2543a", "e0b153", "5d8a80", "f0e6d2", "7b3f4d", "32302f"]
    for _ in range(70):
        cx, cy, angle = random.uniform(0, 1.33), random.uniform(0, 1), random.normal(0.5, 0.6)
        along = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        across = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle) + 0.03 * np.sin(along * 14)
        stroke = (np.abs(along) < random.uniform(0.08, 0.3)) & (np.abs(across) < random.uniform(0.01, 0.05))
        shade = 0.85 + 0.3 * (np.sin(across * 600) > 0)[stroke, None] * 0.5
        image[stroke] = np.clip(rgb(random.choice(codes)) * shade, 0, 1)
    return image


def panels() -> Image:
    """Six gores of a beach ball."""
    x, _ = _plane(64, 384)
    return _choose(np.floor(x), ("d8412f", "f4efe3", "2c62a8", "f4efe3", "e9b233", "f4efe3"))


def magazine() -> Image:
    """The cover of a magazine: a title, a picture, lines of text."""
    x, y = _plane(320, 240)
    image = np.broadcast_to(rgb("e8b04a"), (320, 240, 3)).copy()
    random = np.random.default_rng(8)
    letters = random.random(9) > 0.25
    title = (y > 0.83) & (y < 0.94) & (x > 0.06) & (x < 0.69) & letters[(x * 12).astype(int) % 9] & (x * 12 % 1 < 0.75)
    picture = (y > 0.25) & (y < 0.78) & (x > 0.06) & (x < 0.69)
    image[picture] = _choose(
        (smooth_noise(320, 240, 5, 9) * 4 + 4).astype(int), ("27424f", "4f8079", "d7e0cf", "c35b3c")
    )[picture]
    text = (y < 0.2) & (y > 0.05) & (x > 0.06) & (x < 0.6) & (y * 26 % 1 < 0.5) & (smooth_noise(320, 240, 30, 4) > -0.3)
    image[title | text] = rgb("2a2420")
    return image


PATTERNS = {make.__name__: make for make in (rug, zigzag, stripes, leaves, hills, arches, brushwork, panels, magazine)}
