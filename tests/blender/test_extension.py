"""The extension as Blender runs it: registered, used by script, and gone without a trace."""

import importlib
import json
import sys
from pathlib import Path

import bpy  # isort: skip  it brings addon_utils
import addon_utils
import pytest
from dust3r.tests.network_passes import count_passes

ROOT = Path(__file__).resolve().parents[2]
STUDIO = ROOT / "samples" / "studio" / "images"
MODULE = "bl_ext.user_default.dust3r"


def _files(*names: str) -> dict:
    return {"directory": str(STUDIO), "files": [{"name": name} for name in names]}


def _reconstruct(**more) -> set:
    photos = _files("studio_01.jpg", "studio_02.jpg") | {"model": "small", "iterations": 3, "cameras": "network"}
    return bpy.ops.dust3r.reconstruct(**photos | more)


def _state() -> dict[str, list[str]]:
    kinds = ("objects", "meshes", "cameras", "images", "materials", "collections", "node_groups")
    return {kind: sorted(block.name for block in getattr(bpy.data, kind)) for kind in kinds}


def test_enabling_twice_leaves_no_trace_in_between(extension):
    for _ in range(2):
        addon_utils.disable(MODULE, default_set=True)
        assert not hasattr(bpy.types.Scene, "dust3r")
        assert not hasattr(bpy.types.WindowManager, "dust3r_job")
        assert not [name for name in dir(bpy.types) if name.startswith("DUST3R_")]
        assert not [handler for handler in bpy.app.handlers.load_pre if handler.__module__.startswith(MODULE)]
        addon_utils.enable(MODULE, default_set=True)
        assert bpy.context.scene.dust3r.scene_graph == "auto"


def test_defaults_are_cores(extension):
    from dust3r.core.settings import ReconstructionSettings

    defaults = ReconstructionSettings()
    for name in ("iterations", "schedule", "shared_focal", "seed"):
        assert getattr(extension, name) == getattr(defaults.alignment, name)
    assert extension.device == defaults.device


def test_the_operator_reconstructs_files_of_a_folder(extension):
    assert _reconstruct(name="Room") == {"FINISHED"}
    collection = bpy.data.collections["Room"]
    cameras = [thing for thing in collection.objects if thing.type == "CAMERA"]
    assert [camera.name for camera in cameras] == ["studio_01.jpg", "studio_02.jpg"]
    settings = json.loads(collection["dust3r_settings"])
    assert settings["alignment"]["iterations"] == 3
    assert collection["dust3r_model"].startswith("small@")


def test_the_display_percentage_is_a_keyword_and_then_a_slider_of_the_panel(extension):
    assert not extension.display_sliders
    _reconstruct(display_percentage=30)
    ((name, owner, path),) = extension.display_sliders
    assert name == "DUSt3R Points"
    assert owner.path_resolve(path) == 30
    assert owner.id_data == bpy.data.objects["DUSt3R Points"] and path in {'["Socket_6"]', "value"}


def test_the_operator_takes_a_whole_folder(extension, tmp_path):
    for name in ("studio_03.jpg", "studio_04.jpg"):
        (tmp_path / name).write_bytes((STUDIO / name).read_bytes())
    assert bpy.ops.dust3r.reconstruct(directory=str(tmp_path), model="small", iterations=0) == {"FINISHED"}
    assert "studio_04.jpg" in bpy.data.objects


def test_without_arguments_it_takes_the_panels_photos_and_settings(extension):
    bpy.ops.dust3r.add_photos(**_files("studio_05.jpg"))
    extension.iterations, extension.model = 4, "small"
    assert bpy.ops.dust3r.reconstruct() == {"FINISHED"}
    collection = bpy.data.collections["DUSt3R"]
    assert json.loads(collection["dust3r_settings"])["alignment"]["iterations"] == 4


def test_no_job_folder_stays_after_a_good_run(extension):
    _reconstruct()
    folder = Path(bpy.utils.extension_path_user(MODULE, path="jobs", create=True))
    assert list(folder.iterdir()) == []


