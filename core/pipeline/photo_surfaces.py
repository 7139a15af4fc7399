"""Depth maps that the photos themselves confirm, in place of the network's where cameras are certain."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..adjustment.adjust import AdjustedCamera
from ..adjustment.settings import AdjustmentSettings
from ..flaws import FLAWS
from ..io.kept_arrays import KeptArrays
from ..progress import Report
from ..reconstruction.result import AlignedView
from ..stereo.settings import CameraSettings
from ..stereo.surfaces import StereoPhoto, Surface, find_surfaces
from .photo_cameras import PhotoCameras

CERTAIN = ("known", "photos")  # sources of cameras that are exact enough to compare photos pixel by pixel


def surfaces_of_photos(
    views: Sequence[AlignedView],
    found: PhotoCameras,
    masks: Mapping[Path, Path],
    long_side: int,
    device: torch.device,
    report: Report,
    store: KeptArrays | None,
) -> tuple[tuple[AlignedView, ...], tuple[str, ...]]:
    """The views with new depth, confidence, colours and mask where photos with certain cameras see the same.

    Also what the user should know of the cameras, one sentence each. Photos below the size from which features are
    looked for, or with too little parallax, keep theirs to the bit. Where any photo has a surface, the flaws of all say
    which pixels are unconfirmed.
    masks: files by resolved photo. store: keeps depths for a next run. Raises what `find_surfaces` does.
    """
    photos = [
        _stereo_photo(view, camera, masks.get(view.path)) for view, camera in zip(views, found.cameras, strict=True)
    ]
    surfaces = find_surfaces(photos, long_side, device, report, store=store)
    if all(surface is None for surface in surfaces):
        return tuple(views), ()
    most = max(float(view.confidence.max()) for view in views)
    with_surfaces = tuple(
        replace(view, flaws=_unconfirmed(np.ones(view.depth.shape, bool)))
        if surface is None
        else _with_surface(view, surface, most)
        for view, surface in zip(views, surfaces, strict=True)
    )
    return with_surfaces, _contradicted(views, surfaces)


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
