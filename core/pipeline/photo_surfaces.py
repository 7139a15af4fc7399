"""Depth maps that the photos themselves confirm, in place of the network's where cameras are certain."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..adjustment.adjust import AdjustedCamera
from ..adjustment.settings import AdjustmentSettings
from ..checkpoints.loading import LoadedModel
from ..flaws import FLAWS
from ..images.pixel_mapping import PixelMapping
from ..io.kept_arrays import KeptArrays
from ..progress import Report
from ..reconstruction.result import AlignedView
from ..runtime.device import device_memory
from ..runtime.memory import reachable_memory
from ..stereo.frames import finer_mapping
from ..stereo.settings import CameraSettings, StereoSettings
from ..stereo.surfaces import StereoPhoto, Surface, find_surfaces
from .memory_plan import LIBRARIES, ROOM
from .photo_cameras import PhotoCameras

OF_ALL, OF_LARGEST = 28, 340  # bytes a pixel, of all photos and of each that is searched, while surfaces are found
LEAST_SIDE, SMALLER = 256, 0.75  # pixels below which surfaces from the photos are worth little; factor of one step
CERTAIN = ("known", "photos")  # sources of cameras that are exact enough to compare photos pixel by pixel


def surfaces_of_photos(
    views: Sequence[AlignedView],
    found: PhotoCameras,
    masks: Mapping[Path, Path],
    long_side: int,
    model: LoadedModel,
    report: Report,
    store: KeptArrays | None,
) -> tuple[tuple[AlignedView, ...], tuple[str, ...]]:
    """The views with new depth, confidence, colours and mask where photos with certain cameras see the same.

    Also what the user should know of cameras and resolution, one sentence each. Photos below the size from which
    features are looked for, or with too little parallax, keep theirs to the bit. Where any photo has a surface, the
    flaws of all say which pixels are unconfirmed.
    masks: files by resolved photo. model: the one at work, in whose memory and on whose device there must be room.
    store: keeps depths for a next run. Raises what `find_surfaces` does.
    """
    photos = [
        _stereo_photo(view, camera, masks.get(view.path)) for view, camera in zip(views, found.cameras, strict=True)
    ]
    mappings = [view.mapping for view in views]
    side, notices = affordable_side(mappings, long_side, model)
    if side is None:
        return tuple(views), notices
    at_once = photos_at_once(mappings, side, model)
    surfaces = find_surfaces(photos, side, model.device, report, store=store, at_once=at_once)
    if all(surface is None for surface in surfaces):
        return tuple(views), ()
    most = max(float(view.confidence.max()) for view in views)
    with_surfaces = tuple(
        replace(view, flaws=_unconfirmed(np.ones(view.depth.shape, bool)))
        if surface is None
        else _with_surface(view, surface, most)
        for view, surface in zip(views, surfaces, strict=True)
    )
    return with_surfaces, (*notices, *_contradicted(views, surfaces))


def affordable_side(
    mappings: Sequence[PixelMapping], wanted: int, model: LoadedModel
) -> tuple[int | None, tuple[str, ...]]:
    """The long side of depth maps for which there is memory, at most as wanted; None where there is for none.

    Also one sentence, what is done and what would be needed, where it is another than wanted.
    """
    room, held = _room(model)
    needed = held + _surface_bytes(mappings, wanted)
    side = wanted
    while held + _surface_bytes(mappings, side) > room and side > LEAST_SIDE:
        side = max(LEAST_SIDE, round(side * SMALLER))
    if held + _surface_bytes(mappings, side) > room:
        side = None
    if side == wanted:
        return side, ()
    done = "are the network's alone" if side is None else f"have {side} pixels on their long side rather than {wanted}"
    found = f"{needed / 1e9:.1f} GB would be needed and {room / 1e9:.1f} GB can be used"
    return side, (f"Surfaces {done}: {found}; use fewer photos, or close other programs",)


def photos_at_once(mappings: Sequence[PixelMapping], side: int, model: LoadedModel) -> int:
    """Of how many photos depth maps of this long side are searched at the same time; 1 on a GPU, which is busy so."""
    if model.device.type != "cpu":
        return 1
    room, held = _room(model)
    most = min(StereoSettings().at_once, torch.get_num_threads())
    return max((n for n in range(1, most + 1) if held + _surface_bytes(mappings, side, n) <= room), default=1)


def _room(model: LoadedModel) -> tuple[float, int]:
    """Bytes that may be used altogether, and those that are held before surfaces are looked for."""
    on_gpu = model.device.type == "cuda"
    there = device_memory(model.device) if on_gpu else reachable_memory()
    held = model.parameters * model.precision.itemsize + (0 if on_gpu else LIBRARIES[model.device.type])
    return (math.inf if there is None else ROOM * there), round(held)


def _surface_bytes(mappings: Sequence[PixelMapping], side: int, at_once: int = 1) -> float:
    """At the highest, while depth maps of this long side are found."""
    sizes = [finer_mapping(mapping, side).view_size for mapping in mappings]
    pixels = [width * height for width, height in sizes]
    return OF_ALL * sum(pixels) + OF_LARGEST * at_once * max(pixels)


def _contradicted(views: Sequence[AlignedView], surfaces: Sequence[Surface | None]) -> tuple[str, ...]:
    """One sentence where photos with known cameras hardly ever show the same depth; none where they do."""
    shares = [
        surface.agreement
        for view, surface in zip(views, surfaces, strict=True)
        if surface is not None and view.evidence.source == "known"
    ]
    if not shares or np.quantile(shares, 0.75) >= CameraSettings().least:
        return ()
    found = f"most photos share at most {np.quantile(shares, 0.75):.0%} of their depths with another"
    return (
        f"The photos contradict the known cameras ({found}): check that each belongs to its photo, its axes "
        "(x right, y down, z forward) and its focal",
    )


def _unconfirmed(where: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return where * np.uint8(FLAWS["unconfirmed"].bit)


def _stereo_photo(view: AlignedView, camera: AdjustedCamera | None, mask_file: Path | None) -> StereoPhoto | None:
    if view.evidence.source not in CERTAIN:
        return None
    if max(view.mapping.photo_size) < AdjustmentSettings().features.least_side:
        return None
    return StereoPhoto(
        path=view.path,
        mask_file=mask_file,
        mapping=view.mapping,
        K=view.K,
        cam2world=view.cam2world,
        depth=view.depth,
        points=np.empty((0, 3)) if camera is None else camera.points,
        tracks=None if camera is None else camera.tracks,
    )


def _with_surface(view: AlignedView, surface: Surface, most: float) -> AlignedView:
    """Confidence is the network's, and that plus `most`, its largest in all photos, where photos confirm the depth."""
    pixels = surface.mapping.photo_pixels()
    x, y = np.moveaxis((pixels - view.mapping.offset) / view.mapping.scale, -1, 0).astype(int)
    height, width = view.confidence.shape
    own = view.confidence[y.clip(0, height - 1), x.clip(0, width - 1)]
    return replace(
        view,
        mapping=surface.mapping,
        depth=surface.depth,
        confidence=np.where(surface.confirmed, most + own, own).astype(np.float32),
        colors=surface.colors,
        mask=surface.mask,
        flaws=_unconfirmed(~surface.confirmed),
    )
