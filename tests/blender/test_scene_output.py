"""What leaves a scene: map and training views, exports and shots, with Blender's renders faked."""

import math
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from dust3r.core.cameras.posed_images import read_posed_photos
from dust3r.core.errors import InputError
from dust3r.core.images.video import Clip
from dust3r.core.localization.reference_settings import RENDERING, MapSettings
from dust3r.core.meshing.mesh import Mesh
from dust3r.operators.scene import add_reconstruction, interchange, map_views, training_views
from dust3r.operators.scene import camera_path as shots
from dust3r.operators.scene.backgrounds import upright_image
from dust3r.operators.scene.cameras import SIZE, VIEW_INDEX
from dust3r.operators.scene.free_space import FreeCamera
from dust3r.operators.scene.known import SAME, _pose, _stands_at, known_camera, photo_of
from dust3r.operators.scene.map_cameras import MapCamera
from dust3r.operators.scene.meshes import MESH, add_meshes, mesh_data, mesh_objects
from dust3r.operators.scene.point_cloud import points_modifier
from dust3r.operators.scene.points_nodes import set_points_input
from dust3r.operators.scene.posed_render import Viewpoint
from dust3r.operators.scene.reading import find_points
from dust3r.training.overlap import GRID
from dust3r.training.view_settings import ViewSettings
from mathutils import Matrix
from PIL import Image

from .synthetic_reconstruction import Shot, make_reconstruction, upright_photo

TWO = (Shot("a.png", size=(24, 16)), Shot("b.png", size=(24, 16)))


@pytest.fixture
def added(tmp_path, empty_scene):
    made = make_reconstruction(tmp_path, TWO)
    collection = add_reconstruction(empty_scene, made, photo_frames=True)
    bpy.context.view_layer.update()
    return made, collection


# map and training views


class Renderer:
    """Renders depths that it is told."""

    def __init__(self, depths):
        self.depths, self.stood = iter(depths), []

    def stand(self, at):
        self.stood.append(at)

    def depth(self):
        return next(self.depths)

    def save_photo(self, path):
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", self.stood[-1].size, self.color).save(path)

    color = (0, 9, 0)


def render_with(monkeypatch, module, depths):
    renderer, asked = Renderer(depths), []

    @contextmanager
    def view_renderer(scene, *options):
        asked.append(options)
        yield renderer

    monkeypatch.setattr(module, "view_renderer", view_renderer)
    return renderer, asked


def viewpoint(size=(24, 16)):
    return Viewpoint(np.eye(4), np.array([[20.0, 0, 12], [0, 20, 8], [0, 0, 1]]), size)


def test_map_views_that_show_nothing_are_left_out_and_photos_stand_for_renders(empty_scene, tmp_path, monkeypatch):
    Image.fromarray(upright_photo((60, 40))).save(tmp_path / "taken.png")
    cameras = [
        MapCamera("00_a", viewpoint()),
        MapCamera("01_b", viewpoint()),
        MapCamera("02_c", viewpoint(), tmp_path / "taken.png"),
    ]
    monkeypatch.setattr(map_views, "map_cameras", lambda scene, settings: cameras)
    full, nothing = np.full((16, 24), 2.0, np.float32), np.zeros((16, 24), np.float32)
    renderer, asked = render_with(monkeypatch, map_views, [full, nothing, full])
    told, settings = [], MapSettings(samples=5, engine="eevee")
    warnings = map_views.render_map(empty_scene, tmp_path / "map", settings, lambda *report: told.append(report))
    assert warnings == ["1 of 3 views show no surface and were left out"] and asked == [(5, "eevee")]
    assert told == [(RENDERING, done, 3) for done in range(4)] and renderer.stood == [camera.at for camera in cameras]
    photos = read_posed_photos(tmp_path / "map")
    assert [photo.path.stem for photo in photos] == ["00_a", "02_c"]
    with Image.open(photos[1].path) as image:
        assert image.size == (24, 16) and np.asarray(image)[:, -1, 0].mean() > 200  # the photo is red at its right
    render_with(monkeypatch, map_views, [full, full, full])
    assert map_views.render_map(empty_scene, tmp_path / "whole", settings) == []
    render_with(monkeypatch, map_views, [nothing] * 3)
    with pytest.raises(InputError, match="No view of the scene 'Scene' shows a surface"):
        map_views.render_map(empty_scene, tmp_path / "none", settings)
    assert list((tmp_path / "none").iterdir()) == []