@pytest.fixture
def kept(extension):
    """The folder of what the network said, empty at first."""
    assert bpy.ops.dust3r.clear_cache() == {"FINISHED"}
    yield _user_folder("cache")
    bpy.context.preferences.addons[MODULE].preferences.property_unset("cache_size")


@pytest.fixture
def passes(monkeypatch):
    """How many photos are encoded and how many pairs decoded."""
    return count_passes(monkeypatch, importlib.import_module(f"{MODULE}.core.networks.dust3r.dust3r").DUSt3R)


def test_one_more_photo_costs_its_own_pairs_and_another_setting_none(kept, passes):
    _reconstruct(scene_graph="complete")
    assert passes == {"encode": 2, "decode": 2}
    _reconstruct(scene_graph="complete", iterations=1)
    assert passes == {"encode": 2, "decode": 2}
    _reconstruct(scene_graph="complete", **_files("studio_01.jpg", "studio_02.jpg", "studio_03.jpg"))
    assert passes == {"encode": 3, "decode": 6}


def test_the_cache_size_bounds_what_stays_and_0_keeps_nothing(kept):
    preferences = bpy.context.preferences.addons[MODULE].preferences
    _reconstruct()
    whole = _bytes(kept)
    preferences.cache_size = 0.6 * whole / 1e9
    _reconstruct()
    assert 0 < _bytes(kept) <= 0.6 * whole
    preferences.cache_size = 0
    _reconstruct()
    assert _bytes(kept) == 0


def test_the_default_cache_size_is_cores(extension):
    from dust3r.core.settings import CACHE_GIGABYTES

    assert bpy.context.preferences.addons[MODULE].preferences.cache_size == CACHE_GIGABYTES


def test_clear_cache_leaves_what_is_not_its_own(kept):
    note = kept / "note.txt"
    note.write_text("mine")
    _reconstruct()
    assert _bytes(kept) > len("mine")
    bpy.ops.dust3r.clear_cache()
    assert _bytes(kept) == len("mine")
    note.unlink()


def test_the_preferences_show_what_the_cache_takes(kept):
    preferences = sys.modules[f"{MODULE}.operators.addon.preferences"]
    assert preferences.shown_cache_size() == 0
    _reconstruct()
    assert preferences.shown_cache_size() == pytest.approx(_bytes(kept) / 1e9)
    bpy.ops.dust3r.clear_cache()
    assert preferences.shown_cache_size() == 0


def test_a_cache_in_use_is_not_cleared(kept):
    from dust3r.core.jobs import disk_cache as cache

    _reconstruct()
    with cache.using(kept), pytest.raises(RuntimeError, match="in use"):
        bpy.ops.dust3r.clear_cache()
    assert _bytes(kept) > 0


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"directory": "", "files": []}, "No photos"),
        ({"directory": "/no/such/folder/"}, "no/such/folder"),
        ({"files": [{"name": "gone.jpg"}]}, "gone.jpg"),
        ({"model": "512_dpt"}, "CC BY-NC-SA"),
        ({"model": "FILE", "model_path": "/no/such/model"}, "no/such/model"),
        ({"scene_graph": "oneref", "reference": 9}, "oneref-9"),
        ({"device": "cuda"}, "cuda"),
    ],
)
def test_a_bad_call_is_one_error_and_the_scene_stays_as_it_was(extension, change, named):
    before = _state()
    with pytest.raises(RuntimeError, match=named):
        _reconstruct(**change)
    assert _state() == before


def test_the_photo_list_adds_once_removes_and_clears(extension):
    names = ("studio_01.jpg", "studio_02.jpg", "studio_03.jpg")
    bpy.ops.dust3r.add_photos(**_files(*names))
    bpy.ops.dust3r.add_photos(**_files(*names[:2]))
    assert [photo.name for photo in extension.photos] == list(names)
    extension.active_photo = 2
    bpy.ops.dust3r.remove_photo()
    assert [photo.name for photo in extension.photos] == list(names[:2])
    assert extension.active_photo == 1
    bpy.ops.dust3r.clear_photos()
    assert not extension.photos


def test_adding_a_folder_adds_all_its_photos(extension):
    bpy.ops.dust3r.add_photos(directory=str(STUDIO))
    assert len(extension.photos) == len(list(STUDIO.iterdir()))


