"""The preferences: models verified, added, removed and brought by hand; which Python does the work, and does it fit."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import bpy
import pytest
from dust3r.core.checkpoints.manage import add_model
from dust3r.core.progress import silent
from dust3r.operators.scene import add_reconstruction
from dust3r.tests.blender.synthetic_reconstruction import Shot, make_reconstruction
from dust3r.tests.hub import WEIGHTS, serving

ROOT = Path(__file__).resolve().parents[2]
MODULE = "bl_ext.user_default.dust3r"
SMALL = ROOT / "models" / "small"
PUBLISHED = "512_dpt"
FOLDER = f"DUSt3R_ViTLarge_BaseDecoder_{PUBLISHED}"


@pytest.fixture
def preferences(extension, tmp_path):
    """With a models folder of the test's own."""
    found = bpy.context.preferences.addons[MODULE].preferences
    found.model_folder = str(tmp_path / "models")
    yield found
    for name in ("model_folder", "python", "commercial_only"):
        found.property_unset(name)


def _rows(preferences) -> dict:
    return {row.name: row for row in preferences.models}


def _add(**more) -> set:
    return bpy.ops.dust3r.add_model(**{"filepath": str(SMALL), "name": "Mine"} | more)


def _put(preferences, licence: str) -> Path:
    """A model Mine that was added before: its folder."""
    return add_model(SMALL, Path(preferences.model_folder), silent, "Mine", licence)


def _python(folder: Path, *lines: str) -> Path:
    """An environment whose Python runs these lines of shell before or instead of the real one."""
    path = folder / "bin" / "python3"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(("#!/bin/sh", *lines)) + "\n")
    path.chmod(0o755)
    return path


class Layout:
    """Stands in for Blender's, and writes down what is drawn."""

    def __init__(self, drawn=None):
        self.drawn = [] if drawn is None else drawn

    def label(self, text="", **more):
        self.drawn.append(text)

    def prop(self, owner, name, **more):
        assert hasattr(owner, name)
        self.drawn.append(name)

    def progress(self, factor=0.0, text=""):
        self.drawn.append(text)

    def operator(self, name, **more):
        assert getattr(bpy.ops.dust3r, name.partition(".")[2]).get_rna_type()
        self.drawn.append(name)
        return self

    def _part(self, **more):
        return Layout(self.drawn)

    row = column = box = split = _part


def _draw(preferences) -> str:
    layout = Layout()
    panel = importlib.import_module(f"{MODULE}.panels.addon")
    panel.draw_preferences(layout, preferences, bpy.context)
    return "\n".join(layout.drawn)


# Models


def test_the_list_names_licence_size_source_and_what_can_be_done(preferences):
    rows = _rows(preferences)
    assert rows["small"].is_present and not rows["small"].is_removable
    published = rows[PUBLISHED]
    assert "2285 MB" in published.terms and "not for commercial use" in published.terms
    assert published.source == f"https://huggingface.co/naver/{FOLDER}"
    assert published.is_downloadable and not published.is_present


def test_offline_the_preferences_say_what_to_copy_where(preferences, tmp_path):
    assert not bpy.app.online_access
    drawn = " ".join(_draw(preferences).split())
    assert f"{FOLDER}/resolve/main/model.safetensors" in drawn
    assert str(tmp_path / "models" / FOLDER) in drawn.replace(" ", "")
    if not bpy.app.background:
        assert bpy.ops.dust3r.copy_model_steps(model=PUBLISHED) == {"FINISHED"}
    with pytest.raises(RuntimeError, match="No published model"):
        bpy.ops.dust3r.copy_model_steps(model="mine")


def test_a_missing_model_that_is_chosen_shows_its_terms_and_its_download(preferences, extension):
    extension.model = "512_linear"
    assert extension.offered_model == "512_linear"
    assert "DUSt3R 512 linear is not on this machine: 2129 MB, CC BY-NC-SA 4.0" in extension.offer_text
    layout = Layout()
    importlib.import_module(f"{MODULE}.panels.sidebar")._draw_offer(layout, extension)
    assert layout.drawn[-2:] == ["use_online_access", "dust3r.download_model"]
    with pytest.raises(RuntimeError, match=r"not on this machine; download it first \(2129 MB") as refusal:
        _reconstruct()
    assert "headless.py" not in str(refusal.value)
    extension.model = "small"
    assert extension.offered_model == ""


