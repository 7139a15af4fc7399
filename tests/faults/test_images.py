"""Damaged, disguised and oversized photos: a picture, or one sentence; never anything else.

What must hold for every one of them is asserted by `assert_read_safely`.
"""

import io
import struct
import zlib

import numpy as np
import pytest
from dust3r.core.errors import InputError
from dust3r.core.images.preprocessing import Framing, View, load_view
from dust3r.core.images.reader import open_photo, open_thumbnail, read_header
from dust3r.tests.faults.mutations import damaged, edits, repaired_png, tried
from dust3r.tests.faults.watch import assert_read_safely
from dust3r.tests.heic_photos import resized_header
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, features

FRAMING = Framing(64)
MOST_MEMORY = 1 << 30  # bytes: a photo of the largest size that is opened, and its upright copy


def _picture(mode: str = "RGB") -> Image.Image:
    x, y = np.meshgrid(np.arange(80), np.arange(56))
    image = Image.fromarray(np.stack([3 * x, 4 * y, x * y % 256, 255 - x], -1).astype(np.uint8))
    return image.convert(mode)


def _exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0110] = 6, "Maker", "Model"
    details = exif.get_ifd(0x8769)
    details[0x920A], details[0xA405] = 35.0, 35
    details[0xA20E], details[0xA20F], details[0xA210] = 4000.0, 4000.0, 2
    return exif.tobytes()


def _encoded(format_: str, mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    _picture(mode).save(stream, format_, **options)
    return stream.getvalue()


SOURCES = {
    "jpg": _encoded("JPEG", exif=_exif(), quality=90),
    "progressive.jpg": _encoded("JPEG", "CMYK", progressive=True, icc_profile=b"p" * 200),
    "png": _encoded("PNG", "RGBA", exif=_exif()),
    "palette.png": _encoded("PNG", "P", transparency=3),
    "lossy.webp": _encoded("WEBP", exif=_exif()),
    "lossless.webp": _encoded("WEBP", "RGBA", lossless=True),
    "raw.tif": _encoded("TIFF", exif=_exif()),
    "deflated.tif": _encoded("TIFF", compression="tiff_deflate"),
    "lzw.tif": _encoded("TIFF", "RGBA", compression="tiff_lzw"),
    "jpeg.tif": _encoded("TIFF", compression="jpeg"),
    "bmp": _encoded("BMP"),
}
if features.check("avif"):
    SOURCES["avif"] = _encoded("AVIF", exif=_exif())
HEIC = {
    "heic": _encoded("HEIF", exif=_exif(), thumbnails=[32]),
    "tiles.heic": _encoded("HEIF", exif=_exif(), tile_size=32, chroma=444),
    "cut.heic": _encoded("HEIF", "RGBA"),
    "grey.heic": _encoded("HEIF", "L", quality=-1),
}


def _look(path) -> View:
    read_header(path)
    view = load_view(path, FRAMING)
    assert view.image.isfinite().all() and view.mask.shape == view.image.shape[1:]
    return view


@tried(2000, 120)
@given(st.sampled_from(sorted(SOURCES)), edits, st.booleans())
def test_a_damaged_photo_is_a_photo_or_one_sentence(tmp_path_factory, name, damage, repair):
    data = damaged(SOURCES[name], damage)
    path = tmp_path_factory.getbasetemp() / f"photo.{name}"
    path.write_bytes(repaired_png(data) if repair and name.endswith("png") else data)
    assert_read_safely("images", path.parent, lambda: _look(path), MOST_MEMORY)


@tried(4000, 200)
@given(st.sampled_from(sorted(HEIC)), edits, st.sampled_from([0, 0, 600]))
def test_a_damaged_heic_photo_is_a_photo_or_one_sentence_and_never_the_end_of_the_process(
    tmp_path_factory, name, damage, untouched
):
    data, path = HEIC[name], tmp_path_factory.getbasetemp() / f"photo.{name}"
    path.write_bytes(data[:untouched] + damaged(data[untouched:], damage))  # past the boxes lies what is decoded
    assert_read_safely("HEIC", path.parent, lambda: _look(path), MOST_MEMORY)
    assert_read_safely("HEIC thumbnails", path.parent, lambda: open_thumbnail(path, 16), MOST_MEMORY)


@tried(500, 40)
@given(st.sampled_from(["JPEG", "PNG", "WEBP"]), edits)
def test_damaged_exif_costs_at_most_the_turn(tmp_path_factory, format_, damage):
    path = tmp_path_factory.getbasetemp() / f"exif.{format_.lower()}"
    path.write_bytes(_encoded(format_, exif=damaged(_exif(), damage)[:60_000]))
    view = assert_read_safely("EXIF", path.parent, lambda: _look(path), MOST_MEMORY)
    assert set(view.mapping.photo_size) == {80, 56}


DISGUISES = {
    "page.jpg": b"<!DOCTYPE html><html><script>fetch('http://127.0.0.1:9')</script></html>",
    "drawing.png": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>",
    "print.tif": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(outside) (w) file closefile\n",
    "paper.webp": b"%PDF-1.7\n1 0 obj<</OpenAction<</S/Launch/F(touch)>>>>endobj",
    "archive.png": b"PK\x03\x04" + bytes(60),
    "program.jpg": b"#!/bin/sh\ntouch outside\n",
    "link.bmp": b"[InternetShortcut]\nURL=file:///etc/passwd\n",
    "movie.jpg": b"\x8aMNG\r\n\x1a\n" + bytes(60),
    "movie.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\0\x08mdat",
}


@pytest.mark.parametrize("name", DISGUISES)
def test_what_is_no_photo_is_refused_whatever_its_name(tmp_path, name):
    (tmp_path / name).write_bytes(DISGUISES[name])
    refusal = assert_read_safely("disguises", tmp_path, lambda: _look(tmp_path / name), MOST_MEMORY)
    assert isinstance(refusal, InputError) and name in str(refusal)


def _png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 20))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _bmp(width: int, height: int) -> bytes:
    return struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 54, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def _jpeg(width: int, height: int) -> bytes:
    data = SOURCES["jpg"]
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def _tiff(width: int, height: int) -> bytes:
    tags = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (278, 4, height)]
    body = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + body + bytes(4)


