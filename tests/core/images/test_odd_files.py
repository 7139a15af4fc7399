"""What lies under a photo's name and is none: pipes, devices, folders, links in a circle, names that are not UTF-8."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from dust3r.core.checkpoints.local import find_model
from dust3r.core.checkpoints.provenance import read_origin, sha256_of
from dust3r.core.errors import InputError, ModelUnavailable
from dust3r.core.images.preprocessing import Framing, load_views
from dust3r.core.images.reader import existing_file, find_photos, open_photo, read_header
from dust3r.core.io.atomic import resolved
from dust3r.core.jobs.warm_start import weights_digest

STUDIO = Path(__file__).resolve().parents[3] / "samples" / "studio" / "images"
NO_UTF8 = os.fsdecode(b"\xff\xfe.jpg")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has none of these among its files")


@pytest.fixture
def odd(tmp_path):
    """A folder with one photo, and beside it a pipe, a folder and links in a circle under photos' names."""
    shutil.copy(STUDIO / "studio_01.jpg", tmp_path / "photo.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "circle.jpg").symlink_to(tmp_path / "round.jpg")
    (tmp_path / "round.jpg").symlink_to(tmp_path / "circle.jpg")
    return tmp_path


def test_a_folder_gives_its_photo_and_says_what_is_left_out(odd):
    views, warnings = load_views(find_photos([odd]), Framing(64))
    assert [view.name for view in views] == ["photo.jpg"]
    left_out = [
        "circle.jpg cannot be read",
        "folder.jpg cannot be read (It is no reg",
        "pipe.jpg cannot be read (It is no",
    ]
    for said, warning in zip([*left_out, "round.jpg cannot"], warnings, strict=True):
        assert warning.startswith(f"Left out: {odd / said}")


@pytest.mark.parametrize("name", ["pipe.jpg", "folder.jpg", "circle.jpg"])
@pytest.mark.parametrize("read", [open_photo, read_header, existing_file])
def test_each_of_them_is_refused_in_one_sentence_that_names_it(odd, read, name):
    with pytest.raises(InputError, match=name):
        read(odd / name)


def test_a_device_is_neither_photo_nor_model_and_has_no_digest():
    zeros = Path("/dev/zero")  # reading it would never end
    with pytest.raises(InputError, match="no regular file"):
        open_photo(zeros)
    with pytest.raises(ModelUnavailable, match="There is no model '/dev/zero'"):
        find_model(str(zeros))
    with pytest.raises(InputError, match="no regular file"):
        sha256_of(zeros)
    assert weights_digest(zeros) == ""


def test_a_pipe_for_an_origin_says_nothing_of_its_model(tmp_path):
    os.mkfifo(tmp_path / "origin.json")
    assert read_origin(tmp_path) is None


def test_links_in_a_circle_have_a_resolved_path_and_others_the_usual_one(odd):
    assert resolved(odd / "circle.jpg").parent == odd.resolve()
    (odd / "link.jpg").symlink_to(odd / "photo.jpg")
    assert resolved(odd / "link.jpg") == (odd / "link.jpg").resolve() == (odd / "photo.jpg").resolve()


@pytest.mark.skipif(sys.platform != "linux", reason="only there file names are any bytes")
@pytest.mark.parametrize("place", [NO_UTF8, f"{NO_UTF8}/photo.jpg"])
def test_a_name_that_is_not_utf_8_is_refused_and_shown_with_replacement_characters(tmp_path, place):
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    shutil.copy(STUDIO / "studio_01.jpg", path)
    with pytest.raises(InputError, match=r"\ufffd\ufffd\.jpg.* is a name that is not UTF-8.*rename") as error:
        open_photo(path)
    str(error.value).encode()
