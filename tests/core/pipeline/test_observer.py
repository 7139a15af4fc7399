"""An observer gets each photo's states and previews of the world, and changes no result."""

from pathlib import Path

import numpy as np
import pytest
import torch
from dust3r.core.alignment.estimate import MOST_POINTS, PhotoEstimate
from dust3r.core.errors import InputError
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.images.preprocessing import View
from dust3r.core.pipeline.observer import INTERVAL, Observer
from dust3r.core.reconstruction.preview import FRUSTUM, Preview
from dust3r.tests.aligning import align
from dust3r.tests.synthetic import noisy_scene

MAPPING = PixelMapping((80, 60), (8, 6), (10.0, 10.0))
TURN = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])


def _estimate(photo=0, count=48, **more):
    fields = {"R": np.eye(3), "centre": np.zeros(3), "focal": 40.0, "principal_point": np.array([40.0, 30.0])}
    chosen = np.arange(count) % 48
    depth = np.full(count, 2.0)
    fields |= {"mapping": MAPPING, "chosen": chosen, "depth": depth, "every_depth": depth, "component": 0}
    return PhotoEstimate(photo, **fields | more)


def _view(index=0, colors=None):
    image = torch.zeros(3, 6, 8) if colors is None else torch.from_numpy(colors).permute(2, 0, 1) / 127.5 - 1
    return View(f"{index}.png", Path(f"{index}.png"), image, np.ones((6, 8), bool), MAPPING)


def _observer(views, **where):
    observer = Observer(**where)
    observer.begin(views)
    return observer


class _Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_point_stands_on_its_own_pixels_ray_at_its_depth():
    estimate = _estimate(R=TURN, centre=np.array([1.0, 2, 3]))
    local = (estimate.points - estimate.centre) @ TURN
    assert np.allclose(local[:, 2], 2)
    projected = 40 * local[:, :2] / local[:, 2:] + [40, 30]
    assert np.allclose(projected, MAPPING.photo_pixels().reshape(-1, 2))


def test_a_camera_is_outlined_by_the_corners_of_its_image():
    centre, *corners = Preview.of([_estimate()], [np.zeros((48, 3), np.uint8)]).cameras[0]
    assert np.allclose(centre, 0)
    x, y, z = FRUSTUM * 2 * 40 / 40, FRUSTUM * 2 * 30 / 40, FRUSTUM * 2
    assert np.allclose(corners, [(-x, -y, z), (x, -y, z), (x, y, z), (-x, y, z)])


def test_a_preview_is_light_whatever_the_number_of_points():
    estimates = [_estimate(photo, 60_000) for photo in range(3)]
    preview = Preview.of(estimates, [np.zeros((60_000, 3), np.uint8)] * 3)
    assert 0.5 * MOST_POINTS < len(preview.position) <= MOST_POINTS
    assert len(preview.color) == len(preview.position)


def test_points_at_no_place_are_not_shown():
    estimate = _estimate()
    estimate.depth[::2] = np.nan
    assert len(Preview.of([estimate], [np.zeros((48, 3), np.uint8)]).position) == 24


def test_a_preview_comes_back_from_its_file_to_the_last_bit(tmp_path):
    preview = Preview.of([_estimate(R=TURN)], [np.arange(144, dtype=np.uint8).reshape(48, 3)])
    preview.save(tmp_path / "preview.npz")
    found = Preview.load(tmp_path / "preview.npz")
    for name in ("position", "color", "cameras"):
        assert np.array_equal(getattr(found, name), getattr(preview, name))


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", None])
def test_what_is_no_preview_is_refused(tmp_path, damage):
    path = tmp_path / "preview.npz"
    if damage is None:
        np.savez(path, position=np.zeros((3, 2)), color=np.zeros(3), cameras=np.zeros(3))
    else:
        path.write_bytes(damage)
    with pytest.raises(InputError, match="no preview"):
        Preview.load(path)


def test_a_point_has_the_colour_of_its_pixel():
    colors, seen = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8), []
    _observer([_view(0, colors)], preview=seen.append).aligned([_estimate()], ())
    assert np.array_equal(seen[0].color, colors.reshape(-1, 3))


def test_a_preview_is_shown_in_the_world_that_the_observer_says():
    seen, told = [], []
    shift, estimate = np.diag([2.0, 2, 2, 1]), _estimate(centre=np.array([1.0, 2, 3]))
    shift[:3, 3] = 5, 0, 0

    def world(estimates):
        told.append(estimates)
        return shift

    _observer([_view()], preview=seen.append, world=world).aligned([estimate], ())
    assert told == [{Path("0.png"): estimate}]
    assert np.allclose(seen[0].position, 2 * estimate.points + [5, 0, 0])
    assert np.allclose(seen[0].cameras[0, 0], [7, 4, 6])


def test_where_a_photo_stands_so_far_is_told_by_all_of_its_pixels():
    pose = _estimate(R=TURN, centre=np.array([1.0, 2, 3]), every_depth=np.arange(999.0) + 1, component=4).placement
    assert np.array_equal(pose.cam2world[:3], np.column_stack([TURN, [1, 2, 3]]))
    assert (pose.depth, pose.component) == (500, 4)


def test_previews_come_at_most_once_a_second_and_show_the_latest():
    clock, seen = _Clock(), []
    observer = _observer([_view(0), _view(1)], preview=seen.append, clock=clock)
    for step in range(30):
        clock.now = step * INTERVAL / 10
        observer.aligned([_estimate(step % 2, centre=np.array([step, 0.0, 0.0]))], ())
    assert len(seen) == 3
    assert [camera[0, 0] for camera in seen[2].cameras] == [20, 19]


def test_slow_previews_come_less_often():
    clock, seen = _Clock(), []

    def slow(preview):
        clock.now += 0.1
        seen.append(clock.now)

    observer = _observer([_view(0)], preview=slow, clock=clock)
    while clock.now < 40:
        observer.aligned([_estimate()], ())
        clock.now += 0.1
    assert len(seen) * 0.1 / clock.now < 0.012


def test_every_news_of_a_photo_is_told_once():
    told = []
    observer = _observer([_view(k) for k in range(3)], photos=lambda state, photos: told.append((state, photos)))
    observer.predicted([0])
    observer.predicted([2, 0, 1])
    observer.aligned((), [1])
    observer.aligned((), [1])
    assert told == [
        ("predicted", [Path("0.png")]),
        ("predicted", [Path("1.png"), Path("2.png")]),
        ("placed", [Path("1.png")]),
    ]


def test_looking_changes_nothing_and_ends_with_the_result():
    _, mappings, predictions, centres = noisy_scene(4, edges=((0, 1), (1, 2), (2, 3), (1, 0), (2, 1), (3, 2)))
    last, order = {}, []

    def observe(estimates, final):
        last.update({estimate.photo: estimate for estimate in estimates})
        order.extend(final)

    seen = align(mappings, predictions, principal_points=centres, observe=observe)
    unseen = align(mappings, predictions, principal_points=centres)
    assert all(np.array_equal(a, b) for a, b in zip(seen.depth, unseen.depth, strict=True))
    assert sorted(order) == [0, 1, 2, 3]
    for photo, estimate in last.items():
        assert np.array_equal(estimate.R, seen.cam2world[photo, :3, :3])
        assert np.array_equal(estimate.depth, seen.depth[photo].reshape(-1)[estimate.chosen])


def test_nobody_gets_no_preview():
    observer, estimates = _observer([_view()]), iter(["untouched"])
    observer.aligned(estimates, [0])  # type: ignore[arg-type]
    assert list(estimates) == ["untouched"]
