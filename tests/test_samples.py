"""The photo sets of `samples/`: their cameras say what the conventions say, and the pictures agree with them."""

import json

import numpy as np
import pytest
from dust3r.core.images.pixel_mapping import PixelMapping
from PIL import Image

NEIGHBOURS = [(i, i + 1) for i in range(7)] + [(0, 3), (4, 1), (7, 4)]


def read_cameras(folder):
    return json.loads((folder / "cameras.json").read_text())["photos"]


@pytest.fixture(scope="module")
def studio(samples):
    """Every photo of the studio as (camera, colours (H, W, 3) in [0, 1], z depth (H, W) in metres)."""
    folder = samples / "studio"
    return [
        (
            camera,
            np.asarray(Image.open(folder / "images" / name), dtype=float) / 255,
            np.asarray(Image.open(folder / "depth" / name.replace(".jpg", ".png")), dtype=float) / 1000,
        )
        for name, camera in sorted(read_cameras(folder).items())
    ]


@pytest.fixture(scope="module")
def samples(golden):
    return golden.parent.parent / "samples"


@pytest.mark.parametrize(("name", "count"), [("buddha", 13), ("studio", 8)])
def test_every_sample_photo_has_a_rigid_camera_of_its_own_size(samples, name, count):
    photos = read_cameras(samples / name)
    assert len(photos) == count
    assert set(photos) == {path.name for path in (samples / name / "images").iterdir()}
    for file, camera in photos.items():
        assert Image.open(samples / name / "images" / file).size == (camera["width"], camera["height"])
        assert_is_a_camera(camera)


def assert_is_a_camera(camera):
    K, pose = np.array(camera["K"]), np.array(camera["cam2world"])
    assert K.shape == (3, 3) and pose.shape == (4, 4)
    assert np.allclose(pose[3], [0, 0, 0, 1])
    assert np.allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-6)
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1, abs=1e-6)
    assert K[0, 0] > 0 and K[1, 1] > 0 and np.allclose(K[2], [0, 0, 1])
    assert 0 < K[0, 2] < camera["width"] and 0 < K[1, 2] < camera["height"]


def test_studio_neighbours_stand_about_ten_degrees_apart_around_the_furniture(studio):
    centres = np.array([np.array(camera["cam2world"])[:3, 3] for camera, _, _ in studio])
    around = np.degrees(np.unwrap(np.arctan2(centres[:, 1], centres[:, 0])))
    assert np.all((np.abs(np.diff(around)) > 8) & (np.abs(np.diff(around)) < 15))
    assert 60 <= abs(around[-1] - around[0]) <= 80


@pytest.mark.parametrize(("i", "j"), NEIGHBOURS)
def test_studio_points_of_one_view_land_on_the_surfaces_and_colours_of_another(studio, i, j):
    pixels, depth = project(studio[i], studio[j][0])
    seen, colors = look_up(studio[j], pixels, depth)
    covisible = np.abs(depth - seen) < 0.05 * seen  # the rest is hidden in view j, or out of its frame
    assert covisible.mean() > 0.3
    assert (np.abs(depth - seen) < 0.01 * seen)[covisible].mean() > 0.95
    difference = np.abs(colors - studio[i][1].reshape(-1, 3))[covisible].mean(axis=-1)
    assert np.median(difference) < 0.02


def test_a_studio_camera_that_is_half_a_pixel_off_would_be_noticed(studio):
    camera, colors, depth = studio[3]
    pixels, moved_depth = project((camera, colors, depth), studio[4][0])
    error = [
        color_error(studio[4], pixels + shift, moved_depth, colors)
        for shift in ((0, 0), (0.5, 0), (0, 0.5), (-0.5, 0), (0, -0.5))
    ]
    assert error[0] < min(error[1:])


def color_error(view, pixels, depth, colors):
    seen, found = look_up(view, pixels, depth)
    return np.abs(found - colors.reshape(-1, 3))[np.abs(depth - seen) < 0.02 * seen].mean()


def project(view, other):
    """Every pixel of a view: its position (N, 2) in another camera's photo, and its depth (N,) there."""
    camera, _, depth = view
    K, pose = np.array(camera["K"]), np.array(camera["cam2world"])
    size = (camera["width"], camera["height"])
    pixels = PixelMapping(size, size).photo_pixels()
    rays = (pixels - K[:2, 2]) / K[[0, 1], [0, 1]]
    points = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1).reshape(-1, 3) * depth.reshape(-1, 1)
    world = points @ pose[:3, :3].T + pose[:3, 3]
    other_pose = np.array(other["cam2world"])
    local = (world - other_pose[:3, 3]) @ other_pose[:3, :3]
    projected = local @ np.array(other["K"]).T
    return projected[:, :2] / projected[:, 2:], local[:, 2]


def look_up(view, pixels, depth):
    """Depth (N,) and colour (N, 3) of a view at positions, interpolated; infinite depth outside the frame."""
    _, colors, surface = view
    height, width = surface.shape
    x, y = pixels[:, 0] - 0.5, pixels[:, 1] - 0.5
    inside = (depth > 0) & (x >= 0) & (y >= 0) & (x < width - 1) & (y < height - 1)
    x, y = np.where(inside, x, 0), np.where(inside, y, 0)
    # depth is interpolated as its inverse, which is linear on planes
    layers = np.concatenate([1 / surface[..., None], colors], axis=-1)
    column, row = x.astype(int), y.astype(int)
    fx, fy = (x - column)[:, None], (y - row)[:, None]
    upper = layers[row, column] * (1 - fx) + layers[row, column + 1] * fx
    lower = layers[row + 1, column] * (1 - fx) + layers[row + 1, column + 1] * fx
    found = upper * (1 - fy) + lower * fy
    return np.where(inside, 1 / found[:, 0], np.inf), found[:, 1:]
