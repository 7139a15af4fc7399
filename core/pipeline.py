"""The whole method on one screen: photos in, cameras and points of one world out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import inference
from .alignment.aligner import Alignment, Placement, align
from .auto_graph import choose_edges
from .images import Framing, View, load_views
from .model.config import ModelConfig
from .model.weights import LoadedModel
from .photos import find_photos
from .predictor import Predictor
from .progress import Report, silent
from .reconstruction import AlignedView, Reconstruction
from .settings import AUTO_HIDDEN, ReconstructionSettings
from .shard import WHOLE, Shard
from .shelf import MemoryShelf, Shelf
from .version import VERSION

# Expected parts of the whole time; the time left follows the job's own pace.
STAGES = {"Reading photos": 3.0, **inference.STAGES, "Aligning": 22.0}


def reconstruct(
    photos: Sequence[Path],
    model: LoadedModel,
    settings: ReconstructionSettings,
    report: Report = silent,
    shelf: Shelf | None = None,
    before: Mapping[Path, Placement] | None = None,
) -> Reconstruction:
    """Cameras and points of all readable photos, from pairwise pointmaps brought into one world.

    photos: files or folders; shelf: what the network has said before, and where that is kept (None: in memory);
    before: where photos, by resolved path, stood in an earlier solution. Raises InputError for photos that cannot be
    used, and whatever `report` raises.
    """
    views, warnings = load_views(find_photos(photos), framing_of(model.config), report)
    predictor = Predictor(model.network, views, MemoryShelf() if shelf is None else shelf)
    edges, doubts = choose_edges(predictor, settings, report)
    predictions = predictor.predict(edges, report)
    alignment = align(
        [view.mapping for view in views],
        predictions,
        settings.alignment,
        masks=[view.mask for view in views],
        before=[(before or {}).get(view.path.resolve()) for view in views],
        names=[view.name for view in views],
        report=report,
    )
    aligned = aligned_views(views, alignment)
    return Reconstruction(
        views=aligned,
        model=f"{model.name}@{model.sha256[:16]}",
        settings=settled(settings, aligned).as_dict(),
        version=VERSION,
        warnings=(*warnings, *doubts, *alignment.warnings),
    )


def infer(
    photos: Sequence[Path],
    model: LoadedModel,
    settings: ReconstructionSettings,
    shelf: Shelf,
    shard: Shard = WHOLE,
    report: Report = silent,
) -> None:
    """Put on the shelf what this part of a reconstruction's forward passes gives and the shelf lacks.

    Raises what `reconstruct` does.
    """
    views, _ = load_views(find_photos(photos), framing_of(model.config), report)
    predictor = Predictor(model.network, views, shelf)
    edges, _ = choose_edges(predictor, settings, report, shard)
    predictor.infer(edges, report, shard)


def framing_of(config: ModelConfig) -> Framing:
    """How a network wants its photos."""
    return Framing(config.image_size, config.patch_size, config.square_crop)


def settled(settings: ReconstructionSettings, views: Sequence[AlignedView]) -> ReconstructionSettings:
    """The settings with the confidence that is used."""
    return replace(settings, min_confidence=settings.min_confidence or usual_confidence(views))


def usual_confidence(views: Sequence[AlignedView]) -> float:
    """The confidence that hides the least certain AUTO_HIDDEN of all kept points: networks differ in scale."""
    kept = np.concatenate([view.confidence[view.mask] for view in views])
    return max(1.0, float(np.quantile(kept, AUTO_HIDDEN))) if len(kept) else 1.0


def intrinsics(focal: float, principal_point: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix K (3, 3) of square pixels."""
    return np.array([[focal, 0, principal_point[0]], [0, focal, principal_point[1]], [0, 0, 1]], dtype=np.float64)


def aligned_views(views: Sequence[View], alignment: Alignment) -> tuple[AlignedView, ...]:
    """The photos with the cameras and the geometry that the alignment gave them."""
    return tuple(
        AlignedView(
            name=view.name,
            path=view.path.resolve(),
            mapping=view.mapping,
            K=intrinsics(alignment.focal[index], alignment.principal_point[index]),
            cam2world=alignment.cam2world[index],
            depth=alignment.depth[index],
            confidence=alignment.confidence[index],
            colors=view.colors,
            mask=view.mask,
            component=int(alignment.component[index]),
        )
        for index, view in enumerate(views)
    )