@pytest.mark.parametrize(("brightest", "dark"), [(map_views.DARK - 1, True), (map_views.DARK, False)])
def test_a_map_of_black_pictures_alone_is_refused(tmp_path, brightest, dark):
    photos = []
    for name, value in (("black", 0), ("other", brightest)):
        Image.new("RGB", (4, 4), (0, value, 0)).save(tmp_path / f"{name}.png")
        photos.append(SimpleNamespace(path=tmp_path / f"{name}.png"))
    if dark:
        with pytest.raises(InputError, match="All views of the model are black"):
            map_views._check_light(photos)
    else:
        map_views._check_light(photos)


def test_training_views_whose_render_agrees_with_the_rays_are_kept(empty_scene, tmp_path, monkeypatch):
    seen = np.full((GRID[1], GRID[0]), 2.0)
    cameras = [FreeCamera(np.eye(4), viewpoint().K, seen)] * 3
    asked = []
    sampled = lambda *arguments: asked.append(arguments[:3]) or cameras  # noqa: E731
    monkeypatch.setattr(training_views, "sample_cameras", sampled)
    full, near = np.full((16, 24), 2.0, np.float32), np.full((16, 24), 1.7, np.float32)
    settings, told = ViewSettings(views=3, size=(24, 16), samples=7), []

    def run(folder, *depths):
        _, options = render_with(monkeypatch, training_views, depths)
        found = training_views.render_training_views(
            empty_scene, tmp_path / folder, settings, lambda *report: told.append(report)
        )
        assert options == [(7,)] and asked[-1] == (empty_scene, 3, (24, 16))
        return found, [photo.path.stem for photo in read_posed_photos(tmp_path / folder)]

    assert run("whole", full, full, full) == ([], ["view_0000", "view_0001", "view_0002"])
    assert [done for _, done, total in told if total == 3] == [0, 1, 2, 3]
    warnings, names = run("two", full, near, full)
    assert warnings == ["Only 2 of 3 views were found that show enough and overlap"]
    assert names == ["view_0000", "view_0002"]
    with pytest.raises(InputError, match="gives no two views that overlap"):
        run("one", full, near, near)


@pytest.mark.parametrize(
    ("off", "share", "agrees"), [(0.19, 1.0, True), (0.21, 1.0, False), (0.21, 0.6, False), (0.21, 0.4, True)]
)
def test_a_render_agrees_with_rays_where_most_depths_are_within_a_tenth(off, share, agrees):
    seen = np.full((GRID[1], GRID[0]), 2.0)
    rendered = np.full((GRID[1], GRID[0]), 2.0)
    rendered[: round(share * GRID[1])] += off
    assert training_views._agrees(rendered, FreeCamera(np.eye(4), np.eye(3), seen)) == agrees


# meshes and exports


def triangle(**changes):
    values = {
        "name": "Fused",
        "vertices": np.array([[0, 0, 1], [1, 0, 1], [0, 1, 2], [1, 1, 3]], np.float32),
        "faces": np.array([[0, 1, 2], [1, 3, 2]], np.int32),
        "colors": np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]], np.uint8),
        "uv": None,
        "texture": None,
        "photo": None,
    }
    return Mesh(**(values | changes))


def test_a_mesh_has_its_faces_colours_and_uv_in_blenders_axes(empty_scene):
    uv = np.arange(12, dtype=np.float32).reshape(-1, 2) / 12
    data = mesh_data("mesh", triangle(uv=uv))
    assert [tuple(vertex.co) for vertex in data.vertices] == [(0, 1, 0), (1, 1, 0), (0, 2, -1), (1, 3, -1)]
    assert [tuple(face.vertices) for face in data.polygons] == [(0, 1, 2), (1, 3, 2)] and len(data.edges) == 5
    assert (data.color_attributes.active_color_index, data.color_attributes.render_color_index) == (0, 0)
    found = np.array([tuple(one.color_srgb) for one in data.color_attributes[0].data])
    assert np.round(255 * found).tolist() == [[*color, 255] for color in triangle().colors.tolist()]
    (layer,) = data.uv_layers
    assert layer.name == "UVMap" and np.array([tuple(one.vector) for one in layer.uv]) == pytest.approx(uv)
    assert len(mesh_data("plain", triangle()).uv_layers) == 0 and data.validate() is False


