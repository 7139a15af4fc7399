"""Movies into the list of photos, decoded by Blender: the right frames, once, gone when they are cleared."""

from pathlib import Path

import bpy
import numpy as np
import pytest
from dust3r.core.errors import Cancelled, InputError
from dust3r.core.images.keyframes import FrameChoice
from dust3r.core.images.video import LISTING, ClipFrames, frame_of
from dust3r.operators.scene.clip_frames import extract_frames, read_clip
from dust3r.tests.blender.moving_clip import FPS, held, write_clip
from dust3r.tests.moving_picture import SIZE, frame_at
from PIL import Image

MODULE = "bl_ext.user_default.dust3r"
PLACES = (0,) * 20 + tuple(range(0, 120, 6))  # the camera stands still for half of the time


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clip") / "walk around.mp4", PLACES)


@pytest.fixture
def folder(extension):
    """Where extracted frames are kept; empty before and after."""
    path = Path(bpy.utils.extension_path_user(MODULE, path="frames", create=True))
    yield path
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.dust3r.clear_frames()
    assert list(path.iterdir()) == []


def shows(photo: Path, x: int) -> float:
    """How far a photo is from what the camera saw at x: the mean of the difference of grey values, 0 to 255."""
    return float(np.abs(np.asarray(Image.open(photo).convert("L"), float) - 255 * frame_at(x)).mean())


def test_a_movie_says_its_size_length_and_pace(clip):
    said = read_clip(clip)
    assert (said.path, said.size, said.frames, said.fps) == (clip, SIZE, len(PLACES), FPS)


def test_every_nth_frame_is_the_frame_of_that_number(clip, tmp_path):
    scenes = len(bpy.data.scenes)
    frames = extract_frames(clip, tmp_path, FrameChoice("every", 7))
    assert list(frames.numbers.values()) == [1, 8, 15, 22, 29, 36]
    for file, number in zip(frames.files(tmp_path), frames.numbers.values(), strict=True):
        assert shows(file, PLACES[number - 1]) < 4
        assert number < 30 or shows(file, PLACES[number - 2]) > 8
        assert frame_of(file) == (frames.clip, number)
    assert len(bpy.data.scenes) == scenes


@pytest.mark.parametrize("quarters", range(4))
def test_frames_of_a_phones_movie_are_upright_however_it_was_held(clip, tmp_path, quarters):
    movie = held(clip, quarters)
    size = SIZE[::-1] if quarters % 2 else SIZE
    assert read_clip(movie).size == size
    frames = extract_frames(movie, tmp_path, FrameChoice("every", 39))
    for file, number in zip(frames.files(tmp_path), frames.numbers.values(), strict=True):
        with Image.open(file) as image:
            assert image.size == size
            seen = np.asarray(image.convert("L"), float)
        assert np.abs(seen - np.rot90(255 * frame_at(PLACES[number - 1]), -quarters)).mean() < 4
    chosen = extract_frames(movie, tmp_path, FrameChoice("auto", 5)).numbers  # by small frames, turned too
    assert len(chosen) == 5


def test_keyframes_are_taken_where_the_camera_moves(clip, tmp_path):
    frames = extract_frames(clip, tmp_path, FrameChoice("auto", 5))
    numbers = list(frames.numbers.values())
    assert len(numbers) == 5 and numbers[1] > 20
    assert np.diff([PLACES[number - 1] for number in numbers]) == pytest.approx(24, abs=13)


def test_frames_of_a_part_of_the_movie_keep_their_numbers(clip, tmp_path):
    frames = extract_frames(clip, tmp_path, FrameChoice("auto", 3, 21, 32))
    assert len(frames.numbers) == 3
    assert all(
        21 <= number <= 32 and shows(tmp_path / name, PLACES[number - 1]) < 4 for name, number in frames.numbers.items()
    )
    with pytest.raises(InputError, match="40 frames, so none from frame 41"):
        extract_frames(clip, tmp_path, FrameChoice("every", 1, 41))


def test_taking_frames_reports_and_can_be_cancelled_without_a_trace(clip, tmp_path):
    seen = []

    def stop(stage: str, done: int, total: int) -> None:
        seen.append((stage, done, total))
        if stage == "Writing frames" and done == 2:
            raise Cancelled

    before = len(bpy.data.scenes)
    with pytest.raises(Cancelled):
        extract_frames(clip, tmp_path, FrameChoice("auto", 4), stop)
    assert seen[0] == ("Looking at frames", 0, 40) and seen[-1] == ("Writing frames", 2, 4)
    assert list(tmp_path.iterdir()) == []
    assert len(bpy.data.scenes) == before


