"""The whole method on one screen: photos in, cameras and points of one world out."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..alignment.aligner import Alignment, align
from ..alignment.estimate import Placement
from ..alignment.known_focals import PHOTO_SPREAD, SYNTHETIC_SPREAD
from ..alignment.photo import AlignmentPhoto
from ..cameras.evidence import CameraEvidence
from ..cameras.priors import NOTHING, KnownCamera, Priors, in_square_pixels, lens_notices, lenses_of, priors_of
from ..checkpoints.loading import LoadedModel
from ..cleanup import find as cleanup
from ..geometry.camera import intrinsics
from ..images.preprocessing import Framing, View, load_views, straight_view
from ..inference.array_store import ArrayStore, temporary_store
from ..inference.group_prediction import PosedCamera
from ..inference.group_predictor import GroupPredictor, predictor_for
from ..inference.prediction import PairPrediction
from ..networks.configs import NetworkConfig
from ..networks.depth_anything_3.config import DepthAnything3Config
from ..networks.precision import precision_name
from ..progress import Report, silent
from ..reconstruction.result import AlignedView, Reconstruction, unconfirmed_of
from ..runtime.device import device_memory, precision_notices
from ..runtime.memory import reachable_memory
from ..scene_graph.edges import Edge, make_edges
from ..scene_graph.shard import WHOLE, Shard
from ..settings import AUTO_HIDDEN, AUTO_SURFACE, ReconstructionSettings
from ..version import VERSION
from .edge_choice import choose_edges
from .group_plan import plan_groups
from .memory_plan import STORAGES, Plan, Storage, plan
from .observer import Observer
from .photo_cameras import adjust_to_photos, tracks_of, unadjusted
from .photo_surfaces import surfaces_of_photos


def reconstruct(
    photos: Sequence[Path],
    model: LoadedModel,
    settings: ReconstructionSettings,
    report: Report = silent,
    store: ArrayStore | None = None,
    warm_start: Mapping[Path, Placement] | None = None,
    priors: Priors = NOTHING,
    observer: Observer | None = None,
) -> Reconstruction:
    """Cameras and points of all readable photos, from pairwise pointmaps brought into one world.

    photos: files; store: cached network inference, read and extended (None: temporary, in memory if it fits);
    warm_start: placements in an earlier solution, by resolved photo; priors: known cameras, which come back to the last
    bit, and masks; observer: gets photo states and previews, and changes no result. Raises InputError for photos that
    cannot be used and for more than the memory can hold, and whatever `report` raises.
    """
    observer = observer or Observer()
    views, warnings = read_views(photos, model, report, priors, observer.read)
    observer.begin(views)
    known = priors_of(views, priors, settings.alignment)
    edges = make_edges(len(views), settings.scene_graph, settings.symmetrize)
    needs = plan_views(views, edges, model, STORAGES if store is None else ("disk",))
    with temporary_store(needs.storage == "disk") if store is None else nullcontext(store) as kept:
        predictor = predictor_for(
            model.network, views, kept, needs.batch_pixels, needs.together, observer.predicted, posed(views, known)
        )
        edges, doubts = choose_edges(predictor, settings, report, edges=edges)
        predictions = predictor.predict(edges, report)
        solve = partial(_solve, views, predictions, settings, model, warm_start or {}, observer)
        alignment = solve(known, report)
        noted = (*doubts, *alignment.warnings)
        if settings.cameras == "auto":
            found = adjust_to_photos(
                views, alignment, known, noted, edges, solve, report, kept, priors.masks, settings.lens_distortion
            )
        else:
            found = unadjusted(views, alignment, known, noted)
    aligned = aligned_views(found.views, found.alignment, found.known, found.evidence)
    contradicted: tuple[str, ...] = ()
    if settings.surfaces == "auto":
        side = settings.surface_resolution or AUTO_SURFACE
        aligned, contradicted = surfaces_of_photos(aligned, found, priors.masks, side, model, report, store)
    machine = precision_notices(settings.precision, precision_name(model.network))
    result = Reconstruction(
        views=aligned,
        model=model.label,
        settings=settled(settings, aligned, model.synthetic),
        version=VERSION,
        warnings=(*machine, *warnings, *lens_notices(views, settings.alignment), *found.warnings, *contradicted),
        priors=priors.named({view.path.resolve(): view.name for view in views}),
        licence=model.licence,
        synthetic=model.synthetic,
        tracks=tracks_of(found.cameras),
    )
    return cleanup.with_flaws(result, report=report)


def _solve(
    views: Sequence[View],
    predictions: Sequence[PairPrediction],
    settings: ReconstructionSettings,
    model: LoadedModel,
    warm_start: Mapping[Path, Placement],
    observer: Observer,
    known: Sequence[KnownCamera],
    report: Report,
) -> Alignment:
    """One world of the network's predictions, with what is known of the cameras held."""
    return align(
        _to_align(views, known, warm_start),
        predictions,
        settings.alignment,
        network_spread=SYNTHETIC_SPREAD if model.synthetic else PHOTO_SPREAD,
        report=report,
        observe=observer.aligned,
    )


def _to_align(
    views: Sequence[View], known: Sequence[KnownCamera], warm_start: Mapping[Path, Placement]
) -> list[AlignmentPhoto]:
    """What the alignment takes of each view; a photo whose EXIF names no lens has a lens of its own."""
    rows = zip(views, *in_square_pixels(views, known), lenses_of(views), strict=True)
    return [
        AlignmentPhoto(
            mapping,
            view.mask,
            camera,
            lens=number if lens is None else lens,
            warm_start=warm_start.get(view.path.resolve()),
            name=view.name,
        )
        for number, (view, mapping, camera, lens) in enumerate(rows)
    ]


