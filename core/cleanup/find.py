"""All flaws of a finished reconstruction, once, as a byte for each pixel."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..flaws import FLAWS
from ..progress import WHOLE, Report, silent
from ..reconstruction.result import AlignedView, Reconstruction, unconfirmed_of
from .agreement import compare_all
from .edges import find_edges
from .floaters import find_floaters
from .guesses import find_guesses
from .outliers import find_outliers
from .repeated import TURNS, find_repeated
from .settings import CleanupSettings
from .sky import find_sky

STAGE = "Cleaning up"


def find_flaws(
    views: Sequence[AlignedView],
    settings: CleanupSettings | None = None,
    report: Report = silent,
    own_votes: int = 0,
) -> list[NDArray[np.uint8]]:
    """A map (H, W) for each photo, whose bits say which of FLAWS each pixel's point has; masked pixels have none.

    What is known as unconfirmed stays so, for only who compared the photos can tell. own_votes: what the network's word
    counts for against other photos, where these do not confirm it. Nothing is changed or removed. Raises what `report`
    raises.
    """
    settings = settings or CleanupSettings()
    steps = (2 + TURNS) * len(views)
    unconfirmed = unconfirmed_of(views)

    def tell(done: int) -> None:
        report(STAGE, round(WHOLE * done / max(steps, 1)), WHOLE)

    agreements = compare_all(views, unconfirmed, settings, tell)
    outliers, found = find_outliers(views, agreements, settings), []
    for index, (view, agreement) in enumerate(zip(views, agreements, strict=True)):
        tell(len(views) + index)
        own = None if unconfirmed is None else unconfirmed[index]
        maps = {
            "floaters": find_floaters(agreement, own),
            "sky": find_sky(view, agreement, settings),
            "edges": find_edges(view, settings),
            "outliers": outliers[index],
        }
        if own is not None:
            maps |= {"unconfirmed": own, "guesses": own & find_guesses(agreement, own_votes)}
        found.append(_packed(view, maps))
    flawed = [replace(view, flaws=flaws) for view, flaws in zip(views, found, strict=True)]
    others = [agreement.others for agreement in agreements]
    repeated = find_repeated(flawed, others, settings, lambda done: tell(2 * len(views) + done))
    report(STAGE, WHOLE, WHOLE)
    return [flaws | _bits("repeated", map_) for flaws, map_ in zip(found, repeated, strict=True)]


def with_flaws(
    reconstruction: Reconstruction, settings: CleanupSettings | None = None, report: Report = silent
) -> Reconstruction:
    """The same reconstruction with its photos' flaws found anew.

    The word of a network that learned from photos counts as much as a photo's, of one that learned from drawn scenes
    alone nothing.
    """
    found = find_flaws(reconstruction.views, settings, report, own_votes=0 if reconstruction.synthetic else 1)
    views = tuple(replace(view, flaws=flaws) for view, flaws in zip(reconstruction.views, found, strict=True))
    return replace(reconstruction, views=views)


def hiding(reconstruction: Reconstruction, names: Sequence[str], report: Report = silent) -> Reconstruction:
    """The same with the points hidden that have one of these flaws, which are looked for if nobody has."""
    searched = reconstruction if reconstruction.searched else with_flaws(reconstruction, report=report)
    return searched.with_settings(hide=tuple(names))


def _packed(view: AlignedView, maps: dict[str, NDArray[np.bool_]]) -> NDArray[np.uint8]:
    packed = np.zeros(view.depth.shape, np.uint8)
    for name, map_ in maps.items():
        packed |= _bits(name, map_)
    packed[~view.kept()] = 0
    return packed


def _bits(name: str, map_: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return map_.astype(np.uint8) * np.uint8(FLAWS[name].bit)
