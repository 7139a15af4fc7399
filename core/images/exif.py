"""What a photo's EXIF data say of its lens. Imports no torch."""

import math
import re
from dataclasses import dataclass
from typing import Self

from PIL import Image

from ..geometry.camera import focal_bounds

EXIF_SPREAD = 0.05  # relative standard error of a focal from EXIF: whole millimetres, crops and diagonals that differ
SAME_ASPECT = 0.02  # log of aspect ratios: photos that were only made smaller differ less, by whole pixels
FULL_FRAME = math.hypot(36.0, 24.0)  # mm, the diagonal that 35 mm equivalents refer to (CIPA DCG-001)
MILLIMETRES = {2: 25.4, 3: 10.0, 4: 1.0, 5: 1e-3}  # of FocalPlaneResolutionUnit: inch, cm, mm, um
EXIF_IFD = 0x8769
MAKE, MODEL, LENS_MAKE, LENS_MODEL = 0x010F, 0x0110, 0xA433, 0xA434
FOCAL, FOCAL_35, WIDTH, HEIGHT = 0x920A, 0xA405, 0xA002, 0xA003
PLANE_RESOLUTION, PLANE_UNIT = 0xA20E, 0xA210
TAKEN, TAKEN_FRACTION, CHANGED = 0x9003, 0x9291, 0x0132
MOMENT = re.compile(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class LensTags:
    """What the camera wrote of itself; "" and 0 where it wrote nothing that can be."""

    camera: tuple[str, str] = ("", "")  # make and model
    lens: tuple[str, str] = ("", "")  # make and model
    focal: float = 0.0  # mm
    focal_35: float = 0.0  # mm, of a full-frame camera with an equal view across the diagonal
    density: float = 0.0  # pixels a mm of the sensor, as it was recorded
    recorded_width: float = 0.0  # pixels along the stored rows, as it was recorded
    recorded_height: float = 0.0  # pixels along the stored columns
    taken: str = ""  # "YYYY:MM:DD HH:MM:SS.fraction" by the camera's clock

    @classmethod
    def of(cls, exif: Image.Exif) -> Self:
        """The tags of a file; raises what Pillow raises on damaged ones."""
        more = exif.get_ifd(EXIF_IFD)
        unit = MILLIMETRES.get(more.get(PLANE_UNIT, 2), 0.0)
        return cls(
            camera=(_text(exif.get(MAKE)), _text(exif.get(MODEL))),
            lens=(_text(more.get(LENS_MAKE)), _text(more.get(LENS_MODEL))),
            focal=_number(more.get(FOCAL)),
            focal_35=_number(more.get(FOCAL_35)),
            density=_number(more.get(PLANE_RESOLUTION)) / unit if unit else 0.0,
            recorded_width=_number(more.get(WIDTH)),
            recorded_height=_number(more.get(HEIGHT)),
            taken=_moment(more.get(TAKEN) or exif.get(CHANGED), more.get(TAKEN_FRACTION)),
        )

    @property
    def identity(self) -> tuple[object, ...] | None:
        """Equal for photos of one camera, lens and zoom; None where the camera did not write its name."""
        return (self.camera, self.lens, self.focal, self.focal_35) if any(self.camera) else None

    def focal_pixels(self, size: tuple[int, int]) -> float | None:
        """The focal length in pixels of a photo that is stored with this (width, height).

        None where it is not stated, or not plausible: outside of what a photo's focal can be here (`focal_bounds`), or
        of a photo that was cropped since, which has another aspect ratio than the size that was recorded.
        """
        focal, (least, most) = self.stated_focal(size), focal_bounds(size)
        return None if focal is None or not least <= focal <= most or self._cropped(size) else focal

    def stated_focal(self, size: tuple[int, int]) -> float | None:
        """The same, plausible or not; None where it is not stated.

        From the 35 mm equivalent  f35 / 43.27 mm * diagonal, else from the sensor  f * density * width / recorded.
        """
        if self.focal_35:
            return self.focal_35 / FULL_FRAME * math.hypot(*size)
        return self.focal * self.density * self._shrunk(size) or None

    def _cropped(self, size: tuple[int, int]) -> bool:
        """By the aspect ratio, whichever way the photo is turned; False where no size was recorded."""
        if not (self.recorded_width and self.recorded_height):
            return False
        recorded = max(self.recorded_width, self.recorded_height) / min(self.recorded_width, self.recorded_height)
        return abs(math.log(max(size) / min(size) / recorded)) > SAME_ASPECT

    def _shrunk(self, size: tuple[int, int]) -> float:
        """size over what was recorded; by the long sides where both are told, since HEIC comes turned already."""
        if not self.recorded_width:
            return 1.0
        if not self.recorded_height:
            return size[0] / self.recorded_width
        return max(size) / max(self.recorded_width, self.recorded_height)


NO_TAGS = LensTags()


def _text(value: object) -> str:
    return value.strip("\0 ") if isinstance(value, str) else ""


def _moment(value: object, fraction: object) -> str:
    """Text that sorts by time; "" for what is no moment: clocks that were never set say 0000."""
    text, digits = _text(value), _text(fraction)
    if not MOMENT.fullmatch(text) or text.startswith("0000"):
        return ""
    return f"{text}.{digits}" if digits.isdecimal() else text


def _number(value: object) -> float:
    """0 for what no length can be: cameras write 0 and 0/0 where they do not know."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ArithmeticError):
        return 0.0
    return number if math.isfinite(number) and number > 0 else 0.0
