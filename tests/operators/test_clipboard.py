"""Paths as people paste them."""

import pytest
from dust3r.core.errors import InputError
from dust3r.operators.photos.clipboard import paths_in


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "my photo é.jpg"
    path.touch()
    return path


@pytest.mark.parametrize("form", ["{}", '"{}"', "'{}'", "  {}  ", "\n{}\r\n", "copy\n{}"])
def test_a_path_is_found_however_it_was_copied(photo, form):
    assert paths_in(form.format(photo)) == [photo]


def test_a_file_address_is_a_path(photo):
    assert paths_in(photo.as_uri()) == [photo]


def test_several_lines_are_several_paths_in_their_order(photo, tmp_path):
    assert paths_in(f"{tmp_path}\n\n{photo.as_uri()}\n") == [tmp_path, photo]


def test_the_home_folder_has_its_short_name(monkeypatch, photo, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert paths_in(f"~/{photo.name}") == [photo]


@pytest.mark.parametrize("text", ["", "  \n", "copy\n"])
def test_an_empty_clipboard_is_said_to_be_empty(text):
    with pytest.raises(InputError, match="holds no path"):
        paths_in(text)


@pytest.mark.parametrize(
    "text", ["/no/such/photo.jpg", "some words", "x" * 5000, "a\0b", '""', "https://a.org/b.jpg", "~nobody/x"]
)
def test_what_is_no_path_is_refused_in_a_sentence(text):
    with pytest.raises(InputError, match="no file or folder that exists"):
        paths_in(text)
