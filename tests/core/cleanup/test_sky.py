"""Sky of every kind is found; walls, ceilings, cars and water of the same colours are not."""

import numpy as np
import pytest
from dust3r.core.cleanup.find import find_flaws
from dust3r.core.flaws import FLAWS
from dust3r.tests.core.cleanup_scene import SIZE, make_view
from PIL import Image

WIDTH, HEIGHT = SIZE
COLUMN, ROW = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
HORIZON = 50
GREY, WHITE, CYAN, BLUE = (150, 150, 152), (238, 238, 236), (90, 200, 210), (70, 120, 200)
PAINTS = {"grey": GREY, "white": WHITE, "cyan": CYAN, "blue": BLUE}


def noisy(colors, level=2.0, seed=0):
    """(H, W, 3) uint8 with the noise of a camera."""
    return (colors + level * np.random.default_rng(seed).standard_normal(colors.shape)).clip(0, 255).astype(np.uint8)


def plain(color):
    return np.broadcast_to(np.array(color, float), (HEIGHT, WIDTH, 3)).copy()


def fade(top, bottom):
    """Colours (H, W, 3) that lead from one at the top to another at the horizon."""
    share = (ROW / HORIZON).clip(0, 1)[..., None]
    return (1 - share) * np.array(top, float) + share * np.array(bottom, float)


def clouds(seed=1):
    """(H, W, 1) from 0 to 1, soft."""
    small = np.random.default_rng(seed).random((5, 6)).astype(np.float32)
    return np.asarray(Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC)).clip(0, 1)[..., None]


SKIES = {
    "overcast": 190 + 40 * clouds() + plain((0, 2, 6)),
    "white": plain((248, 248, 248)),
    "grey": plain((130, 132, 136)),
    "blue": fade((60, 110, 200), (170, 205, 235)),
    "cloudy": fade((80, 130, 205), (175, 205, 235)) * (1 - clouds()) + 235 * clouds(),
    "dusk": fade((95, 105, 160), (250, 165, 95)),
}


