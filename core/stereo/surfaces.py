"""Depth maps of photos with certain cameras: what the photos confirm, and the network's depth tied to it elsewhere."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..geometry.camera import project, sample_depth, unproject
from ..images.pixel_mapping import PixelMapping
from ..images.preprocessing import read_framed
from ..io.kept_arrays import KeptArrays, name_of
from ..progress import WHOLE, Check, Report
from ..runtime.side_by_side import Result, side_by_side
from .consistency import agreeing, before_steps, best_agreement, confirmed_elsewhere
from .frames import Array, Level, finer_mapping, halved, on_device, place_of, pyramid
from .fusion import tied_field
from .neighbours import SeenPoints, choose_neighbours
from .search import Bounds, refine_depth, search_planes
from .settings import StereoSettings

STAGE = "Finding surfaces"
DEPTHS = "depths"  # kind in the store
ROWS = 128  # of a depth map enlarged at once


@dataclass(frozen=True, slots=True, eq=False)
class StereoPhoto:
    """One photo with a certain camera, the points it sees, and the network's depth."""

    path: Path
    mask_file: Path | None  # that `open_mask` reads
    mapping: PixelMapping  # of the network's pixels
    K: Array  # (3, 3), photo pixels
    cam2world: Array  # (4, 4), rigid
    depth: NDArray[np.float32]  # (H, W), z > 0, world units, the network's pixels
    points: Array  # (M, 3), world, that it sees
    tracks: NDArray[np.int64] | None  # (M,), number of the point, the same in all photos; None: there are no points


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """One photo's new depth map, its pixels described by a mapping of their own."""

    mapping: PixelMapping
    depth: NDArray[np.float32]  # (H, W), z > 0, world units
    confirmed: NDArray[np.bool_]  # (H, W), other photos have the same depth
    colors: NDArray[np.uint8]  # (H, W, 3), sRGB
    mask: NDArray[np.bool_]  # (H, W), True = keep
    agreement: float  # share of the pixels whose first depth one other photo has too; small for wrong cameras


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """A photo that takes part, at all resolutions, the finest first."""

    levels: tuple[Level, ...]
    network: tuple[Tensor, ...]  # (h, w), log of the network's depth
    bounds: Bounds
    mapping: PixelMapping
    mask: NDArray[np.bool_]
    content: bytes  # stands for colours and camera

    def without_coarser(self, level: int) -> "_Frame":
        """The frame without its levels from this one on, of which 0 is the finest; that one stays."""
        kept = max(level, 1)
        return replace(self, levels=self.levels[:kept], network=self.network[:kept])


def find_surfaces(
    photos: Sequence[StereoPhoto | None],
    long_side: int,
    device: torch.device,
    report: Report,
    settings: StereoSettings | None = None,
    store: KeptArrays | None = None,
    at_once: int = 1,
) -> list[Surface | None]:
    """Surfaces of the photos that see enough of the same from different places; None for all others.

    photos: None for those without a certain camera. From coarse to fine: every photo's depth is searched by comparing
    it with its neighbours, and kept is what other photos' depths confirm, or what lies where they have confirmed a
    point; elsewhere the network's depth, tied to that, is where the next finer search begins. store: keeps what each
    search of a photo finds, with which an interrupted job goes on. at_once: photos that are worked on at the same time,
    which changes no bit. Raises InputError where a photo cannot be read again, and whatever `report` raises.
    """
    settings = settings or StereoSettings()
    seen = [None if photo is None else _seen(photo, settings) for photo in photos]
    near = choose_neighbours(seen, settings.neighbours)
    part = {index: photo for index, photo in enumerate(photos) if photo is not None and near[index]}
    count = 1 + max(0, round(np.log2(long_side / settings.sweep.first_side)))
    progress = _Progress(report, len(part), count)
    frames: dict[int, _Frame] = {}
    for index, photo in part.items():
        progress.check()
        frames[index] = _frame(photo, long_side, count, device, settings)
    depth: dict[int, Tensor] = {}  # inverse
    confirmed: dict[int, Tensor] = {}
    agreement: dict[int, float] = {}
    for level in reversed(range(count)):
        here = _AtLevel(level, frames, near, settings, progress, store, at_once)
        raw = here.searched(depth)
        if not agreement:  # before anything is tied to the network's depth
            agreement = here.best_agreement(raw)
        depth, confirmed = here.settled(raw, part)
        for index, frame in frames.items():
            frames[index] = frame.without_coarser(level)
    return [
        _surface(frames.pop(index), depth.pop(index), confirmed.pop(index), agreement[index]) if index in part else None
        for index in range(len(photos))
    ]


def _seen(photo: StereoPhoto, settings: StereoSettings) -> SeenPoints:
    """The photo's points, or where it has none the network's on a coarse grid."""
    points, mapping = photo.points, photo.mapping
    if photo.tracks is None:
        rows, columns = (np.linspace(0, n - 1, settings.neighbours.grid).astype(int) for n in photo.depth.shape)
        grid = np.ix_(rows, columns)
        points = unproject(mapping.photo_pixels()[grid], photo.depth[grid], photo.K, photo.cam2world).reshape(-1, 3)
    return SeenPoints(photo.K, photo.cam2world, mapping.photo_size, points, photo.tracks)


