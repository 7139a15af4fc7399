"""Keyframes: as the camera moves, not as time passes, and sharp."""

import numpy as np
import pytest
from dust3r.core.errors import Cancelled, InputError
from dust3r.core.images.keyframes import (
    CUT,
    FrameChoice,
    FrameMeasures,
    choose_keyframes,
    choose_photos,
    measure,
    motion_between,
    sharpness_of,
)
from dust3r.tests.moving_picture import frame_at, write_photos
from PIL import Image
from scipy.ndimage import gaussian_filter

STRANGER = gaussian_filter(np.random.default_rng(9).random((240, 340), dtype=np.float32), 1)


def evenly(count: int, sharpness=None) -> FrameMeasures:
    """Of a camera at an even pace."""
    return FrameMeasures(np.ones(count) if sharpness is None else np.asarray(sharpness), np.linspace(0, 3, count))


@pytest.mark.parametrize(("x", "y"), [(0, 0), (5, 0), (-12, 9), (30, -40)])
def test_the_motion_of_a_moved_picture_is_how_far_it_was_moved(x, y):
    assert motion_between(frame_at(100, 100), frame_at(100 + x, 100 + y)) == pytest.approx(np.hypot(x, y), abs=0.5)


def test_after_a_cut_no_motion_is_found():
    assert motion_between(frame_at(0), STRANGER[:, :320]) is None
    assert motion_between(frame_at(0), frame_at(0).T) is None


def test_a_cut_counts_once_and_the_motion_after_it_goes_on():
    there = [frame_at(4 * step) for step in range(5)]
    elsewhere = [STRANGER[:, 4 * step : 4 * step + 320] for step in range(5)]
    travel = measure(there + elsewhere).travel
    assert travel[4] == pytest.approx(16 / 320)
    assert travel[9] == pytest.approx(32 / 320 + CUT)


def test_a_frame_too_blurred_to_be_followed_is_passed_over():
    frames = [frame_at(8 * step) for step in range(7)]
    frames[3] = gaussian_filter(frames[3], 12)
    assert measure(frames).travel[-1] == pytest.approx(48 / 320)


def test_a_picture_of_nothing_does_not_move():
    grey = np.full((240, 320), 0.5, np.float32)
    assert motion_between(grey, grey) == 0
    assert sharpness_of(grey) == 0
    for size in ((1, 1), (2, 9), (9, 2)):  # too small to have an inside
        assert sharpness_of(np.random.default_rng(0).random(size).astype(np.float32)) == 0


def test_blur_lowers_sharpness_and_contrast_does_not():
    frame = frame_at(0)
    assert sharpness_of(gaussian_filter(frame, 2)) < 0.5 * sharpness_of(frame)
    assert sharpness_of(0.3 * frame + 0.4) == pytest.approx(sharpness_of(frame), rel=1e-4)


def test_travel_adds_up_small_steps_exactly():
    travel = measure(frame_at(3 * step) for step in range(41)).travel
    np.testing.assert_allclose(travel, 3 * np.arange(41) / 320, atol=2 / 320)


def test_a_trembling_hand_does_not_travel():
    shake = np.random.default_rng(1).integers(-2, 3, size=(60, 2))
    assert measure(frame_at(50 + x, 50 + y) for x, y in shake).travel[-1] < 6 / 320


def test_keyframes_follow_the_camera_and_not_the_clock():
    """It stands still for the first half of the time, then moves on evenly."""
    moves = FrameMeasures(np.ones(101), np.concatenate([np.zeros(50), np.linspace(0, 1, 51)]))
    chosen = choose_keyframes(moves, 5)
    assert len(chosen) == 5
    gaps = np.diff(moves.travel[chosen])
    assert gaps.min() >= 0.1 and gaps.max() <= 0.3
    assert chosen[1] > 50


def test_of_frames_as_sharp_as_each_other_those_in_the_middle_of_each_part_are_chosen():
    assert choose_keyframes(evenly(100), 4) == [12, 37, 62, 87]


