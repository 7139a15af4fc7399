"""The network's world brought onto the cameras that the photos themselves agree on."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..adjustment.adjust import AdjustedCamera, PhotoStart, adjust
from ..adjustment.scale_field import tied_depth
from ..adjustment.settings import AdjustmentSettings
from ..alignment.aligner import Alignment
from ..cameras.evidence import CameraEvidence
from ..cameras.priors import KnownCamera, lenses_of
from ..errors import InputError, listed
from ..geometry.camera import intrinsics, sample_depth
from ..images.preprocessing import View, straight_view
from ..inference.array_store import ArrayStore
from ..progress import Report
from ..reconstruction.tracks import Tracks
from ..scene_graph.edges import Edge

SETTLING = "Fitting depths to the cameras"

log = logging.getLogger(__name__)


class PhotoCameras(NamedTuple):
    """Photos, an alignment, what is known of its cameras, what they stand on, and what the user should know of it."""

    views: list[View]  # without the bends that lenses were found to have
    alignment: Alignment
    known: list[KnownCamera]
    evidence: list[CameraEvidence]
    warnings: tuple[str, ...]
    cameras: tuple[AdjustedCamera | None, ...]  # what the photos agree on; None: the network's


def adjust_to_photos(
    views: Sequence[View],
    alignment: Alignment,
    known: Sequence[KnownCamera],
    warnings: Sequence[str],
    edges: Sequence[Edge],
    align_again: Callable[[Sequence[KnownCamera], Report], Alignment],
    report: Report,
    store: ArrayStore | None = None,
    masks: Mapping[Path, Path] | None = None,
    distortion: bool = True,
) -> PhotoCameras:
    """The alignment with adjusted cameras held, where the photos support more than the network's cameras.

    Photos without an adjusted camera are placed by the network's pairs, relative to the others; depths are tied to the
    triangulated points. warnings: of the network's world, which hold while any of its cameras stays. align_again:
    the alignment with these cameras known. store: keeps the matches. masks: files by resolved photo. distortion:
    whether lenses that bend lines are recognised, of whose photos straight ones are used from then on. Raises whatever
    `report` raises.
    """
    settings = AdjustmentSettings(distortion=distortion)
    adjustment = adjust(_starts(views, alignment, known), edges, report, settings, store)
    if not any(adjustment.cameras):
        return unadjusted(views, alignment, known, (*warnings, *adjustment.warnings))
    held = [_held(camera, before) for camera, before in zip(adjustment.cameras, known, strict=True)]

    def settle(stage: str, done: int, total: int) -> None:
        report(SETTLING, done, total)

    try:
        found = align_again(held, settle)
    except InputError as error:  # the network's depths fit nowhere between these cameras
        log.warning("The adjusted cameras are not used: %s", error)
        kept = f"The cameras are the network's alone, whose depths do not fit between those of the photos: {error}"
        return unadjusted(views, alignment, known, (*warnings, kept))
    straight = [
        straight_view(view, camera.distortion, (masks or {}).get(view.path.resolve()))
        if camera is not None and camera.distortion
        else view
        for view, camera in zip(views, adjustment.cameras, strict=True)
    ]
    found, views = _straightened(found, views, straight), straight
    depth = tuple(
        found.depth[index] if camera is None else tied_depth(found.depth[index], view.mapping, camera, settings)
        for index, (view, camera) in enumerate(zip(views, adjustment.cameras, strict=True))
    )
    found = replace(found, depth=depth, component=_one_world(found, adjustment.cameras))
    evidence = [_evidence(camera, before) for camera, before in zip(adjustment.cameras, known, strict=True)]
    notes = _placed_by_network(views, adjustment.cameras)
    said = (*warnings, *notes) if notes else found.unusable
    return PhotoCameras(views, found, held, evidence, said, adjustment.cameras)


def unadjusted(
    views: Sequence[View], alignment: Alignment, known: Sequence[KnownCamera], warnings: tuple[str, ...]
) -> PhotoCameras:
    """The network's world as it is."""
    evidence = [camera.evidence for camera in known]
    return PhotoCameras(list(views), alignment, list(known), evidence, warnings, (None,) * len(known))


