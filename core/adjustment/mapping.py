"""Structure from motion with pycolmap on verified matches. Runs in a process of its own. Imports no torch."""

import copy
import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..features.matching import Matches, PairMatches, import_pycolmap
from .settings import AdjustmentSettings
from .support import epipolar_distance

Array = NDArray[np.float64]
Tell = Callable[[float], None]  # called with the share of the work that is done, 0 to 1


def silent(share: float) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True, eq=False)
class StartCamera:
    """What is known of one photo before the adjustment; pixels of the shrunken photo, centres at .5."""

    width: int
    height: int
    camera: int  # photos with the same number share their focal
    K: Array  # (3, 3): known, from EXIF or the network's
    lens_known: bool = False  # K is the user's and stays
    focal_known: bool = False  # the focal is the user's or EXIF's: matches are verified with it
    world2cam: Array | None = None  # (4, 4), the network's; None: it placed this photo elsewhere
    posed: bool = False  # world2cam is the user's and stays
    straight: bool = False  # the lens's bend is known and was taken out of the photo


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Cameras of some of N photos in one world, with the points that they see."""

    world2cam: Array  # (N, 4, 4), rigid; NaN where a photo has no place
    K: Array  # (N, 3, 3)
    photo: NDArray[np.int64]  # (M,), of every observation
    pixel: Array  # (M, 2), of every observation, where a straight lens would show it
    point: NDArray[np.int64]  # (M,), index into points
    points: Array  # (P, 3), world
    freedom: int = 0  # how many focals were found with it
    bend: Array | None = None  # (N,): a ray at radius r, in focal lengths, is at r (1 + bend r^2); None: straight

    @property
    def placed(self) -> NDArray[np.bool_]:
        """(N,)"""
        return np.isfinite(self.world2cam[:, 0, 0])

    def well_seen(self, settings: AdjustmentSettings) -> NDArray[np.bool_]:
        """(N,): photos with enough observations for a certain place."""
        return np.bincount(self.photo, minlength=len(self.K)) >= settings.well_seen


def candidates(
    matches: Matches, start: Sequence[StartCamera], settings: AdjustmentSettings, tell: Tell = silent
) -> Iterator[Model]:
    """Every model that a start leads to: from the photos alone, from two of them, from the network's world."""
    pycolmap = import_pycolmap()
    with tempfile.TemporaryDirectory(prefix="mapping-", ignore_cleanup_errors=True) as work:
        mapper = _Mapper(pycolmap, Path(work), matches, start, settings, tell)
        if not any(camera.posed for camera in start):
            for factor in settings.focal_factors * (len(start) > 2):  # two photos hardly determine a focal
                yield from mapper.incremental(factor)
            yield from mapper.from_two()
        yield from mapper.from_world(settings.rounds)


def adjusted(
    matches: Matches, start: Sequence[StartCamera], rounds: Sequence[float], settings: AdjustmentSettings
) -> Model | None:
    """The cameras that have a place, adjusted on what they triangulate; None where that is nothing."""
    with tempfile.TemporaryDirectory(prefix="mapping-", ignore_cleanup_errors=True) as work:
        return next(_Mapper(import_pycolmap(), Path(work), matches, start, settings).from_world(rounds), None)


def refined(
    matches: Matches, start: Sequence[StartCamera], model: Model, settings: AdjustmentSettings, tell: Tell = silent
) -> Model:
    """The model adjusted to its end, with a robust loss and tighter tolerance; its lenses may bend lines.

    A bend is kept that shows at the corners and that both halves of the points agree on. Two photos stay as they are.
    """
    if model.placed.sum() < 3:
        return model
    own = model.freedom > len({camera.camera for camera in start if not camera.lens_known})  # a focal for every photo
    cameras = [
        replace(
            camera,
            camera=index if own else camera.camera,
            K=model.K[index],
            world2cam=model.world2cam[index] if model.placed[index] else None,
        )
        for index, camera in enumerate(start)
    ]
    pycolmap = import_pycolmap()
    with tempfile.TemporaryDirectory(prefix="mapping-", ignore_cleanup_errors=True) as work:
        steps = len(settings.last_rounds) + 1
        mapper = _Mapper(
            pycolmap, Path(work), matches, cameras, settings, lambda share: tell((1 + share * (steps - 1)) / steps)
        )
        if settings.distortion:
            mapper.bent = mapper.bent_lenses()
        tell(1 / steps)
        return next(mapper.from_world(settings.last_rounds), model)


