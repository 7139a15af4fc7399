"""What is seen while photos are aligned stands where the result will stand, to whichever world that is brought."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from dust3r.core.cameras.priors import KnownCamera, Priors
from dust3r.core.images.preprocessing import load_views
from dust3r.core.jobs import run as worker
from dust3r.core.jobs.job import Job, result_folder
from dust3r.core.jobs.warm_start import Solution, stays_in_its_world
from dust3r.core.pipeline import observer as observing
from dust3r.core.pipeline.observer import Observer
from dust3r.core.pipeline.reconstruct import framing_of
from dust3r.core.settings import AlignmentSettings, ReconstructionSettings
from dust3r.core.world.transform import UP, north_along, scaled
from dust3r.tests.box_room import EYES, intrinsics, look_at, render
from dust3r.tests.perfect_network import Shot, perfect_model
from PIL import Image
from scipy.spatial import KDTree

SIZE = (112, 80)
FEW = AlignmentSettings(iterations=5)
NEAR = 0.02  # of the room's side


def _shot(view, K, pose):
    """What the network says of a photo of the room."""
    mapping, lens = view.mapping, K.copy()
    lens[:2, 2] -= mapping.offset
    lens[:2] /= np.array(mapping.scale)[:, None]
    _, depth, _ = render(lens, pose, mapping.view_size)
    x, y = np.meshgrid(*mapping.photo_axes())
    rays = np.stack([(x - K[0, 2]) / K[0, 0], (y - K[1, 2]) / K[1, 1], np.ones_like(x)], axis=-1)
    return Shot(view.image, depth[..., None] * rays, pose)


@pytest.fixture(scope="module")
def known_room(tmp_path_factory):
    """Photos that look down into a room, their cameras, and a network that knows it."""
    folder, K = tmp_path_factory.mktemp("room"), intrinsics(SIZE, focal=50)
    poses = [look_at((x, y, z), (0, 1.2, 0.5)) for x, y, z in EYES[:4]]
    photos = [folder / f"{k}.png" for k in range(len(poses))]
    for photo, pose in zip(photos, poses, strict=True):
        Image.fromarray(render(K, pose, SIZE)[0]).save(photo)
    model = perfect_model([])
    views, _ = load_views(photos, framing_of(model.config))
    model.network.shots = [_shot(view, K, pose) for view, pose in zip(views, poses, strict=True)]
    return photos, poses, model


@pytest.fixture
def room(tmp_path, known_room, monkeypatch):
    """A job of these photos, and all that is seen of it."""
    photos, poses, model = known_room
    monkeypatch.setattr(worker, "load_model", lambda *_: model)
    monkeypatch.setattr(observing, "INTERVAL", 0.0)
    monkeypatch.setattr(observing, "MOST_SHARE", 1.0)
    return Room(tmp_path / "job", photos, poses)


class Room:
    def __init__(self, folder, photos, poses):
        self.folder, self.photos, self.poses, self.seen = folder, photos, poses, []

    def run(self, count, priors=None, observer=None, **settings):
        """Reconstruct some of the photos; the last preview and the result."""
        self.seen.clear()
        shutil.rmtree(result_folder(self.folder), ignore_errors=True)
        settings = ReconstructionSettings(scene_graph="complete", device="cpu", alignment=FEW, **settings)
        model = Path(__file__).resolve().parents[3] / "models" / "small"
        Job(tuple(self.photos[:count]), model, settings, priors=priors or Priors()).save(self.folder)
        return worker.run_job(self.folder, lambda progress: None, observer or Observer(preview=self.seen.append))

    def stays(self):
        """Whether the next run's world is known before it."""
        return stays_in_its_world(Job.load(self.folder), Solution.load(self.folder))

    def settle(self, move):
        """The user moves the job's world, which later ones are to be laid onto."""
        Solution.load(self.folder).moved(move, ("ground", "scale", "north")).save(self.folder)


def _check(seen, result):
    """Cameras and points are where the result has them, in every preview."""
    points = np.concatenate([view.world_points().reshape(-1, 3) for view in result.views])
    near, surface = NEAR * np.ptp(points, axis=0).max(), KDTree(points)
    centres = [view.cam2world[:3, 3] for view in result.views]
    assert seen
    for preview in seen:
        np.testing.assert_allclose(preview.cameras[:, 0], centres, atol=near)
        distance, _ = surface.query(preview.position)
        assert np.quantile(distance, 0.95) < near


def test_a_new_world_is_seen_on_its_floor_from_the_first_preview_on(room):
    result = room.run(4)
    _check(room.seen, result)
    for preview in room.seen:
        height = preview.position @ UP
        assert abs(np.quantile(height, 0.05)) < NEAR * np.ptp(height)


@pytest.mark.parametrize("count", [3, 4], ids=["the same photos", "one photo more"])
def test_a_settled_world_is_kept_while_its_photos_are_aligned_again(room, count):
    first = room.run(3)
    move = scaled(3.0) @ north_along(np.array([1.0, 0, 0.3]))
    move[:3, 3] = 7, 0, -2
    assert not room.stays()
    room.settle(move)
    assert room.stays()
    result = room.run(count)
    np.testing.assert_allclose(result.views[0].cam2world[:3, 3], (move @ first.views[0].cam2world)[:3, 3], atol=1e-2)
    _check(room.seen, result)


def test_a_world_that_is_not_levelled_is_seen_as_it_is_aligned(room):
    _check(room.seen, room.run(3, ground="off"))


def test_a_world_of_known_poses_is_seen_where_they_are(room):
    known = {path: KnownCamera(cam2world=room.poses[k]) for k, path in enumerate(room.photos[:2])}
    result = room.run(3, priors=Priors(known))
    assert room.stays()
    assert np.array_equal(result.world_frame.similarity, np.eye(4))
    _check(room.seen, result)


def test_a_single_photo_is_seen_in_its_cameras_frame(room):
    result = room.run(1)
    assert np.array_equal(result.world_frame.similarity, np.eye(4))
    _check(room.seen, result)


def test_who_looks_on_changes_no_bit(room):
    seen = room.run(3)
    shutil.rmtree(room.folder)
    unseen = room.run(3, observer=Observer())
    for a, b in zip(seen.views, unseen.views, strict=True):
        assert np.array_equal(a.cam2world, b.cam2world) and np.array_equal(a.depth, b.depth)
