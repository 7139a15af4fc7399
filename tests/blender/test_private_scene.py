"""Scenes of our own for rendering: every setting that decides what is rendered, whatever the artist's scene says."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from dust3r.core.errors import InputError, ReconstructionError
from dust3r.core.world.transform import OPENGL_TO_OPENCV
from dust3r.operators.scene import posed_render, private_copy, render
from dust3r.operators.scene.posed_render import NOWHERE, Viewpoint, ViewRenderer, new_folder, view_renderer
from dust3r.operators.scene.private_copy import EEVEE, NOTHING, depth_as_picture, render_depth, use_colors, use_engine

OFF = ("use_border", "use_motion_blur", "use_multiview", "use_sequencer", "use_compositing", "use_stamp")
OFF += ("use_file_extension", "film_transparent", "use_freestyle", "use_persistent_data")


@pytest.fixture
def camera(empty_scene):
    return bpy.data.objects.new("Own", bpy.data.cameras.new("Own"))


@pytest.fixture
def artists(empty_scene):
    """A scene in which everything is set otherwise than a private one needs it."""
    scene, settings, cycles = empty_scene, empty_scene.render, empty_scene.cycles
    for name in OFF:
        setattr(settings, name, True)
    settings.resolution_x, settings.resolution_y, settings.resolution_percentage = 11, 12, 50
    settings.pixel_aspect_x, settings.pixel_aspect_y, settings.engine = 2, 3, "BLENDER_WORKBENCH"
    cycles.use_animated_seed, cycles.seed, cycles.pixel_filter_type, cycles.max_bounces = True, 7, "BOX", 5
    cycles.samples, cycles.use_adaptive_sampling, cycles.filter_width = 99, False, 0.5
    scene.camera = bpy.data.objects.new("Theirs", bpy.data.cameras.new("Theirs"))
    scene.timeline_markers.new("bound", frame=1).camera = scene.camera
    first, second = scene.view_layers[0], scene.view_layers.new("second")
    first.use, second.use = False, True
    scene.view_layers.new("third")
    return scene


def test_a_private_scene_is_rendered_whole_and_sharp_by_cycles_from_its_camera(artists, camera):
    with private_copy.private_copy(artists, camera, (40, 30)) as copy:
        settings, cycles = copy.render, copy.cycles
        assert copy != artists and copy.camera == camera and camera.name in copy.objects
        assert (settings.resolution_x, settings.resolution_y, settings.resolution_percentage) == (40, 30, 100)
        assert (settings.pixel_aspect_x, settings.pixel_aspect_y, settings.engine) == (1, 1, "CYCLES")
        assert [name for name in OFF if getattr(settings, name)] == []
        assert (cycles.use_animated_seed, cycles.seed, cycles.pixel_filter_type) == (False, 0, "BLACKMAN_HARRIS")
        assert all(marker.camera is None for marker in copy.timeline_markers)
        assert [layer.use for layer in copy.view_layers] == [False, True, False]
        name = copy.name
    assert name not in bpy.data.scenes
    assert artists.camera.name == "Theirs" and artists.timeline_markers[0].camera == artists.camera
    assert all(getattr(artists.render, setting) for setting in OFF) and artists.render.resolution_x == 11


def test_where_no_layer_is_rendered_the_first_is(artists, camera):
    for layer in artists.view_layers:
        layer.use = False
    with private_copy.private_copy(artists, camera, (40, 30)) as copy:
        assert [layer.use for layer in copy.view_layers] == [True, False, False]


def test_without_cycles_private_scenes_are_refused_in_a_sentence(camera):
    with (
        pytest.raises(ReconstructionError, match="enable the add-on Cycles"),
        private_copy.private_copy(SimpleNamespace(), camera, (40, 30)),
    ):
        pass


def test_colours_are_denoised_8_bit_pngs_and_depth_one_sharp_sample_as_32_bit_exr(artists, camera):
    with private_copy.private_copy(artists, camera, (40, 30)) as copy:
        cycles, image = copy.cycles, copy.render.image_settings
        image.file_format, image.exr_codec = "OPEN_EXR", "NONE"  # an artist's
        use_colors(copy, 6)
        assert (cycles.samples, cycles.use_adaptive_sampling, cycles.filter_width) == (6, True, 1.5)
        assert cycles.use_denoising and cycles.denoiser == "OPENIMAGEDENOISE"
        assert (image.file_format, image.color_mode, image.color_depth) == ("PNG", "RGB", "8")
        with depth_as_picture(copy):
            assert (cycles.samples, cycles.use_denoising, cycles.use_adaptive_sampling) == (1, False, False)
            assert cycles.filter_width == pytest.approx(0.01) and cycles.max_bounces == 0
            assert (image.file_format, image.color_mode, image.color_depth) == ("OPEN_EXR", "RGB", "32")
            assert image.exr_codec == "ZIP" and copy.render.use_compositing
            assert all(layer.use_pass_z for layer in copy.view_layers)
            tree = getattr(copy, "compositing_node_group", None) or copy.node_tree
            assert len(tree.nodes) == 2
            (link,) = tree.links
            assert (link.from_socket.name, link.to_socket.name) == ("Depth", "Image")
            assert (link.from_node.scene, link.from_node.layer) == (copy, "second")


def test_a_blender_without_the_denoiser_renders_without_it():
    class Cycles(SimpleNamespace):
        def __setattr__(self, name, value):
            if name == "denoiser":
                raise TypeError
            super().__setattr__(name, value)

    image = SimpleNamespace()
    scene = SimpleNamespace(cycles=Cycles(), render=SimpleNamespace(image_settings=image))
    use_colors(scene, 6)
    assert scene.cycles.use_denoising is False and image.color_mode == "RGB"


def test_engines_are_given_their_samples_and_workbench_the_textures(artists):
    use_engine(artists, "cycles", 4)
    assert artists.render.engine == "BLENDER_WORKBENCH" and artists.eevee.taa_render_samples != 4
    use_engine(artists, "eevee", 4)
    assert artists.render.engine == EEVEE and artists.eevee.taa_render_samples == 4
    artists.display.shading.light = "FLAT"
    use_engine(artists, "workbench", 5)
    assert artists.render.engine == "BLENDER_WORKBENCH" and artists.eevee.taa_render_samples == 4
    assert (artists.display.shading.light, artists.display.shading.color_type) == ("STUDIO", "TEXTURE")


def fake_bpy(images, **more):
    return SimpleNamespace(data=SimpleNamespace(images=images), **more)


class Images(set):
    """Of a file, with Blender's way to remove one."""

    def remove(self, image):
        self.discard(image)