def test_meshes_stand_with_the_points_and_are_known_by_their_name(added, empty_scene):
    _, collection = added
    cloud = find_points(collection)
    cloud.matrix_world = Matrix.Translation((1, 2, 3))
    (thing,), warnings = add_meshes(empty_scene, collection, [triangle()])
    assert thing.name == "DUSt3R Fused" and thing[MESH] == "Fused" and warnings == []
    assert tuple(thing.matrix_world.translation) == (1, 2, 3) and mesh_objects(collection) == [thing]
    bpy.data.objects.remove(cloud)
    (other,), _ = add_meshes(empty_scene, collection, [triangle(name="Other")])
    assert tuple(other.matrix_world.translation) == (0, 0, 0)


def test_an_export_shows_the_visible_points_with_their_radius_and_our_cameras_and_meshes(added, empty_scene):
    made, collection = added
    cloud = find_points(collection)
    set_points_input(points_modifier(cloud), "Minimum Confidence", 3.0)
    set_points_input(points_modifier(cloud), "Radius", 0.25)
    cloud.matrix_world = Matrix.Translation((1, 2, 3))
    foreign = bpy.data.objects.new("foreign", bpy.data.cameras.new("foreign"))
    collection.objects.link(foreign)
    add_meshes(empty_scene, collection, [triangle()])
    bpy.context.view_layer.update()
    with interchange._private_scene(collection) as scene:
        names = {thing.name for thing in scene.objects}
        assert names == {"Points", "a.png", "b.png", "DUSt3R Fused"} and scene != empty_scene
        assert (scene.render.resolution_x, scene.render.resolution_y) == (24, 16)
        points = scene.objects["Points"]
        mesh = points.data
        assert len(mesh.vertices) == len(made.point_cloud(3.0).position) > 0
        assert tuple(points.matrix_world.translation) == (1, 2, 3)
        radius = np.empty(len(mesh.vertices), np.float32)
        mesh.attributes["radius"].data.foreach_get("value", radius)
        every = made.point_cloud()
        np.testing.assert_allclose(radius, 0.25 * every.size[every.confidence >= 3.0], rtol=1e-6)
        assert mesh.color_attributes.active_color_index == 0
    assert len(bpy.data.scenes) == 1 and "Points" not in bpy.data.meshes and "Points" not in bpy.data.objects
    bpy.data.objects.remove(cloud)
    with pytest.raises(InputError, match="holds no points of ours"), interchange._private_scene(collection):
        pass


def test_nothing_that_exists_is_overwritten_and_a_missing_exporter_is_named(tmp_path):
    path = tmp_path / "a.glb"
    interchange._refuse(path)
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"a\.glb exists already"):
        interchange._refuse(path)

    def missing():
        raise KeyError

    with pytest.raises(InputError, match=r"This Blender has no exporter of \.glb files"):
        interchange._require(SimpleNamespace(get_rna_type=missing), path)


