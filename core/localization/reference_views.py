"""Photos with known cameras and depth as a world that other photos are placed in."""

from pathlib import Path

import numpy as np

from ..cameras.evidence import CameraEvidence
from ..cameras.posed_images import CAMERAS, IMAGES, PosedPhoto, read_depth, read_posed_photos
from ..checkpoints.loading import LoadedModel
from ..errors import InputError
from ..geometry.camera import sample_depth
from ..images.preprocessing import View, load_view
from ..pipeline.reconstruct import framing_of
from ..reconstruction.result import AlignedView, Reconstruction
from ..version import VERSION

SAME_SURFACE = 1.04  # deepest over nearest of neighbouring pixels up to which they are one surface


def is_map(folder: Path) -> bool:
    """Whether a folder looks like posed photos."""
    return (folder / CAMERAS).is_file() and (folder / IMAGES).is_dir()


def read_map(folder: Path, model: LoadedModel) -> Reconstruction:
    """The posed photos of a folder that have depth (core/cameras/posed_images.py), as the model's network sees them.

    Cameras, depth and world are the folder's; a pixel without depth, or where depth jumps, is masked. Raises
    InputError, naming the file, for what cannot be used, and when no photo has depth.
    """
    photos = [photo for photo in read_posed_photos(folder) if photo.depth is not None]
    if not photos:
        raise InputError(f"{folder} has no depth for any of its photos; a photo is placed against depth")
    views = tuple(_aligned(photo, load_view(photo.path, framing_of(model.config), photo.name)) for photo in photos)
    return Reconstruction(views, model.label, None, VERSION, synthetic=model.synthetic)


def _aligned(photo: PosedPhoto, view: View) -> AlignedView:
    """A posed photo with its depth at the network's pixels; raises InputError when the file has another size."""
    if view.mapping.photo_size != photo.size:
        raise InputError(
            f"{photo.path} is {view.mapping.photo_size[0]} x {view.mapping.photo_size[1]} pixels, {CAMERAS} says "
            f"{photo.size[0]} x {photo.size[1]}; give the camera of the photo as it is"
        )
    assert photo.depth is not None
    depth = read_depth(photo.depth)
    scale = np.array(depth.shape[::-1]) / photo.size
    found = sample_depth(depth, view.mapping.photo_pixels() * scale, SAME_SURFACE, edges="none")
    return AlignedView(
        name=photo.name,
        path=photo.path.resolve(),
        mapping=view.mapping,
        K=photo.K,
        cam2world=photo.cam2world,
        depth=found.astype(np.float32),
        confidence=np.ones(found.shape, np.float32),
        colors=view.colors,
        mask=view.mask & np.isfinite(found),
        sha256=view.sha256,
        focal_source="known",
        evidence=CameraEvidence(source="known"),
    )
