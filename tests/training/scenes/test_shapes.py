"""Rays meet shapes where formulas say."""

import numpy as np
import pytest
from dust3r.training.scenes.builder import Builder, Frame, Light
from dust3r.training.scenes.library import load_atlas
from dust3r.training.scenes.rendering.renderer import render
from dust3r.training.scenes.scene import BOX, CONE, ELLIPSOID, Cameras

SKY = np.full((2, 3), 0.5, np.float32)
SUN = (0.36, -0.48, 0.8, 0.0, 1.0, 1.0, 1.0)
SIZE = (45, 30)  # not a multiple of a tile's 8 pixels


@pytest.fixture(scope="module")
def atlas():
    return load_atlas(None)


@pytest.fixture
def builder(atlas):
    return Builder(np.random.default_rng(5), atlas, 0.0)


def _camera(eye=(0.0, -4.0, 0.0), focal=40.0):
    """Looks along +y with z up."""
    pose = np.eye(4)
    pose[:3, :3] = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    pose[:3, 3] = eye
    K = np.array([[focal, 0, SIZE[0] / 2], [0, focal, SIZE[1] / 2], [0, 0, 1]])
    return Cameras(pose[None], K[None], SIZE)


def _rays(cameras):
    """Directions of unit depth in the world, (H, W, 3)."""
    x, y = np.meshgrid(np.arange(SIZE[0]) + 0.5, np.arange(SIZE[1]) + 0.5)
    own = np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(cameras.K[0]).T
    return own @ cameras.cam2world[0, :3, :3].T


def _picture(scene, atlas, cameras):
    """(points, surface) of the only view."""
    picture = render(scene, atlas, cameras)
    return picture.points[0], picture.surface[0]


def _check(scene, atlas, cameras, depth):
    """depth (H, W): the true one, infinite where nothing is met."""
    eye, hit = cameras.cam2world[0, :3, 3], np.isfinite(depth)
    expected = eye + np.where(hit, depth, 0)[..., None] * _rays(cameras)
    points, surface = _picture(scene, atlas, cameras)
    assert (surface >= 0).tolist() == hit.tolist()
    assert np.abs(points - expected)[hit].max() < 1e-4
    assert not points[~hit].any()


def test_a_box_is_met_on_its_front_face(builder, atlas):
    builder.box(Frame(), (0.1, 0.0, -0.1), (1.0, 0.5, 0.7), builder.material("any"))
    cameras = _camera()
    front = cameras.cam2world[0, :3, 3] + 3.5 * _rays(cameras)
    inside = (np.abs(front[..., 0] - 0.1) < 1.0) & (np.abs(front[..., 2] + 0.1) < 0.7)
    _check(builder.build(Light([SUN], SKY, SKY)), atlas, cameras, np.where(inside, 3.5, np.inf))


def test_an_ellipsoid_is_met_where_the_quadratic_says(builder, atlas):
    half = np.array([1.1, 0.6, 0.8])
    builder.ball(Frame(0, 0.5, 0, 0.0), (0, 0, 0.1), half, builder.material("any"))
    cameras = _camera()
    d = _rays(cameras) / half
    o = (np.array([0, -4.0, 0]) - np.array([0, 0.5, 0.1])) / half
    a, b, c = (d * d).sum(-1), d @ o, o @ o - 1
    rest = b * b - a * c
    depth = np.where(rest > 0, (-b - np.sqrt(np.maximum(rest, 0))) / a, np.inf)
    _check(builder.build(Light([SUN], SKY, SKY)), atlas, cameras, depth)


def test_an_upright_cylinder_is_met_on_its_wall(builder, atlas):
    builder.tube(Frame(), (0, 0, 0), 0.7, 5.0, builder.material("any"))  # its ends are out of sight
    cameras = _camera()
    d = _rays(cameras)
    a, b = d[..., 0] ** 2 + d[..., 1] ** 2, -4.0 * d[..., 1]
    rest = b * b - a * (16 - 0.49)
    depth = np.where(rest > 0, (-b - np.sqrt(np.maximum(rest, 0))) / a, np.inf)
    _check(builder.build(Light([SUN], SKY, SKY)), atlas, cameras, depth)


@pytest.mark.parametrize("taper", [0.0, 0.4, 0.9])
def test_a_point_on_a_cone_has_the_radius_of_its_height(builder, atlas, taper):
    builder.tube(Frame(), (0, 0, -0.2), 1.0, 0.8, builder.material("any"), taper=taper)
    scene = builder.build(Light([SUN], SKY, SKY))
    # No ray aims at the very tip, which rounding decides to be met or missed.
    points, surface = _picture(scene, atlas, _camera((0.0, -4.0, 1.7), focal=25.0))
    x, y, z = points[surface >= 0].T
    radius = 1 + 0.5 * (taper - 1) * (1 + (z + 0.2) / 0.8)
    on_wall, on_lid = np.abs(np.hypot(x, y) - radius) < 1e-4, np.abs(z - 0.6) < 1e-4
    assert len(x) > 30
    assert (on_wall | on_lid).all()
    assert on_lid.any() == (taper > 0)
    assert (y[on_wall & ~on_lid] < 0.3).all()  # the side turned to the camera