def infer(
    photos: Sequence[Path],
    model: LoadedModel,
    settings: ReconstructionSettings,
    store: ArrayStore,
    shard: Shard = WHOLE,
    report: Report = silent,
    priors: Priors = NOTHING,
) -> None:
    """Put in the store what this part of a reconstruction's forward passes gives and the store lacks.

    Raises what `reconstruct` does.
    """
    views, _ = read_views(photos, model, report, priors)
    edges = make_edges(len(views), settings.scene_graph, settings.symmetrize)
    needs = plan_views(views, edges, model, ("disk",))
    cameras = posed(views, priors_of(views, priors, settings.alignment))
    predictor = predictor_for(model.network, views, store, needs.batch_pixels, needs.together, known=cameras)
    if isinstance(predictor, GroupPredictor):
        predictor.infer(edges, report, shard)  # which edges they serve is seen once all groups are there
        return
    edges, _ = choose_edges(predictor, settings, report, shard, edges)
    predictor.infer(edges, report, shard)


def read_views(
    photos: Sequence[Path],
    model: LoadedModel,
    report: Report,
    priors: Priors,
    read: Callable[[Path], None] = lambda path: None,
) -> tuple[list[View], list[str]]:
    """What `load_views` gives, photos of lenses that are known to bend lines without the bend."""
    views, warnings = load_views(photos, framing_of(model.config), report, priors.masks, read)
    for index, view in enumerate(views):
        path = view.path.resolve()
        if path in priors.cameras and priors.cameras[path].distortion:
            views[index] = straight_view(view, priors.cameras[path].distortion, priors.masks.get(path))
    return views, warnings


def posed(views: Sequence[View], known: Sequence[KnownCamera]) -> list[PosedCamera | None]:
    """Cameras of which the network may be told, in its pixels: those whose pose and focal are known exactly."""
    return [
        None if camera.cam2world is None or camera.focal is None or camera.focal_spread else _posed(view, camera)
        for view, camera in zip(views, known, strict=True)
    ]


def _posed(view: View, camera: KnownCamera) -> PosedCamera:
    assert camera.cam2world is not None and camera.focal is not None
    x, y = view.mapping.scale
    focal_y = camera.focal if camera.focal_y is None else camera.focal_y
    return PosedCamera(camera.cam2world, (camera.focal / x, focal_y / y))


def plan_views(views: Sequence[View], edges: Sequence[Edge], model: LoadedModel, storages: Sequence[Storage]) -> Plan:
    """How these views fit into the memory that there is; raises InputError where they do not."""
    mappings, device = [view.mapping for view in views], model.device
    free = (reachable_memory(), device_memory(device))
    if isinstance(model.config, DepthAnything3Config):
        return plan_groups(mappings, edges, model.config, device, model.precision, *free, storages)
    return plan(mappings, edges, model.config, device, model.precision, *free, storages)


def framing_of(config: NetworkConfig) -> Framing:
    """How a network wants its photos."""
    if isinstance(config, DepthAnything3Config):
        return Framing(config.image_size, config.patch_size, joint=True)
    return Framing(config.image_size, config.patch_size, config.square_crop)


def settled(settings: ReconstructionSettings, views: Sequence[AlignedView], synthetic: bool) -> ReconstructionSettings:
    """The settings with the confidence that is used."""
    return replace(settings, min_confidence=settings.min_confidence or usual_confidence(views, synthetic))


def usual_confidence(views: Sequence[AlignedView], synthetic: bool) -> float:
    """The confidence that hides the least certain AUTO_HIDDEN of the network's points: networks differ in scale.

    1 where photos were compared and the network learned from drawn scenes alone: its confidence then says less about
    real photos than what they have in common.
    """
    judged = [view.mask for view in views]
    unconfirmed = unconfirmed_of(views)
    if unconfirmed is not None:
        if synthetic:
            return 1.0
        judged = [mask & own for mask, own in zip(judged, unconfirmed, strict=True)]
    kept = np.concatenate([view.confidence[pixels] for view, pixels in zip(views, judged, strict=True)])
    return max(1.0, float(np.quantile(kept, AUTO_HIDDEN))) if len(kept) else 1.0


def _intrinsics(alignment: Alignment, index: int, known: KnownCamera) -> NDArray[np.float64]:
    return known.K if known.K is not None else intrinsics(alignment.focal[index], alignment.principal_point[index])


def aligned_views(
    views: Sequence[View],
    alignment: Alignment,
    known: Sequence[KnownCamera],
    evidence: Sequence[CameraEvidence],
) -> tuple[AlignedView, ...]:
    """The photos with the cameras and the geometry that the alignment gave them, and K where all of it is known."""
    return tuple(
        AlignedView(
            name=view.name,
            path=view.path.resolve(),
            mapping=view.mapping,
            K=_intrinsics(alignment, index, known[index]),
            cam2world=alignment.cam2world[index],
            depth=alignment.depth[index],
            confidence=alignment.confidence[index],
            colors=view.colors,
            mask=view.mask,
            component=int(alignment.component[index]),
            sha256=view.sha256,
            focal_source=alignment.focal_source[index],
            evidence=evidence[index],
        )
        for index, view in enumerate(views)
    )
