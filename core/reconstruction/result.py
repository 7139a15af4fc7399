"""The result of a reconstruction: cameras and geometry of every photo in one world. NumPy only, no torch."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..cameras.evidence import NETWORK, CameraEvidence
from ..cameras.priors import FocalSource
from ..errors import InputError, first_line
from ..flaws import FLAWS, bits_of, surface_flaws
from ..geometry.footprint import footprints
from ..images.pixel_mapping import PixelMapping
from ..io.atomic import DAMAGED_ARRAYS, read_text, replacing, write_json
from ..io.validation import check_archive, check_path, record_of
from ..settings import NOT_RECORDED, ReconstructionSettings
from .checks import check_result
from .localization import Localization
from .tracks import Tracks
from .world_frame import WorldFrame

FORMAT = 1  # of the folder that save() writes
IMAGES = ("depth", "confidence", "colors", "mask")  # of every view
SIZES = (0.25, 4.0)  # least and largest of a point, of the usual one
ARRAYS = ("K", "cam2world", *IMAGES)  # of every view; flaws only where known


@dataclass(frozen=True, slots=True)
class AlignedView:
    """One photo's camera and geometry. Camera axes are OpenCV's (x right, y down, z forward)."""

    name: str  # the photo's file name, unique in a reconstruction
    path: Path  # the photo; may be gone by now
    mapping: PixelMapping  # network pixels to photo pixels
    K: NDArray[np.float64]  # (3, 3), pixels of the EXIF-turned photo, pixel centres at .5
    cam2world: NDArray[np.float64]  # (4, 4), rigid
    depth: NDArray[np.float32]  # (H, W), z > 0, scene units
    confidence: NDArray[np.float32]  # (H, W), >= 1
    colors: NDArray[np.uint8]  # (H, W, 3), sRGB
    mask: NDArray[np.bool_]  # (H, W), True = keep
    component: int = 0  # photos of different components share no world
    flaws: NDArray[np.uint8] | None = None  # (H, W), bits of core/cleanup's FLAWS; None: nobody has looked
    sha256: str = ""  # of the photo's file when it was read; "": not known
    focal_source: FocalSource = "network"  # where the focal in K comes from
    evidence: CameraEvidence = NETWORK  # what cam2world stands on

    def camera_points(self) -> NDArray[np.float64]:
        """(H, W, 3) in this camera's frame: every point on its own pixel's ray, at its depth."""
        x, y = self.mapping.photo_axes()
        points = np.empty((*self.depth.shape, 3))
        points[..., 0] = self.depth * ((x - self.K[0, 2]) / self.K[0, 0])
        points[..., 1] = self.depth * ((y - self.K[1, 2]) / self.K[1, 1])[:, None]
        points[..., 2] = self.depth
        return points

    def world_points(self) -> NDArray[np.float64]:
        """(H, W, 3) in the reconstruction's world."""
        points = self.camera_points().reshape(-1, 3) @ self.cam2world[:3, :3].T
        for axis in range(3):  # adding the short vector as a whole takes NumPy ten times as long
            points[:, axis] += self.cam2world[axis, 3]
        return points.reshape(*self.depth.shape, 3)

    def footprints(self) -> NDArray[np.float32]:
        """(H, W), scene units: the side of a square as large as what each pixel covers of its surface."""
        x, y = self.mapping.photo_axes()
        return footprints(self.depth, (x - self.K[0, 2]) / self.K[0, 0], (y - self.K[1, 2]) / self.K[1, 1])

    def kept(self, min_confidence: float = 1.0) -> NDArray[np.bool_]:
        """(H, W): unmasked, at a finite depth, at or above a confidence."""
        return self.mask & (self.confidence >= min_confidence) & np.isfinite(self.depth)

    def cropped(self, left: int, top: int, size: tuple[int, int]) -> "AlignedView":
        """The same of a part of the network's pixels, (width, height) from this column and row on; the camera stays."""
        part = slice(top, top + size[1]), slice(left, left + size[0])
        arrays = {name: getattr(self, name) for name in (*IMAGES, "flaws")}
        shown = {name: array if array is None else array[part] for name, array in arrays.items()}
        return replace(self, mapping=self.mapping.cropped(left, top, size), **shown)

    def flawed(self, names: Iterable[str]) -> NDArray[np.bool_]:
        """(H, W): the points that are known to have one of these flaws."""
        return np.zeros(self.depth.shape, bool) if self.flaws is None else self.flaws & np.uint8(bits_of(names)) != 0

    def without(self, names: Iterable[str]) -> "AlignedView":
        """The same with a mask that leaves out the points with one of these flaws."""
        flawed = self.flawed(names)
        return replace(self, mask=self.mask & ~flawed) if flawed.any() else self


