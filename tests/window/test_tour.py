"""Blender's real window under a virtual screen, played by tools/window and judged by its pictures.

The scripts check what a person would find: states, objects, undo, the pixels under a click. A quick share runs in
`make test`, all of it by `make test-window`.
"""

import json
import subprocess
import sys

import numpy as np
import pytest
from dust3r.tests.window.stage import CHECKOUT, FULL, Stage
from PIL import Image

full = pytest.mark.skipif(not FULL, reason="part of `make test-window`, minutes of a whole Blender")
GRAY = 12  # a pixel whose colours differ by more is no part of the interface's gray


def shown(stage: Stage, name: str, place: str) -> Image.Image:
    """A part of a picture of the window."""
    places = json.loads((stage.pictures / f"{name}.json").read_text())
    with Image.open(stage.pictures / f"{name}.png") as picture:
        return picture.convert("RGB").crop(tuple(round(side) for side in places[place]))


def colorful(picture: Image.Image) -> float:
    """Share of the pixels that are not gray."""
    pixels = np.asarray(picture).astype(int)
    return float((np.ptp(pixels, axis=2) > GRAY).mean())


def likeness(a: Image.Image, b: Image.Image) -> float:
    """Correlation of two pictures' brightness, coarsely: 1 for the same, about 0 for nothing in common."""
    small = [np.asarray(picture.convert("L").resize((48, 32), Image.Resampling.BOX), float) for picture in (a, b)]
    return float(np.corrcoef(small[0].ravel(), small[1].ravel())[0, 1])


def changed(a: Image.Image, b: Image.Image) -> float:
    """Share of the pixels that differ."""
    return float((np.ptp([np.asarray(a, int), np.asarray(b, int)], axis=0).max(axis=2) > GRAY).mean())


def check_what_the_tour_shows(stage: Stage) -> None:
    viewport = {name: shown(stage, name, "viewport") for name in ("1_before", "3_after", "4_through_camera")}
    sidebar = {
        name: shown(stage, name, "sidebar") for name in ("1_before", "2_during", "4_through_camera", "6_cancelled")
    }
    assert changed(sidebar["1_before"], sidebar["2_during"]) > 0.02, "no progress is shown"
    assert colorful(viewport["3_after"]) > 2 * colorful(viewport["1_before"]), "no points are shown"
    assert colorful(viewport["4_through_camera"]) > 0.1, "no photo is shown"
    assert changed(sidebar["4_through_camera"], sidebar["6_cancelled"]) < 0.02, "a cancelled job is still shown"


def check_that_the_look_is_through_the_photo(stage: Stage) -> None:
    """What is seen through the camera in the middle is like its photo, and like no other as much."""
    seen = shown(stage, "4_through_camera", "photo")
    photos = sorted((stage.folder / "photos").iterdir())
    alike = [likeness(seen, Image.open(photo)) for photo in photos]
    assert int(np.argmax(alike)) == len(photos) // 2, alike
    assert max(alike) > 0.7, alike


@pytest.mark.parametrize("stage", [2], indirect=True)
def test_two_photos_become_points_and_cameras_at_the_press_of_a_button(stage):
    parts = ("reconstruct", "look_through", "cancel_a_second_one")
    stage.assert_plays("tour.py", stage.inside("pictures"), stage.inside("photos"), *parts)
    check_what_the_tour_shows(stage)
    check_that_the_look_is_through_the_photo(stage)


@full
def test_a_reconstruction_from_the_empty_list_to_its_undo(stage):
    stage.assert_plays("tour.py", stage.inside("pictures"), stage.inside("photos"))
    check_what_the_tour_shows(stage)
    check_that_the_look_is_through_the_photo(stage)


@full
def test_photos_become_a_rendered_camera_move_in_seven_actions_and_the_scene_stays_the_artists(stage):
    said = stage.assert_plays("first_session.py", stage.inside("pictures"), stage.inside("photos"))
    assert "photos to a rendered shot in 7 actions" in said
    solid, through = shown(stage, "session_3_result", "viewport"), shown(stage, "session_4_fit", "viewport")
    assert colorful(solid) > 0.03, "the points have no colors in Solid shading"
    assert changed(solid, through) > 0.1


@full
def test_every_way_of_getting_photos_into_the_list(stage):
    stage.assert_plays("photos.py", stage.inside("pictures"), stage.inside("photos"))


@full
def test_a_movie_becomes_a_world_with_a_camera_that_moves_as_it_did(stage):
    stage.assert_plays("shots.py", stage.inside("pictures"), stage.inside("photos"))


@full
def test_a_finished_reconstruction_is_looked_at_photo_by_photo_and_clicked_into(stage):
    command = [sys.executable, CHECKOUT / "headless.py", "reconstruct", stage.folder / "photos", "--model", "small"]
    subprocess.run([*command, "--output", stage.folder / "scene.blend", "--quiet"], check=True)
    stage.assert_plays("result.py", stage.inside("pictures/result"), stage.inside("scene.blend"))


@full
def test_backgrounds_show_photos_of_every_orientation_upright(stage):
    blender = ("blender", "--python-exit-code", "3", "--python", "/tools/backgrounds.py", "--", stage.inside("drawn"))
    stage.assert_shows(*blender, screen="1200x900", LIBGL_ALWAYS_SOFTWARE="1")


@full
@pytest.mark.parametrize(
    "parts", [("begin", "resume"), ("load",), ("switch_off",), ("remove_scene",), ("undo_and_save",), ("quit", "find")]
)
def test_an_interrupted_job_is_clean(stage, parts):
    stage.assert_plays("interruptions.py", stage.inside("pictures"), stage.inside("photos"), *parts)


@full
def test_what_is_seen_while_photos_are_aligned_stands_where_the_result_will(stage):
    stage.assert_plays("preview.py", stage.inside("pictures"), stage.inside("photos"))


@full
@pytest.mark.parametrize(
    ("name", "script", "screen", "options"),
    [
        ("preferences", "open_preferences.py", "1350x1800", ("--window-geometry", "0", "0", "1350", "1800")),
        ("german", "open_sidebar.py", "1600x900", ()),
    ],
)
def test_a_picture_for_the_docs_can_be_taken(stage, name, script, screen, options):
    picture, ready = stage.inside(f"pictures/{name}.png"), stage.inside("ready.json")
    setup = {"SETUP": "/tools/german.py", "PHOTOS": stage.inside("photos")} if name == "german" else {}
    command = ("window_shot.py", picture, "--ready", ready, "--", *options, "--python", f"/tools/{script}")
    stage.assert_plays(*command, screen=screen, **setup)
    with Image.open(stage.pictures / f"{name}.png") as taken:
        assert colorful(taken.convert("RGB")) > 0.003
