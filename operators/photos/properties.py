"""One photo of the list, and what the list shows of it. Files are looked at only when a row is drawn, and once."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from ...core.cameras.priors import KnownCamera
from ...core.errors import InputError
from ...core.images.masks import name_masks
from ...core.images.reader import PhotoFacts
from ..jobs import photo_states
from . import thumbnails

REMEMBERED = 20_000  # photos whose headers are read once


class DUST3R_PG_photo(bpy.types.PropertyGroup):
    """One photo of the list."""

    path: StringProperty(name="Path", subtype="FILE_PATH")
    use: BoolProperty(name="Use", description="Reconstruct from this photo", default=True)
    select: BoolProperty(
        name="Select", description="Drag over the marks to select photos for Remove and Move", default=False
    )
    known: StringProperty(name="Known", description="An entry of cameras.json (docs/photos.md); empty: nothing")

    @property
    def known_camera(self) -> KnownCamera:
        """What is known of the camera; raises InputError for what no camera can be."""
        return KnownCamera.from_dict(json.loads(self.known), f"{self.name}") if self.known else KnownCamera()

    @known_camera.setter
    def known_camera(self, camera: KnownCamera) -> None:
        self.known = json.dumps(camera.as_dict()) if camera.parts else ""

    @property
    def is_pose_known(self) -> bool:
        return "cam2world" in self.known

    @property
    def is_lens_known(self) -> bool:
        return any(word in self.known for word in ('"K"', "focal", "principal_point"))

    @property
    def is_masked(self) -> bool:
        """Whether the mask folder holds a mask of it."""
        scene: Any = self.id_data
        masks, photos = scene.dust3r.masks, scene.dust3r.photos
        return bool(masks) and self.absolute in _masked(scene.name, masks, len(photos), _changed(masks))

    @property
    def absolute(self) -> Path:
        return Path(bpy.path.abspath(self.path))

    @property
    def facts(self) -> PhotoFacts | None:
        """Size, lens and time; None where the file is missing or no photo."""
        return facts_of(bpy.path.abspath(self.path))

    @property
    def size_text(self) -> str:
        """Such as "4032 × 3024"; what is wrong where there is none."""
        facts = self.facts
        return "cannot be read" if facts is None else f"{facts.size[0]} × {facts.size[1]}"

    @property
    def focal_text(self) -> str:
        """The 35 mm equivalent that EXIF tells, such as "26 mm"; empty where it tells none."""
        focal = self.facts.focal_35 if self.facts else None
        return f"{focal:.0f} mm" if focal else ""

    @property
    def facts_text(self) -> str:
        """Size, focal, time and camera, as far as the file tells them."""
        facts = self.facts
        told = (self.size_text, self.focal_text, *((facts.taken[:16], facts.camera) if facts else ()))
        return ", ".join(filter(None, told))

    @property
    def state_icon(self) -> str:
        """How far the running reconstruction is with it, as the name of an icon; empty where none is at work on it."""
        return photo_states.ICONS.get(photo_states.state_of(self.path), "")

    @property
    def thumbnail(self) -> int:
        """Its icon."""
        return thumbnails.icon(bpy.path.abspath(self.path))


@lru_cache(maxsize=REMEMBERED)
def facts_of(path: str) -> PhotoFacts | None:
    """What a photo's header says, read once; None where it cannot be read."""
    try:
        return PhotoFacts.read(Path(path))
    except InputError:
        return None


def forget_files() -> None:
    """Look at files anew: they may have changed."""
    facts_of.cache_clear()
    _masked.cache_clear()


def _changed(folder: str) -> int:
    """When a file came into the folder or left it; 0 without one."""
    try:
        return Path(bpy.path.abspath(folder)).stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=1)
def _masked(scene: str, folder: str, count: int, changed: int) -> frozenset[Path]:
    """The photos of a scene's list that have a mask; none where names are ambiguous, which the job will say."""
    listed: Any = bpy.data.scenes[scene]
    photos = [photo.absolute for photo in listed.dust3r.photos]
    try:
        masks = name_masks(Path(bpy.path.abspath(folder)), photos)
    except InputError:
        return frozenset()
    return frozenset(photo for photo in photos if photo.resolve() in masks)
