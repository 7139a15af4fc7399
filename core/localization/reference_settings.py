"""What is rendered of a Blender scene for photos to be placed against. Imports no torch."""

from dataclasses import dataclass
from typing import Literal, get_args

from ..errors import InputError

RENDERING = "Rendering the model"  # stage
Engine = Literal["cycles", "eevee", "workbench"]


@dataclass(frozen=True, slots=True)
class MapSettings:
    """The views of a scene that a photo is compared with."""

    cameras: tuple[str, ...] = ()  # names of camera objects; none: all, unless `around` names something
    around: tuple[str, ...] = ()  # names of objects that views are placed around
    views: int = 12  # placed around them
    size: int = 512  # pixels, the longer side of a view
    engine: Engine = "cycles"  # of the colours; depth is exact with all
    samples: int = 16  # of the engine per pixel
    photos: bool = True  # where a camera has the photo it took behind it, that in place of a render

    def __post_init__(self) -> None:
        if self.engine not in get_args(Engine):
            raise InputError(f"engine must be one of {', '.join(get_args(Engine))}, got {self.engine!r}")
        for name, least in (("views", 1), ("size", 64), ("samples", 1)):
            if getattr(self, name) < least:
                raise InputError(f"{name} must be at least {least}, got {getattr(self, name)}")