def test_a_first_download_is_offered_until_the_scene_has_a_result(preferences, extension, tmp_path):
    assert (extension.model, extension.offered_model) == ("BEST", "da3_small")
    assert "Depth Anything 3 SMALL sees far more: 137 MB, Apache 2.0" in extension.offer_text
    add_reconstruction(bpy.context.scene, make_reconstruction(tmp_path, (Shot("a.png"),)), "Result")
    assert extension.offered_model == "" == extension.offer_text


def test_models_of_this_machine_stand_before_those_that_are_not(preferences, tmp_path):
    names = [item[0] for item in importlib.import_module(f"{MODULE}.operators.addon.properties")._models(None, None)]
    assert names == ["BEST", "small", "512_dpt", "512_linear", "da3_base", "da3_small", "224_linear", "FILE"]


def test_what_was_copied_by_hand_is_present(preferences, tmp_path):
    folder = tmp_path / "models" / FOLDER
    folder.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_bytes(b"x")
    assert _rows(preferences)[PUBLISHED].is_present


def test_a_local_model_is_added_verified_chosen_and_removed(preferences, extension, tmp_path):
    assert _add(licence="Ours") == {"FINISHED"}
    assert extension.model == "Mine"
    row = _rows(preferences)["Mine"]
    assert row.is_removable and "CC0" not in row.source
    assert bpy.ops.dust3r.verify_model(model="Mine") == {"FINISHED"}
    assert bpy.ops.dust3r.remove_model(model="Mine") == {"FINISHED"}
    assert extension.model == "BEST"
    assert "Mine" not in _rows(preferences)
    assert list((tmp_path / "models").iterdir()) == []
    assert (SMALL / "model.safetensors").is_file()


def test_a_changed_file_is_found_by_its_sha256(preferences):
    with (_put(preferences, "Ours") / "model.safetensors").open("r+b") as file:
        file.seek(20_000_000)
        file.write(b"changed")
    with pytest.raises(RuntimeError, match=r"Mine/model\.safetensors is not the file that came from"):
        bpy.ops.dust3r.verify_model(model="Mine")


def test_what_is_no_model_is_refused_and_leaves_nothing(preferences, tmp_path):
    broken = tmp_path / "broken.pth"
    broken.write_bytes(b"nothing")
    with pytest.raises(RuntimeError, match=r"broken\.pth"):
        _add(filepath=str(broken))
    with pytest.raises(RuntimeError, match="not DUSt3R 512 DPT"):
        _add(name=FOLDER)
    assert not (tmp_path / "models" / "Mine").exists()
    assert not (tmp_path / "models" / FOLDER).exists()


def test_the_packages_own_model_is_not_removed(preferences):
    with pytest.raises(RuntimeError, match="only those there can be removed"):
        bpy.ops.dust3r.remove_model(model="small")
    assert SMALL.is_dir()


def test_for_commercial_use_only_models_that_allow_it_are_offered(preferences, extension):
    _put(preferences, "Nobody knows")
    preferences.commercial_only = True
    assert list(_rows(preferences)) == ["da3_base", "da3_small", "small"]
    assert "small" in _draw(preferences).lower()
    menu = importlib.import_module(f"{MODULE}.operators.addon.properties")._models(None, bpy.context)
    assert [item[0] for item in menu if "not known to allow" not in item[1]] == [
        "BEST",
        "small",
        "da3_base",
        "da3_small",
        "FILE",
    ]
    for name in (PUBLISHED, "Mine"):
        with pytest.raises(RuntimeError, match="commercial use"):
            _reconstruct(model=name)
    extension.model = "small"
    assert _reconstruct() == {"FINISHED"}


def _reconstruct(**more) -> set:
    photos = ROOT / "samples" / "studio" / "images"
    files = [{"name": "studio_01.jpg"}, {"name": "studio_02.jpg"}]
    return bpy.ops.dust3r.reconstruct(directory=str(photos), files=files, iterations=3, cameras="network", **more)


def test_licence_and_model_stand_on_the_result_and_in_what_is_read_back(preferences):
    _put(preferences, "For cats only")
    assert _reconstruct(model="Mine", name="Room") == {"FINISHED"}
    collection = bpy.data.collections["Room"]
    assert collection["dust3r_model"].startswith("Mine@")
    assert collection["dust3r_licence"] == "For cats only"
    reading = importlib.import_module(f"{MODULE}.operators.scene.reading")
    assert reading.read_reconstruction(collection).licence == "For cats only"


