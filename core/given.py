"""What the user says of photos before they are reconstructed: known cameras and masks. Imports no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from .camera_entries import read_entries
from .errors import InputError
from .files import resolved
from .known_camera import KnownCamera, Part
from .photos import header_if_readable, unique_names
from .posed_photos import CAMERAS

GIVEN = ("known", "masks")  # the words of `named`, in every file that has it
Size = tuple[int, int]  # (width, height), pixels


@dataclass(frozen=True, slots=True)
class Given:
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


NOTHING = Given()


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
        raise InputError(f"{file} does not exist; give a cameras.json (docs/known.md)")
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
