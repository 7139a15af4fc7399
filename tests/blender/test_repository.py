"""The self-hosted repository: what it lists, and that Blender installs from it by its own repository mechanism."""

import json
import shutil
import sys
from argparse import Namespace
from pathlib import Path

import bpy
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "packaging"))

import build_repository  # noqa: E402
import try_repository  # noqa: E402
from wheel_set import PackagingError, sha256  # noqa: E402

REPOSITORY = "dust3r_trial"
pytestmark = pytest.mark.bpy_module


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """One zip without wheels, for every platform: Blender's Python here has the packages."""
    folder = tmp_path_factory.mktemp("repository")
    build_repository.build_repository(Namespace(platform=None, wheels="none", torch="cpu", output=folder))
    return folder


@pytest.fixture
def remote(repository):
    """Blender's entry of that repository."""
    preferences = bpy.context.preferences
    assert preferences is not None
    preferences.system.use_online_access = True  # Blender asks for it even where nothing leaves the machine
    url = (repository / "index.json").as_uri()
    repositories = preferences.extensions.repos
    yield repositories.new(name="Trial", module=REPOSITORY, remote_url=url)
    repositories.remove(next(repository for repository in repositories if repository.module == REPOSITORY))


def test_the_listing_names_the_zip_its_size_and_digest(repository):
    (entry,) = json.loads((repository / "index.json").read_text(encoding="utf-8"))["data"]
    archive = repository / entry["archive_url"]
    assert entry["id"] == "dust3r"
    assert entry["archive_size"] == archive.stat().st_size
    assert entry["archive_hash"] == "sha256:" + sha256(archive)


def test_the_page_links_the_zip_so_that_it_can_be_dragged_into_blender(repository):
    page = (repository / "index.html").read_text(encoding="utf-8")
    (archive,) = repository.glob("*.zip")
    assert f'href="./{archive.name}?repository=.%2Findex.json' in page
    assert "${" not in page


def test_a_zip_that_the_listing_leaves_out_is_an_error(tmp_path):
    (tmp_path / "broken.zip").write_bytes(b"no zip")
    with pytest.raises(PackagingError, match=r"broken\.zip|refused"):
        build_repository.generate(tmp_path)


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years", encoding="utf-8")
    with pytest.raises(PackagingError, match="other files"):
        build_repository.build_repository(Namespace(platform=None, wheels="none", torch="cpu", output=tmp_path))
    assert (tmp_path / "thesis.txt").exists()


def test_blender_installs_enables_and_removes_the_extension_from_it(remote):
    index = list(bpy.context.preferences.extensions.repos).index(remote)
    assert bpy.ops.extensions.repo_sync(repo_index=index) == {"FINISHED"}
    done = bpy.ops.extensions.package_install(repo_index=index, pkg_id="dust3r", enable_on_install=True)
    assert done == {"FINISHED"}
    assert hasattr(bpy.types, "DUST3R_OT_reconstruct")
    assert f"bl_ext.{REPOSITORY}.dust3r" in bpy.context.preferences.addons
    assert bpy.ops.extensions.package_uninstall(repo_index=index, pkg_id="dust3r") == {"FINISHED"}
    assert not hasattr(bpy.types, "DUST3R_OT_reconstruct")


@pytest.mark.skipif(shutil.which("blender") is None, reason="no blender on the PATH; `make test-repository` makes one")
def test_every_step_of_blenders_own_commands_works(repository, tmp_path):
    blender = ["env", f"BLENDER_USER_RESOURCES={tmp_path}", "blender"]
    assert try_repository.try_repository((repository / "index.json").as_uri(), blender) == 0