@pytest.fixture
def online():
    """Blender may make requests."""
    system = bpy.context.preferences.system
    system.use_online_access = True
    yield
    system.use_online_access = False


def test_a_download_is_chosen_says_its_origin_and_can_be_verified_offline(preferences, extension, online, monkeypatch):
    with serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert "resolve/main" not in _draw(preferences)
        assert bpy.ops.dust3r.download_model(model=PUBLISHED) == {"FINISHED"}
    assert extension.model == PUBLISHED
    folder = Path(preferences.model_folder) / FOLDER
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert bpy.ops.dust3r.verify_model(model=PUBLISHED) == {"FINISHED"}
    (folder / "config.json").write_text("{}")
    with pytest.raises(RuntimeError, match=r"config\.json is not the file that came from https://huggingface\.co"):
        bpy.ops.dust3r.verify_model(model=PUBLISHED)


def test_a_download_that_breaks_off_says_so_and_leaves_no_model(preferences, online, monkeypatch):
    with serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        hub.checksum = "0" * 64
        with pytest.raises(RuntimeError, match="wrong checksum"):
            bpy.ops.dust3r.download_model(model=PUBLISHED)
    assert not _rows(preferences)[PUBLISHED].is_present


# Runtime


def test_nothing_is_known_of_the_runtime_before_somebody_looks(preferences):
    importlib.import_module(f"{MODULE}.operators.addon.found_runtime")._last = None
    assert preferences.finding is None
    assert "Not checked yet" in _draw(preferences)


def test_the_runtime_shows_python_torch_and_devices(preferences):
    assert bpy.ops.dust3r.check_runtime() == {"FINISHED"}
    drawn, runtime = _draw(preferences), preferences.finding.runtime
    assert runtime.python == ".".join(map(str, sys.version_info[:3]))
    assert f"torch {runtime.torch}" in drawn
    assert runtime.devices[-1].kind == "cpu" and runtime.devices[-1].free > 0
    assert runtime.self_test is None


def test_the_self_test_passes_and_says_seconds(preferences):
    assert bpy.ops.dust3r.check_runtime(self_test=True) == {"FINISHED"}
    found = preferences.finding.runtime.self_test
    assert found.passed and found.seconds > 0
    assert "Self-test passed on CPU" in _draw(preferences)


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are shell scripts")
@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["exit 7"], "exit code 7"),
        (['exec "$REAL" -S "$@"'], "has no numpy, torch"),
        (['exec "$REAL" -c "import sys; sys.version_info = (3, 9, 1); ' + "import runpy; sys.argv = sys.argv[2:]; "
          "runpy.run_path(sys.argv[0], run_name='__main__')\" \"$@\""], "Python 3.9, too old"),
    ],
    ids=["no Python", "no packages", "too old"],
)  # fmt: skip
def test_a_python_that_does_not_fit_is_explained_and_runs_nothing(preferences, tmp_path, monkeypatch, lines, said):
    monkeypatch.setenv("REAL", _real_python())
    preferences.python = str(_python(tmp_path / "environment", *lines))
    with pytest.raises(RuntimeError, match=said):
        bpy.ops.dust3r.check_runtime()
    assert preferences.finding.runtime is None
    assert said in " ".join(_draw(preferences).split())
    if said != "exit code 7":
        with pytest.raises(RuntimeError, match=said):
            _add()


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_another_environments_folder_does_every_job(preferences, tmp_path, monkeypatch):
    """Here a wrapper of this very Python that writes down what it ran."""
    ran, packages = tmp_path / "ran.txt", [path for path in sys.path if Path(path).name == "site-packages"]
    lines = [f'echo "$3" >> "{ran}"', f'PYTHONPATH="{os.pathsep.join(packages)}" exec "$REAL" "$@"']
    _python(tmp_path / "environment", *lines)
    monkeypatch.setenv("REAL", _real_python())
    preferences.python = str(tmp_path / "environment")
    assert bpy.ops.dust3r.check_runtime() == {"FINISHED"}
    assert _add() == {"FINISHED"}
    assert bpy.ops.dust3r.verify_model(model="Mine") == {"FINISHED"}
    assert _reconstruct(model="Mine") == {"FINISHED"}
    assert bpy.ops.dust3r.find_flaws() == {"FINISHED"}
    assert ran.read_text().split() == ["runtime", "models", "models", "work", "clean"]


