import json
from dataclasses import replace

import bpy
import numpy as np
import pytest
from dust3r.core.errors import InputError
from dust3r.core.reconstruction.result import PointCloud
from dust3r.operators.scene import (
    add_reconstruction,
    display_sliders,
    point_cloud,
    points_input,
    points_modifier,
    read_recipe,
    render_still,
    set_points_input,
)
from dust3r.operators.scene import (
    reconstruction as scene_reconstruction,
)
from dust3r.operators.scene.point_cloud import add_points
from dust3r.tests.blender.synthetic_reconstruction import Shot, make_reconstruction
from PIL import Image

TWO = (Shot("a.png"), Shot("b.png", size=(60, 90)))


def points_of(collection):
    return next(thing for thing in collection.objects if thing.type == "MESH")


def read(mesh, name, field, dtype, width=1):
    values = np.empty(len(mesh.attributes[name].data) * width, dtype)
    mesh.attributes[name].data.foreach_get(field, values)
    return values.reshape(-1, width)


def shown(cloud):
    """The attributes of the point cloud as evaluated: what is drawn and rendered. None when nothing is."""
    found = [instance.object for instance in bpy.context.evaluated_depsgraph_get().object_instances]
    clouds = [thing.data for thing in found if thing.type == "POINTCLOUD" and thing.name == cloud.name]
    return clouds[0] if clouds else None


def shown_count(cloud):
    data = shown(cloud)
    return 0 if data is None else len(data.attributes["position"].data)


def data_names():
    kinds = ("objects", "collections", "meshes", "cameras", "images", "materials", "node_groups")
    return {kind: sorted(block.name for block in getattr(bpy.data, kind)) for kind in kinds}


@pytest.fixture
def added(tmp_path, empty_scene):
    reconstruction = make_reconstruction(tmp_path, TWO)
    return reconstruction, add_reconstruction(empty_scene, reconstruction)


def test_every_kept_point_is_in_the_mesh_with_its_color_confidence_and_view(added):
    reconstruction, collection = added
    mesh, points = points_of(collection).data, reconstruction.point_cloud()
    x, y, z = points.position.T
    assert read(mesh, "position", "vector", np.float32, 3) == pytest.approx(np.stack([x, z, -y], axis=-1), abs=1e-6)
    assert (np.round(255 * read(mesh, "color", "color_srgb", np.float32, 4)[:, :3]) == points.color).all()
    assert (read(mesh, "confidence", "value", np.float32)[:, 0] == points.confidence).all()
    assert (read(mesh, "view", "value", np.int32)[:, 0] == points.view).all()


@pytest.mark.filterwarnings("ignore:invalid value encountered in matmul")  # the depths that are not finite
def test_points_that_are_masked_or_not_finite_are_left_out(tmp_path, empty_scene):
    reconstruction = make_reconstruction(tmp_path, TWO)
    view = reconstruction.views[0]
    view.depth[30, :5], view.depth[31, :5] = np.nan, np.inf
    mesh = points_of(add_reconstruction(empty_scene, reconstruction)).data
    assert len(mesh.vertices) == sum(int(v.mask.sum()) for v in reconstruction.views) - 10
    assert np.isfinite(read(mesh, "position", "vector", np.float32, 3)).all()


def test_points_are_filtered_by_the_minimum_confidence_of_the_settings_at_first(added):
    reconstruction, collection = added
    assert points_input(points_modifier(points_of(collection)), "Minimum Confidence") == pytest.approx(1.5)
    assert shown_count(points_of(collection)) == len(reconstruction.point_cloud(1.5).position)


@pytest.mark.parametrize("threshold", [1.0, 2.25, 4.0, 6.0])
def test_minimum_confidence_shows_the_points_at_or_above_it(added, threshold):
    reconstruction, collection = added
    cloud = points_of(collection)
    set_points_input(points_modifier(cloud), "Minimum Confidence", threshold)
    assert shown_count(cloud) == len(reconstruction.point_cloud(threshold).position)


@pytest.mark.parametrize("view", [-1, 0, 1, 2])
def test_the_view_filter_shows_one_photo_s_points_and_minus_one_shows_all(added, view):
    reconstruction, collection = added
    cloud = points_of(collection)
    set_points_input(points_modifier(cloud), "View", view)
    views = reconstruction.point_cloud(1.5).view
    assert shown_count(cloud) == (len(views) if view < 0 else (views == view).sum())


