"""The curves of a run as a picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ..core.io.atomic import replacing

SIZE, MARGIN = (1000, 560), (70, 30, 20, 50)  # width and height; left, top, right, bottom; pixels
INK, FAINT, RAW, SMOOTH, HELD_OUT = (40, 40, 40), (220, 220, 220), (190, 205, 225), (40, 90, 160), (200, 80, 30)
SMOOTHED = 50  # windows along the whole curve


@dataclass(frozen=True, slots=True)
class Axes:
    """From values to pixels."""

    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        left, top, right, bottom = MARGIN
        across = (x - self.x[0]) / max(self.x[1] - self.x[0], 1e-9)
        up = (y - self.y[0]) / max(self.y[1] - self.y[0], 1e-9)
        clipped = min(max(up, 0.0), 1.0)
        return left + across * (SIZE[0] - left - right), SIZE[1] - bottom - clipped * (SIZE[1] - top - bottom)


def draw_curves(path: Path, losses: Sequence[dict[str, str]], held_out: Sequence[dict[str, str]]) -> None:
    """A PNG of loss and held-out loss over updates, with a line where a stage begins.

    losses: rows with update, stage, loss; held_out: rows with update, stage, held_out.
    """
    raw = [(float(row["update"]), float(row["loss"])) for row in losses]
    exam = [(float(row["update"]), float(row["held_out"])) for row in held_out]
    values = sorted(value for _, value in raw if math.isfinite(value))
    low, high = values[len(values) // 100], values[-1 - len(values) // 100]  # single spikes do not set the scale
    low, high = (min([low, *(v for _, v in exam)]), max([high, *(v for _, v in exam)]))
    axes = Axes((raw[0][0], raw[-1][0]), (low, high))
    image = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(image)
    _frame(draw, axes, losses)
    draw.line([axes.at(*point) for point in raw], fill=RAW)
    for start, end in _runs(losses):
        draw.line([axes.at(*point) for point in _smoothed(raw[start:end])], fill=SMOOTH, width=2)
    for x, y in (axes.at(*point) for point in exam):
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=HELD_OUT)
    with replacing(path) as file:
        image.save(file, "PNG")


def _frame(draw: ImageDraw.ImageDraw, axes: Axes, losses: Sequence[dict[str, str]]) -> None:
    font = ImageFont.load_default()
    for k in range(6):
        value = axes.y[0] + (axes.y[1] - axes.y[0]) * k / 5
        (left, y), (right, _) = axes.at(axes.x[0], value), axes.at(axes.x[1], value)
        draw.line((left, y, right, y), fill=FAINT)
        draw.text((8, y - 6), f"{value:.3g}", fill=INK, font=font)
        update = axes.x[0] + (axes.x[1] - axes.x[0]) * k / 5
        draw.text((axes.at(update, axes.y[0])[0] - 12, SIZE[1] - 42), f"{update:.0f}", fill=INK, font=font)
    for start, _ in _runs(losses):
        x, top = axes.at(float(losses[start]["update"]), axes.y[1])
        draw.line((x, top, x, SIZE[1] - MARGIN[3]), fill=INK)
        draw.text((x + 4, 10), losses[start]["stage"], fill=INK, font=font)
    legend = "updates; blue: training loss, orange: held-out loss"
    draw.text((SIZE[0] // 2 - 160, SIZE[1] - 20), legend, fill=INK, font=font)


def _runs(losses: Sequence[dict[str, str]]) -> list[tuple[int, int]]:
    """(first, end) of the rows of each stage."""
    starts = [k for k, row in enumerate(losses) if k == 0 or row["stage"] != losses[k - 1]["stage"]]
    return list(zip(starts, [*starts[1:], len(losses)], strict=True))


def _smoothed(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    window = max(1, len(points) // SMOOTHED)
    groups = [points[k : k + window] for k in range(0, len(points), window)]
    return [(sum(x for x, _ in g) / len(g), sum(y for _, y in g) / len(g)) for g in groups]