# an environment of the extension's own


class _Installer:
    """A worker that leaves an environment, or a plan of one, as `headless.py runtime` does."""

    running, progress, warnings = False, None, ()

    def __init__(self, arguments, python, log_path, launcher):
        self.action, self.folder = arguments[1], Path(arguments[2])
        assert arguments[0] == "runtime" and python is None  # Blender's own
        install = importlib.import_module(f"{MODULE}.core.runtime.install")
        part = self.folder.with_name("runtime.part")
        if self.action == "--prepare":
            part.mkdir()
            (part / install.PLAN).write_text('{"build": "cu130", "requirements": ["torch"], "megabytes": 2900}')
        else:
            part.rename(self.folder)
            (self.folder / install.MARK).write_text("{}")
            _python(self.folder)

    def result(self):
        return self.folder


def _cancelled(installer):
    raise importlib.import_module(f"{MODULE}.core.errors").Cancelled


def test_a_runtime_is_prepared_installed_used_and_removed(preferences, online, monkeypatch):
    running = importlib.import_module(f"{MODULE}.operators.jobs.running")
    folder = Path(bpy.utils.extension_path_user(MODULE)) / "runtime"
    assert "remove_runtime" not in _draw(preferences) and "prepare_runtime" in _draw(preferences)
    preferences.python = "/somewhere/else"
    monkeypatch.setattr(running, "WorkerJob", _Installer)
    with monkeypatch.context() as stopped:
        stopped.setattr(_Installer, "result", _cancelled)
        assert bpy.ops.dust3r.prepare_runtime(build="cu130") == {"CANCELLED"}
    assert not folder.with_name("runtime.part").exists()
    assert bpy.ops.dust3r.prepare_runtime(build="cu130") == {"FINISHED"}
    assert not folder.exists() and folder.with_name("runtime.part").is_dir()
    assert bpy.ops.dust3r.install_runtime() == {"FINISHED"}
    assert Path(preferences.python) == folder and preferences.is_installed
    assert "remove_runtime" in _draw(preferences)
    assert bpy.ops.dust3r.remove_runtime() == {"FINISHED"}
    assert preferences.python == "" and not folder.exists()


def test_where_the_index_lacks_something_it_is_one_sentence_and_nothing_is_left(
    preferences, online, tmp_path, monkeypatch
):
    for name, value in (("NO_INDEX", "1"), ("FIND_LINKS", str(tmp_path)), ("CONFIG_FILE", os.devnull)):
        monkeypatch.setenv(f"PIP_{name}", value)
    with pytest.raises(RuntimeError, match=r"There is no pip==[\d.]+ for Python"):
        bpy.ops.dust3r.prepare_runtime(build="cpu")
    assert not list(Path(bpy.utils.extension_path_user(MODULE)).glob("runtime*"))
    with pytest.raises(RuntimeError, match="Nothing was prepared"):
        bpy.ops.dust3r.install_runtime()


def test_no_runtime_is_installed_while_blender_is_offline(extension):
    assert not bpy.ops.dust3r.prepare_runtime.poll() and not bpy.ops.dust3r.install_runtime.poll()


def _real_python() -> str:
    return importlib.import_module(f"{MODULE}.core.runtime.worker_python").own_python()


@pytest.mark.bpy_module
def test_enabling_the_extension_imports_neither_torch_nor_scipy(extension):
    code = (
        "import sys, bpy, addon_utils; assert addon_utils.enable("
        f"{MODULE!r}); print(*{{'torch', 'scipy'}} & set(sys.modules), '.', flush=True); import os; os._exit(0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip().splitlines()[-1] == "."


def test_every_known_model_has_the_number_that_files_keep_it_by(extension):
    from dust3r.core.checkpoints.catalogue import KNOWN_MODELS

    numbered = importlib.import_module(f"{MODULE}.operators.addon.properties").NUMBERED
    assert numbered[1:5] == tuple(model.short_name for model in KNOWN_MODELS if not model.name.startswith("da3"))
    assert {model.short_name for model in KNOWN_MODELS} <= set(numbered)