def test_of_each_part_the_sharpest_is_chosen():
    sharpness = np.ones(100)
    sharpness[[5, 38, 60, 96]] = 2
    assert choose_keyframes(evenly(100, sharpness), 4) == [5, 38, 60, 96]


def test_a_little_more_sharpness_does_not_make_neighbours_of_two_keyframes():
    sharpness = 1 + 0.3 * np.random.default_rng(2).random(300)
    chosen = choose_keyframes(evenly(300, sharpness), 10)
    assert len(chosen) == 10 and np.diff(chosen).min() >= 12


@pytest.mark.parametrize("count", [3, 5, 7])
def test_as_many_as_there_are_or_more_are_all_of_them(count):
    assert choose_keyframes(evenly(3), count) == [0, 1, 2]


def test_a_camera_that_never_moves_is_divided_by_time():
    assert choose_keyframes(FrameMeasures(np.ones(9), np.zeros(9)), 3) == [1, 4, 7]


def test_there_is_no_keyframe_where_the_way_jumps():
    jump = FrameMeasures(np.ones(40), np.concatenate([np.linspace(0, 0.9, 20), np.linspace(9.1, 10, 20)]))
    chosen = choose_keyframes(jump, 10)
    assert len(chosen) == 2 and chosen[0] < 20 <= chosen[1]


def test_no_frames_are_no_keyframes():
    assert choose_keyframes(measure([]), 4) == []


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("every:5", ("every", 5)),
        ("auto:30", ("auto", 30)),
        ("auto:9:20-400", ("auto", 9, 20, 400)),
        ("every:2:7-", ("every", 2, 7)),
    ],
)
def test_a_choice_is_read_as_it_is_written(text, choice):
    assert FrameChoice.parse(text) == FrameChoice(*choice)
    assert str(FrameChoice(*choice)) == text


@pytest.mark.parametrize(
    "text", ["", "auto", "every", "every:", "every:-2", "every:0", "each:3", "auto:2.5", "auto:1e9"]
)
def test_what_is_no_choice_is_refused_in_a_sentence(text):
    with pytest.raises(InputError, match=r"every:N|at least 1"):
        FrameChoice.parse(text)


def test_of_a_sequence_of_photos_the_blurred_and_the_superfluous_are_left_out(tmp_path):
    photos = write_photos(tmp_path, [0, 0, 0, 0, 20, 40, 60, 80, 100, 120, 140, 160])
    for blurred in (6, 9):
        Image.open(photos[blurred]).resize((40, 30)).resize((320, 240)).save(photos[blurred])
    chosen = choose_photos(photos, FrameChoice("auto", 4))
    assert len(chosen) == 4
    assert not {photos[6], photos[9]} & set(chosen)
    assert len(set(photos[:4]) & set(chosen)) <= 1


def test_every_third_photo_is_every_third_photo(tmp_path):
    photos = [tmp_path / f"{k}.jpg" for k in range(8)]
    assert choose_photos(photos, FrameChoice("every", 3)) == [photos[0], photos[3], photos[6]]


def test_only_a_part_of_the_frames_can_be_considered(tmp_path):
    photos = [tmp_path / f"{k}.jpg" for k in range(8)]
    assert choose_photos(photos, FrameChoice("every", 2, 3, 6)) == [photos[2], photos[4]]
    assert choose_photos(photos, FrameChoice("auto", 5, 7)) == photos[6:]
    with pytest.raises(InputError, match="8 frames, so none from frame 9"):
        choose_photos(photos, FrameChoice("every", 2, 9))
    with pytest.raises(InputError, match="5-4"):
        FrameChoice("every", 2, 5, 4)


def test_looking_at_photos_can_be_cancelled(tmp_path):
    def stop(stage: str, done: int, total: int) -> None:
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        choose_photos(write_photos(tmp_path, range(5)), FrameChoice("auto", 2), stop)


def test_a_photo_that_cannot_be_read_is_named(tmp_path):
    photos = write_photos(tmp_path, range(4))
    photos[1].write_text("no photo")
    with pytest.raises(InputError, match=photos[1].name):
        choose_photos(photos, FrameChoice("auto", 2))
