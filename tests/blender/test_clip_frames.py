"""Frames out of movies, with Blender's decoder and renders faked."""

import math
from contextlib import contextmanager
from types import SimpleNamespace

import bpy
import pytest
from dust3r.core.errors import InputError
from dust3r.core.images.keyframes import LONG_SIDE, FrameChoice
from dust3r.core.images.video import Clip
from dust3r.operators.scene import clip_frames
from dust3r.operators.scene.clip_frames import BATCH, LOOKED_AT, STAGE, WRITING, _Decoder, extract_frames, turn_to_do

JPEG_END = b"\xff\xd9"


def test_a_scene_that_shows_frames_changes_nothing_about_them(empty_scene):
    render, image, view = empty_scene.render, empty_scene.render.image_settings, empty_scene.view_settings
    render.pixel_aspect_x, render.pixel_aspect_y = 2, 3
    render.use_sequencer, render.use_compositing, render.use_file_extension = False, True, True
    render.use_overwrite, render.use_stamp = False, True
    view.view_transform, view.exposure, view.gamma = "AgX", 2, 3
    clip_frames._prepare(empty_scene, (96, 64))
    assert (render.resolution_x, render.resolution_y, render.pixel_aspect_x, render.pixel_aspect_y) == (96, 64, 1, 1)
    assert (render.use_sequencer, render.use_compositing, render.use_file_extension) == (True, False, False)
    assert (render.use_overwrite, render.use_stamp) == (True, False)
    assert (image.file_format, image.color_mode) == ("JPEG", "RGB")
    assert (view.view_transform, view.look, view.exposure, view.gamma) == ("Standard", "None", 0, 1)


@pytest.mark.parametrize(("turn", "size"), [(0, (96, 64)), (1, (64, 96)), (2, (96, 64)), (3, (64, 96))])
def test_a_movie_is_turned_upright_where_blender_does_not(empty_scene, tmp_path, monkeypatch, turn, size):
    path = tmp_path / "walk.mp4"
    path.touch()
    element = SimpleNamespace(orig_width=96, orig_height=64, orig_fps=12.5)
    strip = SimpleNamespace(elements=[element], frame_duration=16, transform=SimpleNamespace(rotation=None))
    monkeypatch.setattr(clip_frames, "_add_strip", lambda scene, path: strip)
    monkeypatch.setattr(clip_frames, "turn_to_do", lambda path: turn)
    with clip_frames._decoder(path) as decoder:
        assert decoder.clip == Clip(path.resolve(), 12.5, 16, size)
        assert strip.transform.rotation == pytest.approx(-turn * math.pi / 2)
        scene = decoder._scene
        assert (scene.render.resolution_x, scene.render.resolution_y) == size and scene != empty_scene
    assert len(bpy.data.scenes) == 1
    for width, height, frames in ((0, 64, 16), (96, 0, 16), (96, 64, 0)):
        element.orig_width, element.orig_height, strip.frame_duration = width, height, frames
        with pytest.raises(InputError, match="is no movie that Blender can read"), clip_frames._decoder(path):
            pass
    assert len(bpy.data.scenes) == 1
    for name in ("photo.jpg", "gone.mp4"):
        if name == "photo.jpg":
            (tmp_path / name).touch()
        with pytest.raises(InputError), clip_frames._decoder(tmp_path / name):
            pass


def test_blenders_that_turn_movies_themselves_leave_nothing_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(clip_frames, "turn_of", lambda path: 3)
    for version, turn in (((4, 3, 2), 3), ((4, 4, 0), 0), ((5, 0, 0), 0)):
        monkeypatch.setattr(clip_frames, "bpy", SimpleNamespace(app=SimpleNamespace(version=version)))
        assert turn_to_do(tmp_path) == turn


def decoder_of(frames=40, size=(1280, 720)):
    return _Decoder(bpy.context.scene, Clip(None, 25.0, frames, size))


def test_every_nth_frame_is_decoded_in_runs(empty_scene):
    found = clip_frames._chosen(decoder_of(500), FrameChoice("every", 5, 2), None)
    assert [number for run in found for number in run] == list(range(2, 501, 5))
    assert [len(run) for run in found] == [BATCH, BATCH, BATCH, 100 - 3 * BATCH]


@pytest.mark.parametrize(("frames", "number", "step"), [(40, 3, 1), (LOOKED_AT * 6, 3, 2), (LOOKED_AT * 6 - 1, 3, 1)])
def test_a_few_frames_are_looked_at_for_each_that_is_taken(empty_scene, monkeypatch, frames, number, step):
    decoder, asked = decoder_of(frames), []
    decoder.small_frames = lambda numbers, report: asked.append(numbers) or "frames"
    monkeypatch.setattr(clip_frames, "measure", lambda small: ("measures", small))
    monkeypatch.setattr(clip_frames, "choose_keyframes", lambda measures, wanted: [0, 2, 5])
    found = clip_frames._chosen(decoder, FrameChoice("auto", number), None)
    assert asked == [range(1, frames + 1, step)]
    assert found == [range(at, at + 1) for at in (1, 1 + 2 * step, 1 + 5 * step)]


