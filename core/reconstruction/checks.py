"""Whether what was read from a file can be what we write there. Imports no torch.

Folders come from other machines and from strangers: an array of another shape, a camera that is none or a name that
leads elsewhere must end as one sentence of the reader, not in the middle of a scene. The checks raise ValueError with
what was found.
"""

import re
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from ..cameras.priors import FocalSource
from ..io.validation import FARTHEST, check_camera, check_name, check_types
from ..settings import MOST

if TYPE_CHECKING:
    from .result import AlignedView, Reconstruction


def check_result(result: "Reconstruction") -> None:
    """Every view sound and of a name of its own, the recipe of the kinds that ours has."""
    check_types(result)
    names = [view.name for view in result.views]
    if len(set(names)) < len(names):
        raise ValueError("two photos have one name")
    if not set(result.priors) <= {"known", "masks"} or not all(
        isinstance(part, dict) for part in result.priors.values()
    ):
        raise ValueError("what is given of its photos is nothing that we write")
    if result.localization and [photo.name for photo in result.localization.photos] != names:
        raise ValueError("how its photos were placed is said of others")
    for view in result.views:
        check_name(view.name)
        check_view(view)


def check_view(view: "AlignedView") -> None:
    """Arrays of one shape and kind, the camera rigid with a focal, every kept depth positive, numbers finite."""
    shape = view.mapping.view_size[::-1]
    if not isinstance(view.component, int) or not 0 <= view.component <= MOST:
        raise ValueError(f"component is {repr(view.component)[:60]}")
    if not isinstance(view.sha256, str) or not re.fullmatch("([0-9a-f]{64})?", view.sha256):
        raise ValueError(f"sha256 is {repr(view.sha256)[:60]}")
    if view.focal_source not in get_args(FocalSource):
        raise ValueError(f"focal_source is {repr(view.focal_source)[:60]}")
    _check_array("K", view.K, (3, 3), "f")
    _check_array("cam2world", view.cam2world, (4, 4), "f")
    for name, array in (("depth", view.depth), ("confidence", view.confidence)):
        _check_array(name, array, shape, "f")
    _check_array("colors", view.colors, (*shape, 3), "u")
    _check_array("mask", view.mask, shape, "b")
    check_camera(view.K, view.cam2world)
    depth = view.depth[view.mask & np.isfinite(view.depth)]
    if not ((depth > 0) & (depth < FARTHEST)).all():
        raise ValueError("depth is not above 0 everywhere")
    if view.flaws is not None:
        _check_array("flaws", view.flaws, shape, "u")
    if not np.isfinite(view.confidence).all():
        raise ValueError("confidence is not finite everywhere")
    if (view.confidence[view.mask] <= 0).any():
        raise ValueError("confidence is not above 0 everywhere")


def _check_array(name: str, array: NDArray[Any], shape: tuple[int, ...], kind: str) -> None:
    wide = array.dtype.itemsize in {"f": (4, 8), "u": (1,), "b": (1,)}[kind]
    if array.shape != shape or array.dtype.kind != kind or not wide:
        raise ValueError(f"{name} holds {array.dtype} of shape {array.shape}")
