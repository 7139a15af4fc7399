"""Where a new photo was taken in a world that is there already, which stays as it is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from ..checkpoints.loading import LoadedModel
from ..errors import InputError
from ..geometry.camera import intrinsics
from ..images.preprocessing import View, load_view, network_image
from ..images.reader import unique_names
from ..inference.array_store import ArrayStore, MemoryStore
from ..inference.forward import decode, predict
from ..inference.predictor import Predictor
from ..networks.depth_anything_3.depth_anything_3 import DepthAnything3
from ..pipeline.reconstruct import framing_of
from ..progress import Report, silent
from ..reconstruction.localization import Localization, LocalizedPhoto
from ..reconstruction.result import AlignedView, Reconstruction
from ..scene_graph.edges import Edge
from ..scene_graph.retrieval import likeness_of, pooled
from ..settings import LocalizationSettings
from .absolute_pose import Placed, own_depth, place
from .image_pair import PhotoPair


@dataclass(frozen=True, slots=True)
class Localized:
    """A photo in the world of a reconstruction, which it is no part of."""

    view: AlignedView  # its camera there; depth and confidence as its pair with the photo most alike shows them
    figures: LocalizedPhoto  # how far the camera can be trusted


def localize(
    photo: Path,
    reconstruction: Reconstruction,
    model: LoadedModel,
    settings: LocalizationSettings | None = None,
    store: ArrayStore | None = None,
    report: Report = silent,
    name: str | None = None,
) -> Localized:
    """The camera of a photo in the world of a reconstruction, of which nothing moves.

    The network compares it with the reconstruction's photos that are most alike; the mutual nearest points of such
    pairs tie its pixels to world points. store: what the network has said before, and where that is kept (None: in
    memory). name: the photo's, its file's unless told. Raises InputError for a photo that cannot be read, and when too
    few matches agree on a camera.
    """
    settings = settings or LocalizationSettings()
    small = tuple(no_larger(view, model.config.image_size) for view in reconstruction.views)
    reconstruction = in_whole_patches(replace(reconstruction, views=small), model.config.patch_size)
    framing = framing_of(model.config)
    new = load_view(photo, framing, name)
    if framing.joint:
        reconstruction, new = _in_common_shape(reconstruction, new)
    views = [map_view(view, reconstruction.min_confidence) for view in reconstruction.without_flaws().views]
    views.append(new)
    predictor = Predictor(model.network, views, MemoryStore() if store is None else store)
    near = _neighbours(predictor, reconstruction, settings.neighbours, report)
    pairs = _pairs(predictor, model, near, report)
    known = [reconstruction.views[number] for number in near]
    return _localized(_accepted(place(known, pairs, settings), photo, settings), known, pairs)


def localize_all(
    photos: Sequence[Path],
    reconstruction: Reconstruction,
    model: LoadedModel,
    settings: LocalizationSettings | None = None,
    store: ArrayStore | None = None,
    report: Report = silent,
) -> tuple[list[Localized], list[str]]:
    """The cameras of those photos that can be placed, each by itself (`localize`), and a sentence on each that cannot.

    Raises InputError when that is none of them.
    """
    store = MemoryStore() if store is None else store  # so that the world's photos are encoded once
    placed: list[Localized] = []
    refused: list[str] = []
    for number, (photo, name) in enumerate(zip(photos, unique_names(photos), strict=True)):
        try:
            part = _share_of(report, number, len(photos))
            placed.append(localize(photo, reconstruction, model, settings, store, part, name))
        except InputError as error:
            refused.append(str(error))
    if not placed:
        raise InputError(refused[0] if len(refused) == 1 else f"None of {len(refused)} photos is placed: {refused[0]}")
    return placed, refused


def _share_of(report: Report, number: int, count: int) -> Report:
    """Reports of one of several equal pieces of work as reports of them all."""

    def part(stage: str, done: int, total: int) -> None:
        report(stage, number * total + done, count * total)

    return part


def map_view(view: AlignedView, min_confidence: float) -> View:
    """A reconstructed photo as the network saw it; masked where its points are hidden."""
    return View(view.name, view.path, network_image(view.colors), view.kept(min_confidence), view.mapping)


def no_larger(view: AlignedView, long_side: int) -> AlignedView:
    """The same at this long side at most, pixels: depth maps from the photos are larger than what networks see."""
    old = view.mapping.view_size
    if max(old) <= long_side:
        return view
    width, height = (max(1, round(side * long_side / max(old))) for side in old)
    size = (width, height)
    columns, rows = (((np.arange(n) + 0.5) * side / n).astype(int) for n, side in zip(size, old, strict=True))
    shown = {
        name: array if array is None else array[np.ix_(rows, columns)]
        for name, array in (
            ("depth", view.depth),
            ("confidence", view.confidence),
            ("mask", view.mask),
            ("flaws", view.flaws),
        )
    }
    colors = np.asarray(Image.fromarray(view.colors).resize(size, Image.Resampling.LANCZOS))
    scale = (view.mapping.scale[0] * old[0] / width, view.mapping.scale[1] * old[1] / height)
    return replace(view, mapping=replace(view.mapping, view_size=size, scale=scale), colors=colors, **shown)


def in_whole_patches(reconstruction: Reconstruction, patch: int) -> Reconstruction:
    """The same with photos whose sides a network of this patch size can take, cut at their edges where they have to be.

    Another network, or program, may have framed them. Raises InputError where they all are smaller than a patch.
    """
    whole = tuple(cut for view in reconstruction.views if (cut := _in_whole_patches(view, patch)) is not None)
    if not whole:
        raise InputError(
            f"No photo of the reconstruction is at least {patch} x {patch} pixels large, which the network needs; "
            "reconstruct it from larger photos"
        )
    return replace(reconstruction, views=whole)


def _in_whole_patches(view: AlignedView, patch: int) -> AlignedView | None:
    width, height = view.mapping.view_size
    size = width // patch * patch, height // patch * patch
    if size == (width, height):
        return view
    return view.cropped((width - size[0]) // 2, (height - size[1]) // 2, size) if min(size) else None


def _in_common_shape(reconstruction: Reconstruction, new: View) -> tuple[Reconstruction, View]:
    """The same photos, and a new one that a network is to see together with them, cut about their centres."""
    sizes = [view.mapping.view_size for view in (*reconstruction.views, new)]
    size = min(width for width, _ in sizes), min(height for _, height in sizes)
    corners = [((width - size[0]) // 2, (height - size[1]) // 2) for width, height in sizes]
    cut = tuple(view.cropped(*corner, size) for view, corner in zip(reconstruction.views, corners, strict=False))
    return replace(reconstruction, views=cut), new.cropped(*corners[-1], size)


def as_reconstruction(
    localized: Sequence[Localized], of: Reconstruction, settings: LocalizationSettings
) -> Reconstruction:
    """The photos alone, in the world of `of`."""
    localization = Localization(settings, tuple(one.figures for one in localized))
    views = tuple(one.view for one in localized)
    placed = Reconstruction(views, of.model, None, of.version, synthetic=of.synthetic, localization=localization)
    return placed.with_settings(min_confidence=of.min_confidence)


def _accepted(placed: Placed | None, photo: Path, settings: LocalizationSettings) -> Placed:
    """What was found, if enough agrees with it; else raises InputError."""
    count, total = (int(placed.inliers.sum()), len(placed.inliers)) if placed else (0, 0)
    if placed is None or count < max(settings.min_inliers, settings.min_inlier_share * total):
        raise InputError(
            f"{photo} cannot be placed: only {count} of {total} matches agree on a camera, where "
            f"{settings.min_inliers} and {settings.min_inlier_share:.0%} are needed; "
            "give a photo that shows more of the same place"
        )
    return placed


def _localized(placed: Placed, known: Sequence[AlignedView], pairs: Sequence[PhotoPair]) -> Localized:
    view, pair = pairs[0].views[1], pairs[0]
    aligned = AlignedView(
        name=view.name,
        path=view.path.resolve(),
        mapping=view.mapping,
        K=intrinsics(placed.camera.focal, placed.camera.principal_point),
        cam2world=placed.cam2world,
        depth=own_depth(placed, known[0], pair),
        confidence=pair.backward.dense(0)[1].reshape(pair.backward.shape(0)),
        colors=view.colors,
        mask=view.mask,
        component=known[0].component,
        sha256=view.sha256,
    )
    count, error = int(placed.inliers.sum()), float(np.median(placed.errors[placed.inliers]))
    figures = LocalizedPhoto(view.name, count, len(placed.inliers), error, tuple(one.name for one in known))
    return Localized(aligned, figures)


def _neighbours(predictor: Predictor, reconstruction: Reconstruction, count: int, report: Report) -> list[int]:
    """The photos most alike the last view, the first of them most of all; of one world only."""
    every = range(len(predictor.views))
    predictor.encode(every, report)
    likeness = likeness_of([pooled(predictor.encoded(photo)) for photo in every])[-1, :-1]
    ranked = np.argsort(-likeness, kind="stable")
    component = np.array([view.component for view in reconstruction.views])
    return [int(photo) for photo in ranked if component[photo] == component[ranked[0]]][:count]


def _pairs(predictor: Predictor, model: LoadedModel, near: Sequence[int], report: Report) -> list[PhotoPair]:
    """Of every neighbour with the last view."""
    new = len(predictor.views) - 1
    edges = [edge for photo in near for edge in (Edge(photo, new), Edge(new, photo))]
    views = predictor.views
    if isinstance(model.network, DepthAnything3):
        predictions = iter(predict(model.network, views, edges, report))
    else:
        encoded = {photo: predictor.encoded(photo) for photo in (*near, new)}
        predictions = decode(model.network, encoded, edges, report)
    found = {prediction.edge: prediction for prediction in predictions}
    return [PhotoPair((views[k], views[new]), found[Edge(k, new)], found[Edge(new, k)]) for k in near]
