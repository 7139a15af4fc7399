"""Folders of photos with known cameras: read as they were written, or refused naming file and photo."""

import json

import numpy as np
import pytest
from dust3r.core.cameras import posed_images as posed_photos
from dust3r.core.cameras.cameras_json import read_entries, read_numbers
from dust3r.core.cameras.posed_images import PosedPhoto, read_depth, read_posed_photos, save_cameras, save_depth
from dust3r.core.errors import InputError
from PIL import Image

POSE = np.array([[0.0, -1, 0, 4], [1, 0, 0, 5], [0, 0, 1, 6], [0, 0, 0, 1]])
K = np.array([[50.5, 0, 31], [0, 51, 24.5], [0, 0, 1]])


@pytest.fixture
def folder(tmp_path):
    """Photos b.png and a.png with cameras, b's with a depth."""
    (tmp_path / "images").mkdir()
    photos = []
    for k, name in enumerate(("b.png", "a.png")):
        Image.new("RGB", (64, 48)).save(tmp_path / "images" / name)
        pose = POSE.copy()
        pose[0, 3] += k
        photos.append(PosedPhoto(name, tmp_path / "images" / name, (64, 48), K * [[1 + k], [1 + k], [1]], pose, None))
    save_cameras(tmp_path, photos)
    save_depth(tmp_path / "depth" / "b.npz", np.full((48, 64), 2.5))
    return tmp_path


def changed(folder, **entry):
    """The same with b.png's entry changed; None takes a key away."""
    content = json.loads((folder / "cameras.json").read_text())
    content["photos"]["b.png"] |= entry
    content["photos"]["b.png"] = {key: value for key, value in content["photos"]["b.png"].items() if value is not None}
    (folder / "cameras.json").write_text(json.dumps(content))
    return folder


def test_cameras_come_back_to_the_last_bit_in_the_order_of_their_names(folder):
    a, b = read_posed_photos(folder)
    assert (a.name, b.name) == ("a.png", "b.png")
    assert (b.K == K).all() and (a.K == K * [[2], [2], [1]]).all()
    assert (b.cam2world == POSE).all() and a.cam2world[0, 3] == 5
    assert a.size == b.size == (64, 48)
    assert a.path == folder / "images" / "a.png"
    assert (a.depth, b.depth) == (None, folder / "depth" / "b.npz")


