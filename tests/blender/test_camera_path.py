"""Animated cameras: through the photos' own cameras at their frames, over the movie that the photos came from."""

import bpy
import numpy as np
import pytest
from dust3r.core.images.video import Clip, ClipFrames
from dust3r.operators.scene import add_reconstruction
from dust3r.operators.scene.camera_path import first_free_frame
from dust3r.tests.blender.moving_clip import FPS, held, write_clip
from dust3r.tests.blender.synthetic_reconstruction import Shot, make_reconstruction
from dust3r.tests.moving_picture import SIZE

NAMES = ("a.png", "b.png", "c.png", "d.png")
NUMBERS = (3, 6, 8, 13)  # of the frames


@pytest.fixture
def collection(tmp_path, extension):
    made = add_reconstruction(bpy.context.scene, make_reconstruction(tmp_path, tuple(map(Shot, NAMES))))
    bpy.context.view_layer.update()
    return made


@pytest.fixture
def footage(collection, tmp_path):
    """The photos are frames of this movie of 16 frames."""
    movie = write_clip(tmp_path / "walk.mp4", [4 * k for k in range(16)])
    clip = Clip(movie, FPS, 16, (96, 64))
    ClipFrames(clip, dict(zip(NAMES, NUMBERS, strict=True))).save(tmp_path)
    return movie


def stands(camera, frame):
    bpy.context.scene.frame_set(frame)
    return np.array(camera.matrix_world)


def shots(collection):
    return [thing for thing in collection.objects if thing.type == "CAMERA" and thing.parent]


def test_the_camera_stands_where_each_photo_was_taken_when_its_frame_comes(collection):
    photos = [np.array(collection.objects[name].matrix_world) for name in NAMES]
    lens = [collection.objects[name].data.lens for name in NAMES]
    assert bpy.ops.dust3r.animate_camera(step=10, smoothing=0) == {"FINISHED"}
    (camera,) = shots(collection)
    scene = bpy.context.scene
    assert (scene.frame_start, scene.frame_end) == (5, 35)  # after the photos' own
    for k, (photo, mm) in enumerate(zip(photos, lens, strict=True)):
        np.testing.assert_allclose(stands(camera, 5 + 10 * k), photo, atol=1e-5)
        assert camera.data.lens == pytest.approx(mm, rel=1e-5)
        assert scene.camera == camera
    steps = [np.linalg.norm(stands(camera, f + 1)[:3, 3] - stands(camera, f)[:3, 3]) for f in range(5, 35)]
    assert max(steps) < 2 * np.mean(steps)
    stands(camera, 2)
    assert scene.camera == collection.objects[NAMES[1]]  # photos keep their frames


def test_a_duration_a_loop_and_selected_cameras_are_followed(collection):
    scene = bpy.context.scene
    scene.render.fps = 20
    for name in NAMES[1:]:
        collection.objects[name].select_set(True)
    bpy.ops.dust3r.animate_camera(way="duration", seconds=2, smoothing=0, start=101)
    (camera,) = shots(collection)
    assert (scene.frame_start, scene.frame_end) == (101, 140)
    np.testing.assert_allclose(stands(camera, 101), np.array(collection.objects[NAMES[1]].matrix_world), atol=1e-5)
    np.testing.assert_allclose(stands(camera, 140), np.array(collection.objects[NAMES[3]].matrix_world), atol=1e-5)
    bpy.ops.dust3r.animate_camera(step=5, loop=True, smoothing=0)
    loop = next(thing for thing in shots(collection) if thing != camera)
    first = scene.frame_start
    assert first == 141 and scene.frame_end == first + 15
    np.testing.assert_allclose(stands(loop, first), stands(loop, scene.frame_end), atol=1e-5)


def test_the_way_moves_with_the_world(collection):
    bpy.ops.dust3r.animate_camera(step=4, smoothing=0)
    (camera,) = shots(collection)
    far = camera.data.clip_end
    bpy.ops.object.select_all(action="DESELECT")
    bpy.ops.dust3r.set_scale(way="factor", factor=10)
    bpy.ops.dust3r.set_north(way="angle", angle=1.0)
    for k, name in enumerate(NAMES):
        now = stands(camera, 5 + 4 * k)
        now[:3, :3] /= np.linalg.norm(now[:3, :3], axis=0)
        np.testing.assert_allclose(now, np.array(collection.objects[name].matrix_world), atol=1e-4)
    assert camera.data.clip_end == pytest.approx(10 * far)