BOMBS = {"wide.png": _png(2**31 - 1, 60), "bomb.png": _png(60_000, 60_000), "bomb.bmp": _bmp(40_000, 40_000)}
BOMBS |= {"bomb.jpg": _jpeg(65_500, 65_500), "bomb.tif": _tiff(100_000, 100_000), "just.png": _png(13_500, 13_500)}
BOMBS |= {"bomb.heic": resized_header(HEIC["grey.heic"], (20_000, 18_000))}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("limit", [Image.MAX_IMAGE_PIXELS, None])
def test_a_decompression_bomb_is_refused_by_its_size_before_it_is_decoded(tmp_path, monkeypatch, name, limit):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)  # another add-on may have taken Pillow's own limit away
    monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("decoded"))
    (tmp_path / name).write_bytes(BOMBS[name])
    for read in (read_header, open_photo):
        refusal = assert_read_safely("bombs", tmp_path, lambda read=read: read(tmp_path / name), 64 << 20)
        assert isinstance(refusal, InputError) and "pixels" in str(refusal) and name in str(refusal)


def test_a_compressed_text_that_swells_is_not_swallowed(tmp_path):
    data = SOURCES["png"]
    text = b"Comment\0\0" + zlib.compress(bytes(1 << 28))
    chunk = struct.pack(">I", len(text)) + b"zTXt" + text + struct.pack(">I", zlib.crc32(b"zTXt" + text))
    (tmp_path / "text.png").write_bytes(data[:33] + chunk + data[33:])
    assert_read_safely("bombs", tmp_path, lambda: _look(tmp_path / "text.png"), 64 << 20)
