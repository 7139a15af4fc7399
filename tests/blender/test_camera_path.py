"""Animated cameras: through the photos' own cameras at their frames, over the movie that the photos came from."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from dust3r.core.images.video import Clip, ClipFrames
from dust3r.operators.scene import add_reconstruction
from dust3r.operators.scene.camera_curve import dolly, orbit
from dust3r.operators.scene.camera_path import first_free_frame
from dust3r.tests.blender.moving_clip import FPS, held, write_clip
from dust3r.tests.blender.synthetic_reconstruction import Shot, make_reconstruction
from dust3r.tests.moving_picture import SIZE
from mathutils import Matrix

NAMES = ("a.png", "b.png", "c.png", "d.png")
NUMBERS = (3, 6, 8, 13)  # of the frames


@pytest.fixture
def collection(tmp_path, extension):
    made = add_reconstruction(
        bpy.context.scene, make_reconstruction(tmp_path, tuple(map(Shot, NAMES))), photo_frames=True
    )
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
    assert bpy.ops.dust3r.animate_camera(step=10, smoothing=0, keys="every") == {"FINISHED"}
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
    bpy.ops.dust3r.animate_camera(way="duration", seconds=2, smoothing=0, start=101, keys="every")
    (camera,) = shots(collection)
    assert (scene.frame_start, scene.frame_end) == (101, 140)
    np.testing.assert_allclose(stands(camera, 101), np.array(collection.objects[NAMES[1]].matrix_world), atol=1e-5)
    np.testing.assert_allclose(stands(camera, 140), np.array(collection.objects[NAMES[3]].matrix_world), atol=1e-5)
    bpy.ops.dust3r.animate_camera(step=5, loop=True, smoothing=0, keys="every")
    loop = next(thing for thing in shots(collection) if thing != camera)
    first = scene.frame_start
    assert first == 141 and scene.frame_end == first + 15
    np.testing.assert_allclose(stands(loop, first), stands(loop, scene.frame_end), atol=1e-5)


def curve_of(camera):
    return camera.parent.data.splines[0].bezier_points


def test_a_flight_is_a_curve_with_few_points_that_begins_and_ends_at_photos(collection):
    first, last = (np.array(collection.objects[name].matrix_world) for name in (NAMES[0], NAMES[-1]))
    scene = bpy.context.scene
    scene.timeline_markers.clear()
    assert bpy.ops.dust3r.animate_camera(step=30, smoothing=0) == {"FINISHED"}
    (camera,) = shots(collection)
    assert scene.camera == camera and (scene.frame_start, scene.frame_end) == (1, 91)
    assert len(curve_of(camera)) == 8 and not scene.timeline_markers
    np.testing.assert_allclose(stands(camera, 1), first, atol=1e-4)
    np.testing.assert_allclose(stands(camera, 91), last, atol=1e-4)
    between = np.array(collection.objects[NAMES[1]].matrix_world)
    assert np.linalg.norm(stands(camera, 31)[:3, 3] - between[:3, 3]) < 0.02 * np.linalg.norm((last - first)[:3, 3])
    before = stands(camera, 31)
    for point in curve_of(camera):
        point.co.z += 1
    np.testing.assert_allclose(stands(camera, 31)[:3, 3], before[:3, 3] + [0, 0, 1], atol=1e-4)


def standing(*degrees, radius=2.0):
    """Cameras around the point (1, 2, 3), one above its height."""
    turns = np.radians(degrees)
    places = np.stack([1 + radius * np.cos(turns), 2 + radius * np.sin(turns), np.full(len(turns), 4.0)], axis=1)
    return [SimpleNamespace(matrix_world=Matrix.Translation(place.tolist())) for place in places]


@pytest.mark.parametrize(
    ("degrees", "angle", "turns"),
    [
        ([30, 120, 210, 290], 0, None),  # less than all around: from the first to the last
        ([30, 100, 190, 280, 340], 0, [30, 75, 120, 165, 210, 255, 300, 345]),  # all around, from the first photo on
        ([170, 190], 0, [160, 200]),  # at least NARROWEST, about their middle
        ([20, 50], 90, [20, 65, 110]),  # as asked for, from the first photo on
    ],
)
def test_an_orbit_goes_as_far_around_as_the_photos_do(degrees, angle, turns):
    move = orbit(standing(*degrees), np.array([1.0, 2, 3]), np.radians(angle))
    apart = move.points - [1, 2, 3]
    np.testing.assert_allclose(np.linalg.norm(apart[:, :2], axis=1), 2, atol=1e-6)
    np.testing.assert_allclose(apart[:, 2], 1, atol=1e-6)
    found = np.degrees(np.unwrap(np.arctan2(apart[:, 1], apart[:, 0]))) % 360
    assert move.closed == (turns is not None and len(turns) == 8)
    if turns is None:
        assert (found[0], found[-1]) == pytest.approx((30, 290)) and len(found) == 7
    else:
        assert (found[0], found[-1]) == pytest.approx((turns[0], turns[-1])) and len(found) == max(3, len(turns))


def test_a_dolly_goes_a_share_of_the_way_from_the_middle_photo():
    move = dolly(standing(0, 90, 180), np.array([1.0, 2, 3]), 0.5)
    np.testing.assert_allclose(move.points, [[1, 4, 4], [1, 3, 3.5]], atol=1e-6)
    assert not move.closed


@pytest.mark.parametrize("move", ["orbit", "dolly"])
def test_a_preset_looks_at_the_middle_of_the_points_and_goes_with_the_world(collection, move):
    scene = bpy.context.scene
    assert bpy.ops.dust3r.animate_camera(move=move, seconds=2, start=1) == {"FINISHED"}
    (camera,) = shots(collection)
    target = next(thing for thing in collection.objects if thing.name.startswith("Shot Target"))
    assert scene.camera == camera and (scene.frame_start, scene.frame_end) == (1, 48)

    def ways():
        """From the camera to the target, at both ends and between."""
        found = []
        for frame in (1, 24, 48):
            at = stands(camera, frame)
            way = np.array(target.matrix_world.translation) - at[:3, 3]
            axis = -at[:3, 2] / np.linalg.norm(at[:3, 2])
            assert axis @ way == pytest.approx(np.linalg.norm(way), rel=1e-5)  # it looks there
            found.append(np.linalg.norm(way))
        return found

    before = ways()
    if move == "orbit":
        assert before == pytest.approx([before[0]] * 3, rel=0.05)
        assert np.linalg.norm(stands(camera, 48)[:3, 3] - stands(camera, 1)[:3, 3]) > 0.5 * before[0]
    else:
        assert before[2] == pytest.approx(0.6 * before[0], rel=1e-3)
    bpy.ops.dust3r.set_scale(way="factor", factor=3)
    assert ways() == pytest.approx([3 * way for way in before], rel=1e-3)


def test_a_shot_that_is_not_asked_for_leaves_the_scene_and_leave_photo_brings_the_scene_back(collection):
    scene, own = bpy.context.scene, bpy.data.objects.new("Own", bpy.data.cameras.new("Own"))
    scene.collection.objects.link(own)
    scene.timeline_markers.clear()
    scene.camera, scene.frame_start, scene.frame_end, scene.render.resolution_x = own, 5, 55, 1234

    def theirs():
        return scene.camera, scene.frame_start, scene.frame_end, scene.render.resolution_x

    before = theirs()
    bpy.ops.dust3r.animate_camera(move="dolly", make_active=False)
    assert theirs() == before and not bpy.ops.dust3r.leave_photo.poll()
    bpy.ops.dust3r.animate_camera(move="orbit")
    assert theirs() != before
    bpy.ops.dust3r.leave_photo()
    assert theirs() == before


def test_render_shot_renders_each_frame_through_the_shot(collection, tmp_path):
    scene = bpy.context.scene
    assert not bpy.ops.dust3r.render_shot.poll()
    scene.timeline_markers.clear()
    scene.render.fps = 2
    bpy.ops.dust3r.animate_camera(move="dolly", seconds=1, start=7, make_active=False)
    scene.render.engine, scene.cycles.samples, scene.render.filepath = "CYCLES", 1, str(tmp_path / "shot_")
    bpy.ops.dust3r.render_shot()
    assert sorted(path.name for path in tmp_path.glob("shot_*")) == ["shot_0007.png", "shot_0008.png"]
    assert scene.camera in shots(collection)


def test_the_way_moves_with_the_world(collection):
    bpy.ops.dust3r.animate_camera(step=4, smoothing=0, keys="every")
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
    with pytest.raises(RuntimeError, match="no frames of a movie"):
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
    assert first_free_frame(bpy.context.scene) == 1