@pytest.mark.parametrize("percentage", [0, 1, 10, 25, 62.5, 100])
def test_viewports_show_the_display_percentage_of_the_points(added, percentage):
    reconstruction, collection = added
    cloud = points_of(collection)
    set_points_input(points_modifier(cloud), "Display Percentage", percentage)
    assert shown_count(cloud) == pytest.approx(percentage / 100 * len(reconstruction.point_cloud(1.5).position), abs=12)


@pytest.mark.parametrize("width", [160, 288, 512])
def test_the_points_that_viewports_show_are_spread_evenly(empty_scene, width):
    height = 128
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(width), np.arange(height)))
    points = PointCloud(
        np.stack([x, y, np.zeros_like(x)], axis=1).astype(np.float32),
        np.zeros((len(x), 3), np.uint8),
        np.ones(len(x), np.float32),
        np.zeros(len(x), np.int32),
    )
    cloud = add_points(empty_scene.collection, "Wall", points, 0.01, 1.0, display_percentage=25)
    x, y, _ = read(shown(cloud), "position", "vector", np.float32, 3).astype(int).T
    found, *_ = np.histogram2d(y, x, (height // 16, width // 16), ((0, height), (0, width)))
    assert np.abs(found - 64).max() <= 10  # of 256 in each square; drawn at random, some would miss by 25
    assert np.abs(np.bincount(x, minlength=width) - 32).max() <= 24  # a stripe would miss by 32 or 96


def test_the_display_percentage_is_exact_for_millions_of_points_too(empty_scene):
    """Whose index times the golden ratio a float could not tell to a part."""
    count = 3_000_000
    points = PointCloud(
        np.zeros((count, 3), np.float32),
        np.zeros((count, 3), np.uint8),
        np.ones(count, np.float32),
        np.zeros(count, np.int32),
    )
    cloud = add_points(empty_scene.collection, "Many", points, 0.01, 1.0, display_percentage=10)
    assert shown_count(cloud) == pytest.approx(count / 10, rel=0.01)


def test_a_smaller_display_percentage_shows_a_part_of_what_a_larger_one_shows(added):
    cloud = points_of(added[1])
    seen = []
    for percentage in (10, 30, 30):
        set_points_input(points_modifier(cloud), "Display Percentage", percentage)
        seen.append({tuple(place) for place in read(shown(cloud), "position", "vector", np.float32, 3)})
    assert seen[0] < seen[1] == seen[2]


def test_renders_show_all_points_whatever_the_display_percentage(tmp_path, empty_scene):
    shots = (Shot("a.png", size=(48, 32), focal=(40, 40)),)
    add = {"reconstruction": make_reconstruction(tmp_path, shots), "min_confidence": 1.0}
    pictures = []
    for percentage in (0, 100):
        collection = add_reconstruction(empty_scene, **add, display_percentage=percentage)
        camera = collection.objects[0] if collection.objects[0].type == "CAMERA" else collection.objects[1]
        render_still(empty_scene, tmp_path / "still.png", samples=1, size=(48, 32), camera=camera)
        pictures.append(np.asarray(Image.open(tmp_path / "still.png")))
        bpy.data.objects.remove(points_of(collection))
    assert (pictures[0] == pictures[1]).all() and len(np.unique(pictures[0])) > 20


def test_a_display_percentage_that_is_none_is_refused(tmp_path, empty_scene):
    with pytest.raises(InputError, match="display percentage is 120"):
        add_reconstruction(empty_scene, make_reconstruction(tmp_path, TWO), display_percentage=120)


def test_the_sliders_of_a_scene_lead_to_its_point_clouds_and_to_no_older_ones(tmp_path, empty_scene):
    old, new = (add_reconstruction(empty_scene, make_reconstruction(tmp_path, TWO)) for _ in range(2))
    modifier = points_modifier(points_of(old))
    modifier.node_group = modifier.node_group.copy()
    items = modifier.node_group.interface.items_tree
    items["Display Percentage"].name = "Viewport Share"
    ((name, owner, path),) = display_sliders(empty_scene)
    assert name == points_of(new).name
    set_points_input(points_modifier(points_of(new)), "Display Percentage", 40)
    assert owner.path_resolve(path) == 40


def test_shown_points_carry_the_radius_and_the_photo_s_colors(added):
    reconstruction, collection = added
    cloud = points_of(collection)
    set_points_input(points_modifier(cloud), "Radius", 0.125)
    data = shown(cloud)
    every = reconstruction.point_cloud()
    expected = 0.125 * every.size[every.confidence >= 1.5]
    np.testing.assert_allclose(read(data, "radius", "value", np.float32)[:, 0], expected, rtol=1e-6)
    colors = np.round(255 * read(data, "shown_color", "color_srgb", np.float32, 4)[:, :3])
    assert (colors == reconstruction.point_cloud(1.5).color).all()


def test_the_radius_follows_the_size_of_a_pixel_on_the_surface(tmp_path, empty_scene):
    near = make_reconstruction(tmp_path, (Shot("a.png", flat=True),))
    far = make_reconstruction(tmp_path, (Shot("a.png", flat=True),))
    far.views[0].depth[:] *= 10
    radii = [
        points_input(points_modifier(points_of(add_reconstruction(empty_scene, r))), "Radius") for r in (near, far)
    ]
    assert radii[1] == pytest.approx(10 * radii[0])
    assert radii[0] == pytest.approx(0.75 * 2 / 80)


@pytest.mark.parametrize(("mode", "most"), [("Confidence", 96), ("View", 2)])
def test_the_color_input_shows_confidence_or_one_color_per_view(tmp_path, empty_scene, mode, most):
    shots = (Shot("a.png"), Shot("b.png"))
    cloud = points_of(add_reconstruction(empty_scene, make_reconstruction(tmp_path, shots), min_confidence=1.0))
    choose_color(cloud, mode)
    colors = np.round(255 * read(shown(cloud), "shown_color", "color_srgb", np.float32, 4)[:, :3])
    assert 0.9 * most < len(np.unique(colors, axis=0)) <= most  # confidence has one value per column, here 96


def choose_color(cloud, mode):
    """As the group's default, which a new modifier takes over: how a menu's value is written varies by version."""
    group = points_modifier(cloud).node_group
    next(item for item in group.interface.items_tree if item.name == "Color").default_value = mode
    cloud.modifiers.clear()
    cloud.modifiers.new(group.name, "NODES").node_group = group


def test_a_second_reconstruction_leaves_the_first_alone_and_shares_nodes_and_material(tmp_path, empty_scene):
    first, second = make_reconstruction(tmp_path, TWO), make_reconstruction(tmp_path, (*TWO, Shot("c.png")))
    one = add_reconstruction(empty_scene, first, photo_frames=True)
    before = {thing.name: thing.matrix_world.copy() for thing in one.objects}
    two = add_reconstruction(empty_scene, second, photo_frames=True)
    assert one.name != two.name and {thing.name: thing.matrix_world for thing in one.objects} == before
    assert list(empty_scene.collection.children) == [one, two]
    assert len(bpy.data.node_groups) == 1 and len(bpy.data.materials) == 1
    bound = {marker.frame: marker.camera for marker in empty_scene.timeline_markers}
    assert sorted(bound) == [1, 2, 3, 4, 5]
    assert [bound[k].users_collection[0] for k in sorted(bound)] == [one, one, two, two, two]
    assert (empty_scene.frame_start, empty_scene.frame_end, empty_scene.frame_current) == (1, 5, 3)


def test_node_group_and_material_of_another_version_are_not_reused(tmp_path, empty_scene):
    add_reconstruction(empty_scene, make_reconstruction(tmp_path, TWO))
    bpy.data.node_groups[0]["dust3r_version"] = 0
    for _ in range(2):
        add_reconstruction(empty_scene, make_reconstruction(tmp_path, TWO))
    assert len(bpy.data.node_groups) == 2 and len(bpy.data.materials) == 1


def test_the_recipe_is_on_the_collection(added):
    reconstruction, collection = added
    recipe = read_recipe(collection)
    assert recipe["model"] == collection["dust3r_model"] == reconstruction.model
    assert recipe["settings"] == json.loads(collection["dust3r_settings"]) == reconstruction.settings.as_dict()
    assert recipe["version"] == collection["dust3r_version"] == reconstruction.version
    assert recipe["photos"] == json.loads(json.dumps(reconstruction.cameras()["photos"]))
    assert recipe["warnings"] == [] and recipe["min_confidence"] == 1.5
    assert read_recipe(bpy.data.collections.new("Mine")) is None
    licensed = add_reconstruction(bpy.context.scene, replace(reconstruction, licence="any use"))
    assert read_recipe(licensed)["licence"] == licensed["dust3r_licence"] == "any use"


def test_a_missing_photo_leaves_its_camera_without_background_and_a_warning(tmp_path, empty_scene, caplog):
    reconstruction = make_reconstruction(tmp_path, TWO)
    (tmp_path / "b.png").unlink()
    collection = add_reconstruction(empty_scene, reconstruction)
    assert len(collection.objects["a.png"].data.background_images) == 1
    assert len(collection.objects["b.png"].data.background_images) == 0
    (warning,) = read_recipe(collection)["warnings"]
    assert "b.png is gone" in warning and warning in caplog.text


@pytest.mark.parametrize("content", ["other size", "not an image"])
def test_a_photo_that_is_no_longer_the_same_is_not_shown(tmp_path, empty_scene, content):
    reconstruction = make_reconstruction(tmp_path, TWO)
    if content == "other size":
        Image.new("RGB", (10, 10)).save(tmp_path / "b.png")
    else:
        (tmp_path / "b.png").write_bytes(b"no picture")
    collection = add_reconstruction(empty_scene, reconstruction)
    assert len(collection.objects["b.png"].data.background_images) == 0
    assert len(read_recipe(collection)["warnings"]) == 1
    assert [image.name for image in bpy.data.images] == ["a.png"]


def test_a_failure_in_the_middle_leaves_the_file_as_it_was(tmp_path, empty_scene, monkeypatch):
    add_reconstruction(empty_scene, make_reconstruction(tmp_path, TWO))
    markers = [(marker.name, marker.frame) for marker in empty_scene.timeline_markers]
    before = data_names(), markers, empty_scene.camera, empty_scene.frame_end, empty_scene.render.resolution_x

    def failing(*_):
        raise MemoryError("no room")

    monkeypatch.setattr(scene_reconstruction, "use_photo_format", failing)  # the very last step
    with pytest.raises(MemoryError):
        shot = Shot("c.png", size=(40, 30), orientation=6)
        add_reconstruction(empty_scene, make_reconstruction(tmp_path, (shot,)), photo_frames=True)
    markers = [(marker.name, marker.frame) for marker in empty_scene.timeline_markers]
    after = data_names(), markers, empty_scene.camera, empty_scene.frame_end, empty_scene.render.resolution_x
    assert after == before


def test_a_failure_in_an_empty_file_leaves_it_empty(tmp_path, empty_scene, monkeypatch):
    before = data_names()

    def failing(*_):
        raise MemoryError("no room")

    monkeypatch.setattr(scene_reconstruction, "add_backgrounds", failing)
    with pytest.raises(MemoryError):
        add_reconstruction(empty_scene, make_reconstruction(tmp_path, TWO))
    assert data_names() == before
    assert empty_scene.camera is None and len(empty_scene.timeline_markers) == 0


def test_a_reconstruction_without_photos_is_refused(tmp_path, empty_scene):
    with pytest.raises(InputError, match="no photo"):
        add_reconstruction(empty_scene, make_reconstruction(tmp_path, ()))


def test_a_reconstruction_without_points_has_cameras_and_an_empty_cloud(tmp_path, empty_scene):
    reconstruction = make_reconstruction(tmp_path, TWO)
    for view in reconstruction.views:
        view.mask[:] = False
    collection = add_reconstruction(empty_scene, reconstruction)
    assert len(points_of(collection).data.vertices) == 0
    assert shown_count(points_of(collection)) == 0


def random_points(count):
    rng = np.random.default_rng(0)
    return PointCloud(
        rng.random((count, 3), np.float32),
        rng.integers(0, 256, (count, 3), np.uint8),
        1 + rng.random(count, np.float32),
        rng.integers(0, 5, count, np.int32),
    )


def test_many_points_come_in_whole(empty_scene):
    cloud = add_points(empty_scene.collection, "Many", random_points(200_000), 0.01, 1.0)
    assert shown_count(cloud) == 200_000


def test_more_points_than_a_viewport_likes_are_thinned_to_that_number(empty_scene, monkeypatch):
    monkeypatch.setattr(point_cloud, "DISPLAYED", 50_000)
    cloud = add_points(empty_scene.collection, "Many", random_points(200_000), 0.01, 1.0)
    assert points_input(points_modifier(cloud), "Display Percentage") == 25
    assert shown_count(cloud) == pytest.approx(50_000, rel=2e-3)
    assert len(cloud.data.vertices) == 200_000


def test_every_point_has_no_more_bytes_in_a_file_than_its_attributes(tmp_path, empty_scene):
    def size():
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"), compress=False)
        return (tmp_path / "scene.blend").stat().st_size

    counts, sizes = (50_000, 250_000), []
    for count in counts:
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        cloud = add_points(bpy.context.scene.collection, "Many", random_points(count), 0.01, 1.0)
        assert shown_count(cloud) == count  # what is evaluated is not saved
        sizes.append(size())
    bytes_of_a_point = (sizes[1] - sizes[0]) / (counts[1] - counts[0])
    assert bytes_of_a_point == pytest.approx(12 + 4 + 4 + 4, abs=0.01)  # position, color, confidence, view


def test_a_saved_file_keeps_points_nodes_cameras_and_recipe(tmp_path, empty_scene):
    reconstruction = make_reconstruction(tmp_path, TWO)
    add_reconstruction(empty_scene, reconstruction, photo_frames=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    collection, points = bpy.data.collections["DUSt3R"], reconstruction.point_cloud()
    cloud = points_of(collection)
    assert (np.round(255 * read(cloud.data, "color", "color_srgb", np.float32, 4)[:, :3]) == points.color).all()
    assert (read(cloud.data, "confidence", "value", np.float32)[:, 0] == points.confidence).all()
    assert shown_count(cloud) == len(reconstruction.point_cloud(1.5).position)
    assert read_recipe(collection)["model"] == reconstruction.model
    assert [marker.camera.name for marker in bpy.context.scene.timeline_markers] == ["a.png", "b.png"]


def test_a_render_through_a_photo_s_camera_shows_the_photo(tmp_path, empty_scene):
    shot = Shot("a.png", size=(48, 32), focal=(40, 40), flat=True)
    reconstruction = make_reconstruction(tmp_path, (shot, replace(shot, name="b.png")))
    view = reconstruction.views[0]
    quarters = np.array([[[10, 200, 60], [128, 128, 128]], [[255, 30, 90], [40, 60, 250]]], np.uint8)
    view.colors[:] = quarters.repeat(16, axis=0).repeat(24, axis=1)
    view.mask[:] = True
    collection = add_reconstruction(empty_scene, reconstruction, min_confidence=1.0, photo_frames=True)
    set_points_input(points_modifier(points_of(collection)), "View", 0)
    empty_scene.frame_set(2)
    settings = empty_scene.render.engine, empty_scene.view_settings.view_transform, empty_scene.camera
    render_still(empty_scene, tmp_path / "still.png", samples=4, size=(48, 32), camera=collection.objects["a.png"])
    rendered = np.asarray(Image.open(tmp_path / "still.png").convert("RGB")).astype(int)
    x, y = np.abs(np.arange(48) - 23.5)[None], np.abs(np.arange(32) - 15.5)[:, None]
    inside = (x > 2) & (y > 2) & (x < 22) & (y < 14)  # of the quarters: the pixel filter mixes neighbours
    assert np.abs(rendered - view.colors)[inside].max() <= 1
    assert settings == (empty_scene.render.engine, empty_scene.view_settings.view_transform, empty_scene.camera)
    assert [marker.camera.name for marker in empty_scene.timeline_markers] == ["a.png", "b.png"]


def test_a_still_that_cannot_be_written_says_so(added, tmp_path, empty_scene):
    camera = added[1].objects[0] if added[1].objects[0].type == "CAMERA" else added[1].objects[1]
    with pytest.raises(InputError, match="Cannot write"):
        render_still(empty_scene, tmp_path / "a.png" / "still.png", samples=1, size=(8, 8), camera=camera)