def test_adding_nothing_usable_is_an_error(extension, tmp_path):
    with pytest.raises(RuntimeError, match="holds no photos"):
        bpy.ops.dust3r.add_photos(directory=str(tmp_path))


def test_looking_through_a_photo_takes_its_camera_and_size(extension):
    _reconstruct()
    camera = bpy.data.objects["studio_02.jpg"]
    bpy.context.view_layer.objects.active = camera
    bpy.context.scene.render.resolution_x = 7
    assert bpy.ops.dust3r.look_through_photo() == {"FINISHED"}
    assert bpy.context.scene.camera == camera
    assert bpy.context.scene.render.resolution_x == camera["dust3r_size"][0]


def test_buttons_say_when_they_have_nothing_to_do(extension):
    for name in ("remove_photo", "clear_photos", "look_through_photo", "cancel"):
        assert not getattr(bpy.ops.dust3r, name).poll(), name
    assert bpy.ops.dust3r.reconstruct.poll()


def test_no_download_while_blender_is_offline(extension):
    assert bpy.app.online_access is False
    assert not bpy.ops.dust3r.download_model.poll()


def test_every_panel_draws_only_what_exists(extension):
    """Every property and operator that the panels name is registered."""
    import ast

    tree = ast.parse((ROOT / "panels" / "sidebar.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    operators = {call.args[0].value for call in calls if call.func.attr == "operator"}
    assert operators
    for name in operators:
        room, verb = name.split(".")
        assert getattr(getattr(bpy.ops, room), verb).get_rna_type()


def _block():
    """Something to look at."""
    bpy.ops.mesh.primitive_cube_add(size=2)
    bpy.ops.mesh.primitive_plane_add(size=16, location=(0, 0, -1))


def test_the_operator_renders_training_views(extension, tmp_path):
    _block()
    few = {"views": 2, "size": (32, 24), "samples": 1}
    assert bpy.ops.dust3r.render_training_views(folder=str(tmp_path / "views"), **few) == {"FINISHED"}
    assert len(list((tmp_path / "views" / "images").iterdir())) == 2
    with pytest.raises(RuntimeError, match="not empty"):
        bpy.ops.dust3r.render_training_views(folder=str(tmp_path / "views"), **few)


def test_training_on_the_scene_makes_one_more_model_that_reconstructs(extension):
    _block()
    extension.model = "small"
    state = _state()
    trained = bpy.ops.dust3r.train_on_scene(name="Block", views=4, size=(128, 96), samples=1, minutes=0.05)
    assert trained == {"FINISHED"}
    assert extension.model == "Block"
    assert _state() == state
    assert list(_user_folder("training").iterdir()) == []
    assert _reconstruct(model="Block") == {"FINISHED"}
    assert bpy.data.collections["DUSt3R"]["dust3r_model"].startswith("Block@")
    with pytest.raises(RuntimeError, match="a model 'Block' already"):
        bpy.ops.dust3r.train_on_scene(name="Block")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"name": "../up"}, "cannot be a model's name"),
        ({"name": "512_dpt"}, "name of a published model"),
        ({"name": "Empty"}, "no surface to look at"),
    ],
)
def test_training_that_cannot_begin_is_one_error_and_leaves_nothing(extension, change, named):
    with pytest.raises(RuntimeError, match=named):
        bpy.ops.dust3r.train_on_scene(**change)
    assert list(_user_folder("training").iterdir()) == []
    assert not bpy.context.window_manager.dust3r_job.running


def test_a_choice_of_model_stays_when_another_is_added(extension):
    folder = _user_folder("models")
    _put_model(folder / "Mine")
    extension.model = "Mine"
    number = extension["model"]
    _put_model(folder / "Before")
    assert extension.model == "Mine" and extension["model"] == number
    for name, position in (("BEST", 0), ("small", 4), ("FILE", 5)):
        extension.model = name
        assert extension.model == name and extension.get("model", 0) == position


def _user_folder(name: str) -> Path:
    return Path(bpy.utils.extension_path_user(MODULE, path=name, create=True))


def _put_model(folder: Path) -> None:
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_bytes((ROOT / "models" / "small" / name).read_bytes())