@pytest.mark.parametrize("content", [b"", b"words " * 500])
def test_what_is_no_movie_is_refused_in_a_sentence(tmp_path, content):
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.mp4 is no movie"):
        read_clip(path)
    with pytest.raises(InputError, match=r"gone\.mp4 does not exist"):
        read_clip(tmp_path / "gone.mp4")


def test_a_movie_that_breaks_off_is_read_as_far_as_it_goes_or_refused(clip, tmp_path):
    path = tmp_path / "cut.mp4"
    path.write_bytes(clip.read_bytes()[:4000])
    with pytest.raises(InputError, match=r"cut\.mp4"):
        extract_frames(path, tmp_path / "frames", FrameChoice("every", 10))


def test_the_operator_adds_frames_and_takes_them_once(extension, folder, clip):
    assert bpy.ops.dust3r.add_movie_frames(filepath=str(clip), way="auto", number=4) == {"FINISHED"}
    files = [photo.absolute for photo in extension.photos]
    assert len(files) == 4 and all(folder in file.parents for file in files)
    times = [file.stat().st_mtime_ns for file in files]
    bpy.ops.dust3r.clear_photos()
    bpy.ops.dust3r.add_movie_frames(filepath=str(clip), way="auto", number=4)
    assert [photo.absolute.stat().st_mtime_ns for photo in extension.photos] == times


def test_a_movie_that_cannot_be_read_is_one_error_and_leaves_nothing(extension, folder, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"words")
    with pytest.raises(RuntimeError, match=r"broken\.mp4 is no movie"):
        bpy.ops.dust3r.add_movie_frames(filepath=str(tmp_path / "broken.mp4"))
    with pytest.raises(RuntimeError, match="last is not before the first"):
        bpy.ops.dust3r.add_movie_frames(filepath=str(tmp_path / "broken.mp4"), first=5, last=2)
    assert not extension.photos
    assert list(folder.iterdir()) == []


def test_clearing_leaves_the_frames_that_this_file_uses(extension, folder, clip):
    for number in (10, 20):
        bpy.ops.dust3r.add_movie_frames(filepath=str(clip), way="every", number=number)
    shown, unused = {photo.absolute.parent for photo in extension.photos}
    kept = next(photo.absolute for photo in extension.photos if photo.absolute.parent == shown)
    bpy.ops.dust3r.clear_photos()
    bpy.data.images.load(str(kept))
    bpy.ops.dust3r.clear_frames()
    assert kept.is_file() and not unused.exists()


def test_keep_keyframes_switches_off_what_adds_little(extension, clip, tmp_path):
    frames = extract_frames(clip, tmp_path, FrameChoice("every", 1))
    bpy.ops.dust3r.add_photos(directory=str(tmp_path))
    first = extension.photos[0]
    first.use = False
    assert bpy.ops.dust3r.keep_keyframes(way="auto", number=5) == {"FINISHED"}
    on = [frames.numbers[photo.name] for photo in extension.photos if photo.use]
    assert len(on) == 5 and on[1] > 20
    bpy.ops.dust3r.switch_photos(action="ON")
    bpy.ops.dust3r.keep_keyframes(way="every", number=10)
    assert [frames.numbers[photo.name] for photo in extension.photos if photo.use] == [1, 11, 21, 31]


def test_the_command_line_takes_frames_and_reconstructs_a_movie(clip, tmp_path, run):
    code, _, said = run("frames", clip, "--frames", "every:15", "--output", tmp_path / "frames")
    assert code == 0, said
    assert list(ClipFrames.load(tmp_path / "frames").numbers.values()) == [1, 16, 31]
    cameras = tmp_path / "cameras.json"
    more = ("--model", "small", "--iterations", 0, "--frames", "every:15", "--cameras-from", "network")
    code, _, said = run("reconstruct", clip, *more, "--cameras", cameras)
    assert code == 0, said
    (listing,) = tmp_path.rglob(f"cameras frames/*/{LISTING}")
    assert all(name in cameras.read_text() for name in ClipFrames.load(listing.parent).numbers)
