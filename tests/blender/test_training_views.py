"""A scene becomes exact training views, and stays as it was."""

import json

import bpy
import numpy as np
import pytest
from dust3r.cli.main import main
from dust3r.core.cameras.posed_images import read_depth, read_posed_photos
from dust3r.core.errors import Cancelled, InputError
from dust3r.operators.scene.training_views import render_training_views
from dust3r.training.overlap import ENOUGH
from dust3r.training.rgbd import FolderSource
from dust3r.training.view_settings import ViewSettings
from PIL import Image

SMALL = ViewSettings(views=4, size=(64, 48), samples=1, seed=3)
FLOOR = -1.0


@pytest.fixture
def block(empty_scene):
    """A block of 2 x 2 x 2 around the origin on a floor of 16 x 16, and a light."""
    bpy.ops.mesh.primitive_cube_add(size=2)
    bpy.ops.mesh.primitive_plane_add(size=16, location=(0, 0, FLOOR))
    bpy.ops.object.light_add(type="SUN", location=(0, 0, 5))
    return bpy.context.scene


def _world_points(photo):
    depth = read_depth(photo.depth).astype(np.float64)
    x, y = np.meshgrid(np.arange(photo.size[0]) + 0.5, np.arange(photo.size[1]) + 0.5)
    rays = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(photo.K).T
    points = rays * depth[..., None] @ photo.cam2world[:3, :3].T + photo.cam2world[:3, 3]
    return points[depth > 0]


def _off_surface(points):
    """Distance of points to the block or the floor, whichever is nearer: (N,)."""
    away = np.abs(points)
    block = np.where(away.max(-1) <= 1 + 1e-3, np.abs(away.max(-1) - 1), np.inf)
    return np.minimum(block, np.abs(points[:, 2] - FLOOR))


def _state(scene):
    kinds = ("scenes", "objects", "cameras", "meshes", "materials", "node_groups", "collections", "worlds")
    names = {kind: sorted(block.name for block in getattr(bpy.data, kind)) for kind in kinds}
    render, cycles = scene.render, scene.cycles
    settings = {name: str(getattr(render, name)) for name in ("engine", "resolution_x", "filepath", "use_compositing")}
    settings |= {name: str(getattr(cycles, name)) for name in ("samples", "filter_width", "max_bounces", "seed")}
    settings |= {"format": render.image_settings.file_format, "camera": scene.camera, "frame": scene.frame_current}
    images = sorted(image.name for image in bpy.data.images)
    return names, settings, images, [layer.use_pass_z for layer in scene.view_layers]


def test_every_depth_lies_on_a_surface_of_the_scene(block, tmp_path):
    assert render_training_views(block, tmp_path / "views", SMALL) == []
    photos = read_posed_photos(tmp_path / "views")
    assert len(photos) == 4
    for photo in photos:
        points = _world_points(photo)
        assert len(points) >= 0.3 * 64 * 48
        assert np.quantile(_off_surface(points), 0.99) < 1e-4
        with Image.open(photo.path) as image:
            assert image.size == photo.size == (64, 48)


def test_cameras_stand_free_and_see_what_others_see(block, tmp_path):
    render_training_views(block, tmp_path / "views", SMALL)
    photos = read_posed_photos(tmp_path / "views")
    for photo in photos:
        x, y, z = photo.cam2world[:3, 3]
        assert z > FLOOR and not (abs(x) < 1 and abs(y) < 1 and z < 1)
    overlaps = FolderSource(tmp_path / "views", 0)._scenes[0]._read_overlaps()
    best = [max(overlaps.row(i)[j] for j in range(4) if j != i) for i in range(4)]
    assert min(best) >= ENOUGH


def test_the_views_are_a_source_of_training_data(block, tmp_path):
    render_training_views(block, tmp_path / "views", SMALL)
    batch = FolderSource(tmp_path / "views", 0).batch(0, 1, 3, 2, (32, 32))
    points = batch.points[batch.valid].numpy()
    assert np.quantile(_off_surface(points), 0.9) < 1e-3


def test_the_same_seed_gives_the_same_cameras_and_another_others(block, tmp_path):
    cameras = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        settings = ViewSettings(views=2, size=(32, 24), samples=1, seed=seed)
        render_training_views(block, tmp_path / name, settings)
        cameras.append((tmp_path / name / "cameras.json").read_text())
    assert cameras[0] == cameras[1] != cameras[2]


def test_the_scene_stays_as_it_was(block, tmp_path):
    block.render.engine, block.frame_start = "BLENDER_WORKBENCH", 3
    block.timeline_markers.new("bound", frame=1).camera = bpy.data.objects.new("own", bpy.data.cameras.new("own"))
    before = _state(block)
    render_training_views(block, tmp_path / "views", SMALL)
    assert _state(block) == before
    assert block.timeline_markers["bound"].camera.name == "own"


def test_the_artists_compositing_neither_counts_nor_changes(block, tmp_path):
    if hasattr(block, "compositing_node_group"):
        tree = block.compositing_node_group = bpy.data.node_groups.new("mine", "CompositorNodeTree")
    else:
        block.use_nodes = True
        tree = block.node_tree
    tree.nodes.new("CompositorNodeBlur").name = "my blur"
    before = sorted(node.name for node in tree.nodes)
    render_training_views(block, tmp_path / "views", ViewSettings(views=2, size=(32, 24), samples=1))
    assert sorted(node.name for node in tree.nodes) == before


def test_what_rays_see_and_renders_hide_gives_no_view(block, tmp_path):
    bpy.ops.mesh.primitive_plane_add(size=16, location=(0, 0, 3))
    bpy.context.object.hide_render = True
    render_training_views(block, tmp_path / "views", SMALL)
    for photo in read_posed_photos(tmp_path / "views"):
        assert np.quantile(_off_surface(_world_points(photo)), 0.99) < 1e-4


def test_a_cancel_leaves_an_empty_folder_and_the_scene_alone(block, tmp_path):
    def stop(stage, done, total):
        if done == 2:
            raise Cancelled

    before = _state(block)
    with pytest.raises(Cancelled):
        render_training_views(block, tmp_path / "views", SMALL, stop)
    assert list((tmp_path / "views").iterdir()) == []
    assert _state(block) == before


def test_an_empty_scene_is_a_sentence(empty_scene, tmp_path):
    with pytest.raises(InputError, match="no surface to look at"):
        render_training_views(empty_scene, tmp_path / "views", SMALL)


def test_a_folder_that_is_not_empty_is_left_alone(block, tmp_path):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(InputError, match="not empty"):
        render_training_views(block, tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_verb_opens_a_blend_and_renders_it(block, tmp_path, capfd):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    capfd.readouterr()
    arguments = ["--views", "2", "--size", "32x24", "--samples", "1", "--json-progress"]
    assert main(["render-views", str(tmp_path / "scene.blend"), "--output", str(tmp_path / "out"), *arguments]) == 0
    messages = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert len(messages) > 2  # nothing of Blender's own chatter in between
    assert len(read_posed_photos(tmp_path / "out")) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("no.blend",), "no.blend does not exist"),
        (("text.blend",), "text.blend cannot be opened"),
        (("text.blend", "--views", "1"), "views must be at least 2"),
        (("text.blend", "--size", "320"), "'320' is no size"),
        (("text.blend", "--size", "8x8"), "from 16 to 16384"),
    ],
)
def test_wrong_arguments_are_a_sentence(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.blend").write_text("no scene")
    assert main(["render-views", *arguments, "--output", str(tmp_path / "out")]) == 2
    assert sentence in capsys.readouterr().err
