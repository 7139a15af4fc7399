"""What is known of cameras before a reconstruction: by the user, and by EXIF. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, listed
from ..images.exif import EXIF_SPREAD
from ..images.pixel_mapping import PixelMapping
from ..images.reader import SIDEWAYS, header_if_readable, unique_names
from ..io.atomic import resolved
from ..io.validation import FARTHEST, FOCALS
from ..settings import AlignmentSettings
from .cameras_json import read_entries, read_numbers
from .evidence import CameraEvidence
from .posed_images import CAMERAS

if TYPE_CHECKING:
    from ..images.preprocessing import View

RIGID = 1e-4  # how far a known pose's rotation may be from one
WORDS = ("cam2world", "K", "focal", "focal_spread", "principal_point", "distortion")
ASIDE = ("width", "height", "confidence", "focal_source", "evidence")  # in cameras.json of ours, and no part of a pin

Part = Literal["both", "pose", "lens"]
FocalSource = Literal["known", "exif", "photos", "network"]  # given by the user; in EXIF; adjusted; the network's


@dataclass(frozen=True, slots=True, eq=False)
class KnownCamera:
    """What is known of one photo's camera; None: nothing. Raises InputError for what no camera can be."""

    cam2world: NDArray[np.float64] | None = None  # (4, 4), rigid, OpenCV axes
    focal: float | None = None  # photo pixels; the horizontal one where pixels are not square
    principal_point: tuple[float, float] | None = None  # photo pixels
    focal_spread: float = 0.0  # relative standard error of the focal; 0: exact
    focal_y: float | None = None  # photo pixels; None: the same
    focal_source: FocalSource = "known"  # where the focal comes from, if there is one
    distortion: float = 0.0  # of the lens, per squared photo pixel (`PixelMapping`); 0: none, or not known

    def __post_init__(self) -> None:
        if self.cam2world is not None:
            _check_pose(np.asarray(self.cam2world, dtype=np.float64))
        for focal in (self.focal, self.focal_y):
            if focal is not None and not FOCALS[0] <= focal <= FOCALS[1]:
                raise InputError(f"A known focal must be {FOCALS[0]:g} to {FOCALS[1]:g} pixels, got {focal:g}")
        if not (self.focal_spread >= 0 and np.isfinite(self.focal_spread)):
            raise InputError(f"A known focal's spread must be 0 or more, got {self.focal_spread}")
        if self.principal_point is not None and not (np.abs(self.principal_point) <= FOCALS[1]).all():
            x, y = self.principal_point
            raise InputError(f"A known principal point must be within {FOCALS[1]:g} pixels, got {x:g}, {y:g}")
        if not np.isfinite(self.distortion):
            raise InputError(f"A known distortion must be a finite number, got {self.distortion}")
        if self.focal_y is not None and self.K is None:
            raise InputError("Pixels that are not square can be known only with all of K")

    @property
    def K(self) -> NDArray[np.float64] | None:
        """(3, 3), photo pixels, where all of it is known exactly."""
        if self.focal is None or self.principal_point is None or self.focal_spread:
            return None
        (cx, cy), fy = self.principal_point, self.focal if self.focal_y is None else self.focal_y
        return np.array([[self.focal, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=np.float64)

    def only(self, part: Part) -> Self:
        """The pose or the lens (focal and principal point) alone."""
        if part == "pose":
            return type(self)(cam2world=self.cam2world)
        return replace(self, cam2world=None) if part == "lens" else self

    def joined(self, other: KnownCamera) -> KnownCamera:
        """What `other` knows, and what this one knows beyond it."""
        lens = other if other.focal is not None or other.principal_point is not None else self
        return replace(lens, cam2world=self.cam2world if other.cam2world is None else other.cam2world)

    @property
    def evidence(self) -> CameraEvidence:
        """What the camera stands on before any adjustment."""
        return CameraEvidence(source="network" if self.cam2world is None else "known")

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is known, in the words of `only`."""
        lens = self.focal is not None or self.principal_point is not None
        return (("pose",) if self.cam2world is not None else ()) + (("lens",) if lens else ())

    def as_dict(self) -> dict[str, Any]:
        """As cameras.json says it; `from_dict` reads it back to the last bit."""
        entry: dict[str, Any] = {"distortion": self.distortion} if self.distortion else {}
        if self.cam2world is not None:
            entry["cam2world"] = np.asarray(self.cam2world, dtype=np.float64).tolist()
        if self.K is not None:
            return entry | {"K": self.K.tolist()}
        if self.focal is not None:
            entry |= {"focal": self.focal} | ({"focal_spread": self.focal_spread} if self.focal_spread else {})
        if self.principal_point is not None:
            entry["principal_point"] = list(self.principal_point)
        return entry

    @classmethod
    def from_dict(cls, entry: Any, where: str = "A known camera") -> Self:
        """What an entry of a cameras.json says; raises InputError that begins with `where` for anything else."""
        words = set(entry) if isinstance(entry, dict) else set()
        if strange := sorted(words - {*WORDS, *ASIDE}):
            raise InputError(f"{where} has {strange[0]!r}, which says nothing of a camera; give {', '.join(WORDS)}")
        if not words & {"cam2world", "K", "focal", "principal_point"}:
            raise InputError(f"{where} says nothing of its camera; give cam2world, K, focal or principal_point")
        values: dict[str, Any] = {}
        if "cam2world" in words:
            values["cam2world"] = read_numbers(entry, "cam2world", (4, 4), where)
        try:
            if "distortion" in words:
                values["distortion"] = float(read_numbers(entry, "distortion", (), where))
            return cls(**values, **_lens(entry, where))
        except InputError as error:
            raise InputError(str(error) if str(error).startswith(where) else f"{where}: {error}") from error


def _lens(entry: dict[str, Any], where: str) -> dict[str, Any]:
    """The fields that K, or single numbers, give."""
    if "K" not in entry:
        lens: dict[str, Any] = {
            key: float(read_numbers(entry, key, (), where)) for key in ("focal", "focal_spread") if key in entry
        }
        if "principal_point" in entry:
            lens["principal_point"] = tuple(read_numbers(entry, "principal_point", (2,), where).tolist())
        return lens
    if twice := [key for key in ("focal", "focal_spread", "principal_point") if key in entry]:
        raise InputError(f"{where} has K and {twice[0]} too; leave one of them out")
    K = read_numbers(entry, "K", (3, 3), where)
    if (K[[0, 1, 2, 2], [1, 0, 0, 1]] != 0).any() or K[2, 2] != 1:
        raise InputError(
            f"{where} has a K with skew or another last row; it needs [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]"
        )
    (fx, fy), (cx, cy) = (K[0, 0].item(), K[1, 1].item()), K[:2, 2].tolist()
    return {"focal": fx, "focal_y": None if fx == fy else fy, "principal_point": (cx, cy)}


def _check_pose(pose: NDArray[np.float64]) -> None:
    if pose.shape != (4, 4) or not np.isfinite(pose).all() or (pose[3] != (0, 0, 0, 1)).any():
        raise InputError("A known cam2world must be a 4 x 4 matrix of finite numbers with 0 0 0 1 as last row")
    R = pose[:3, :3]
    if np.abs(R @ R.T - np.eye(3)).max() > RIGID or np.linalg.det(R) < 0:
        raise InputError("A known cam2world must be rigid: its 3 x 3 part is no rotation; take scale out of it")
    if np.abs(pose[:3, 3]).max() > FARTHEST:
        farthest = np.abs(pose[:3, 3]).max()
        raise InputError(f"A known cam2world must stand within {FARTHEST:g} units, got {farthest:g}; use larger units")


PRIOR_KEYS = ("known", "masks")  # the words of `named`, in every file that has it
Size = tuple[int, int]  # (width, height), pixels


@dataclass(frozen=True, slots=True)
class Priors:
    """By resolved photo; a photo may have neither."""

    cameras: Mapping[Path, KnownCamera] = field(default_factory=dict)
    masks: Mapping[Path, Path] = field(default_factory=dict)  # files that `masks.open_mask` reads

    def as_dict(self) -> dict[str, Any]:
        """For JSON, empty where nothing is given; `from_dict` reads it back to the last bit."""
        return self.named({path: str(path) for path in (*self.cameras, *self.masks)})

    def named(self, names: Mapping[Path, str]) -> dict[str, Any]:
        """The same by these names of the photos, as far as they have one."""
        cameras = {names[path]: camera.as_dict() for path, camera in self.cameras.items() if path in names}
        masks = {names[path]: str(mask) for path, mask in self.masks.items() if path in names}
        return ({"known": cameras} if cameras else {}) | ({"masks": masks} if masks else {})

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """What `as_dict` gave, among other things; raises InputError for cameras that are none."""
        cameras = {
            Path(name): KnownCamera.from_dict(entry, f"The known camera of {name}")
            for name, entry in content.get("known", {}).items()
        }
        return cls(cameras, {Path(name): Path(mask) for name, mask in content.get("masks", {}).items()})


NOTHING = Priors()


def read_known(path: Path, photos: Sequence[Path], part: Part = "both") -> dict[Path, KnownCamera]:
    """What a cameras.json says of these photos' cameras, by resolved photo; photos are called as by `unique_names`.

    path, part, errors: as for `read_named`.
    """
    names = dict(zip(unique_names(photos), photos, strict=True))
    headers = {name: header_if_readable(photo) for name, photo in names.items()}
    cameras = read_named(path, {name: header and header.upright_size for name, header in headers.items()}, part)
    return {resolved(names[name]): camera for name, camera in cameras.items()}


def read_named(path: Path, sizes: Mapping[str, Size | None], part: Part = "both") -> dict[str, KnownCamera]:
    """What a cameras.json, or the one in a folder, says of photos, by their names.

    sizes: of the photos that there are; None: not known. part: which half is wanted. Raises InputError, naming file and
    photo, for a name that no photo has, an entry that no camera can have, and pixels of another size.
    """
    file = path / CAMERAS if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{file} does not exist; give a cameras.json (docs/photos.md)")
    cameras: dict[str, KnownCamera] = {}
    for name, entry in read_entries(file).items():
        where = f"{file}: {name}"
        if name not in sizes:
            raise InputError(f"{file} names {name}, {_stranger(name, list(sizes))}")
        camera = KnownCamera.from_dict(entry, where).only(part)
        if "lens" in camera.parts:
            _check_size(entry, sizes[name], where)
        if camera.parts:
            cameras[name] = camera
    return cameras


def _check_size(entry: dict[str, Any], size: Size | None, where: str) -> None:
    """An entry need not say of which size it speaks."""
    said = entry.get("width"), entry.get("height")
    if size is not None and said not in ((None, None), size):
        raise InputError(
            f"{where} speaks of {said[0]} x {said[1]} pixels, but the photo has {size[0]} x {size[1]}; "
            "give its focal and principal point in the photo's own pixels"
        )


def _stranger(name: str, names: list[str]) -> str:
    alike = [other for other in names if Path(other).name == name]
    if alike:
        return f"which {len(alike)} photos are called; write {' or '.join(alike)}"
    return f"which is none of the {len(names)} photos; add that photo, or leave the name out"


UNKNOWN = KnownCamera()


def priors_of(views: Sequence[View], priors: Priors, settings: AlignmentSettings) -> list[KnownCamera]:
    """What is known of every view's camera; with exif_focal, a focal that the user did not give is EXIF's, roughly."""
    known = [priors.cameras.get(view.path.resolve(), UNKNOWN) for view in views]
    return [
        _with_exif(camera, view) if settings.exif_focal else camera for camera, view in zip(known, views, strict=True)
    ]


def _with_exif(camera: KnownCamera, view: View) -> KnownCamera:
    focal = exif_focal(view)
    if focal is None or camera.focal is not None:
        return camera
    return replace(camera, focal=focal, focal_spread=EXIF_SPREAD, focal_source="exif")


def exif_focal(view: View) -> float | None:
    """The focal in photo pixels that EXIF states; None where it states none that is plausible."""
    return view.tags.focal_pixels(_stored_size(view))


def _stored_size(view: View) -> tuple[int, int]:
    """(width, height) of the photo's file, before its EXIF turn."""
    width, height = view.mapping.photo_size
    return (height, width) if view.mapping.exif_orientation in SIDEWAYS else (width, height)


def lenses_of(views: Sequence[View]) -> list[tuple[object, ...] | None]:
    """By view: equal for photos of one camera, lens, zoom and size, however it was held; None where EXIF names none."""
    return [
        None if view.tags.identity is None else (*view.tags.identity, *sorted(view.mapping.photo_size))
        for view in views
    ]


def lens_notices(views: Sequence[View], settings: AlignmentSettings) -> list[str]:
    """One sentence on focals in EXIF that are not used, one on what shared_focal could not learn from it."""
    wrong = [
        view.name
        for view in views
        if exif_focal(view) is None and view.tags.stated_focal(_stored_size(view)) is not None
    ]
    nameless = [view.name for view in views if view.tags.identity is None]
    notices = []
    if settings.exif_focal and wrong:
        notices.append(
            f"EXIF's focal length of {listed(wrong)} is not used: the photo was cropped since, or no lens has it"
        )
    if settings.shared_focal == "exif" and nameless:
        notices.append(f"EXIF names no camera of {listed(nameless)}: each of them has a focal length of its own")
    return notices


def in_square_pixels(
    views: Sequence[View], known: Sequence[KnownCamera]
) -> tuple[list[PixelMapping], list[KnownCamera]]:
    """Mappings and cameras of photos stretched in height by fx / fy where both are known: there one focal is exact."""
    pairs = [_stretched(view.mapping, camera) for view, camera in zip(views, known, strict=True)]
    return [mapping for mapping, _ in pairs], [camera for _, camera in pairs]


def _stretched(mapping: PixelMapping, camera: KnownCamera) -> tuple[PixelMapping, KnownCamera]:
    if camera.focal is None or camera.principal_point is None or camera.focal_y is None:
        return mapping, camera
    ratio = camera.focal / camera.focal_y
    scale, offset, centre = ((x, y * ratio) for x, y in (mapping.scale, mapping.offset, camera.principal_point))
    square = replace(camera, principal_point=centre, focal_y=None)
    return replace(mapping, scale=scale, offset=offset), square
