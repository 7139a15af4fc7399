"""Photos become views exactly as the published loader makes them, and every pixel knows its way back."""

import json
import zlib

import numpy as np
import pytest
from dust3r.core.errors import InputError
from dust3r.core.images.preprocessing import Framing, load_view, load_views
from dust3r.core.images.reader import find_photos, open_photo, read_header, unique_names
from PIL import Image

FRAMING = Framing(64)


def _gradient(width: int, height: int) -> Image.Image:
    """Red counts columns, green counts rows, so that a pixel tells where it is."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, 0 * x], -1).astype(np.uint8))


STORED = {  # what a file holds of an upright picture, by where EXIF says its first row and column are
    1: lambda upright: upright,  # top, left
    2: lambda upright: upright[:, ::-1],  # top, right
    3: lambda upright: upright[::-1, ::-1],  # bottom, right
    4: lambda upright: upright[::-1],  # bottom, left
    5: lambda upright: upright.swapaxes(0, 1),  # left, top
    6: lambda upright: upright[:, ::-1].swapaxes(0, 1),  # right, top
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),  # right, bottom
    8: lambda upright: upright[::-1].swapaxes(0, 1),  # left, bottom
}


def _records(golden):
    return json.loads((golden / "images" / "load_images.json").read_text())


def test_every_golden_photo_is_resized_and_cropped_to_the_same_bytes(golden):
    for record in _records(golden):
        framing = Framing(record["size"], square=record["size"] == 224, keep_square=record["square_ok"])
        view = load_view(golden / "images" / record["file"], framing)
        assert list(view.image.shape[1:]) == record["true_shape"][0], record["key"]
        assert zlib.crc32(view.colors.tobytes()) == record["crc32_of_uint8"], record["key"]
        assert float(view.image.mean()) == pytest.approx(record["mean_norm"], abs=1e-6)


@pytest.mark.parametrize("size", [(200, 100), (100, 200), (90, 90), (333, 250)])
@pytest.mark.parametrize("orientation", STORED)
def test_a_network_pixel_maps_to_the_place_in_the_upright_photo_it_shows(tmp_path, size, orientation):
    upright = _gradient(*size)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(STORED[orientation](np.asarray(upright)))
    Image.fromarray(stored).save(tmp_path / "photo.png", exif=exif)
    view = load_view(tmp_path / "photo.png", FRAMING)
    assert view.mapping.photo_size == size
    assert view.mapping.exif_orientation == orientation
    expected = view.mapping.photo_pixels()
    inner = (slice(3, -3), slice(3, -3))  # the resampling filter bends the gradient at the border
    shown = view.colors[..., :2] / 255 * (np.array(size) - 1) + 0.5
    assert np.abs(shown - expected)[inner].max() < max(size) / 100


def test_transparency_becomes_the_mask(tmp_path):
    image = _gradient(128, 128).convert("RGBA")
    image.putalpha(Image.fromarray(np.repeat(np.arange(128) < 64, 128).reshape(128, 128).astype(np.uint8) * 255))
    image.save(tmp_path / "cut.png")
    mask = load_view(tmp_path / "cut.png", FRAMING).mask
    assert mask[:32].all()
    assert not mask[32:].any()


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [
        (".jpg", "RGB"),
        (".jpg", "L"),
        (".jpg", "CMYK"),
        (".png", "P"),
        (".png", "LA"),
        (".webp", "RGB"),
        (".bmp", "RGB"),
    ],
)
def test_common_formats_and_modes_show_the_same_picture(tmp_path, suffix, mode):
    grey = _gradient(96, 64).convert("L")
    source = grey.convert("RGB") if mode == "CMYK" else grey
    source.convert(mode).save(tmp_path / f"photo{suffix}", quality=95)
    shown = np.asarray(open_photo(tmp_path / f"photo{suffix}").image, dtype=float)
    assert np.abs(shown - np.asarray(grey.convert("RGB"), dtype=float)).max() < 12


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bit_greyscale_keeps_its_brightness(tmp_path, suffix):
    deep = np.linspace(0, 65535, 96 * 64).reshape(64, 96).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / f"deep{suffix}")
    shown = np.asarray(open_photo(tmp_path / f"deep{suffix}").image)
    assert np.abs(shown[..., 0].astype(float) - deep / 257).max() <= 1


def test_a_folder_gives_its_photos_in_natural_order(tmp_path):
    for name in ("b10.png", "b9.png", "a.jpg", ".hidden.png", "notes.txt"):
        _gradient(32, 32).save(tmp_path / name) if name[-1] == "g" else (tmp_path / name).write_text("")
    assert [path.name for path in find_photos([tmp_path])] == ["a.jpg", "b9.png", "b10.png"]
    assert len(find_photos([tmp_path, tmp_path / "a.jpg"])) == 3


def test_equal_file_names_are_told_apart_by_their_folders(tmp_path):
    paths = [tmp_path / "left" / "1.jpg", tmp_path / "right" / "1.jpg", tmp_path / "2.jpg"]
    assert unique_names(paths) == ["left/1.jpg", "right/1.jpg", "2.jpg"]


def test_unicode_and_spaces_in_paths_are_fine(tmp_path):
    path = tmp_path / "Ein schöner Ort 写真" / "été 1.png"
    path.parent.mkdir()
    _gradient(64, 48).save(path)
    assert load_view(path, FRAMING).name == "été 1.png"


def _truncated(path):
    _gradient(400, 300).save(path)
    path.write_bytes(path.read_bytes()[:2000])


BAD = {
    "pixel.png": lambda path: Image.new("RGB", (1, 1)).save(path),
    "strip.png": lambda path: Image.new("RGB", (20000, 300)).save(path),
    "half.jpg": _truncated,
    "page.jpg": lambda path: path.write_text("<html><script>alert(1)</script></html>"),
    "drawing.png": lambda path: path.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "postscript.jpg": lambda path: path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
    "empty.jpg": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_photo_is_named_in_one_sentence(tmp_path, name):
    BAD[name](tmp_path / name)
    with pytest.raises(InputError) as caught:
        load_view(tmp_path / name, FRAMING)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_photo_among_good_ones_is_left_out_with_a_warning(tmp_path):
    _gradient(64, 48).save(tmp_path / "good.png")
    BAD["half.jpg"](tmp_path / "half.jpg")
    views, warnings = load_views([tmp_path / "half.jpg", tmp_path / "good.png"], FRAMING)
    assert [view.name for view in views] == ["good.png"]
    assert len(warnings) == 1
    assert "half.jpg" in warnings[0]


def test_no_usable_photo_is_an_error_that_says_why(tmp_path):
    for name in ("half.jpg", "empty.jpg"):
        BAD[name](tmp_path / name)
    with pytest.raises(InputError, match=r"None of the 2 photos.*half\.jpg"):
        load_views([tmp_path / "half.jpg", tmp_path / "empty.jpg"], FRAMING)


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: None])
def test_an_empty_folder_and_a_missing_path_are_named(tmp_path, make):
    make(tmp_path / "nothing")
    with pytest.raises(InputError, match="nothing"):
        find_photos([tmp_path / "nothing"])


def test_a_header_tells_the_stored_size_without_reading_the_pixels(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    _gradient(400, 300).save(path, exif=exif)
    path.write_bytes(path.read_bytes()[:2000])
    header = read_header(path)
    assert (header.size, header.format, header.mode) == ((400, 300), "JPEG", "RGB")


@pytest.mark.parametrize("name", ["page.jpg", "drawing.png", "postscript.jpg", "empty.jpg", "gone.jpg"])
def test_the_header_of_a_bad_photo_is_named_in_one_sentence(tmp_path, name):
    BAD.get(name, str)(tmp_path / name)
    with pytest.raises(InputError, match=name):
        read_header(tmp_path / name)