def unconfirmed_of(views: Sequence[AlignedView]) -> list[NDArray[np.bool_]] | None:
    """(H, W) of each photo: the points that photos do not agree on; None where no depths were compared."""
    known = [view.flawed(("unconfirmed",)) for view in views]
    if not any(unconfirmed.any() for unconfirmed in known):
        return None
    return [np.ones_like(own) if view.flaws is None else own for view, own in zip(views, known, strict=True)]


def confirmed_share(views: Sequence[AlignedView]) -> float | None:
    """Share of all unmasked pixels on whose depth photos agree; None where none were compared."""
    unconfirmed = unconfirmed_of(views)
    if unconfirmed is None:
        return None
    kept = [view.kept() for view in views]
    agreed = sum(np.count_nonzero(pixels & ~own) for pixels, own in zip(kept, unconfirmed, strict=True))
    return agreed / max(1, sum(np.count_nonzero(pixels) for pixels in kept))


@dataclass(frozen=True, slots=True)
class PointCloud:
    """The points of all photos that a mask keeps, photo by photo, row by row."""

    position: NDArray[np.float32]  # (N, 3), world
    color: NDArray[np.uint8]  # (N, 3), sRGB
    confidence: NDArray[np.float32]  # (N,), >= 1
    view: NDArray[np.int32]  # (N,), index of the photo
    flaws: NDArray[np.uint8] | None = None  # (N,), bits of core/cleanup's FLAWS; None: nobody has looked
    size: NDArray[np.float32] | None = (
        None  # (N,), distance of its neighbours, seen head-on, over the usual; None: alike
    )

    @classmethod
    def empty(cls, count: int, flaws: NDArray[np.uint8] | None, sized: bool = True) -> Self:
        """Arrays to be filled part by part: joining finished ones would hold every point twice."""
        position = np.empty((count, 3), np.float32)
        color = np.empty((count, 3), np.uint8)
        numbers = np.empty(count, np.float32), np.empty(count, np.int32)
        return cls(position, color, *numbers, flaws, np.empty(count, np.float32) if sized else None)


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """Every photo in one world, and the recipe that made it."""

    views: tuple[AlignedView, ...]
    model: str  # name of the network and, after "@", the start of its weights' sha256
    settings: ReconstructionSettings | None  # seed included; None: not known
    version: str  # of this package
    warnings: tuple[str, ...] = field(default=())  # what the user should know, one sentence each
    priors: dict[str, Any] = field(
        default_factory=dict
    )  # known cameras and masks by photo (core/cameras/priors.py: named)
    world_frame: WorldFrame = field(default_factory=WorldFrame)  # how this world came from the alignment's
    licence: str = ""  # of the model, which binds what is made with it; "": nobody said
    synthetic: bool = False  # the model was trained on synthetic scenes alone
    localization: Localization | None = None  # how photos were placed that are no part of what made this world
    tracks: Tracks | None = None  # what the cameras were adjusted on; None: nothing

    def point_cloud(self, min_confidence: float = 1.0) -> PointCloud:
        """All kept points at or above a confidence."""
        keep = [view.kept(min_confidence) for view in self.views]
        ends = np.cumsum([0, *map(np.count_nonzero, keep)])
        has_flaws = any(view.flaws is not None for view in self.views)
        cloud = PointCloud.empty(int(ends[-1]), np.zeros(int(ends[-1]), np.uint8) if has_flaws else None)
        for index, (view, kept) in enumerate(zip(self.views, keep, strict=True)):
            part, pixels = slice(ends[index], ends[index + 1]), np.flatnonzero(kept)
            cloud.position[part] = view.world_points().reshape(-1, 3).take(pixels, axis=0)
            cloud.color[part] = view.colors.reshape(-1, 3).take(pixels, axis=0)
            cloud.confidence[part] = view.confidence.take(pixels)
            cloud.view[part] = index
            if cloud.flaws is not None and view.flaws is not None:
                cloud.flaws[part] = view.flaws.take(pixels)
            if cloud.size is not None:
                cloud.size[part] = view.depth.take(pixels) * np.float32(view.mapping.scale[0] / view.K[0, 0])
        if cloud.size is not None and cloud.size.size:
            np.clip(cloud.size / np.median(cloud.size), *SIZES, out=cloud.size)
        return cloud

    def of_views(self, indices: Sequence[int]) -> "Reconstruction":
        """The same of these photos alone, in this order."""
        tracks = self.tracks.of_views(indices) if self.tracks else None
        return replace(self, views=tuple(self.views[index] for index in indices), tracks=tracks)

    @property
    def min_confidence(self) -> float:
        """The confidence below which points are hidden."""
        return 1.0 if self.settings is None else self.settings.min_confidence or 1.0

    @property
    def hidden_flaws(self) -> tuple[str, ...]:
        """Names of the flaws whose points are hidden."""
        return tuple(name for name in FLAWS if self.settings and name in self.settings.hide)

    def with_settings(self, **changes: Any) -> "Reconstruction":
        """The same with some of its settings changed: what a result shows, and which way is down, can be."""
        known = self.settings or ReconstructionSettings.from_dict(NOT_RECORDED)
        return replace(self, settings=replace(known, **changes))

    @property
    def searched(self) -> bool:
        """Whether somebody has looked for flaws in all photos."""
        return all(view.flaws is not None for view in self.views)

    def without_flaws(self) -> "Reconstruction":
        """The same with masks that leave out what is hidden for a flaw of a photo's surface."""
        return self._without(surface_flaws(self.hidden_flaws))

    def without_hidden(self) -> "Reconstruction":
        """The same with masks that leave out every point that is hidden for a flaw."""
        return self._without(self.hidden_flaws)

    def visible_points(self) -> PointCloud:
        """The points that are not hidden."""
        return self.without_hidden().point_cloud(self.min_confidence)

    def check_shown(self) -> None:
        """Raise InputError, saying what hides them, where there are points and all of them are hidden."""
        shown = [view.confidence[view.kept()] for view in self.without_hidden().views]
        highest = max((float(confidence.max()) for confidence in shown if confidence.size), default=0.0)
        if highest >= self.min_confidence:
            return
        if highest:
            raise InputError(
                f"No point would be shown: those below a confidence of {self.min_confidence:g} are hidden, and the "
                f"highest is {highest:.4g}; lower the minimum confidence"
            )
        if any(view.kept().any() for view in self.views):
            raise InputError(f"No point would be shown: all are {', '.join(self.hidden_flaws)}; hide fewer flaws")

    def _without(self, flaws: Sequence[str]) -> "Reconstruction":
        return replace(self, views=tuple(view.without(flaws) for view in self.views))

    def cameras(self) -> dict[str, Any]:
        """The content of cameras.json (docs/conventions.md)."""
        photos = {
            view.name: {
                "width": view.mapping.photo_size[0],
                "height": view.mapping.photo_size[1],
                "K": view.K.tolist(),
                "cam2world": view.cam2world.tolist(),
                "confidence": float(view.confidence[view.mask].mean()) if view.mask.any() else 1.0,
                "focal_source": view.focal_source,
                "evidence": view.evidence.as_dict(),
            }
            | ({"distortion": view.mapping.distortion} if view.mapping.distortion else {})
            for view in self.views
        }
        return {"photos": photos, **self._recipe(), **self.priors}

    def _recipe(self) -> dict[str, Any]:
        recipe = {
            "model": self.model,
            "licence": self.licence,
            "synthetic": self.synthetic,
            "settings": self.settings.as_dict() if self.settings else {},
            "version": self.version,
            "world": self.world_frame.as_dict(),
        }
        return recipe | ({"localization": asdict(self.localization)} if self.localization else {})

    def save_cameras(self, path: Path) -> None:
        """Write cameras.json, whole or not at all."""
        write_json(path, self.cameras())

    def save(self, folder: Path) -> None:
        """Write the whole result into a folder; `load` reads it back bit by bit."""
        arrays: dict[str, Any] = {}
        for index, view in enumerate(self.views):
            for key in (*ARRAYS, *(("flaws",) if view.flaws is not None else ())):
                arrays[f"{index}.{key}"] = getattr(view, key)
        if self.tracks:
            arrays |= {f"tracks.{name}": array for name, array in self.tracks.arrays().items()}
        with replacing(folder / "arrays.npz") as file:
            np.savez(file, **arrays)
        entries = [
            {
                "name": view.name,
                "path": str(view.path),
                "sha256": view.sha256,
                "component": view.component,
                "focal_source": view.focal_source,
                "evidence": view.evidence.as_dict(),
                "mapping": view.mapping.as_dict(),
            }
            for view in self.views
        ]
        head = {"format": FORMAT, "views": entries, "warnings": self.warnings, "given": self.priors}
        write_json(folder / "reconstruction.json", head | self._recipe())

    @classmethod
    def from_recipe(
        cls,
        views: tuple[AlignedView, ...],
        recipe: dict[str, Any],
        priors: dict[str, Any],
        tracks: Tracks | None = None,
    ) -> Self:
        """The views with what a file says made them, checked; raises one of DAMAGED_ARRAYS for what we do not write.

        Files of earlier versions lack some entries.
        """
        localization = recipe.get("localization")
        result = cls(
            views,
            recipe["model"],
            ReconstructionSettings.recorded(recipe["settings"]),
            recipe["version"],
            warnings=tuple(recipe["warnings"]),
            priors=priors,
            world_frame=WorldFrame.from_dict(recipe.get("world")),
            licence=recipe.get("licence", ""),
            synthetic=recipe.get("synthetic", False),
            localization=record_of(Localization, localization) if localization else None,
            tracks=tracks,
        )
        check_result(result)
        return result

    @classmethod
    def load(cls, folder: Path) -> "Reconstruction":
        """Read what `save` wrote; raises InputError when the folder holds no complete result."""
        try:
            head = json.loads(read_text(folder / "reconstruction.json"))
            if head["format"] != FORMAT:
                raise InputError(f"{folder} was written by another version (format {head['format']}, ours is {FORMAT})")
            check_archive(folder / "arrays.npz")
            with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
                views = tuple(_read_view(index, entry, arrays) for index, entry in enumerate(head["views"]))
                tracks = _read_tracks(arrays, len(views))
            result = cls.from_recipe(views, head, head.get("given", {}), tracks)
            if not views:
                raise ValueError("it has no photo")
            return result
        except DAMAGED_ARRAYS as error:
            raise InputError(
                f"{folder} holds no complete reconstruction ({first_line(error)}); run the job again"
            ) from error


def _read_tracks(arrays: Any, views: int) -> Tracks | None:
    found = {name.removeprefix("tracks."): arrays[name] for name in arrays if name.startswith("tracks.")}
    return Tracks.from_arrays(found, views) if found else None


def _read_view(index: int, entry: dict[str, Any], arrays: Any) -> AlignedView:
    mapping = PixelMapping.from_dict(entry["mapping"])
    known = ARRAYS if f"{index}.flaws" not in arrays else (*ARRAYS, "flaws")  # results of before have none
    fields = {key: arrays[f"{index}.{key}"] for key in known}
    fields |= {"component": entry["component"], "sha256": entry.get("sha256", "")}  # results of before have none
    fields["focal_source"] = entry.get("focal_source", "network")
    fields["evidence"] = CameraEvidence.from_dict(entry.get("evidence"))
    return AlignedView(entry["name"], check_path(entry["path"]), mapping, **fields)