def _straightened(alignment: Alignment, before: Sequence[View], views: Sequence[View]) -> Alignment:
    """The same with the depth and confidence that the network gave at the places of the straight photos' pixels."""
    depth, confidence = list(alignment.depth), list(alignment.confidence)
    for index, (bent, view) in enumerate(zip(before, views, strict=True)):
        if bent is view:
            continue
        mapping = view.mapping
        places = (mapping.in_file(mapping.photo_pixels()) - mapping.offset) / mapping.scale
        places = places.clip(0, np.subtract(mapping.view_size, 1e-6))
        depth[index] = sample_depth(depth[index], places).astype(np.float32)
        x, y = np.moveaxis(places.astype(int), -1, 0)
        confidence[index] = confidence[index][y, x]
    return replace(alignment, depth=tuple(depth), confidence=tuple(confidence))


def tracks_of(cameras: Sequence[AdjustedCamera | None]) -> Tracks | None:
    """What the adjusted cameras see of each other, each point once in a photo; None where there are none."""
    seen = [(index, camera) for index, camera in enumerate(cameras) if camera is not None]
    if not seen:
        return None
    numbers = np.concatenate([camera.tracks for _, camera in seen])
    _, first, point = np.unique(numbers, return_index=True, return_inverse=True)
    view = np.repeat([index for index, _ in seen], [len(camera.pixels) for _, camera in seen])
    once = np.unique(view * len(first) + point, return_index=True)[1]
    everything = Tracks(
        points=np.concatenate([camera.points for _, camera in seen])[first],
        view=view[once].astype(np.int32),
        pixel=np.concatenate([camera.pixels for _, camera in seen])[once].astype(np.float32),
        point=point[once].astype(np.int32),
    )
    return everything.of_views(range(len(cameras)))


def _starts(views: Sequence[View], alignment: Alignment, known: Sequence[KnownCamera]) -> list[PhotoStart]:
    largest = int(np.bincount(alignment.component).argmax())
    starts = []
    for index, (view, lens) in enumerate(zip(views, lenses_of(views), strict=True)):
        K = known[index].K
        placed = known[index].cam2world is not None or alignment.component[index] == largest
        starts.append(
            PhotoStart(
                path=view.path,
                mapping=view.mapping,
                mask=view.mask,
                K=intrinsics(alignment.focal[index], alignment.principal_point[index]) if K is None else K,
                cam2world=alignment.cam2world[index] if placed else None,
                depth=alignment.depth[index],
                known=known[index],
                lens=lens,
            )
        )
    return starts


def _placed_by_network(views: Sequence[View], cameras: Sequence[AdjustedCamera | None]) -> list[str]:
    """A sentence each about photos that matches place nowhere, and about those that they join to no others."""
    alone = [view.name for view, camera in zip(views, cameras, strict=True) if camera is None]
    apart = [
        view.name
        for view, camera in zip(views, cameras, strict=True)
        if camera is not None and camera.evidence.source == "both"
    ]
    notes = []
    if alone:
        notes.append(f"Too few matches place {listed(alone)}: placed by the network alone, relative to the others")
    if apart:
        notes.append(
            f"Too few matches join {listed(apart)} to the other photos: "
            "placed by the network as a whole, relative to the others"
        )
    return notes


def _held(camera: AdjustedCamera | None, known: KnownCamera) -> KnownCamera:
    """What is known of a camera once it is adjusted; what the user gave stays to the last bit."""
    if camera is None:
        return known
    if known.cam2world is None:
        known = replace(known, cam2world=camera.cam2world)
    if known.focal is None or known.focal_spread > 0:
        known = replace(known, focal=float(camera.K[0, 0]), focal_spread=0.0, focal_y=None, focal_source="photos")
    if known.principal_point is None:
        known = replace(known, principal_point=(float(camera.K[0, 2]), float(camera.K[1, 2])))
    return known


def _evidence(camera: AdjustedCamera | None, known: KnownCamera) -> CameraEvidence:
    if camera is not None:
        return camera.evidence
    return CameraEvidence(source="both") if known.cam2world is None else known.evidence


def _one_world(found: Alignment, cameras: Sequence[AdjustedCamera | None]) -> np.ndarray:
    """(N,): the components, of which all that hold an adjusted camera are one."""
    joined = {int(found.component[index]) for index, camera in enumerate(cameras) if camera is not None}
    merged = np.where(np.isin(found.component, list(joined)), min(joined), found.component)
    return np.unique(merged, return_inverse=True)[1]