@pytest.mark.parametrize("channels", [3, 4])
def test_depth_has_its_first_row_on_top_and_0_where_no_surface_is(tmp_path, monkeypatch, channels):
    stored = np.array([[1, 2, NOTHING], [4, 0, -1]], np.float32)  # rows as Blender keeps them: the last one first
    pixels = np.repeat(stored[:, :, None], channels, axis=2)
    pixels[:, :, 1:] = 7
    images, loaded = Images(), []

    class Picture:
        size = (3, 2)

        def __init__(self, path, check_existing):
            loaded.append((path, check_existing))
            self.channels, self.pixels = channels, self
            images.add(self)

        def foreach_get(self, into):
            into[:] = pixels.ravel()

    images.load = Picture
    monkeypatch.setattr(private_copy, "render_file", lambda scene, path: None)
    monkeypatch.setattr(private_copy, "bpy", fake_bpy(images))
    found = render_depth(None, tmp_path / "z.exr")
    assert found.tolist() == [[4, 0, 0], [1, 2, 0]] and found.dtype == np.float32
    assert loaded == [(str(tmp_path / "z.exr"), False)] and not images


def viewpoint(**changes):
    pose = np.eye(4)
    pose[:3, 3] = 1, 2, 3
    K = np.array([[50.0, 0, 22], [0, 50, 13], [0, 0, 1]])
    return Viewpoint(pose, K, (40, 30), **changes)


def test_the_renderers_camera_stands_with_lens_format_and_clipping_of_the_viewpoint(empty_scene):
    with view_renderer(empty_scene, 6, "workbench") as renderer:
        own, scenes = renderer._camera, (renderer._colors, renderer._depth)
        assert [(one.render.resolution_x, one.render.resolution_y) for one in scenes] == [NOWHERE] * 2
        assert (scenes[0].render.engine, scenes[1].render.engine) == ("BLENDER_WORKBENCH", "CYCLES")
        assert (scenes[0].cycles.samples, scenes[1].cycles.samples) == (6, 1)
        renderer.stand(viewpoint(clip=(0.5, 70.0)))
        assert np.array(own.matrix_world) == pytest.approx(viewpoint().cam2world @ OPENGL_TO_OPENCV)
        assert own.data.lens == pytest.approx(50 * 36 / 40)
        assert (own.data.shift_x, own.data.shift_y) == pytest.approx(((20 - 22) / 40, (13 - 15) / 40))
        assert (own.data.clip_start, own.data.clip_end) == (0.5, 70)
        assert [(one.render.resolution_x, one.render.resolution_y) for one in scenes] == [(40, 30)] * 2
        assert renderer._scratch.is_dir()
    assert not renderer._scratch.exists() and len(bpy.data.scenes) == 1
    assert len(bpy.data.cameras) == len(bpy.data.objects) == 0


def test_images_that_rendering_makes_are_gone_afterwards_and_others_stay(monkeypatch):
    def made(*kinds):
        return [Picture(kind) for kind in kinds]

    class Picture:
        def __init__(self, kind):
            self.type = kind

    before, new = made("IMAGE", "RENDER_RESULT"), made("IMAGE", "RENDER_RESULT", "COMPOSITING")
    images = Images(before)
    monkeypatch.setattr(posed_render, "bpy", fake_bpy(images))
    with posed_render._no_new_images():
        images.update(new)
    assert images == {*before, new[0]}


