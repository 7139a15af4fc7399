"""A network that sees many photos at once, and what it has said so far: each group once."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from ..images.preprocessing import View
from ..networks.depth_anything_3.depth_anything_3 import DepthAnything3
from ..networks.network import Network
from ..progress import Report, part_of, silent
from ..scene_graph.edges import Edge
from ..scene_graph.groups import Group, choose_groups, group_pairs
from ..scene_graph.retrieval import likeness_of, pooled
from ..scene_graph.shard import WHOLE, Shard
from .array_store import ArrayStore
from .forward import PREDICTING
from .group_prediction import GroupPair, GroupPrediction, PosedCamera, predict_group
from .prediction import KEY
from .predictor import KEYS, Predictor

MEMBERS, MAPS, CAMERAS = "group_members", "group_maps", "group_cameras"  # kinds in the store


def predictor_for(
    network: Network,
    views: Sequence[View],
    store: ArrayStore,
    batch_pixels: int | None = None,
    together: int = 2,
    predicted: Callable[[Iterable[int]], None] = lambda photos: None,
    known: Sequence[PosedCamera | None] = (),
) -> Predictor:
    """The predictor of a network; what a network of pairs, or of many photos, does not ask for is not looked at."""
    if isinstance(network, DepthAnything3):
        return GroupPredictor(network, views, store, together, predicted, known)
    return Predictor(network, views, store, batch_pixels, predicted)


class GroupPredictor(Predictor):
    """What a network says of some views in groups; one group if they fit, else overlapping ones."""

    def __init__(
        self,
        network: DepthAnything3,
        views: Sequence[View],
        store: ArrayStore,
        together: int,
        predicted: Callable[[Iterable[int]], None] = lambda photos: None,
        known: Sequence[PosedCamera | None] = (),
    ) -> None:
        """together: photos of a group at most; predicted: called with photos whose groups are there.

        known: the views' cameras (none given: nothing is known); they guide groups all of whose cameras are known.
        """
        super().__init__(network, views, store, predicted=predicted)
        self._group_network, self._together = network, together
        self._known = known or (None,) * len(views)
        self._groups: list[Group] = []
        self._read: dict[Group, GroupPrediction] = {}

    def groups(self, report: Report = silent, shard: Shard = WHOLE) -> list[Group]:
        """The groups of these views; those that the store has of them stay, so that another photo costs one group."""
        count = len(self.views)
        if not self._groups:
            if count <= self._together:
                self._groups = [tuple(range(count))]
            else:
                self.encode(range(count), report, shard)
                likeness = likeness_of([pooled(self.encoded(photo)) for photo in range(count)])
                self._groups = choose_groups(likeness, self._together, self._kept_groups())
        return self._groups

    def infer(self, edges: Sequence[Edge], report: Report = silent, shard: Shard = WHOLE) -> None:
        """Put in the store what this shard's part of the groups lacks there, whichever edges they serve."""
        groups = self.groups(report, shard)
        own = groups[shard.number - 1 :: shard.parts]
        done, total = 0, sum(map(len, own))
        for group in own:
            if self._kept(group) is None:
                self._ask(group, part_of(report, done, total))
            done += len(group)
            self._predicted(group)
        report(PREDICTING, done, total)

    def predict(self, edges: Sequence[Edge], report: Report = silent) -> list[GroupPair]:
        """The predictions of those of the edges whose photos share a group, in their order.

        All pixels of a photo come with one edge of each group: its depth is the same with the others.
        """
        self.infer(edges, report)
        pairs = [pair for edge in edges if (pair := self._pair(edge)) is not None]
        dense: dict[tuple[Group, int], tuple[Edge, int]] = {}
        for side in (0, 1):
            for pair in pairs:
                dense.setdefault((pair.group.photos, pair.edge[side]), (pair.edge, side))
        whole = set(dense.values())
        for group in self.groups():
            for kind in (MEMBERS, MAPS, CAMERAS):
                self._store.use(kind, self._name(group))
        return [replace(pair, whole=((pair.edge, 0) in whole, (pair.edge, 1) in whole)) for pair in pairs]

    def score(self, edge: Edge) -> tuple[float, float]:
        """How sure the network is of each side of a predicted edge: mean log confidence."""
        pair = self._pair(edge)
        if pair is None:
            return 0.0, 0.0
        return pair.group.score(pair.places[0]), pair.group.score(pair.places[1])

    def pairs(self, report: Report = silent) -> list[Edge]:
        """The pairs (i, j), i < j, that are worth aligning, of every group, in order; predicts all groups."""
        self.infer([], report)
        found = (group_pairs(self._prediction(group).seen(), group) for group in self.groups())
        return sorted(set(chain.from_iterable(found)))

    def shared(self, edges: Iterable[Edge]) -> list[Edge]:
        """Those of the edges whose photos are in one group."""
        return [edge for edge in edges if any(set(edge) <= set(group) for group in self.groups())]

    def _pair(self, edge: Edge) -> GroupPair | None:
        group = next((group for group in self.groups() if set(edge) <= set(group)), None)
        return None if group is None else self._prediction(group).pair(edge)

    def _prediction(self, group: Group) -> GroupPrediction:
        return self._kept(group) or self._ask(group)

    def _ask(self, group: Group, report: Report = silent) -> GroupPrediction:
        """What the network says of a group, which the store has from now on."""
        views = [self.views[photo] for photo in group]

        def step(share: float) -> None:
            report(PREDICTING, int(share * len(group)), len(group))

        found = predict_group(self._group_network, views, group, self._cameras(group), step)
        self._keep(found)
        return found

    def _cameras(self, group: Group) -> list[PosedCamera] | None:
        """Those of a group; None unless all are known."""
        cameras = [camera for photo in group if (camera := self._known[photo]) is not None]
        return cameras if len(cameras) == len(group) else None

    def _name(self, group: Group) -> str:
        """Of all that the network sees at once, in its order: the same photo in other company is another matter."""
        digest = hashlib.sha256("".join(self.keys[photo] for photo in group).encode())
        for camera in self._cameras(group) or ():
            digest.update(camera.tobytes())
        return digest.hexdigest()[:KEY]

    def _kept(self, group: Group) -> GroupPrediction | None:
        """What the store has of a group; None where it has nothing sound."""
        if group in self._read:
            return self._read[group]
        name = self._name(group)
        maps, cameras = self._store.get(MAPS, name), self._store.get(CAMERAS, name)
        width, height = self.views[group[0]].mapping.view_size
        if maps is None or maps.dtype != np.float32 or maps.shape != (2, len(group), height, width):
            return None
        if cameras is None or cameras.dtype != np.float64 or cameras.shape != (len(group), 3, 7):
            return None
        found = GroupPrediction(group, maps[0], maps[1], cameras[:, :, :4], cameras[:, :, 4:])
        self._read[group] = found
        return found

    def _keep(self, found: GroupPrediction) -> None:
        """Members last: a group that has them is whole."""
        name = self._name(found.photos)
        self._store.put(MAPS, name, np.stack([found.depth, found.confidence]))
        self._store.put(CAMERAS, name, np.concatenate([found.world2cam, found.K], axis=-1))
        self._store.put(MEMBERS, name, np.array([self.keys[photo] for photo in found.photos], dtype=KEYS))

    def _kept_groups(self) -> list[Group]:
        """The groups in the store that are of these photos alone, the largest first, each with a photo of its own."""
        number = {key.encode(): photo for photo, key in enumerate(self.keys)}
        kept = (self._store.get(MEMBERS, name) for name in self._store.names(MEMBERS))
        members = [array.tolist() for array in kept if array is not None and array.dtype == KEYS and array.ndim == 1]
        inside = [tuple(number[key] for key in keys) for keys in members if all(key in number for key in keys)]
        groups: list[Group] = []
        covered: set[int] = set()
        for group in sorted(inside, key=lambda group: (-len(group), group)):
            if len(group) <= self._together and not covered.issuperset(group) and (not groups or covered & set(group)):
                groups.append(group)
                covered |= set(group)
        return groups