class _Progress:
    """Steps of the stage; a level has four times the pixels, and the work, of the next coarser one."""

    def __init__(self, report: Report, photos: int, levels: int) -> None:
        self._report, self._done, self._levels = report, 0, levels
        self._total = photos * sum(4**level for level in range(levels))

    def check(self) -> None:
        """Report that work goes on."""
        if self._total:
            self._report(STAGE, round(WHOLE * self._done / self._total), WHOLE)

    def add(self, level: int) -> None:
        """One more photo is searched at a level, of which 0 is the finest."""
        self._done += 4 ** (self._levels - 1 - level)
        self.check()


def _frame(photo: StereoPhoto, long_side: int, count: int, device: torch.device, settings: StereoSettings) -> _Frame:
    mapping = finer_mapping(photo.mapping, long_side)
    colors, mask = read_framed(photo.path, mapping, photo.mask_file)
    levels = pyramid(colors, mapping, photo.K, photo.cam2world, count, device)
    network = [on_device(_log_depth(photo, mapping), device)]
    for _ in levels[1:]:
        network.append(halved(network[-1]))
    bounds = _bounds(photo, settings)
    content = name_of(colors, levels[0].K, levels[0].world2cam).encode()
    return _Frame(levels, tuple(network), bounds, mapping, mask, content)


def _log_depth(photo: StereoPhoto, mapping: PixelMapping) -> NDArray[np.float32]:
    """(H, W): log of the network's depth at the pixels of a finer mapping."""
    x, y = mapping.photo_axes()
    log = np.empty((len(y), len(x)), np.float32)
    for start in range(0, len(y), ROWS):
        pixels = np.stack(np.meshgrid(x, y[start : start + ROWS]), axis=-1)
        places = np.clip(
            (pixels - photo.mapping.offset) / photo.mapping.scale, 0.0, np.subtract(photo.mapping.view_size, 1e-6)
        )
        log[start : start + ROWS] = np.log(sample_depth(photo.depth, places))
    return log


def _bounds(photo: StereoPhoto, settings: StereoSettings) -> Bounds:
    """Least and largest inverse depth, of the photo's points and the network's depth, with room on both sides."""
    z = project(photo.points, photo.K, photo.cam2world)[1]
    shares = settings.sweep.outliers, 1 - settings.sweep.outliers
    ends = np.stack([np.quantile(values, shares) for values in (z[z > 0], photo.depth) if values.size])
    return 1 / (settings.sweep.far * float(ends[:, 1].max())), 1 / (settings.sweep.near * float(ends[:, 0].min()))