def test_a_picture_that_the_disk_cut_off_is_not_kept(tmp_path, monkeypatch):
    renderer = ViewRenderer(None, None, None, tmp_path)

    def rendered(content):
        monkeypatch.setattr(posed_render, "render_file", lambda scene, path: path.write_bytes(content))

    rendered(b"half a picture")
    with pytest.raises(InputError, match="disk for temporary files is full"):
        renderer.save_photo(tmp_path / "kept.png")
    assert not (tmp_path / "kept.png").exists()
    (tmp_path / "photo.png").unlink()
    monkeypatch.setattr(posed_render, "render_file", lambda scene, path: None)
    with pytest.raises(InputError, match="disk for temporary files is full"):
        renderer.save_photo(tmp_path / "kept.png")
    rendered(b"whole" + render.PNG_END)
    renderer.save_photo(tmp_path / "kept.png")
    assert (tmp_path / "kept.png").read_bytes() == b"whole" + render.PNG_END


def test_what_is_in_a_new_folder_is_removed_where_something_fails_and_stays_where_nothing_does(tmp_path):
    for name, fails in (("failed", True), ("whole", False)):
        folder = tmp_path / name
        try:
            with new_folder(folder):
                for kind in (posed_render.IMAGES, posed_render.DEPTH):
                    (folder / kind).mkdir()
                    (folder / kind / "one").touch()
                if fails:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        assert len(list(folder.iterdir())) == (0 if fails else 2)
    with pytest.raises(InputError, match="not empty"), new_folder(tmp_path / "whole"):
        pass


@pytest.mark.parametrize("size", [None, (40, 30)])
def test_a_still_is_plain_cycles_on_the_cpu_and_the_scene_is_as_before(artists, camera, tmp_path, monkeypatch, size):
    scene, image = artists, artists.render.image_settings
    artists.collection.objects.link(camera)
    image.file_format, image.color_mode = "JPEG", "BW"
    scene.view_settings.view_transform, scene.view_settings.exposure, scene.view_settings.gamma = "AgX", 2, 3
    before = {name: str(getattr(scene.render, name)) for name in (*OFF, "engine", "resolution_x", "filepath")}
    seen = {}

    def rendered(write_still, scene):
        assert write_still
        scene = bpy.data.scenes[scene]
        settings, cycles = scene.render, scene.cycles
        seen["size"] = settings.resolution_x, settings.resolution_y, settings.resolution_percentage
        seen["engine"] = settings.engine, cycles.device, cycles.samples, cycles.use_denoising
        seen["on"] = [
            name for name in ("use_compositing", "use_sequencer", "use_file_extension") if getattr(settings, name)
        ]
        seen["image"] = image.file_format, image.color_mode, image.color_depth
        view = scene.view_settings
        seen["view"] = view.view_transform, view.look, view.exposure, view.gamma
        seen["camera"] = scene.camera, [marker.camera for marker in scene.timeline_markers]
        with open(settings.filepath, "wb") as file:  # noqa: PTH123  what Blender does
            file.write(b"whole" + render.PNG_END)

    monkeypatch.setattr(render, "bpy", SimpleNamespace(ops=SimpleNamespace(render=SimpleNamespace(render=rendered))))
    render.render_still(scene, tmp_path / "still.png", samples=5, size=size, camera=camera)
    assert seen == {
        "size": (40, 30, 100) if size else (11, 12, 50),
        "engine": ("CYCLES", "CPU", 5, False),
        "on": [],
        "image": ("PNG", "RGB", "8"),
        "view": ("Standard", "None", 0, 1),
        "camera": (camera, [None]),
    }
    assert (tmp_path / "still.png").read_bytes().startswith(b"whole")
    assert {name: str(getattr(scene.render, name)) for name in before} == before
    assert (image.file_format, image.color_mode, scene.view_settings.exposure) == ("JPEG", "BW", 2)
    assert scene.camera.name == "Theirs" and scene.timeline_markers[0].camera == scene.camera


def test_a_still_needs_a_camera_and_cycles(empty_scene, tmp_path):
    with pytest.raises(InputError, match="no camera to render from"):
        render.render_still(empty_scene, tmp_path / "still.png")
    with pytest.raises(ReconstructionError, match="enable the add-on Cycles"):
        render.render_still(SimpleNamespace(camera=1), tmp_path / "still.png")


def test_a_scene_that_shares_groups_gets_a_compositor_of_its_own_that_is_gone_afterwards():
    scene, before = SimpleNamespace(compositing_node_group=None), len(bpy.data.node_groups)
    with private_copy._own_tree(scene) as (tree, output):
        assert scene.compositing_node_group == tree and output.name == "Image" and len(tree.nodes) == 1
    assert len(bpy.data.node_groups) == before