def street(sky_colors, sky_depth=30.0, sky_confidence=1.03):
    """(view, true sky): houses and a street from 3 to 12 metres before a sky at some depth and confidence."""
    rng = np.random.default_rng(2)
    skyline = 30 + 12 * ((np.arange(WIDTH) // 21) % 3)
    sky = np.minimum(skyline, HORIZON) > ROW
    houses = ~sky & (ROW < 62)
    depth = np.where(houses, 12.0, np.minimum(12.0, 130 / (ROW - 51).clip(1)))
    colors = np.where(houses[..., None], plain((150, 110, 90)), plain((95, 95, 95)))
    colors += 25 * ((COLUMN // 4 + ROW // 5) % 2)[..., None]
    confidence = np.where(houses, 8.0, 12.0) * rng.uniform(0.7, 1.3, sky.shape)
    depth, confidence = np.where(sky, sky_depth, depth), np.where(sky, sky_confidence, confidence)
    return make_view(depth, confidence, noisy(np.where(sky[..., None], sky_colors, colors))), sky


def room(wall, wall_confidence=6.0, ceiling=False):
    """A photo of a room: a painted wall (or ceiling) up to the top of the picture, a floor, and a cupboard."""
    rng = np.random.default_rng(3)
    is_wall = ROW < 60
    depth = np.where(is_wall, 4.0, 250 / (ROW + 2.5))
    if ceiling:
        depth = np.where(ROW < 40, 170 / (82.5 - ROW), np.where(is_wall, 4.0, depth))
    colors = np.where(
        is_wall[..., None], np.array(wall, float) - 15 * (COLUMN / WIDTH)[..., None], plain((140, 100, 70))
    )
    confidence = np.where(is_wall, wall_confidence, 10.0) * rng.uniform(0.8, 1.2, is_wall.shape)
    cupboard = (COLUMN > 80) & (COLUMN < 110) & (ROW > 40) & (ROW < 75)
    depth, confidence = np.where(cupboard, 3.0, depth), np.where(cupboard, 12.0, confidence)
    colors = np.where(cupboard[..., None], plain((90, 60, 40)), colors)
    return make_view(depth, confidence.clip(1), noisy(colors))


def sky_of(*views):
    """The map (H, W) of the first photo."""
    return find_flaws(views)[0] & FLAWS["sky"].bit != 0


@pytest.mark.parametrize("name", SKIES)
@pytest.mark.parametrize(("depth", "confidence"), [(30, 1.03), (100, 1.3), (15, 1.01), (20, 1.2)])
def test_a_sky_is_found_up_to_its_skyline(name, depth, confidence):
    view, sky = street(SKIES[name], depth, confidence)
    found = sky_of(view)
    assert found[sky].mean() > 0.9
    assert found[~sky].mean() < 0.02


def test_a_sky_is_found_whatever_its_hue():
    view, sky = street(SKIES["blue"])
    grey = np.repeat(view.colors.mean(axis=-1, keepdims=True), 3, axis=-1)
    assert sky_of(make_view(view.depth, view.confidence, grey.astype(np.uint8)))[sky].mean() > 0.93


def test_what_flies_before_the_sky_stays_and_a_gap_that_wires_leave_is_sky():
    view, sky = street(SKIES["blue"])
    colors, depth, confidence = view.colors.copy(), view.depth.copy(), view.confidence.copy()
    balloon = (COLUMN - 60) ** 2 + (ROW - 12) ** 2 < 36
    colors[balloon], depth[balloon], confidence[balloon] = (200, 40, 40), 9.0, 10.0
    colors[20], depth[20] = 40, 11.0  # a wire across the picture
    found = sky_of(make_view(depth, confidence, colors))
    inner = (COLUMN - 60) ** 2 + (ROW - 12) ** 2 < 16
    assert not found[inner].any()
    assert found[:17][sky[:17] & ~balloon[:17]].mean() > 0.8


@pytest.mark.parametrize("name", PAINTS)
@pytest.mark.parametrize("confidence", [10.0, 6.0, 3.0, 2.0])
def test_a_painted_wall_is_no_sky_however_unsure(name, confidence):
    assert not sky_of(room(PAINTS[name], confidence)).any()


@pytest.mark.parametrize("name", PAINTS)
@pytest.mark.parametrize("confidence", [6.0, 2.0, 1.2])
def test_a_ceiling_is_no_sky(name, confidence):
    assert not sky_of(room(PAINTS[name], confidence, ceiling=True)).any()


def test_a_wall_that_is_lit_like_a_blue_sky_is_no_sky():
    view = room(BLUE, 3.0)
    colors = view.colors.copy()
    colors[:60] = noisy(fade((60, 110, 200), (170, 205, 235)))[:60]
    assert not sky_of(make_view(view.depth, view.confidence, colors)).any()


@pytest.mark.parametrize("name", ["cyan", "blue", "white"])
def test_a_car_under_the_sky_is_no_sky_and_does_not_keep_the_sky(name):
    view, sky = street(SKIES["blue"])
    car = (COLUMN > 30) & (COLUMN < 80) & (ROW > 60) & (ROW < 85)
    colors = np.where(car[..., None], noisy(plain(PAINTS[name])), view.colors)
    depth = np.where(car, 5.0, view.depth)
    found = sky_of(make_view(depth, np.where(car, 3.0, view.confidence), colors))
    assert not found[car].any()
    assert found[sky].mean() > 0.93


@pytest.mark.parametrize("seen", [2.0, 4.0])
def test_the_sea_is_no_sky_with_the_sky_above_it_or_without(seen):
    sea = ROW >= HORIZON
    depth = np.where(sea, 300 / (ROW - HORIZON + 4.5).clip(1), 200.0)
    confidence = np.where(ROW > 80, 8.0, np.where(sea, seen, 1.02))
    colors = np.where(sea[..., None], plain((40, 95, 140)), SKIES["blue"])
    colors[82:] = (190, 170, 130)  # the beach
    found = sky_of(make_view(depth, confidence, noisy(colors)))
    assert found[~sea].mean() > 0.93
    assert found[sea].mean() < 0.05
    below = make_view(depth[HORIZON + 6 :], confidence[HORIZON + 6 :], noisy(colors)[HORIZON + 6 :])
    assert not sky_of(below).any()


def test_a_meadow_that_fills_the_picture_is_no_sky():
    colors, depth = noisy(plain((90, 140, 60))), 400 / (ROW + 4.0)
    assert not sky_of(make_view(depth, np.where(ROW < 40, 1.05, 6.0), colors)).any()


def test_a_wall_that_is_hardly_known_stays_where_other_photos_see_it_at_the_same_place():
    def beside(shift):
        pose = np.eye(4)
        pose[0, 3] = shift
        wall = (ROW < 60)[..., None]
        colors = np.where(wall, plain(BLUE), plain((140, 100, 70)))
        confidence = np.where(ROW < 60, 1.05, 10.0)
        return make_view(np.where(ROW < 60, 6.0, 375 / (ROW + 2.5)), confidence, noisy(colors), pose)

    assert sky_of(beside(0)).any()  # alone it could be one
    assert not sky_of(beside(0), beside(0.4), beside(0.8)).any()


def test_a_photo_without_confidence_or_points_has_no_sky():
    view, _ = street(SKIES["blue"])
    assert not sky_of(make_view(np.full((HEIGHT, WIDTH), np.nan), colors=view.colors)).any()
    alike = make_view(np.full((HEIGHT, WIDTH), 3.0), np.ones((HEIGHT, WIDTH)), noisy(plain((140, 100, 70))))
    assert not sky_of(alike).any()