@dataclass(frozen=True, slots=True, eq=False)
class _AtLevel:
    """All photos at one resolution; maps (h, w) of photos are by their index."""

    level: int  # 0 is the finest
    frames: Mapping[int, _Frame]
    near: Sequence[Sequence[int]]  # of every photo those it is compared with
    settings: StereoSettings
    progress: _Progress
    store: KeptArrays | None
    at_once: int  # photos

    def searched(self, coarser: Mapping[int, Tensor]) -> dict[int, Tensor]:
        """Inverse depths, photos compared with neighbours; coarser: of the level before, empty for the first."""
        return self._each(partial(self._kept_or_searched, coarser), partial(self.progress.add, self.level))

    def _each(self, work: Callable[[int, Check], Result], done: Check | None = None) -> dict[int, Result]:
        """What `work` makes of every photo; done: called after each."""
        photos, check = list(self.frames), self.progress.check
        return dict(zip(photos, side_by_side(work, photos, self.at_once, check, done or check), strict=True))

    def _kept_or_searched(self, coarser: Mapping[int, Tensor], index: int, check: Check) -> Tensor:
        name = "" if self.store is None else self._name(index, coarser)
        kept = None if self.store is None else self.store.get(DEPTHS, name)
        if kept is None:
            found = self._search(coarser, index, check)
            if self.store is not None:
                self.store.put(DEPTHS, name, found.cpu().numpy())
        else:
            found = on_device(kept, self._own(index).grey.device)
        return found

    def _search(self, coarser: Mapping[int, Tensor], index: int, check: Check) -> Tensor:
        others = [self._own(other) for other in self._compared(index)]
        bounds, sweep = self.frames[index].bounds, self.settings.sweep
        if index in coarser:
            return refine_depth(self._own(index), others, coarser[index], bounds, sweep, check)
        return search_planes(self._own(index), others, bounds, sweep, check)

    def _name(self, index: int, coarser: Mapping[int, Tensor]) -> str:
        """Of what a search depends on."""
        photos = [self.frames[photo].content for photo in (index, *self._compared(index))]
        known = repr((self.level, self.frames[index].bounds, asdict(self.settings.sweep))).encode()
        return name_of(known, *photos, *([coarser[index].cpu().numpy()] if index in coarser else []))

    def _compared(self, index: int) -> Sequence[int]:
        return self.near[index][: self.settings.neighbours.most]

    def best_agreement(self, raw: Mapping[int, Tensor]) -> dict[int, float]:
        """What `consistency.best_agreement` says of every photo."""

        def of_photo(index: int, check: Check) -> float:
            others = self._others(index, raw)
            return best_agreement(self._own(index), raw[index], others, self.settings.cameras, check)

        return self._each(of_photo)

    def settled(
        self, raw: Mapping[int, Tensor], photos: Mapping[int, StereoPhoto]
    ) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """Every photo's inverse depth, the network's where nothing confirms what was found; and what is confirmed."""
        agreed, sure = _parted(self._each(partial(self._agreeing, raw)))

        def of_photo(index: int, check: Check) -> tuple[Tensor, Tensor]:
            known, confirmed = self._with_others(raw, sure, index, check)
            weight = torch.where(confirmed, 1.0, self.settings.fusion.doubted * agreed[index].clamp(max=1))
            filled = self._tied(known, weight, self.frames[index], photos[index], check)
            return torch.where(confirmed, known, filled), confirmed

        return _parted(self._each(of_photo))

    def _own(self, index: int) -> Level:
        return self.frames[index].levels[self.level]

    def _others(self, index: int, raw: Mapping[int, Tensor]) -> list[tuple[Level, Tensor]]:
        return [(self._own(other), raw[other]) for other in self.near[index]]

    def _agreeing(self, raw: Mapping[int, Tensor], index: int, check: Check) -> tuple[Tensor, Tensor]:
        """(h, w) each: how many others agree with a pixel's depth, 8 bit, and whether these are enough.

        Where fewer could see the point these must agree, at the finest level alone: coarse ones agree too easily.
        """
        fusion, own = self.settings.fusion, raw[index]
        tolerance = fusion.agreement * fusion.coarse**self.level
        agreed, framed = agreeing(self._own(index), own, self._others(index, raw), tolerance, check)
        agreed = agreed * ~before_steps(own, fusion.rim, fusion.step)
        needed = framed if self.level == 0 else torch.full_like(framed, len(self.near[index]))
        return agreed, (agreed > 0) & (agreed >= needed.clamp(max=fusion.witnesses))

    def _with_others(
        self, raw: Mapping[int, Tensor], sure: Mapping[int, Tensor], index: int, check: Check
    ) -> tuple[Tensor, Tensor]:
        """(h, w) each: inverse depths, of points confirmed in others where the own agree, and what is confirmed."""
        own = raw[index]
        others = [(self._own(other), raw[other], sure[other]) for other in self.near[index]]
        there = confirmed_elsewhere(self._own(index), others, check)
        taken = ~sure[index] & ((own - there).abs() <= self.settings.fusion.taken * there)
        return torch.where(taken, there, own), sure[index] | taken

    def _tied(self, raw: Tensor, weight: Tensor, frame: _Frame, photo: StereoPhoto, check: Check) -> Tensor:
        """(h, w): inverse of the network's depth, tied to inverse depths of this weight and to the photo's points."""
        ratio, count = _at_points(frame, photo, self.level)
        network = frame.network[self.level]
        points = self.settings.fusion.points * count
        total = weight + points
        mean = (weight * (-raw.log() - network) + points * ratio) / total.clamp_min(1e-9)
        check()
        colors = frame.levels[self.level].colors.float() / 255
        return (-network - tied_field(mean, total, colors, self.settings.fusion, check)).exp()


def _parted(pairs: Mapping[int, tuple[Tensor, Tensor]]) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    first = {index: pair[0] for index, pair in pairs.items()}
    return first, {index: pair[1] for index, pair in pairs.items()}


def _at_points(frame: _Frame, photo: StereoPhoto, level: int) -> tuple[Tensor, Tensor]:
    """(h, w) each: mean log of the points' depth over the network's, 0 where no point is; how many points there are."""
    own, network = frame.levels[level], frame.network[level].cpu().numpy().ravel().astype(np.float64)
    pixels, z = project(photo.points, own.K, photo.cam2world)
    height, width = own.shape
    place, inside = place_of(pixels, PixelMapping((width, height), (width, height)))
    usable = inside & (z > 0)
    place, ratio = place[usable], np.log(z[usable]) - network[place[usable]]
    count = np.bincount(place, minlength=network.size)
    mean = np.bincount(place, ratio, minlength=network.size) / np.maximum(count, 1)
    device = own.grey.device
    return on_device(mean.reshape(height, width), device), on_device(count.reshape(height, width), device)


def _surface(frame: _Frame, inverse: Tensor, confirmed: Tensor, agreement: float) -> Surface:
    depth = (1 / inverse).cpu().numpy()
    colors = frame.levels[0].colors.permute(1, 2, 0).contiguous().cpu().numpy()
    return Surface(frame.mapping, depth, confirmed.cpu().numpy() & frame.mask, colors, frame.mask, agreement)
