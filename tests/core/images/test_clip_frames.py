"""Frames of movies: named so that they sort, found again while nothing has changed, and known by their files."""

import json
import os

import pytest
from dust3r.core.errors import InputError
from dust3r.core.images.keyframes import FrameChoice
from dust3r.core.images.video import LISTING, Clip, ClipFrames, finished_frames, frame_of, frames_folder_name, is_movie

CHOICE = FrameChoice("every", 500)


@pytest.fixture
def movie(tmp_path):
    path = tmp_path / "walk around.mp4"
    path.write_bytes(b"not decoded here")
    return path


@pytest.fixture
def taken(movie, tmp_path):
    """(folder, its frames), as if they had been decoded."""
    folder = tmp_path / "frames"
    folder.mkdir()
    frames = ClipFrames.of(Clip(movie, 29.97, 1200, (1920, 1080)), CHOICE, (1, 501, 1001))
    for file in frames.files(folder):
        file.write_bytes(b"jpeg")
    frames.save(folder)
    return folder, frames


def test_what_was_saved_is_loaded(taken):
    folder, frames = taken
    assert ClipFrames.load(folder) == frames
    assert [file.name for file in frames.files(folder)] == sorted(file.name for file in folder.glob("*.jpg"))


def test_a_frame_knows_its_clip_its_number_and_its_pace(taken):
    folder, frames = taken
    assert frame_of(folder / "walk around_000501.jpg") == (frames.clip, 501)
    assert frame_of(folder / "stranger.jpg") is None
    assert frame_of(folder.parent / "walk around_000501.jpg") is None


def test_frames_are_taken_once_as_long_as_movie_and_choice_stay(taken, movie):
    folder, frames = taken
    assert finished_frames(folder, movie, CHOICE) == frames
    assert finished_frames(folder, movie, FrameChoice("every", 2)) is None
    name = frames_folder_name(movie, CHOICE)
    os.utime(movie, (1, 1))
    assert finished_frames(folder, movie, CHOICE) is None
    assert frames_folder_name(movie, CHOICE) != name


def test_frames_of_which_one_is_missing_are_not_finished(taken, movie):
    folder, frames = taken
    frames.files(folder)[1].unlink()
    assert finished_frames(folder, movie, CHOICE) is None


def test_folders_have_names_for_any_system(movie):
    assert frames_folder_name(movie, CHOICE).startswith("walk_around-")
    with pytest.raises(InputError, match=r"gone\.mp4"):
        frames_folder_name(movie.with_name("gone.mp4"), CHOICE)


@pytest.mark.parametrize(
    "change", [{"format": 2}, {"clip": None}, {"numbers": ["a"]}, {"numbers": {"a.jpg": "x"}}, {"clip": {"path": 1}}]
)
def test_a_damaged_listing_is_refused_in_a_sentence(taken, change):
    folder, _ = taken
    content = json.loads((folder / LISTING).read_text())
    (folder / LISTING).write_text(json.dumps(content | change))
    with pytest.raises(InputError, match=LISTING):
        ClipFrames.load(folder)


def test_names_in_a_listing_do_not_lead_out_of_its_folder(taken):
    folder, _ = taken
    content = json.loads((folder / LISTING).read_text())
    content["numbers"] = {"../../secret.jpg": 1}
    (folder / LISTING).write_text(json.dumps(content))
    with pytest.raises(InputError, match="secret"):
        ClipFrames.load(folder)


def test_movies_are_known_by_their_suffix(movie):
    assert is_movie(movie) and is_movie(movie.with_suffix(".MOV"))
    assert not is_movie(movie.with_suffix(".jpg"))
