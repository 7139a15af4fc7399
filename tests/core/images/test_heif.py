"""HEIC photos of phones: turned once, measured before they are decoded, with all that EXIF tells of the lens."""

import os
import struct
import sys
from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.cameras.priors import exif_focal
from dust3r.core.errors import InputError
from dust3r.core.export.formats import export_reconstruction
from dust3r.core.images import reader as photos
from dust3r.core.images.heif import decoded_pixels, register_heic
from dust3r.core.images.masks import open_mask
from dust3r.core.images.preprocessing import Framing, load_view
from dust3r.core.images.reader import PhotoFacts, find_photos, open_grey, open_photo, open_thumbnail, read_header
from dust3r.core.io.atomic import file_digest
from dust3r.tests.blender.synthetic_reconstruction import Shot, make_reconstruction, upright_photo
from dust3r.tests.heic_photos import resized_header, write_heic
from PIL import Image

SIZE = (200, 136)
FOCAL, FOCAL_35, DENSITY, UNIT, WIDTH, HEIGHT = 0x920A, 0xA405, 0xA20E, 0xA210, 0xA002, 0xA003
CLOSE = 12  # of 255: lossy, with few bits


def off(image: Image.Image, upright: np.ndarray) -> float:
    assert image.size == upright.shape[1::-1]
    return np.abs(np.asarray(image, float) - upright).max()


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("exif_turn", [None, 1, 6])
def test_a_photo_is_turned_once_and_only_by_its_container(tmp_path, turn, exif_turn):
    upright = upright_photo(SIZE)
    write_heic(tmp_path / "a.heic", upright, turn, exif_turn)
    photo, header = open_photo(tmp_path / "a.heic"), read_header(tmp_path / "a.heic")
    assert off(photo.image, upright) < CLOSE
    assert (photo.orientation, header.orientation, header.format) == (1, 1, "HEIF")
    assert header.size == header.upright_size == SIZE
    view = load_view(tmp_path / "a.heic", Framing(64))
    assert view.mapping.photo_size == SIZE and view.mapping.exif_orientation == 1


@pytest.mark.parametrize("turn", [1, 6])
@pytest.mark.parametrize(
    ("details", "focal"),
    [
        ({FOCAL_35: 26}, 26 / 43.2666 * np.hypot(*SIZE)),
        ({FOCAL: 4.0, DENSITY: 100.0, UNIT: 4, WIDTH: 200, HEIGHT: 136}, 400),
        ({FOCAL: 4.0, DENSITY: 200.0, UNIT: 4, WIDTH: 400, HEIGHT: 272}, 400),
    ],
)
def test_exif_tells_the_focal_however_the_phone_was_held(tmp_path, turn, details, focal):
    upright = upright_photo(SIZE if turn == 1 else SIZE[::-1])
    write_heic(tmp_path / "a.heic", upright, turn, details=details)
    view = load_view(tmp_path / "a.heic", Framing(64))
    assert exif_focal(view) == pytest.approx(focal, rel=1e-5)
    facts = PhotoFacts.read(tmp_path / "a.heic")
    assert facts.size == (SIZE if turn == 1 else SIZE[::-1])
    assert (facts.focal, facts.camera) == (pytest.approx(focal, rel=1e-5), "Maker Phone")


def test_a_folder_gives_its_heic_photos_in_order_whatever_the_case(tmp_path):
    for name in ("IMG_10.HEIC", "IMG_2.HEIC", "IMG_3.heif", "IMG_4.HIF"):
        write_heic(tmp_path / name, upright_photo(SIZE))
    (tmp_path / "IMG_2.MOV").touch()  # what a phone records with it
    names = [path.name for path in find_photos([tmp_path])]
    assert names == ["IMG_2.HEIC", "IMG_3.heif", "IMG_4.HIF", "IMG_10.HEIC"]


def test_a_heic_photo_under_another_name_is_read(tmp_path):
    write_heic(tmp_path / "sent.jpg", upright_photo(SIZE))
    assert off(open_photo(tmp_path / "sent.jpg").image, upright_photo(SIZE)) < CLOSE