def test_photos_that_are_not_there_are_left_out_and_none_at_all_is_refused(folder):
    (folder / "images" / "a.png").unlink()
    assert [photo.name for photo in read_posed_photos(folder)] == ["b.png"]
    (folder / "images" / "b.png").unlink()
    with pytest.raises(InputError, match=r"none of the 2 photos"):
        read_posed_photos(folder)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"K": None}, "has no K"),
        ({"K": [[1, 2], [3, 4]]}, r"K with shape \(2, 2\)"),
        ({"K": [[float("nan"), 0, 1], [0, 1, 1], [0, 0, 1]]}, "not finite"),
        ({"K": [["a", 0, 1], [0, 1, 1], [0, 0, 1]]}, "not made of numbers"),
        ({"K": [[-1.0, 0, 1], [0, 1, 1], [0, 0, 1]]}, "no focal lengths"),
        ({"cam2world": None}, "has no cam2world"),
        ({"cam2world": (2 * np.eye(4)).tolist()}, "not rigid"),
        ({"width": None}, "no width and height"),
        ({"width": 0}, "no width and height"),
        ({"height": -48}, "no width and height"),
        ({"height": posed_photos.MOST_PIXELS + 1}, "no width and height"),
        ({"height": float("inf")}, "no width and height"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_with_file_and_photo(folder, entry, said):
    with pytest.raises(InputError, match=said) as caught:
        read_posed_photos(changed(folder, **entry))
    assert "cameras.json: b.png" in str(caught.value) and "\n" not in str(caught.value)


def test_sizes_of_one_pixel_and_of_the_most_are_sizes(folder):
    assert read_posed_photos(changed(folder, width=1, height=posed_photos.MOST_PIXELS))[1].size[0] == 1


def test_names_that_lead_out_of_images_and_folders_without_cameras_are_refused(folder, tmp_path):
    content = json.loads((folder / "cameras.json").read_text())
    content["photos"]["../b.png"] = content["photos"].pop("b.png")
    (folder / "cameras.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="leads out of the folder"):
        read_posed_photos(folder)
    with pytest.raises(InputError, match="does not exist"):
        read_posed_photos(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no cameras.json"),
        ("[]", "is no cameras.json"),
        ("{}", "is no cameras.json"),
        ('{"photos": {}}', "names no photos"),
        ('{"photos": [1]}', "names no photos"),
        ('{"photos": {"a": 1, "b": 2, "b": 3}}', "says 'b' twice"),
    ],
)
def test_files_that_are_no_cameras_json_are_refused(tmp_path, text, said):
    (tmp_path / "cameras.json").write_text(text)
    with pytest.raises(InputError, match=said):
        read_entries(tmp_path / "cameras.json")


def test_numbers_of_an_entry_have_their_shape():
    assert read_numbers({"x": [[1, 2]]}, "x", (1, 2), "it").tolist() == [[1.0, 2.0]]
    assert read_numbers({"x": 3}, "x", (), "it") == 3
    for entry in (None, 5, {"y": 1}):
        with pytest.raises(InputError, match="it has no x"):
            read_numbers(entry, "x", (), "it")


def test_depth_comes_back_and_what_no_depth_is_is_0(tmp_path):
    depth = np.array([[1.5, 0, -2], [np.nan, np.inf, 1e39]])
    with np.errstate(over="ignore"):
        save_depth(tmp_path / "a.npz", depth)
    assert read_depth(tmp_path / "a.npz").tolist() == [[1.5, 0, 0], [0, 0, 0]]
    np.savez(tmp_path / "b.npz", depth=np.array([[1e39, 3]]))
    assert read_depth(tmp_path / "b.npz").tolist() == [[0, 3]]


def test_a_png_holds_thousandths(tmp_path):
    Image.fromarray(np.array([[0, 1, 1500, 65535]], np.uint16)).save(tmp_path / "a.png")
    assert read_depth(tmp_path / "a.png").tolist() == np.array([[0, 0.001, 1.5, 65.535]], np.float32).tolist()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: Image.new("L", (4, 3)).save(path.with_suffix(".png")), "no 16-bit greyscale PNG"),
        (lambda path: path.with_suffix(".png").write_text("no image"), "is not an image"),
        (lambda path: np.savez(path, depth=np.ones((2, 3, 1))), r"shape \(2, 3, 1\)"),
        (lambda path: np.savez(path, depth=np.ones((2, 3), bool)), "bool of shape"),
        (lambda path: np.savez(path, other=np.ones((2, 3))), "cannot be read"),
        (lambda path: path.write_bytes(b"PK"), "cannot be read"),
        (lambda path: None, "cannot be read"),
    ],
)
def test_files_that_are_no_depth_are_refused(tmp_path, make, said):
    make(tmp_path / "a.npz")
    path = tmp_path / "a.png" if (tmp_path / "a.png").exists() else tmp_path / "a.npz"
    with pytest.raises(InputError, match=said) as caught:
        read_depth(path)
    assert str(path) in str(caught.value)


def test_pictures_of_more_pixels_than_any_photo_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(posed_photos, "MOST_PIXELS", 12)
    for size, fine in (((4, 3), True), ((13, 1), False)):
        Image.fromarray(np.ones(size[::-1], np.uint16)).save(tmp_path / "a.png")
        np.savez_compressed(tmp_path / "a.npz", depth=np.ones((size[1] * 40, size[0])))
        if fine:
            assert read_depth(tmp_path / "a.png").shape == (3, 4)
            continue
        for name in ("a.png", "a.npz"):
            with pytest.raises(InputError):
                read_depth(tmp_path / name)


def test_depth_is_found_by_the_photos_name_without_its_ending(folder):
    (folder / "depth_color").mkdir()
    Image.fromarray(np.ones((48, 64), np.uint16)).save(folder / "depth_color" / "a.png")
    a, _ = read_posed_photos(folder)
    assert a.depth == folder / "depth_color" / "a.png"