@pytest.mark.parametrize(
    ("size", "percentage"), [((1280, 720), 50), ((720, 1300), 50), ((300, 200), 100), ((1279, 1), 51)]
)
def test_frames_are_looked_at_in_runs_at_the_size_that_the_network_sees(empty_scene, monkeypatch, size, percentage):
    decoder, asked, told = decoder_of(100, size), [], []
    monkeypatch.setattr(clip_frames, "open_grey", lambda file, side: (file, side))

    def write(numbers, folder, percentage):
        assert folder.is_dir()
        asked.append((numbers, percentage))
        return list(numbers)

    decoder.write = write
    found = list(decoder.small_frames(range(1, 71, 2), lambda *report: told.append(report)))
    assert found == [(number, LONG_SIDE) for number in range(1, 71, 2)]
    assert asked == [(range(1, 65, 2), percentage), (range(65, 71, 2), percentage)]
    assert told == [(STAGE, 0, 35), (STAGE, 32, 35), (STAGE, 35, 35)]


def test_frames_are_rendered_from_first_to_last_and_cut_off_ones_are_named(empty_scene, tmp_path, monkeypatch):
    scene, decoder, whole = empty_scene, decoder_of(), {3, 5, 7}

    def rendered(animation, scene):
        scene = bpy.data.scenes[scene]
        assert animation and (scene.frame_start, scene.frame_end, scene.frame_step) == (3, 7, 2)
        assert scene.render.resolution_percentage == 30 and scene.render.image_settings.quality == 80
        for number in (3, 5, 7):
            path = scene.render.filepath.replace("#######", f"{number:07d}")
            with open(path, "wb") as file:  # noqa: PTH123  what Blender does
                file.write(b"frame" + (JPEG_END if number in whole else b""))

    operators = SimpleNamespace(render=SimpleNamespace(render=rendered))
    monkeypatch.setattr(clip_frames, "bpy", SimpleNamespace(ops=operators, app=bpy.app, data=bpy.data))
    found = decoder.write(range(3, 8, 2), tmp_path, 30, 80)
    assert [file.name for file in found] == ["0000003", "0000005", "0000007"]
    whole.remove(5)
    with pytest.raises(InputError, match="Frame 5 of None cannot be written"):
        decoder.write(range(3, 8, 2), tmp_path, 30, 80)
    assert clip_frames._is_whole(found[0]) and not clip_frames._is_whole(found[1])
    assert not clip_frames._is_whole(tmp_path / "gone")

    def failing(animation, scene):
        raise RuntimeError("Error: no disk\nmore of it")

    operators.render.render = failing
    with pytest.raises(InputError, match=r"cannot be turned into frames \(Error: no disk\)"):
        decoder.write(range(3, 8, 2), tmp_path)
    assert scene.frame_step == 2


@pytest.fixture
def movie(tmp_path, monkeypatch):
    """A function that takes frames of a movie whose frames 1, 3 and 4 are chosen, in two runs."""
    path, folder = tmp_path / "walk.mp4", tmp_path / "frames"
    path.touch()
    folder.mkdir()

    class Decoder:
        clip = Clip(path, 25.0, 9, (96, 64))

        def write(self, run, partial, quality):
            assert quality == 95 and partial.parent == folder
            files = [partial / f"{number:07d}" for number in run]
            for number, file in zip(run, files, strict=True):
                file.write_text(f"frame {number}")
            return files

    @contextmanager
    def opened(movie):
        assert movie == path
        yield Decoder()

    monkeypatch.setattr(clip_frames, "_decoder", opened)
    monkeypatch.setattr(clip_frames, "_chosen", lambda decoder, choice, report: [range(1, 2), range(3, 5)])
    told = []
    return lambda: (extract_frames(path, folder, FrameChoice(), lambda *report: told.append(report)), folder, told)


def test_frames_land_in_the_folder_with_their_list_and_are_taken_again_in_place(movie):
    told = []
    for _ in range(2):
        found, folder, told = movie()
        assert list(found.numbers.values()) == [1, 3, 4]
        assert [file.read_text() for file in found.files(folder)] == ["frame 1", "frame 3", "frame 4"]
        assert sorted(path.name for path in folder.iterdir()) == ["clip.json", *sorted(found.numbers)]
    assert told[:3] == [(WRITING, 0, 3), (WRITING, 1, 3), (WRITING, 3, 3)]


def test_files_that_are_no_frames_of_an_earlier_run_are_left_alone(movie):
    found, folder, _ = movie()
    (folder / "clip.json").unlink()
    with pytest.raises(InputError, match="exists already and is no frame of an earlier run"):
        movie()
    first, *others = found.files(folder)
    for file in (first, *others):
        file.unlink()
    first.symlink_to(folder / "elsewhere")
    with pytest.raises(InputError, match="it is a link"):
        movie()
    assert [path.name for path in folder.iterdir()] == [first.name]