def test_ten_bits_and_grey_show_the_same_picture(tmp_path):
    upright = upright_photo(SIZE)
    import pillow_heif

    deep = pillow_heif.from_bytes("RGB;16", SIZE, (upright.astype(np.uint16) * 257).tobytes())
    deep.save(tmp_path / "deep.heic", quality=95, chroma=444)
    assert off(open_photo(tmp_path / "deep.heic").image, upright) < CLOSE
    grey = np.asarray(Image.fromarray(upright).convert("L"))
    Image.fromarray(grey).save(tmp_path / "grey.heic", quality=95)
    assert off(open_photo(tmp_path / "grey.heic").image, np.repeat(grey[..., None], 3, 2)) < CLOSE
    assert np.abs(open_grey(tmp_path / "grey.heic", 640) * 255 - grey).max() < CLOSE


def test_transparency_is_the_mask_and_a_mask_file_may_be_heic(tmp_path):
    left = np.where(np.arange(SIZE[0]) < 100, 255, 0).astype(np.uint8) * np.ones((SIZE[1], 1), np.uint8)
    write_heic(tmp_path / "cut.heic", np.dstack([upright_photo(SIZE), left]), 6)
    mask = load_view(tmp_path / "cut.heic", Framing(64)).mask
    assert mask[:, :30].all() and not mask[:, 34:].any()
    write_heic(tmp_path / "whole.heic", upright_photo(SIZE), 6)
    write_heic(tmp_path / "mask.heic", np.repeat(left[..., None], 3, 2), 6)
    seen = np.asarray(open_mask(tmp_path / "mask.heic", tmp_path / "whole.heic", SIZE, 1))
    assert (seen[:, :95] > 200).all() and (seen[:, 105:] < 50).all()