def test_footage_is_matched_frame_by_frame_at_its_rate(collection, footage):
    photos = [np.array(collection.objects[name].matrix_world) for name in NAMES]
    assert bpy.ops.dust3r.match_footage() == {"FINISHED"}
    (camera,), scene = shots(collection), bpy.context.scene
    assert (scene.frame_start, scene.frame_end) == (1, 16)
    assert scene.render.fps / scene.render.fps_base == pytest.approx(FPS)
    assert scene.render.fps == round(FPS)
    for number, photo in zip(NUMBERS, photos, strict=True):
        np.testing.assert_allclose(stands(camera, number), photo, atol=1e-5)
        assert scene.camera == camera
    (background,) = camera.data.background_images
    assert background.source == "MOVIE_CLIP" and camera.data.show_background_images
    assert background.clip.frame_start == 1 and background.clip.frame_duration == 16
    assert bpy.path.abspath(background.clip.filepath) == str(footage)


@pytest.mark.parametrize("quarters", [1, 3])
def test_footage_of_a_phone_that_was_held_upright_stands_upright(collection, footage, tmp_path, quarters):
    movie = held(footage, quarters)
    clip = Clip(movie, FPS, 16, SIZE[::-1])
    ClipFrames(clip, dict(zip(NAMES, NUMBERS, strict=True))).save(tmp_path)
    assert bpy.ops.dust3r.match_footage() == {"FINISHED"}
    (camera,) = shots(collection)
    (background,) = camera.data.background_images
    turn = round(background.rotation / (np.pi / 2))
    assert turn == (0 if bpy.app.version >= (4, 4) else quarters)  # Blender's own turn comes first
    stored = tuple(background.clip.size)
    assert (stored[::-1] if turn % 2 else stored) == SIZE[::-1]
    assert background.scale == pytest.approx(min(SIZE) / max(SIZE) if turn % 2 else 1)


def test_footage_may_begin_later(collection, footage):
    bpy.ops.dust3r.match_footage(start=1001)
    (camera,), scene = shots(collection), bpy.context.scene
    assert (scene.frame_start, scene.frame_end) == (1001, 1016)
    photo = np.array(collection.objects[NAMES[2]].matrix_world)
    np.testing.assert_allclose(stands(camera, 1000 + NUMBERS[2]), photo, atol=1e-5)
    assert camera.data.background_images[0].clip.frame_start == 1001


def test_what_cannot_be_matched_is_a_sentence_and_leaves_no_trace(collection, tmp_path):
    before = len(bpy.data.objects), len(bpy.data.cameras), bpy.context.scene.frame_end
    with pytest.raises(RuntimeError, match="no frames of one movie"):
        bpy.ops.dust3r.match_footage()
    clip = Clip(tmp_path / "gone.mp4", FPS, 16, (96, 64))
    ClipFrames(clip, dict(zip(NAMES, NUMBERS, strict=True))).save(tmp_path)
    with pytest.raises(RuntimeError, match=r"gone\.mp4 is gone"):
        bpy.ops.dust3r.match_footage()
    assert before == (len(bpy.data.objects), len(bpy.data.cameras), bpy.context.scene.frame_end)
    bpy.ops.wm.read_homefile(use_empty=True)
    assert not bpy.ops.dust3r.animate_camera.poll()
    assert not bpy.ops.dust3r.match_footage.poll()


def test_the_command_line_writes_the_shot_as_a_scene(collection, footage, tmp_path, run):
    reconstruction = make_reconstruction(tmp_path, tuple(map(Shot, NAMES)))
    reconstruction.save(tmp_path / "result")
    assert run("camera-path", tmp_path / "result", "--footage", "--output", tmp_path / "shot.blend")[0] == 0
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    scene = bpy.context.scene
    assert (scene.frame_start, scene.frame_end, scene.camera.name) == (1, 16, "Shot")
    for number, name in zip(NUMBERS, NAMES, strict=True):
        np.testing.assert_allclose(
            stands(scene.camera, number), np.array(bpy.data.objects[name].matrix_world), atol=1e-5
        )
    assert scene.camera.data.background_images[0].clip.frame_duration == 16


def test_one_photo_makes_no_way(tmp_path, extension):
    add_reconstruction(bpy.context.scene, make_reconstruction(tmp_path, (Shot("a.png"),)))
    with pytest.raises(RuntimeError, match="two cameras at least"):
        bpy.ops.dust3r.animate_camera()
    assert first_free_frame(bpy.context.scene) == 2