class _Mapper:
    """The matches as a database of pycolmap's, and the ways to a model."""

    def __init__(
        self,
        pycolmap: Any,
        work: Path,
        matches: Matches,
        start: Sequence[StartCamera],
        settings: AdjustmentSettings,
        tell: Tell = silent,
    ) -> None:
        self._pc = pycolmap
        self._work = work
        self._matches = matches
        self._start = start
        self._settings = settings
        self._tell = tell
        self.bent: frozenset[int] = frozenset()  # numbers of the cameras whose lens bends lines

    def incremental(self, factor: float | None) -> Iterator[Model]:
        """From the photos alone; factor: the first focal where none is known, of the long side; None: the network's."""
        database = self._database(factor)
        out = tempfile.mkdtemp(dir=self._work)
        placed = itertools.count(3)  # after the first two
        models = self._pc.incremental_mapping(
            database,
            self._work,
            out,
            options=self._options(),
            next_image_callback=lambda: self._tell(min(1.0, next(placed) / len(self._start))),
        )
        yield from (self._model(model) for model in models.values())

    def from_two(self) -> Iterator[Model]:
        """From the two photos with most matches, for sets in which no pair is wide enough for the mapper.

        Of two or three photos, which hardly determine a focal, it is the one with the least sum over matches of
        log(1 + distance^2) + focal_pull log(focal / the network's)^2, where distances are from epipolar lines.
        """
        if not self._matches.pairs:
            return
        pair = max(self._matches.pairs, key=lambda pair: len(pair.indices))
        few = len(self._start) <= 3 and not all(start.focal_known or start.lens_known for start in self._start)
        tried = [(self._two_views(pair, factor), factor) for factor in (None, *(self._settings.two_view_focals * few))]
        models = [(self._doubt(pair, model), factor, model) for model, factor in tried if model is not None]
        if not models:
            return
        _, factor, model = min(models, key=itemgetter(0))
        database = self._database(factor)
        self._adjust(model, database, self._settings.rounds, refine_focal=False)
        if len(self._start) == 2:
            yield self._model(model)
            return
        folder = Path(tempfile.mkdtemp(dir=self._work))
        model.write(folder)
        grown = self._pc.incremental_mapping(database, self._work, folder, options=self._options(), input_path=folder)
        yield from (self._model(model) for model in grown.values())

    def from_world(self, rounds: Sequence[float]) -> Iterator[Model]:
        """From the world in which the cameras are: they triangulate the matches and are adjusted on them."""
        model = self._world(rounds)
        if model is not None:
            yield self._model(model)

    def _world(self, rounds: Sequence[float]) -> Any | None:
        placed = {index: camera.world2cam for index, camera in enumerate(self._start) if camera.world2cam is not None}
        if len(placed) < 2:
            return None
        database = self._database(None)
        model = self._empty(None)
        for index, world2cam in placed.items():
            self._place(model, index, world2cam)
        self._adjust(model, database, rounds, refine_focal=True)
        return model if model.num_points3D() else None

    def bent_lenses(self) -> frozenset[int]:
        """Numbers of the cameras whose lens bends lines, by the points that all photos see."""
        trial = _Mapper(self._pc, self._work, self._matches, self._start, self._settings)
        trial.bent = _may_bend(self._start)
        model = trial._world(self._settings.last_rounds[:1]) if trial.bent else None
        if model is None:
            return frozenset()
        shown = {number for number in trial.bent if _bend_shown(model.cameras[number + 1]) > self._settings.least_bend}
        if not shown:
            return frozenset()
        halves = []
        for rest in (0, 1):
            half = copy.deepcopy(model)
            for point_id in [point_id for point_id in half.point3D_ids() if point_id % 2 == rest]:
                half.delete_point3D(point_id)
            self._bundle(half, refine_focal=True)
            halves.append({number: half.cameras[number + 1].params[3] for number in shown})
        whole = {number: abs(model.cameras[number + 1].params[3]) for number in shown}
        return frozenset(
            number
            for number in shown
            if abs(halves[0][number] - halves[1][number]) <= self._settings.bend_spread * whole[number]
        )

    def _focal(self, index: int, factor: float | None) -> float:
        camera = self._start[index]
        if factor is None or camera.focal_known or camera.lens_known:
            return float(camera.K[0, 0])
        return factor * max(camera.width, camera.height)

    def _cameras(self, factor: float | None) -> dict[int, Any]:
        """A pycolmap.Camera for every camera number; ids count from 1."""
        cameras = {}
        for index, start in enumerate(self._start):
            if start.camera in cameras:
                continue
            focal, (cx, cy) = self._focal(index, factor), start.K[:2, 2]
            model, params = "SIMPLE_PINHOLE", [focal, cx, cy]  # a focal that is looked for is one of square pixels
            if start.lens_known:
                model, params = "PINHOLE", [focal, focal * start.K[1, 1] / start.K[0, 0], cx, cy]
            elif start.camera in self.bent:
                model, params = "SIMPLE_RADIAL", [focal, cx, cy, 0.0]
            cameras[start.camera] = self._pc.Camera(
                model=model, width=start.width, height=start.height, params=params, camera_id=start.camera + 1
            )
            cameras[start.camera].has_prior_focal_length = start.focal_known
        return cameras

    def _database(self, factor: float | None) -> Path:
        """A new database of cameras, photos, keypoints and verified matches; image ids count from 1."""
        pc, path = self._pc, Path(tempfile.mkdtemp(dir=self._work)) / "database.db"
        with pc.Database.open(path) as database:
            for camera in self._cameras(factor).values():
                database.write_camera(camera, use_camera_id=True)
                rig = pc.Rig(rig_id=camera.camera_id)
                rig.add_ref_sensor(camera.sensor_id)
                database.write_rig(rig, use_rig_id=True)
            for index, start in enumerate(self._start):
                image = pc.Image(name=str(index), camera_id=start.camera + 1, image_id=index + 1)
                database.write_image(image, use_image_id=True)
                frame = pc.Frame(frame_id=index + 1, rig_id=start.camera + 1)
                frame.add_data_id(image.data_id)
                database.write_frame(frame, use_frame_id=True)
                database.write_keypoints(index + 1, self._matches.keypoints[index])
            for pair in self._matches.pairs:
                database.write_matches(pair.i + 1, pair.j + 1, pair.indices)
                geometry = pc.TwoViewGeometry()
                geometry.config = pc.TwoViewGeometryConfiguration(pair.config)
                geometry.inlier_matches = pair.indices
                database.write_two_view_geometry(pair.i + 1, pair.j + 1, geometry)
        return path

    def _empty(self, factor: float | None) -> Any:
        """A pycolmap.Reconstruction with all cameras and without photos."""
        model = self._pc.Reconstruction()
        for camera in self._cameras(factor).values():
            model.add_camera_with_trivial_rig(camera)
        return model

    def _place(self, model: Any, index: int, world2cam: Array) -> None:
        pc, keypoints = self._pc, self._matches.keypoints[index].astype(np.float64)
        points = pc.Point2DList([pc.Point2D(pixel) for pixel in keypoints])
        image = pc.Image(str(index), points, self._start[index].camera + 1, index + 1)
        model.add_image_with_trivial_frame(image, pc.Rigid3d(world2cam[:3]))

    def _two_views(self, pair: PairMatches, factor: float | None) -> Any | None:
        """Two photos with the relative pose that most of their matches agree on; None where they agree on none."""
        pc, model, (i, j) = self._pc, self._empty(factor), (pair.i, pair.j)
        options = pc.TwoViewGeometryOptions()
        options.compute_relative_pose = True
        options.ransac.random_seed = self._settings.seed
        cameras = [model.cameras[self._start[index].camera + 1] for index in (i, j)]
        pixels = [self._matches.keypoints[index].astype(np.float64) for index in (i, j)]
        found = pc.estimate_calibrated_two_view_geometry(
            cameras[0], pixels[0], cameras[1], pixels[1], pair.indices, options
        )
        if found.cam2_from_cam1 is None or len(found.inlier_matches) < options.min_num_inliers:
            return None
        self._place(model, i, np.eye(4))
        self._place(model, j, found.cam2_from_cam1.matrix())
        return model

    def _doubt(self, pair: PairMatches, model: Any) -> float:
        """What `from_two` minimises."""
        first, second = (model.image(index + 1) for index in (pair.i, pair.j))
        relative = np.vstack([second.cam_from_world().matrix(), [0, 0, 0, 1]])
        K = [image.camera.calibration_matrix() for image in (first, second)]
        off = epipolar_distance(*self._matches.of(pair), relative, *K).clip(max=self._settings.support_error)
        changes = [
            np.log(found[0, 0] / self._start[index].K[0, 0]) for found, index in zip(K, (pair.i, pair.j), strict=True)
        ]
        return float(np.log1p(off**2).sum() + self._settings.focal_pull * len(off) * np.square(changes).max())

    def _adjust(self, model: Any, database: Path, rounds: Sequence[float], refine_focal: bool) -> None:
        """Triangulate, adjust and leave out what does not fit, in rounds of falling tolerance; changes the model."""
        pc = self._pc
        for number, error in enumerate(rounds):
            out = tempfile.mkdtemp(dir=self._work)
            options = self._options()
            options.triangulation.create_max_angle_error = (
                self._settings.angle_error * error / self._settings.rounds[-1]
            )
            options.triangulation.continue_max_angle_error = options.triangulation.create_max_angle_error
            options.mapper.filter_max_reproj_error = error
            pc.triangulate_points(model, database, self._work, out, True, options)
            if not model.num_points3D():
                return
            self._bundle(model, refine_focal)
            pc.ObservationManager(model).filter_all_points3D(error, self._settings.least_angle)
            self._tell((number + 1) / len(rounds))

    def _bundle(self, model: Any, refine_focal: bool) -> None:
        """Bundle adjustment of all that is not known; changes the model."""
        pc, config = self._pc, self._pc.BundleAdjustmentConfig()
        held = 0
        for image_id in model.reg_image_ids():
            config.add_image(image_id)
            if self._start[image_id - 1].posed:
                config.set_constant_rig_from_world_pose(model.image(image_id).frame_id)
                held += 1
        for camera_id in self._constant():
            config.set_constant_cam_intrinsics(camera_id)
        if not held:
            config.fix_gauge(pc.BundleAdjustmentGauge.TWO_CAMS_FROM_WORLD)
        options = pc.BundleAdjustmentOptions()
        options.refine_focal_length = refine_focal
        options.ceres.solver_options.num_threads = 1
        options.ceres.solver_options.function_tolerance = self._settings.least_gain
        options.ceres.loss_function_type = pc.LossFunctionType.CAUCHY
        pc.create_default_bundle_adjuster(options, config, model).solve()

    def _constant(self) -> set[int]:
        return {start.camera + 1 for start in self._start if start.lens_known}

    def _options(self) -> Any:
        """Of the mapper, permissive: few matches and small angles are better than no camera."""
        options, settings = self._pc.IncrementalPipelineOptions(), self._settings
        options.num_threads = 1  # several add in another order each time
        options.random_seed = settings.seed
        options.min_model_size = 2
        options.extract_colors = False
        options.constant_cameras = self._constant()
        options.mapper.init_min_num_inliers = settings.first_matches
        options.mapper.init_min_tri_angle = settings.first_angle
        options.mapper.init_max_forward_motion = 1.0
        options.mapper.abs_pose_min_num_inliers = settings.photo_matches
        options.mapper.abs_pose_min_inlier_ratio = settings.photo_share
        options.triangulation.ignore_two_view_tracks = False
        return options

    def _model(self, model: Any) -> Model:
        """The arrays of a pycolmap.Reconstruction."""
        count = len(self._start)
        world2cam, K = np.full((count, 4, 4), np.nan), np.stack([start.K for start in self._start])
        bend = np.zeros(count)
        rows = {point_id: row for row, point_id in enumerate(sorted(model.point3D_ids()))}
        photo, pixel, point = [], [], []
        for image_id in sorted(model.reg_image_ids()):
            image, index = model.image(image_id), image_id - 1
            world2cam[index] = np.vstack([image.cam_from_world().matrix(), [0, 0, 0, 1]])
            K[index] = image.camera.calibration_matrix()
            bent = image.camera_id - 1 in self.bent
            if bent:
                bend[index] = image.camera.params[3]
            for seen in image.get_observation_points2D():
                photo.append(index)
                pixel.append(
                    K[index, :2, :2] @ image.camera.cam_from_img(seen.xy) + K[index, :2, 2] if bent else seen.xy
                )
                point.append(rows[seen.point3D_id])
        points = [model.points3D[point_id].xyz for point_id in rows]
        freed = {start.camera for start in self._start if not start.lens_known}
        return Model(
            world2cam,
            K,
            np.array(photo, dtype=np.int64),
            np.array(pixel, dtype=np.float64).reshape(-1, 2),
            np.array(point, dtype=np.int64),
            np.array(points, dtype=np.float64).reshape(-1, 3),
            len(freed),
            bend,
        )


def _bend_shown(camera: Any) -> float:
    """How far the photo's corners are from where a straight lens would show them, of the long side."""
    radius = np.hypot(camera.width, camera.height) / 2
    return float(abs(camera.params[3]) * (radius / camera.params[0]) ** 2 * radius / max(camera.width, camera.height))


def _is_centred(camera: StartCamera) -> bool:
    """Whether the principal point is the photo's middle."""
    return bool(np.allclose(camera.K[:2, 2], (camera.width / 2, camera.height / 2), atol=0.5))


def _may_bend(cameras: Sequence[StartCamera]) -> frozenset[int]:
    """Numbers of the cameras of whose lens nothing is known."""
    known = {camera.camera for camera in cameras if camera.lens_known or camera.straight or not _is_centred(camera)}
    return frozenset(camera.camera for camera in cameras) - known