def test_a_hole_shows_its_wall_and_what_is_behind_the_solid(builder, atlas):
    wall = builder.box(Frame(), (0, 0, 0), (3.0, 0.4, 3.0), builder.material("any"))
    builder.cut(wall, CONE, Frame(), (0, 0, 0), (0.8, 0.8, 9.0), tilt=(np.pi / 2, 0, 0))
    builder.box(Frame(), (0, 2.0, 0), (3.0, 0.1, 3.0), builder.material("any"))
    scene = builder.build(Light([SUN], SKY, SKY))
    points, surface = _picture(scene, atlas, _camera())
    x, y, z = np.moveaxis(points, -1, 0)
    tunnel, back, front = surface == 2, surface == 1, surface == 0
    assert tunnel.any() and back.any() and front.any()
    assert np.abs(np.hypot(x, z)[tunnel] - 0.8).max() < 1e-4
    assert np.abs(y[front] + 0.4).max() < 1e-4
    assert np.abs(y[back] - 1.9).max() < 1e-4
    assert np.hypot(x, z)[front].min() > 0.8 - 1e-4


def test_a_camera_inside_a_hole_sees_the_bowl_from_within(builder, atlas):
    bowl = builder.ball(Frame(), (0, 0, 0), (5.0, 5.0, 5.0), builder.material("any"))
    builder.cut(bowl, ELLIPSOID, Frame(), (0, 0, 0), (4.5, 4.5, 4.5))
    points, surface = _picture(builder.build(Light([], SKY, SKY)), atlas, _camera())
    assert (surface == 1).all()
    assert np.abs(np.linalg.norm(points, axis=-1) - 4.5).max() < 1e-4


def test_a_tilted_slope_of_the_height_field_is_met_where_the_plane_is(builder, atlas):
    rise = np.linspace(-1.2, 1.2, 64, dtype=np.float32)
    builder.lay_ground("ground", 8.0, np.repeat(rise[:, None], 64, 1))  # z = 0.15 y
    scene, cameras = builder.build(Light([SUN], SKY, SKY)), _camera((0.0, -7.0, 1.0))
    d = _rays(cameras)
    t = (1.0 - 0.15 * -7.0) / (0.15 * d[..., 1] - d[..., 2])
    within = (t > 0) & (np.abs(t * d[..., 0]) < 8) & (-7.0 + t * d[..., 1] < 7.9)
    assert within.any()
    points, surface = _picture(scene, atlas, cameras)
    assert (surface[within] == 0).all()
    assert np.abs(points[within] - (cameras.cam2world[0, :3, 3] + t[..., None] * d)[within]).max() < 1e-3


def test_points_on_a_bumpy_ground_lie_on_its_bilinear_surface(builder, atlas):
    heights = np.random.default_rng(1).uniform(0, 0.5, (64, 64)).astype(np.float32)
    builder.lay_ground("ground", 8.0, heights)
    points, surface = _picture(builder.build(Light([SUN], SKY, SKY)), atlas, _camera((0.0, -5.0, 1.5)))
    x, y, z = points[surface >= 0].T
    u, v = ((p / 8 + 1) / 2 * 63 for p in (x, y))
    inside = np.maximum(np.abs(x), np.abs(y)) < 7.9
    i, j = np.clip(u.astype(int), 0, 62), np.clip(v.astype(int), 0, 62)
    a, b = u - i, v - j
    low = heights[j, i] * (1 - a) + heights[j, i + 1] * a
    high = heights[j + 1, i] * (1 - a) + heights[j + 1, i + 1] * a
    assert inside.sum() > 300
    assert np.abs(z - (low * (1 - b) + high * b))[inside].max() < 2e-3


def test_a_shadow_falls_where_a_box_hides_the_sun(builder, atlas):
    builder.lay_ground("ground", 8.0, None)
    builder.box(Frame(), (0, 0, 2.0), (0.5, 0.5, 0.1), builder.material("any"))
    down = (0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0)
    dark, cameras = np.zeros((2, 3), np.float32), _camera((0.0, -4.0, 1.0))
    picture = render(builder.build(Light([down], dark, SKY)), atlas, cameras)
    ground = picture.surface[0] == 1
    x, y, _ = np.moveaxis(picture.points[0], -1, 0)
    shaded = ground & (np.abs(x) < 0.49) & (np.abs(y) < 0.49)
    lit = ground & ((np.abs(x) > 0.51) | (np.abs(y) > 0.51))
    brightness = picture.light[0].sum(-1)
    assert shaded.any() and not brightness[shaded].any()
    assert (brightness[lit] > 0).all()


def test_a_turned_box_shows_its_corner(builder, atlas):
    builder.add(BOX, Frame(0, 0, 0, np.pi / 4), (0, 0, 0), (1, 1, 1), builder.material("any"))
    points, _ = _picture(builder.build(Light([], SKY, SKY)), atlas, _camera())
    x, y, _ = points[15, 22]
    assert y == pytest.approx(-np.sqrt(2) + abs(x), abs=1e-4)  # a corner turned to the camera