@pytest.mark.parametrize("size", [(60_000, 60_000), (20_000, 18_000), (2**31, 2)])
@pytest.mark.parametrize("cropped", [SIZE, (200, 133)])
def test_a_header_of_too_many_pixels_is_refused_before_anything_is_decoded(tmp_path, monkeypatch, size, cropped):
    """Also where the photo is cropped to a small part of them: 133 rows are coded as 136 and cut off."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    write_heic(tmp_path / "bomb.heic", upright_photo(cropped), tile_size=0, thumbnails=[])
    (tmp_path / "bomb.heic").write_bytes(resized_header((tmp_path / "bomb.heic").read_bytes(), size))
    monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("decoded"))
    for read in (read_header, open_photo):
        with pytest.raises(InputError, match=r"bomb\.heic"):
            read(tmp_path / "bomb.heic")


def test_a_tile_that_is_named_over_and_over_is_refused(tmp_path):
    write_heic(tmp_path / "a.heic", upright_photo(SIZE), thumbnails=[])
    data = (tmp_path / "a.heic").read_bytes()
    at = data.index(b"dimg") + 4  # the grid's own number, how many tiles, and theirs
    (count,) = struct.unpack_from(">H", data, at + 2)
    assert count == 12
    (tmp_path / "a.heic").write_bytes(data[: at + 4] + data[at + 4 : at + 6] * count + data[at + 4 + 2 * count :])
    with pytest.raises(InputError, match="uses one picture many times"):
        read_header(tmp_path / "a.heic")


def test_what_belongs_to_the_photo_counts_and_what_only_lies_beside_it_does_not(tmp_path):
    write_heic(tmp_path / "a.heic", upright_photo(SIZE), thumbnails=[80])
    tiles, small = 4 * 3 * 64**2, 80 * 56  # a thumbnail is coded in whole units
    assert decoded_pixels(tmp_path / "a.heic") == pytest.approx(tiles + small, abs=80 * 8)
    frames = [Image.fromarray(upright_photo(SIZE)) for _ in range(5)]
    frames[0].save(tmp_path / "burst.heic", "HEIF", save_all=True, append_images=frames[1:])
    assert decoded_pixels(tmp_path / "burst.heic") == SIZE[0] * SIZE[1]


def test_pixels_that_the_header_does_not_tell_of_are_refused(tmp_path):
    write_heic(tmp_path / "sly.heic", upright_photo((1200, 1000)), tile_size=0, thumbnails=[])
    (tmp_path / "sly.heic").write_bytes(resized_header((tmp_path / "sly.heic").read_bytes(), (80, 56)))
    assert read_header(tmp_path / "sly.heic").size == (80, 56)
    with pytest.raises(InputError, match=r"sly\.heic cannot be read"):
        open_photo(tmp_path / "sly.heic")


def test_the_small_picture_inside_is_upright_and_quick_to_have(tmp_path):
    upright = upright_photo(SIZE)
    write_heic(tmp_path / "a.heic", upright, 6)
    small = open_thumbnail(tmp_path / "a.heic", 32)
    assert small.shape == (54, 80, 3)
    assert np.abs(small - np.asarray(Image.fromarray(upright).resize((80, 54), Image.Resampling.BOX), float)).max() < 30
    write_heic(tmp_path / "b.heic", upright, thumbnails=[])
    assert open_thumbnail(tmp_path / "b.heic", 32) is None


@pytest.mark.parametrize("name", ["a.heic", "renamed.jpg"])
def test_without_the_package_one_sentence_says_how_to_get_it(tmp_path, monkeypatch, name):
    write_heic(tmp_path / name, upright_photo(SIZE))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # what an import of it meets then: ImportError
    photos._readable_formats.cache_clear()
    try:
        with pytest.raises(InputError, match=rf"{name} is a HEIC photo.* -m pip install pillow-heif"):
            open_photo(tmp_path / name)
    finally:
        photos._readable_formats.cache_clear()


def _heic_copy(folder, name: str, upright: np.ndarray, turn: int, **options):
    """A reconstruction of one photo, which lies there as HEIC that its container turns."""
    shot = Shot(name, upright.shape[1::-1])
    (folder / "made").mkdir()
    result = make_reconstruction(folder / "made", (replace(shot, name="a.png"),))
    write_heic(folder / name, upright, turn, **options)
    return replace(
        result, views=(replace(result.views[0], name=name, path=folder / name, sha256=file_digest(folder / name)),)
    )


@pytest.mark.parametrize("form", ["colmap-text", "transforms", "3dgs"])
def test_exports_write_an_upright_jpeg_that_every_program_reads(tmp_path, form):
    upright = upright_photo(SIZE)
    result = _heic_copy(tmp_path, "IMG 1.HEIC", upright, 6)
    export_reconstruction(result, tmp_path / "out", form)
    (copy,) = (tmp_path / "out" / "images").iterdir()
    assert copy.name == "IMG_1.HEIC.jpg"
    with Image.open(copy) as image:
        assert image.getexif().get(0x0112, 1) == 1
        assert off(image, upright) < CLOSE
    if form == "colmap-text":
        assert "1 IMG_1.HEIC.jpg\n" in (tmp_path / "out" / "sparse" / "0" / "images.txt").read_text()


def test_a_transparent_photo_stays_so_in_the_export(tmp_path):
    half = np.dstack([upright_photo(SIZE), np.full(SIZE[::-1], 128, np.uint8)])
    export_reconstruction(_heic_copy(tmp_path, "a.heic", half, 1), tmp_path / "out", "colmap")
    with Image.open(tmp_path / "out" / "images" / "a.heic.png") as image:
        assert image.mode == "RGBA"


def test_the_libraries_of_the_package_are_found_where_blender_4_2_unpacks_them_on_windows(tmp_path, monkeypatch):
    added, libraries = [], tmp_path / "pillow_heif-1.8.1.data" / "platlib"
    for folder in (libraries, tmp_path / "pillow_heif"):
        folder.mkdir(parents=True)
    (tmp_path / "pillow_heif" / "__init__.py").write_text("def register_heif_opener(): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pillow_heif")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "add_dll_directory", added.append, raising=False)
    assert register_heic()
    assert added == [str(libraries)]


def test_a_photo_that_is_cut_off_is_called_damaged_and_not_of_another_kind(tmp_path):
    write_heic(tmp_path / "a.heic", upright_photo(SIZE))
    data = (tmp_path / "a.heic").read_bytes()
    for end in (200, 2000, len(data) // 2):
        (tmp_path / "a.heic").write_bytes(data[:end])
        with pytest.raises(InputError, match=r"a\.heic cannot be read \(.*\); replace the file or leave it out"):
            open_photo(tmp_path / "a.heic")