def test_what_an_exporter_writes_appears_together_at_the_end(empty_scene, tmp_path):
    def operator(filepath, color):
        assert color == 3 and tmp_path / Path(filepath).name not in tmp_path.iterdir()
        with open(filepath, "w") as file:  # noqa: PTH123  what Blender does
            file.write("points")
        (pictures := Path(filepath).parent / "textures").mkdir()
        (pictures / "one.png").touch()

    setattr(operator, "get_rna_type", lambda: None)  # noqa: B010  a function has none to the type checker
    interchange._write(operator, empty_scene, tmp_path / "a.usd", color=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.usd", "textures"]
    with pytest.raises(InputError, match="textures exists already"):
        interchange._write(operator, empty_scene, tmp_path / "b.usd", color=3)

    def failing(filepath):
        raise RuntimeError("no disk")

    setattr(failing, "get_rna_type", lambda: None)  # noqa: B010
    with pytest.raises(InputError, match=r"Cannot write .*c\.usd: no disk; choose another place"):
        interchange._write(failing, empty_scene, tmp_path / "c.usd")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.usd", "textures"]


@pytest.mark.parametrize(
    ("name", "kind", "mode"), [("a.png", "PNG", "RGB"), ("b.jpg", "JPEG", "RGB"), ("c.bmp", "PNG", "RGB")]
)
def test_a_photo_that_was_turned_becomes_an_upright_copy_of_its_kind(tmp_path, empty_scene, name, kind, mode):
    (view,) = make_reconstruction(tmp_path, (Shot(name, size=(24, 16), orientation=6 if name != "c.bmp" else 1),)).views
    image = upright_image(view)
    assert tuple(image.size) == (24, 16) and len(bpy.data.images) == 1
    if name == "c.bmp":
        assert image.packed_file is None  # Blender reads it as it is
        return
    assert image.packed_file is not None and image.source == "FILE" and image.name == name
    (tmp_path / "copy").write_bytes(image.packed_file.data)
    with Image.open(tmp_path / "copy") as copy:
        assert (copy.format, copy.mode) == (kind, mode)
    view.path.unlink()
    with pytest.raises(InputError, match="is gone; its camera has no background"):
        upright_image(view)


# what cameras know, and shots


def test_a_camera_that_is_nearer_than_rounding_stands_where_it_was_found(added):
    made, collection = added
    camera, view = collection.objects["b.png"], made.views[1]
    assert _stands_at(camera, view.cam2world) and (_pose(camera) == view.cam2world).all()
    distance = np.linalg.norm(view.cam2world[:3, 3])
    for factor, stands in ((0.8, True), (1.3, False)):
        moved = view.cam2world.copy()
        moved[:3, 3] *= 1 + factor * SAME
        assert _stands_at(camera, moved) == stands and distance > 0
    turned = view.cam2world.copy()
    turned[:3, :3] = turned[:3, :3] @ np.array([[1, -3e-5, 0], [3e-5, 1, 0], [0, 0, 1]])
    assert not _stands_at(camera, turned)


def test_a_camera_knows_its_photo_pose_and_lens_in_parts(added):
    made, collection = added
    camera, view = collection.objects["b.png"], made.views[1]
    assert photo_of(camera) == view.path
    pose, lens = known_camera(camera, view.path, "pose"), known_camera(camera, view.path, "lens")
    assert pose.focal is None and (pose.cam2world == view.cam2world).all()
    assert lens.cam2world is None and lens.focal == view.K[0, 0] and lens.principal_point == (12, 8)
    assert lens.focal_y is None
    both = known_camera(camera, view.path, "both")
    assert (both.cam2world == view.cam2world).all() and both.focal == view.K[0, 0]
    plain = bpy.data.objects.new("plain", bpy.data.cameras.new("plain"))
    assert photo_of(plain) is None
    background = plain.data.background_images.new()
    assert photo_of(plain) is None
    background.image = bpy.data.images.load(str(view.path))
    assert photo_of(plain) == view.path


def test_a_way_leads_through_the_selected_cameras_or_those_of_the_largest_world(added, empty_scene):
    _, collection = added
    names = lambda: [camera.name for camera in shots.path_cameras(bpy.context, collection)]  # noqa: E731
    bpy.ops.object.select_all(action="DESELECT")
    third = collection.objects["a.png"].copy()
    third.name, third[VIEW_INDEX], third["dust3r_component"] = "c.png", 2, 1
    collection.objects.link(third)
    assert names() == ["a.png", "b.png"]
    collection.objects["b.png"]["dust3r_component"] = 1
    assert names() == ["b.png", "c.png"]
    collection.objects["a.png"].select_set(True)
    assert names() == ["b.png", "c.png"]  # one is no way
    third.select_set(True)
    collection.objects["a.png"][VIEW_INDEX] = 9
    assert names() == ["c.png", "a.png"]
    for thing in list(collection.objects):
        if thing.type == "CAMERA":
            bpy.data.objects.remove(thing)
    with pytest.raises(InputError, match="has no photo's camera any more"):
        names()


def test_poses_and_lenses_are_those_of_the_cameras_now(added):
    made, collection = added
    cameras = [collection.objects[name] for name in ("a.png", "b.png")]
    cam2world, K, sizes = shots.poses_and_lenses(cameras)
    assert cam2world == pytest.approx(np.stack([view.cam2world for view in made.views]), abs=1e-6)
    assert pytest.approx(np.stack([view.K for view in made.views])) == K and sizes.tolist() == [[24, 16]] * 2


def test_a_shot_has_a_rig_keys_markers_and_the_scene_for_itself(added, empty_scene):
    made, collection = added
    scene, like = empty_scene, collection.objects["a.png"]
    scene.timeline_markers.new("late", frame=12).camera = like
    scene.timeline_markers.new("plain", frame=11)
    poses = np.stack([made.views[0].cam2world, made.views[1].cam2world, made.views[0].cam2world])
    lenses = np.stack([[*np.diag([20.0 + k, 20 + k, 1]), [0, 0, 12], [0, 0, 8], [0, 0, 0]] for k in range(3)])
    path = SimpleNamespace(times=np.array([10, 11, 12]), cam2world=poses, K=lambda size: lenses)
    like.data.clip_start, like.data.clip_end, like.data.display_size = 0.3, 70, 0.7
    camera = shots.add_path_camera(scene, collection, like, path, "Shot")
    assert camera.parent.name == "Shot Rig" and list(camera.parent[shots.RIG]) == [10, 12]
    assert camera.parent.empty_display_size == pytest.approx(0.7) and camera.rotation_mode == "QUATERNION"
    assert (camera.data.clip_start, camera.data.clip_end, camera.data.display_size) == pytest.approx((0.3, 70, 0.7))
    assert {camera.name, camera.parent.name} <= {thing.name for thing in collection.objects}
    assert (scene.frame_start, scene.frame_end, scene.frame_current) == (10, 12, 10) and scene.camera == camera
    assert list(camera[SIZE]) == [24, 16] and camera["dust3r_K"][0] == 20
    bound = {marker.frame: marker.camera for marker in scene.timeline_markers}
    assert bound == {1: like, 2: collection.objects["b.png"], 10: camera, 11: None}
    for k, name in enumerate(("a.png", "b.png", "a.png")):
        scene.frame_set(10 + k)
        assert np.array(camera.matrix_world) == pytest.approx(np.array(collection.objects[name].matrix_world), abs=1e-5)
        assert camera.data.lens == pytest.approx((20 + k) * 36 / 24, rel=1e-5)


def test_footage_lies_behind_a_shot_from_its_first_frame_at_its_rate(added, empty_scene, tmp_path, monkeypatch):
    scene, camera = empty_scene, bpy.data.objects.new("Shot", bpy.data.cameras.new("Shot"))
    path = tmp_path / "walk.mp4"
    with pytest.raises(InputError, match="is gone; put it back and try again"):
        shots._add_footage(scene, camera, Clip(path, 24.0, 9, (96, 64)), 10)
    Image.new("RGB", (96, 64)).save(tmp_path / "still.png")
    for fps, whole, base in ((24.0, 24, 1.0), (29.97, 30, 30 / 29.97), (0.3, 1, 1 / 0.3)):
        clip = Clip(tmp_path / "still.png", fps, 9, (96, 64))
        monkeypatch.setattr(shots, "turn_to_do", lambda path: 1)
        shots._add_footage(scene, camera, clip, 10)
        assert scene.render.fps == whole and scene.render.fps_base == pytest.approx(base, rel=1e-5)
    background = camera.data.background_images[0]
    assert camera.data.show_background_images and background.source == "MOVIE_CLIP"
    assert background.clip.frame_start == 10 and background.alpha == pytest.approx(shots.OPACITY)
    assert (background.display_depth, background.frame_method) == ("BACK", "CROP")
    assert background.rotation == pytest.approx(math.pi / 2) and background.scale == pytest.approx(64 / 96)
    assert replace(clip, fps=1.0).fps == 1
